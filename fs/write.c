/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which draft an open for writing gets: the one that the name means here already; else the cached
 * file of the version that is known to be there; else a new one.
 */
#include "fs/write.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cache/cache.h"
#include "cache/clock.h"
#include "cache/draft.h"
#include "core/context.h"
#include "fs/backends.h"
#include "fs/dirattr.h"
#include "fs/fetch.h"
#include "fs/untold.h"
#include "fs/meta.h"
#include "fs/refused.h"
#include "fs/told.h"

#define TRIES_MAX 3 /* of a name that comes to be meanwhile */

struct writing {
	struct lookup *q;
	unsigned flags;
	uint32_t mode;
	bool sure; /* what is not there is believed not to be there */
	char object[NAME_OBJECT_MAX];
};

/* Two who make the same name at once get one draft. Never held across a request. */
static pthread_mutex_t create_lock = PTHREAD_MUTEX_INITIALIZER;

static bool must_make(const struct writing *w)
{
	return (w->flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
}

/* What only a directory can be. */
static int open_directory(struct writing *w)
{
	struct lookup *q = w->q;
	struct wire_attr attr;
	int ret = lookup_stat(q, &attr);

	if (!ret)
		return must_make(w) ? -EEXIST : -EISDIR;
	if (ret != -ENOENT || !(w->flags & O_CREAT))
		return ret;
	return q->name.kind == NAME_KEY ? -EISDIR : -EROFS;
}

/* A file that is there, with a reference that is used up on failure. */
static int open_file(struct writing *w, struct cache_file *file, struct opened *out)
{
	bool cut = w->flags & O_TRUNC;
	int ret;

	if (must_make(w)) {
		cache_put(file);
		return -EEXIST;
	}
	ret = draft_open(file, !cut, w->q->message);
	if (!ret)
		meta_hide(context_id(w->q->ctx), w->object);
	if (!ret && cut)
		ret = draft_truncate(file, 0, w->q->message);
	if (ret)
		cache_put(file);
	else
		out->file = file;
	return ret;
}

/* Has the name come to be, and been published, since nothing was found under it? */
static bool has_come_to_be(const struct writing *w)
{
	const uint8_t *ctx = context_id(w->q->ctx);
	struct meta_fact fact;

	return draft_may_change(ctx, w->object) ||
	       (meta_get(ctx, w->object, &fact) && fact.kind == META_FILE);
}

/* What a file has beside its content: of what is there, or, NULL, as it is made. */
static void attr_of(const struct writing *w, const struct meta_fact *what, struct wire_attr *out)
{
	struct meta_fact nothing = {.has_mode = true, .mode = w->mode};

	if (dirattr_inherits(context_id(w->q->ctx), w->object, &nothing.gid))
		nothing.has_gid = nothing.gid != WIRE_CALLER;
	lookup_file_attr(w->object, what ? what : &nothing, out);
}

/* what: is in the bucket; NULL with must_be_new: nothing; or it is not known. */
static int make_file(struct writing *w, const struct meta_fact *what, bool must_be_new,
		     struct opened *out)
{
	const uint8_t *ctx = context_id(w->q->ctx);
	struct wire_attr attr;
	struct draft_about about = {
		.ctx = ctx,
		.object = w->object,
		.path = w->q->path,
		.attr = &attr,
		.is_plain = !what || !what->has_foreign, /* what is not known is replaced */
		.must_be_new = must_be_new,
		.version = what ? &what->object : NULL,
	};
	struct cache_file *made = NULL;
	struct timespec now;
	int ret = name_storable(&w->q->name, false);

	if (ret)
		return ret;
	attr_of(w, what, &attr);
	clock_gettime(CLOCK_REALTIME, &now);
	attr.mtime_ns = now.tv_sec * CLOCK_NS_PER_S + now.tv_nsec;
	attr.size = 0;
	pthread_mutex_lock(&create_lock);
	out->file = draft_find(ctx, w->object);
	if (out->file)
		ret = 0;
	else if (must_be_new && !w->sure && has_come_to_be(w))
		ret = -EAGAIN;
	else
		ret = draft_create(&about, &made);
	if (made) {
		meta_hide(ctx, w->object);
		listing_changed(w->object);
		if (must_be_new)
			dirattr_touched(ctx, w->object);
	}
	pthread_mutex_unlock(&create_lock);
	if (out->file)
		ret = open_file(w, out->file, out);
	out->file = made ? made : ret ? NULL : out->file;
	return ret;
}

/* Nothing is there. */
static int make_new(struct writing *w, struct opened *out)
{
	int ret = lookup_parent(w->q);

	if (!ret && !(w->flags & O_CREAT))
		ret = -ENOENT;
	return ret ? ret : make_file(w, NULL, true, out);
}

/* Is it a symbolic link? One that was known to be is asked about again. Returns what opening it is,
 * or 0. */
static int check_link(struct writing *w)
{
	struct meta_fact fact;

	if (!untold_is_link(w->object) || lookup_fact(w->q, &fact) || fact.kind != META_FILE ||
	    !fact.is_link)
		return 0;
	return w->q->follow ? -WIRE_ELINK : -ELOOP;
}

static bool was(const struct writing *w, const char *name, enum meta_kind kind)
{
	struct meta_fact fact;

	return meta_peek(context_id(w->q->ctx), name, &fact) && fact.kind == kind;
}

/* Was it a directory when it was last told of? */
static bool was_directory(const struct writing *w)
{
	char prefix[NAME_OBJECT_MAX], name[META_NAME_MAX];

	name_prefix(&w->q->name, prefix);
	meta_dir_name(prefix, name);
	return was(w, w->object, META_DIR) || was(w, name, META_DIR) ||
	       told_is_empty_dir(context_id(w->q->ctx), prefix);
}

/* Is or was something else than a directory there? */
static bool is_or_was_file(const struct writing *w, const char *object)
{
	struct cache_file *file = draft_find(context_id(w->q->ctx), object);

	if (file)
		cache_put(file);
	return file || was(w, object, META_FILE);
}

/* Was a directory not there when it was last told of, or not in what it would be in? */
static bool was_missing(const struct writing *w, const char *prefix)
{
	const uint8_t *ctx = context_id(w->q->ctx);
	char name[META_NAME_MAX];
	struct meta_fact fact;

	meta_dir_name(prefix, name);
	if (meta_peek(ctx, name, &fact))
		return fact.kind == META_NONE;
	return listing_denies(ctx, prefix, true, false) && !draft_below(ctx, prefix) &&
	       !told_is_empty_dir(ctx, prefix);
}

/* Was one of the directories that it is in missing, or a file? */
static bool lacked_parent(const struct writing *w)
{
	char prefix[NAME_OBJECT_MAX], scheme[8], bucket[256];
	const char *at = name_split(w->object, scheme, bucket);

	for (; (at = strchr(at, '/')); at++) {
		snprintf(prefix, sizeof(prefix), "%.*s", (int)(at - w->object + 1), w->object);
		if (was_missing(w, prefix))
			return true;
		prefix[at - w->object] = '\0';
		if (is_or_was_file(w, prefix))
			return true;
	}
	return false;
}

/* Nothing is believed of the name. What was known is reason to ask: a file must not come to be
 * beside a directory, nor bring one back that has moved or was removed. Returns 1: *fact is known
 * now; 0: nothing is; or a negative errno. */
static int doubt_cut(struct writing *w, struct meta_fact *fact)
{
	int ret;

	if (was_directory(w) && !lookup_fact(w->q, fact))
		return 1;
	w->q->message[0] = '\0'; /* who may write need not be one who may look */
	if (!lacked_parent(w))
		return 0;
	ret = lookup_parent(w->q);
	if (ret == -ENOENT || ret == -ENOTDIR)
		return ret;
	w->q->message[0] = '\0';
	return 0;
}

/* The content goes, of what is known to be there or not. */
static int cut_known(struct writing *w, const struct meta_fact *fact, struct opened *out)
{
	char version[STORE_ETAG_BYTES];
	struct cache_file *file;

	if (fact->kind == META_DIR)
		return must_make(w) ? -EEXIST : -EISDIR;
	if (fact->kind == META_NONE)
		return make_new(w, out);
	if (must_make(w))
		return -EEXIST;
	fetch_version(&fact->object, version);
	file = cache_find(context_id(w->q->ctx), w->object, version);
	return file ? open_file(w, file, out) : make_file(w, fact, false, out);
}

/* Is a file with what this one has beside its content the same as one made now? */
static bool is_as_new(const struct writing *w, const struct cache_file *file)
{
	const struct wire_attr *attr = cache_attr(file);
	struct wire_attr made;

	attr_of(w, NULL, &made);
	return cache_is_plain(file) && attr->mode == made.mode && attr->uid == made.uid &&
	       attr->gid == made.gid;
}

/* The cached file of some version of the name, whose mode and owner are kept. Not of one that went:
 * what comes is another. Nor a link's: it was asked about, and is none any more. */
static struct cache_file *find_cached(const struct writing *w)
{
	struct cache_file *file = cache_find(context_id(w->q->ctx), w->object, NULL);

	if (!file || (!was(w, w->object, META_NONE) && !S_ISLNK(cache_attr(file)->mode)))
		return file;
	cache_put(file);
	return NULL;
}

/* The content goes: what is there need not be asked for, unless a file would get the mode of one
 * that may have gone, with the directory that it was in, and been forgotten. */
static int open_cut(struct writing *w, struct opened *out)
{
	struct cache_file *file;
	struct meta_fact fact;
	int ret = check_link(w);

	if (ret)
		return ret;
	ret = meta_get(context_id(w->q->ctx), w->object, &fact) ? 1 : doubt_cut(w, &fact);
	if (ret)
		return ret < 0 ? ret : cut_known(w, &fact, out);
	file = find_cached(w);
	if (!file)
		return make_file(w, NULL, false, out);
	if (!draft_is(file) && !is_as_new(w, file) && !lookup_fact(w->q, &fact)) {
		cache_put(file);
		return cut_known(w, &fact, out);
	}
	w->q->message[0] = '\0'; /* who may write need not be one who may look */
	ret = open_file(w, file, out);
	if (!ret)
		draft_unconditional(file, w->object);
	return ret;
}

/* Of an empty object nothing is fetched, so nothing else would tell the mode, owner and metadata
 * that a listing leaves out, and which go along with its upload. */
static void ask_of_empty(struct writing *w)
{
	struct meta_fact fact;

	if (!meta_get(context_id(w->q->ctx), w->object, &fact) || fact.kind != META_FILE ||
	    fact.is_told || fact.object.size)
		return;
	if (lookup_told(w->q, &fact))
		w->q->message[0] = '\0'; /* who may write need not be one who may look */
}

/* The content stays: it is opened as for reading first. */
static int open_kept(struct writing *w, struct opened *out)
{
	int ret;

	ask_of_empty(w);
	w->q->to_write = true;
	ret = open_name(w->q, 0, out);
	w->q->to_write = false;
	if (ret == -ENOENT)
		return make_new(w, out);
	if (ret)
		return ret;
	if (out->dir) {
		listing_put(out->dir);
		out->dir = NULL;
		return must_make(w) ? -EEXIST : -EISDIR;
	}
	return open_file(w, out->file, out);
}

/* It must not be there. */
static int open_new(struct writing *w, struct opened *out)
{
	struct wire_attr attr;
	int ret;

	if (told_has_none(context_id(w->q->ctx), w->object))
		return make_new(w, out);
	ret = lookup_stat(w->q, &attr);
	if (!ret)
		return -EEXIST;
	return ret == -ENOENT ? make_new(w, out) : ret;
}

/* -EAGAIN: what was found out is not so any more. */
static int try_open(struct writing *w, struct opened *out)
{
	struct cache_file *file = draft_find(context_id(w->q->ctx), w->object);

	*out = (struct opened){0};
	if (file)
		return open_file(w, file, out);
	if (must_make(w))
		return open_new(w, out);
	if (w->flags & O_TRUNC && w->flags & O_CREAT)
		return open_cut(w, out);
	return open_kept(w, out);
}

/* The store would refuse it, as it did a moment ago; what is being written goes on. */
static bool is_refused(const struct writing *w)
{
	const uint8_t *ctx = context_id(w->q->ctx);

	if (!refused_is(ctx, w->object) || draft_may_change(ctx, w->object))
		return false;
	snprintf(w->q->message, sizeof(w->q->message),
		 "nothing is opened for writing beside %.*s: a moment ago the store refused what "
		 "was "
		 "written there",
		 256, w->object);
	return true;
}

int write_open(struct lookup *q, unsigned flags, uint32_t mode, struct opened *out)
{
	struct writing w = {.q = q, .flags = flags, .mode = mode};
	int ret = -EAGAIN;

	*out = (struct opened){0};
	q->message[0] = '\0';
	if (must_make(&w))
		q->follow = false;
	if (q->name.kind != NAME_KEY || q->name.is_dir || q->must_be_dir || flags & O_DIRECTORY)
		return open_directory(&w);
	if (!backends_has(q->name.scheme))
		return -ENOENT;
	name_object(&q->name, w.object);
	if (is_refused(&w))
		return -EACCES;
	for (int i = 0; i < TRIES_MAX && ret == -EAGAIN; i++) {
		w.sure = i == TRIES_MAX - 1;
		ret = try_open(&w, out);
	}
	if (ret == -ENOSPC && !q->message[0])
		snprintf(q->message, sizeof(q->message), "%s", cache_full_line);
	return ret;
}
