/* SPDX-License-Identifier: Apache-2.0 */
/* See listdrafts.h. */
#include "fs/listdrafts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/cache.h"
#include "cache/draft.h"
#include "fs/meta.h"
#include "fs/names.h"

#define ROOM_FIRST 16

/* What listdrafts_end() hands on. */
struct ending {
	struct listdrafts *drafts;
	listdrafts_add *add;
	void *arg;
};

/* Its name in the directory; NULL: it is not in there, or has none. */
static const char *name_in(const struct listdrafts *d, struct cache_file *file,
			   char object[CACHE_OBJECT_MAX])
{
	size_t len = strlen(d->prefix);

	cache_object(file, object);
	if (strncmp(object, d->prefix, len) != 0 || strchr(object + len, '/') ||
	    memcmp(cache_ctx(file), d->ctx, WIRE_CTX_BYTES) != 0 || !draft_is_named(file))
		return NULL;
	return object + len;
}

static int take_one(void *arg, struct cache_file *file)
{
	struct listdrafts *d = arg;
	char object[CACHE_OBJECT_MAX];
	const char *name = name_in(d, file, object);
	struct listdraft *of;
	struct wire_attr attr;

	if (!name)
		return 0;
	if (d->count == d->room) {
		size_t room = d->room ? 2 * d->room : ROOM_FIRST;

		of = reallocarray(d->of, room, sizeof(*of));
		if (!of)
			return -ENOMEM;
		d->of = of;
		d->room = room;
	}
	draft_attr(file, &attr);
	of = &d->of[d->count];
	*of = (struct listdraft){
		.name = strdup(name),
		.ino = attr.ino,
		.size = attr.size,
		.mtime_ns = attr.mtime_ns,
	};
	if (!of->name)
		return -ENOMEM;
	d->count++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct listdraft *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int listdrafts_take(struct listdrafts *d, const uint8_t *ctx, const char *prefix)
{
	int ret;

	d->ctx = ctx;
	d->prefix = prefix;
	if (!draft_below(ctx, prefix))
		return 0;
	ret = draft_each(take_one, d);
	if (d->count)
		qsort(d->of, d->count, sizeof(*d->of), by_name);
	return ret;
}

static struct listdraft *find(const struct listdrafts *d, const char *name)
{
	const struct listdraft key = {.name = (char *)name};

	return d->count ? bsearch(&key, d->of, d->count, sizeof(*d->of), by_name) : NULL;
}

void listdrafts_listed(struct listdrafts *d, const char *object)
{
	struct listdraft *of = d->count ? find(d, object + strlen(d->prefix)) : NULL;

	if (of)
		of->is_listed = true;
}

/* One that is dirty now. */
static int end_dirty(void *arg, struct cache_file *file)
{
	const struct ending *e = arg;
	char object[CACHE_OBJECT_MAX];
	const char *name = name_in(e->drafts, file, object);
	struct listdraft *of = name ? find(e->drafts, name) : NULL;
	struct store_object now = {0};
	struct wire_attr attr;

	/* of one that was made since and is in the bucket, a page may tell or not */
	if (!name || (of ? of->is_listed : !draft_is_new(file)))
		return 0;
	if (of)
		of->is_listed = true;
	draft_attr(file, &attr);
	now.size = attr.size;
	now.mtime_ns = attr.mtime_ns;
	return e->add(e->arg, name, attr.ino, &now);
}

/* One that was dirty, and is in no page: it has got into the bucket meanwhile, unless it was
 * removed. */
static int end_sent(const struct ending *e, const struct listdraft *of)
{
	const struct listdrafts *d = e->drafts;
	struct store_object now = {.size = of->size, .mtime_ns = of->mtime_ns};
	char object[NAME_OBJECT_MAX];
	size_t len = strlen(d->prefix);
	struct meta_fact fact;
	bool is_known;

	memcpy(object, d->prefix, len);
	memcpy(object + len, of->name, strlen(of->name) + 1); /* as long as it was there */
	is_known = meta_peek(d->ctx, object, &fact);
	if (is_known && fact.kind == META_FILE)
		now = fact.object;
	else if (is_known && !draft_may_change(d->ctx, object))
		return 0;
	return e->add(e->arg, of->name, of->ino, &now);
}

int listdrafts_end(struct listdrafts *d, listdrafts_add *add, void *arg)
{
	struct ending e = {.drafts = d, .add = add, .arg = arg};
	int ret = draft_each(end_dirty, &e);

	for (size_t i = 0; i < d->count && !ret; i++)
		if (!d->of[i].is_listed)
			ret = end_sent(&e, &d->of[i]);
	listdrafts_free(d);
	return ret;
}

void listdrafts_free(struct listdrafts *d)
{
	for (size_t i = 0; i < d->count; i++)
		free(d->of[i].name);
	free(d->of);
	d->of = NULL;
	d->count = d->room = 0;
}
