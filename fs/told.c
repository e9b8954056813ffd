/* SPDX-License-Identifier: Apache-2.0 */
/* See told.h. */
#include "fs/told.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/clock.h"
#include "fs/untold.h"
#include "fs/dirattr.h"
#include "fs/emptydirs.h"
#include "fs/listing.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* The directory that an object or directory lies in. False: that is a bucket, which stays anyway.
 */
static bool parent_of(const char *object, char out[NAME_OBJECT_MAX])
{
	char scheme[8], bucket[256];
	size_t len = strlen(object);

	len -= len && object[len - 1] == '/';
	while (len && object[len - 1] != '/')
		len--;
	snprintf(out, NAME_OBJECT_MAX, "%.*s", (int)len, object);
	return *name_split(out, scheme, bucket) != '\0';
}

static void remember(const uint8_t *ctx, const char *prefix, bool is_made)
{
	struct emptydir *e;

	pthread_mutex_lock(&lock);
	e = emptydirs_find(ctx, prefix);
	if (e && is_made) {
		e->ours_ns = 0; /* another took its place */
	} else if (!e) {
		e = emptydirs_add(ctx, prefix);
		if (e)
			e->is_made = is_made;
	}
	pthread_mutex_unlock(&lock);
}

bool told_is_empty_dir(const uint8_t *ctx, const char *prefix)
{
	bool is;

	pthread_mutex_lock(&lock);
	is = emptydirs_find(ctx, prefix) != NULL;
	pthread_mutex_unlock(&lock);
	return is;
}

bool told_stays_empty(const uint8_t *ctx, const char *prefix)
{
	struct emptydir *e;
	bool stays;

	pthread_mutex_lock(&lock);
	e = emptydirs_find(ctx, prefix);
	stays = e && !e->has_mark;
	pthread_mutex_unlock(&lock);
	return stays;
}

bool told_is_made(const uint8_t *ctx, const char *prefix)
{
	struct emptydir *e;
	bool is;

	pthread_mutex_lock(&lock);
	e = emptydirs_find(ctx, prefix);
	is = e && e->is_made;
	pthread_mutex_unlock(&lock);
	return is;
}

/* From now on, for a while. With the lock. */
static void is_ours(struct emptydir *e)
{
	e->ours_ns = clock_ns() + TOLD_OURS_TTLS * meta_ttl_ns();
}

bool told_has_none(const uint8_t *ctx, const char *object)
{
	char parent[NAME_OBJECT_MAX];
	struct meta_fact fact;
	struct emptydir *e;
	bool has_none;

	if (!parent_of(object, parent) || (meta_peek(ctx, object, &fact) && fact.kind != META_NONE))
		return false;
	pthread_mutex_lock(&lock);
	e = emptydirs_find(ctx, parent);
	has_none = e && clock_ns() < e->ours_ns && e->evictions == meta_evictions(ctx);
	if (has_none)
		is_ours(e);
	pthread_mutex_unlock(&lock);
	return has_none;
}

void told_of_others(const char *object)
{
	char parent[NAME_OBJECT_MAX];
	struct emptydir *e;
	size_t place;

	if (!parent_of(object, parent))
		return;
	pthread_mutex_lock(&lock);
	place = emptydirs_first(parent);
	while ((e = emptydirs_at(place++, parent)) && !strcmp(e->prefix, parent))
		e->ours_ns = 0;
	pthread_mutex_unlock(&lock);
}

void told_forget_all(void)
{
	struct emptydir *e;

	pthread_mutex_lock(&lock);
	while ((e = emptydirs_at(0, "")))
		emptydirs_drop(e);
	pthread_mutex_unlock(&lock);
	dirattr_forget_all();
}

static void put_dir(const uint8_t *ctx, const char *prefix, enum meta_kind kind, int64_t mtime_ns)
{
	struct meta_fact fact = {.kind = kind, .object.mtime_ns = mtime_ns};
	char name[META_NAME_MAX];

	meta_dir_name(prefix, name);
	meta_put_own(ctx, name, &fact);
	meta_forget_elsewhere(ctx, name);
}

/* All contexts: it is a link for each. What leads through it has other names. */
void told_link(const uint8_t *ctx, const char *object)
{
	char prefix[NAME_OBJECT_MAX], name[META_NAME_MAX];

	snprintf(prefix, sizeof(prefix), "%s/", object);
	meta_dir_name(prefix, name);
	meta_forget(ctx, name);
	meta_forget_elsewhere(ctx, name);
	meta_forget_below(prefix);
}

void told_file(const uint8_t *ctx, const char *object, const struct meta_fact *fact)
{
	char parent[NAME_OBJECT_MAX];

	if (fact->is_link)
		told_link(ctx, object);
	untold_learn(object, fact, NULL, NULL);
	meta_put_own(ctx, object, fact);
	meta_forget_elsewhere(ctx, object);
	listing_changed(object);
	if (parent_of(object, parent))
		put_dir(ctx, parent, META_DIR, fact->object.mtime_ns);
}

void told_no_file(const uint8_t *ctx, const char *object)
{
	const struct meta_fact none = {.kind = META_NONE};
	char parent[NAME_OBJECT_MAX];

	untold_learn(object, &none, NULL, NULL);
	meta_put_own(ctx, object, &none);
	meta_forget_elsewhere(ctx, object);
	listing_changed(object);
	dirattr_touched(ctx, object);
	if (parent_of(object, parent))
		remember(ctx, parent, false);
}

/* The directory's name without its slash, which means it unless a file has that name. */
static void put_plain(const uint8_t *ctx, const char *prefix, const struct meta_fact *fact)
{
	char name[NAME_OBJECT_MAX];
	struct meta_fact known;

	snprintf(name, sizeof(name), "%.*s", (int)strlen(prefix) - 1, prefix);
	if (!meta_peek(ctx, name, &known) || known.kind != META_FILE)
		meta_put_own(ctx, name, fact);
	meta_forget_elsewhere(ctx, name);
}

void told_dir(const uint8_t *ctx, const char *prefix, int64_t mtime_ns)
{
	const struct meta_fact fact = {.kind = META_DIR, .object.mtime_ns = mtime_ns};
	char parent[NAME_OBJECT_MAX];

	put_dir(ctx, prefix, META_DIR, mtime_ns);
	put_plain(ctx, prefix, &fact);
	listing_changed(prefix);
	dirattr_touched(ctx, prefix);
	if (parent_of(prefix, parent))
		put_dir(ctx, parent, META_DIR, mtime_ns);
	remember(ctx, prefix, true);
}

void told_made_dir(const uint8_t *ctx, const char *prefix, int64_t mtime_ns)
{
	struct emptydir *e;

	told_dir(ctx, prefix, mtime_ns);
	pthread_mutex_lock(&lock);
	e = emptydirs_find(ctx, prefix);
	if (e) {
		e->has_mark = true;
		e->evictions = meta_evictions(ctx);
		is_ours(e);
	}
	pthread_mutex_unlock(&lock);
}

/* Nothing is believed of a directory: it may come back by moving once more. */
static void doubt(const uint8_t *ctx, const char *prefix)
{
	char name[META_NAME_MAX];

	meta_dir_name(prefix, name);
	meta_forget(ctx, name);
	meta_forget_elsewhere(ctx, name);
	snprintf(name, sizeof(name), "%.*s", (int)strlen(prefix) - 1, prefix);
	meta_forget(ctx, name);
	meta_forget_elsewhere(ctx, name);
}

/* The directory, and those that were in it when it moved, are remembered by nobody. */
static void forget_empties(const char *prefix)
{
	size_t len = strlen(prefix), place;
	struct emptydir *e;

	pthread_mutex_lock(&lock);
	place = emptydirs_first(prefix);
	while ((e = emptydirs_at(place, prefix))) {
		if (e->prefix[len])
			doubt(e->ctx, e->prefix);
		emptydirs_drop(e);
	}
	pthread_mutex_unlock(&lock);
}

void told_moved(const char *prefix)
{
	forget_empties(prefix);
	meta_forget_below(prefix);
	listing_changed_below(prefix);
}

void told_doubted(const uint8_t *ctx, const char *prefix)
{
	doubt(ctx, prefix);
	listing_changed(prefix);
	told_moved(prefix);
}

void told_no_dir(const uint8_t *ctx, const char *prefix)
{
	const struct meta_fact none = {.kind = META_NONE};
	char parent[NAME_OBJECT_MAX], inside[NAME_OBJECT_MAX];

	put_dir(ctx, prefix, META_NONE, 0);
	put_plain(ctx, prefix, &none);
	listing_changed(prefix);
	dirattr_touched(ctx, prefix);
	dirattr_forget(ctx, prefix);
	snprintf(inside, sizeof(inside), "%s.", prefix);
	listing_changed(inside); /* the directory's own listing */
	forget_empties(prefix);
	if (parent_of(prefix, parent))
		remember(ctx, parent, false);
}
