/* SPDX-License-Identifier: Apache-2.0 */
/* The order in which an open tries: known version in the cache, then the store. */
#include "fs/open.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cache/clock.h"
#include "cache/draft.h"
#include "core/context.h"
#include "fs/ahead.h"
#include "fs/asked.h"
#include "fs/backends.h"
#include "fs/fetch.h"
#include "fs/opened.h"
#include "fs/untold.h"

#define WAITED_NS CLOCK_NS_PER_MS /* an open that took longer was not served from here */
#define TRIES_MAX 3		  /* an object that changes again and again while it is opened */

/* The file of a fact, if the cache has it or it needs no bytes. bare: without bytes is fine. */
static struct cache_file *from_cache(struct lookup *q, const char *object,
				     const struct meta_fact *fact, bool bare)
{
	const uint8_t *ctx = context_id(q->ctx);
	char version[STORE_ETAG_BYTES];
	struct store_object have;
	struct cache_file *file;
	struct wire_attr attr;

	fetch_version(&fact->object, version);
	file = cache_find(ctx, object, version);
	if (file)
		cache_version(file, &have);
	if (file && have.size == fact->object.size)
		return file;
	if (file)
		cache_put(file);
	if (!bare && fact->object.size)
		return NULL;
	lookup_file_attr(object, fact, &attr);
	if (cache_create(ctx, object, version, &attr, q->path, &file))
		return NULL;
	cache_set_plain(file, fact->is_told && !fact->has_foreign);
	return file;
}

struct cache_file *open_version(struct lookup *q, const char *object, const struct meta_fact *fact)
{
	return from_cache(q, object, fact, true);
}

/* What was found out when the file came into the cache. */
static void fact_of_file(const struct cache_file *file, const struct store_object *version,
			 struct meta_fact *out)
{
	const struct wire_attr *attr = cache_attr(file);
	char object[CACHE_OBJECT_MAX];
	struct untold untold;

	cache_object(file, object);
	*out = (struct meta_fact){
		.kind = META_FILE,
		.object = *version,
		.is_told = true,
		.has_mode = true,
		.mode = attr->mode & 07777,
		.has_uid = attr->uid != WIRE_CALLER,
		.uid = attr->uid,
		.has_gid = attr->gid != WIRE_CALLER,
		.gid = attr->gid,
		.is_link = S_ISLNK(attr->mode),
		.has_foreign = !cache_is_plain(file),
		.has_xattr = untold_find(object, version, &untold) && *untold.xattr,
	};
}

/* Asks the store, as the one who leads. *file_out is set with META_FILE. */
static int ask(struct lookup *q, const char *object, struct meta_fact *fact,
	       struct cache_file **file_out)
{
	struct cache_file *old = cache_find(context_id(q->ctx), object, NULL);
	struct cache_file *file = NULL;
	struct store_object have;
	int ret;

	*fact = (struct meta_fact){.kind = META_FILE};
	if (old)
		cache_version(old, &have);
	ret = fetch_open(q, old ? have.etag : NULL, &file, fact);
	if (ret == -EALREADY && old) {
		fact_of_file(old, &have, fact);
		file = old;
		old = NULL;
		ret = 0;
	}
	if (old)
		cache_put(old);
	if (!ret && lookup_is_mark(q, fact->object.size)) {
		cache_put(file);
		ret = -ENOENT;
	}
	if (!ret)
		*file_out = file;
	q->is_missing = ret == -ENOENT;
	if (q->is_missing)
		ret = lookup_dir_instead(q, fact);
	if (!ret)
		asked_note(context_id(q->ctx), object, fact->kind == META_NONE, clock_ns());
	if (!ret)
		untold_learn(object, fact, NULL, NULL);
	return ret;
}

/* What opening a symbolic link is. */
static int met_link(const struct lookup *q)
{
	return q->follow ? -WIRE_ELINK : -ELOOP;
}

/* As the one who leads: has somebody fetched it just before? */
static struct cache_file *just_fetched(struct lookup *q, const char *object, struct meta_fact *fact)
{
	const uint8_t *ctx = context_id(q->ctx);
	struct cache_file *file = NULL;
	struct meta_fact now;

	if (meta_peek_within(ctx, object, meta_ttl_ns(), &now) && now.kind == META_FILE &&
	    now.is_told && !now.is_link)
		file = from_cache(q, object, &now, false);
	if (!file)
		return NULL;
	meta_leave_ahead(ctx, object, NULL); /* nothing new */
	*fact = now;
	return file;
}

/* One try. Sets *fact; *file_out when it is a file. -EAGAIN: somebody else found out, look again.
 */
static int try_open(struct lookup *q, const char *object, struct meta_fact *fact,
		    struct cache_file **file_out)
{
	const uint8_t *ctx = context_id(q->ctx);
	struct cache_file *file = NULL;
	uint32_t hidden;
	int ret;

	if (meta_get_open(ctx, object, fact)) {
		if (fact->kind != META_FILE)
			return 0;
		if (fact->is_link && !q->as_is)
			return met_link(q);
		file = from_cache(q, object, fact, false);
	} else if (lookup_is_listed(q, object, fact)) {
		return 0;
	} else if (lookup_denied_around(q, object)) {
		fact->kind = META_NONE;
		return 0;
	}
	if (!file) {
		ret = meta_enter(ctx, object, true, fact, q->message);
		if (ret < 0)
			return ret;
		if (ret > 0 && fact->kind == META_FILE) {
			file = from_cache(q, object, fact, false);
			if (!file)
				return -EAGAIN; /* a HEAD it was, or evicted already */
		} else if (ret == 0) {
			file = just_fetched(q, object, fact);
			if (file) {
				*file_out = file;
				return 0;
			}
			hidden = fact->hidden;
			ret = ask(q, object, fact, &file);
			fact->hidden = hidden;
			meta_leave(ctx, object, ret, fact, q->message);
			if (ret)
				return ret;
		}
	}
	*file_out = file;
	return 0;
}

/* O_PATH: no bytes are wanted, so a HEAD does. */
static int open_bare(struct lookup *q, const char *object, struct opened *out)
{
	const uint8_t *ctx = context_id(q->ctx);
	struct meta_fact fact = {.kind = META_FILE};
	struct wire_attr attr;
	int ret = 0;

	/* what a listing has told some time ago does for a stat, but for no open */
	if (meta_peek(ctx, object, &fact) && fact.kind == META_FILE && !meta_is_fresh(ctx, object))
		ret = lookup_told(q, &fact);
	if (!ret)
		ret = lookup_stat(q, &attr);
	if (ret)
		return ret;
	if (S_ISDIR(attr.mode))
		return lookup_dir(q, &out->dir);
	if (!meta_peek(ctx, object, &fact))
		return -EAGAIN;
	out->file = from_cache(q, object, &fact, true);
	return out->file ? 0 : -EIO;
}

/* What was asked for while its version was being published here is a copy of what the draft is. */
static struct cache_file *prefer_draft(const uint8_t *ctx, const char *object,
				       struct cache_file *file)
{
	struct cache_file *draft;
	struct store_object have;

	if (draft_is(file))
		return file;
	draft = draft_find(ctx, object);
	if (!draft) {
		cache_version(file, &have);
		draft = cache_find(ctx, object, have.etag); /* a draft, if one is that version */
	}
	if (!draft)
		return file;
	cache_put(file);
	return draft;
}

static int open_key(struct lookup *q, int flags, struct opened *out)
{
	char object[NAME_OBJECT_MAX];
	int ret = -EAGAIN;

	name_object(&q->name, object);
	out->file = draft_find(context_id(q->ctx), object);
	if (out->file)
		return 0;
	for (int i = 0; i < TRIES_MAX && (ret == -EAGAIN || ret == -ESTALE); i++) {
		struct meta_fact fact;

		if (flags & O_PATH) {
			ret = open_bare(q, object, out);
			continue;
		}
		ret = try_open(q, object, &fact, &out->file);
		if (!ret && out->file) {
			out->file = prefer_draft(context_id(q->ctx), object, out->file);
			opened_show(q, object, &fact, out->file);
		}
		if (!ret && fact.kind == META_NONE)
			return -ENOENT;
		if (!ret && fact.kind == META_DIR)
			return lookup_dir(q, &out->dir);
	}
	return ret == -EAGAIN ? -EIO : ret;
}

/* What comes next may be fetched now. */
static void tell_ahead(const struct lookup *q, int flags, const struct opened *opened,
		       int64_t began_ns)
{
	char object[NAME_OBJECT_MAX];

	if (flags & O_PATH || q->name.kind != NAME_KEY)
		return;
	if (opened->file)
		name_object(&q->name, object);
	else
		name_prefix(&q->name, object);
	ahead_taken(q->ctx, object, !opened->file, clock_ns() - began_ns > WAITED_NS);
}

int open_name(struct lookup *q, int flags, struct opened *out)
{
	int64_t began_ns = clock_ns();
	int ret;

	*out = (struct opened){0};
	q->message[0] = '\0';
	if (q->name.is_dir || q->must_be_dir || flags & O_DIRECTORY) {
		ret = lookup_dir(q, &out->dir);
		if (!ret)
			tell_ahead(q, flags, out, began_ns);
		return ret;
	}
	if (!backends_has(q->name.scheme))
		return -ENOENT;

	q->want_dir = true;
	ret = open_key(q, flags, out);
	if (!ret && out->file && S_ISLNK(cache_attr(out->file)->mode) && !q->as_is &&
	    !(flags & O_PATH)) {
		cache_put(out->file);
		out->file = NULL;
		ret = met_link(q);
	}
	if (q->dir)
		listing_put(q->dir);
	q->dir = NULL;
	if (!ret)
		tell_ahead(q, flags, out, began_ns);
	return ret;
}
