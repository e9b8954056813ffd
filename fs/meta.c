/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked about names and told of them, each under the one lock of fs/metaentry.h. */
#include "fs/meta.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cache/clock.h"
#include "fs/metaentry.h"

#define FIXED_MAX 8 /* the root and the schemes, with and without a slash */

static struct shown fixed[FIXED_MAX]; /* taken in turn */
static unsigned next_fixed;

void meta_dir_name(const char *prefix, char out[META_NAME_MAX])
{
	snprintf(out, META_NAME_MAX, "/%s", prefix);
}

static bool get(const uint8_t *ctx, const char *name, bool to_open, struct meta_fact *out)
{
	struct metaentry *e;
	bool known;

	pthread_mutex_lock(&metaentry_lock);
	e = metaentry_find(ctx, name);
	known = e && metaentry_believe(e, to_open);
	if (known)
		metaentry_read_fact(e, out);
	pthread_mutex_unlock(&metaentry_lock);
	return known;
}

bool meta_get(const uint8_t *ctx, const char *name, struct meta_fact *out)
{
	return get(ctx, name, false, out);
}

bool meta_get_open(const uint8_t *ctx, const char *name, struct meta_fact *out)
{
	return get(ctx, name, true, out);
}

bool meta_peek(const uint8_t *ctx, const char *name, struct meta_fact *out)
{
	struct metaentry *e;

	pthread_mutex_lock(&metaentry_lock);
	e = metaentry_find(ctx, name);
	if (e)
		metaentry_read_fact(e, out);
	pthread_mutex_unlock(&metaentry_lock);
	return e && out->kind != META_UNKNOWN;
}

bool meta_take_listed(const uint8_t *ctx, const char *name, struct meta_fact *out)
{
	struct metaentry *e;
	bool known;

	pthread_mutex_lock(&metaentry_lock);
	e = metaentry_find(ctx, name);
	known = e && e->kind == META_DIR && e->until_ns && e->is_listed;
	if (known) {
		metaentry_read_fact(e, out);
		e->is_listed = false;
	}
	pthread_mutex_unlock(&metaentry_lock);
	return known;
}

bool meta_was_there(const uint8_t *ctx, const char *name)
{
	struct metaentry *e;
	bool is;

	pthread_mutex_lock(&metaentry_lock);
	e = metaentry_find(ctx, name);
	is = e && (e->kind == META_FILE || e->kind == META_DIR);
	pthread_mutex_unlock(&metaentry_lock);
	return is;
}

bool meta_peek_within(const uint8_t *ctx, const char *name, int64_t age_ns, struct meta_fact *out)
{
	struct metaentry *e;
	bool known;

	pthread_mutex_lock(&metaentry_lock);
	e = metaentry_find(ctx, name);
	known = e && e->kind != META_UNKNOWN && clock_ns() < e->until_ns - meta_ttl_ns() + age_ns;
	if (known)
		metaentry_read_fact(e, out);
	pthread_mutex_unlock(&metaentry_lock);
	return known;
}

bool meta_is_fresh(const uint8_t *ctx, const char *name)
{
	struct metaentry *e;
	bool fresh;

	pthread_mutex_lock(&metaentry_lock);
	e = metaentry_find(ctx, name);
	fresh = e && metaentry_is_fresh(e);
	pthread_mutex_unlock(&metaentry_lock);
	return fresh;
}

/* asked_ns: of what may be older than a change of our own; INT64_MAX: it is one. Returns whether it
 * is what is known now. */
static bool put(const uint8_t *ctx, const char *name, const struct meta_fact *fact, bool listed,
		int64_t asked_ns)
{
	struct metaentry *e;
	bool is_new;

	pthread_mutex_lock(&metaentry_lock);
	e = metaentry_find_or_new(ctx, name);
	is_new = e && *metaentry_changed_at(name) <= asked_ns;
	if (!e)
		++*metaentry_evicted(ctx);
	else if (is_new)
		metaentry_set_fact(e, fact, listed);
	if (asked_ns == INT64_MAX)
		*metaentry_changed_at(name) = clock_ns();
	metaentry_make_room();
	pthread_mutex_unlock(&metaentry_lock);
	return is_new;
}

void meta_put(const uint8_t *ctx, const char *name, const struct meta_fact *fact)
{
	put(ctx, name, fact, false, clock_ns());
}

void meta_put_asked(const uint8_t *ctx, const char *name, const struct meta_fact *fact,
		    int64_t asked_ns)
{
	int64_t until_ns = asked_ns + meta_ttl_ns();
	struct metaentry *e;

	pthread_mutex_lock(&metaentry_lock);
	e = metaentry_find_or_new(ctx, name);
	if (!e) {
		++*metaentry_evicted(ctx);
	} else if (*metaentry_changed_at(name) <= asked_ns &&
		   !(metaentry_is_same(e, fact) && e->until_ns > until_ns)) {
		metaentry_set_fact(e, fact, false);
		e->until_ns = until_ns;
	}
	metaentry_make_room();
	pthread_mutex_unlock(&metaentry_lock);
}

bool meta_put_listed(const uint8_t *ctx, const char *name, const struct meta_fact *fact,
		     int64_t asked_ns)
{
	return put(ctx, name, fact, true, asked_ns);
}

void meta_read(const uint8_t *ctx, const char *name)
{
	struct metaentry *e;

	pthread_mutex_lock(&metaentry_lock);
	e = metaentry_find_or_new(ctx, name);
	if (e) {
		e->read_until_ns = clock_ns() + META_SPARE_MS * CLOCK_NS_PER_MS;
		e->was_kept = false;
		metaentry_touch(e);
		metaentry_make_room();
	}
	pthread_mutex_unlock(&metaentry_lock);
}

void meta_put_seen(const uint8_t *ctx, const char *name, const struct meta_fact *fact,
		   int64_t asked_ns)
{
	struct metaentry *e;

	pthread_mutex_lock(&metaentry_lock);
	e = metaentry_find_or_new(ctx, name);
	if (!e)
		++*metaentry_evicted(ctx);
	else if (*metaentry_changed_at(name) <= asked_ns &&
		 !(metaentry_is_same(e, fact) && metaentry_is_fresh(e))) {
		metaentry_set_fact(e, fact, true);
		metaentry_expire(e);
	}
	metaentry_make_room();
	pthread_mutex_unlock(&metaentry_lock);
}

/* An ETag is the same after a change of metadata only; the time then is not. (A time that stands in
 * the metadata is not the object's own: of such a one nothing is known here.) */
void meta_confirm(const uint8_t *ctx, const char *name, const struct store_object *object,
		  int64_t asked_ns)
{
	struct meta_fact fact = {.kind = META_FILE, .object = *object};
	struct metaentry *e;

	pthread_mutex_lock(&metaentry_lock);
	e = metaentry_find(ctx, name);
	if (e && !e->is_busy && e->until_ns && e->kind == META_FILE && e->etag && !e->has_mtime &&
	    metaentry_is_same_version(e, &fact) && e->mtime_ns == object->mtime_ns &&
	    *metaentry_changed_at(name) <= asked_ns && asked_ns + meta_ttl_ns() > e->until_ns)
		e->until_ns = asked_ns + meta_ttl_ns();
	pthread_mutex_unlock(&metaentry_lock);
}

void meta_put_own(const uint8_t *ctx, const char *name, const struct meta_fact *fact)
{
	put(ctx, name, fact, false, INT64_MAX);
}

void meta_hide(const uint8_t *ctx, const char *name)
{
	struct metaentry *e;

	pthread_mutex_lock(&metaentry_lock);
	e = metaentry_find(ctx, name);
	if (e) {
		shown_withdraw(&e->shown);
		e->hidden++;
	}
	pthread_mutex_unlock(&metaentry_lock);
}

void meta_forget(const uint8_t *ctx, const char *name)
{
	struct metaentry *e;

	pthread_mutex_lock(&metaentry_lock);
	e = metaentry_find(ctx, name);
	if (e)
		metaentry_expire(e);
	*metaentry_changed_at(name) = clock_ns();
	++*metaentry_evicted(ctx); /* no listing may say now that it does not exist */
	pthread_mutex_unlock(&metaentry_lock);
}

/* Is it still what the fact says, to be believed by all who ask up to its time? */
static bool is_current(const struct metaentry *e, const struct meta_fact *fact)
{
	bool is_same = e->kind == fact->kind && e->hidden == fact->hidden;

	if (is_same && fact->kind != META_NONE)
		is_same = e->size == fact->object.size && e->mtime_ns == fact->object.mtime_ns;
	if (is_same && fact->kind == META_FILE)
		is_same = e->is_link == fact->is_link && e->has_mode == fact->has_mode &&
			  e->mode == fact->mode && e->has_uid == fact->has_uid &&
			  e->uid == fact->uid && e->has_gid == fact->has_gid && e->gid == fact->gid;
	return is_same && clock_ns() < e->until_ns;
}

void meta_show(const uint8_t *ctx, const char *name, const struct meta_fact *fact,
	       const struct attrs_ask *ask, const struct wire_attr *attr)
{
	struct attrs_answer answer = {
		.error = fact->kind == META_NONE ? -ENOENT : 0,
		.attr = attr,
	};
	struct metaentry *e;

	pthread_mutex_lock(&metaentry_lock);
	e = metaentry_find(ctx, name);
	if (e && is_current(e, fact)) {
		metaentry_look_at_marks(e);
		answer.until_ns = e->until_ns;
		answer.is_marked = e->spare_until_ns;
		shown_put(&e->shown, ask, &answer);
	}
	pthread_mutex_unlock(&metaentry_lock);
}

void meta_show_fixed(const struct attrs_ask *ask, const struct wire_attr *attr)
{
	const struct attrs_answer answer = {.until_ns = clock_ns() + meta_ttl_ns(), .attr = attr};

	pthread_mutex_lock(&metaentry_lock);
	shown_put(&fixed[next_fixed++ % FIXED_MAX], ask, &answer);
	pthread_mutex_unlock(&metaentry_lock);
}

uint64_t meta_evictions(const uint8_t *ctx)
{
	uint64_t n;

	pthread_mutex_lock(&metaentry_lock);
	n = *metaentry_evicted(ctx);
	pthread_mutex_unlock(&metaentry_lock);
	return n;
}
