/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chmod, chown, utimes: of a file that is being written to they go with its publication; of another
 * the object is copied onto itself by the service, with other metadata.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/draft.h"
#include "cache/links.h"
#include "core/context.h"
#include "fs/backends.h"
#include "fs/change.h"
#include "fs/copy.h"
#include "fs/copygate.h"
#include "fs/foreign.h"
#include "fs/metadata.h"
#include "fs/namelock.h"
#include "fs/names.h"
#include "fs/publish.h"
#include "fs/told.h"
#include "fs/upload.h"

void change_apply(const struct change_attr *attr, struct metadata *m)
{
	if (attr->what & WIRE_SET_MODE) {
		m->has_mode = true;
		m->mode = (m->mode & S_IFMT) | (attr->mode & 07777);
	}
	if (attr->what & WIRE_SET_UID) {
		m->has_uid = attr->uid != WIRE_CALLER;
		m->uid = attr->uid;
	}
	if (attr->what & WIRE_SET_GID) {
		m->has_gid = attr->gid != WIRE_CALLER;
		m->gid = attr->gid;
	}
	if (attr->what & WIRE_SET_MTIME) {
		m->has_mtime = true;
		m->mtime_ns = attr->mtime_ns;
	}
	if (attr->what & CHANGE_XATTR)
		m->xattr = attr->xattr;
	m->mark = attr->mark;
}

static size_t bytes_of(const struct store_pairs *pairs)
{
	size_t bytes = 0;

	for (size_t i = 0; i < pairs->count; i++)
		bytes += strlen(pairs->pair[i].name) + strlen(pairs->pair[i].value);
	return bytes;
}

/* Of an upload that is to have these as well. */
static size_t bytes_with(const struct cache_file *file, const struct change_attr *attr,
			 const char *xattr, const struct foreign *foreign)
{
	struct metadata_pairs pairs;
	struct wire_attr now;

	draft_attr(file, &now);
	now.mtime_ns = attr->what & WIRE_SET_MTIME ? attr->mtime_ns : now.mtime_ns;
	now.mode = attr->what & WIRE_SET_MODE ? (now.mode & S_IFMT) | attr->mode : now.mode;
	now.uid = attr->what & WIRE_SET_UID ? attr->uid : now.uid;
	now.gid = attr->what & WIRE_SET_GID ? attr->gid : now.gid;
	upload_describe(&now, UINT64_MAX, xattr, foreign, &pairs); /* any is as long */
	return bytes_of(&pairs.pairs);
}

/* Has the store room for it, with what others keep there? Who asks is told now, rather than when
 * the file is uploaded. What others keep is needed for the upload anyway. */
static int check_room(struct cache_file *file, const struct change_attr *attr)
{
	struct context *ctx = context_find(cache_ctx(file));
	char message[STORE_MESSAGE_BYTES], scheme[8], bucket[256];
	char object[CACHE_OBJECT_MAX], had[XATTRS_MAX];
	const char *xattr = attr->what & CHANGE_XATTR ? attr->xattr : had;
	struct foreign foreign;
	int ret = 0;

	change_draft_xattr(file, had);
	if (!ctx || (!*xattr && cache_is_plain(file)) ||
	    (attr->what & CHANGE_XATTR && strlen(xattr) <= strlen(had)))
		return 0;
	if (foreign_of(ctx, file, &foreign, message))
		return 0; /* the upload will tell */
	cache_object(file, object);
	name_split(object, scheme, bucket);
	if (bytes_with(file, attr, xattr, &foreign) > backends_meta_bytes(scheme))
		ret = -ENOSPC;
	foreign_free(&foreign);
	return ret;
}

static int apply(struct cache_file *file, const struct change_attr *attr)
{
	int ret = 0;

	if (attr->what & WIRE_SET_MODE)
		draft_set_mode(file, attr->mode);
	if (attr->what & (WIRE_SET_UID | WIRE_SET_GID))
		draft_set_owner(file, attr->what & WIRE_SET_UID ? &attr->uid : NULL,
				attr->what & WIRE_SET_GID ? &attr->gid : NULL);
	if (attr->what & WIRE_SET_MTIME)
		ret = draft_set_mtime(file, attr->mtime_ns);
	if (attr->what & CHANGE_XATTR)
		draft_set_xattr(file, attr->xattr);
	return ret;
}

static int set_on_draft(struct cache_file *file, const struct change_attr *attr)
{
	int ret = check_room(file, attr);

	return ret ? ret : apply(file, attr);
}

/* The cached file of the version goes on as that of its copy. What was written to it meanwhile is
 * to be stored over that, with what was asked for. */
static void take_file_along(const uint8_t *ctx, const char *object, const char *etag,
			    const struct meta_fact *now, const struct change_attr *attr)
{
	struct cache_file *file = cache_find(ctx, object, etag);
	struct wire_attr as;

	if (!file)
		return;
	lookup_file_attr(object, now, &as);
	if (draft_open(file, false, NULL))
		draft_forget_name(file, object);
	else if (!draft_become(file, object, &as, now->object.etag))
		apply(file, attr);
	cache_put(file);
}

/* -EAGAIN: of another version than was known of. */
static int copy_onto_itself(struct lookup *q, const char *object, const struct change_attr *attr)
{
	const uint8_t *ctx = context_id(q->ctx);
	struct store_object old;
	struct meta_fact fact;
	int ret = lookup_fact(q, &fact);

	if (!ret && fact.kind != META_FILE)
		ret = -ENOENT;
	if (ret)
		return ret;
	old = fact.object;
	ret = copy_object(q, q, false, attr, &fact);
	if (ret == -E2BIG)
		return -ENOSPC; /* as file systems say it of attributes */
	if (ret)
		return copy_again(q, &old, ret);
	if (!fact.is_link)
		take_file_along(ctx, object, old.etag, &fact, attr);
	told_file(ctx, object, &fact);
	return 0;
}

/* Nothing is published meanwhile: it would undo it. What was written before is published first, or
 * has the attributes when it is. */
static int set_once(struct lookup *q, const char *object, const struct change_attr *attr)
{
	const uint8_t *ctx = context_id(q->ctx);
	struct copygate gate = {.object = object};
	struct cache_file *file;
	int ret;

	copygate_shut(&gate);
	draft_wait(ctx, object);
	file = draft_find(ctx, object);
	ret = file ? set_on_draft(file, attr) : copy_onto_itself(q, object, attr);
	copygate_open(&gate);
	if (file)
		cache_put(file);
	return ret;
}

/* Extended attributes are all of a version: who set one among them has to look at the next one. */
static int set_on_object(struct lookup *q, const char *object, const struct change_attr *attr)
{
	int ret = -EAGAIN;

	for (int i = 0; i < COPY_TRIES_MAX && ret == -EAGAIN; i++) {
		ret = set_once(q, object, attr);
		if (ret == -EAGAIN && attr->what & CHANGE_XATTR)
			return ret;
	}
	return ret == -EAGAIN ? -EBUSY : ret;
}

/* The owner is the user unless somebody said otherwise. */
static bool same_owner(uint32_t now, uint32_t wanted, uint32_t user)
{
	return (now == WIRE_CALLER ? user : now) == wanted;
}

/* Is it already so? Then nothing need be done: `cp -p` and rsync say it again. */
static bool is_so(const struct wire_attr *now, const struct change_attr *attr)
{
	return !(attr->what & CHANGE_XATTR ||
		 (attr->what & WIRE_SET_MODE && (now->mode & 07777) != (attr->mode & 07777)) ||
		 (attr->what & WIRE_SET_UID && !same_owner(now->uid, attr->uid, geteuid())) ||
		 (attr->what & WIRE_SET_GID && !same_owner(now->gid, attr->gid, getegid())) ||
		 (attr->what & WIRE_SET_MTIME && now->mtime_ns != attr->mtime_ns));
}

/* Of a file with several names, under which it is stored anew: they are to agree. */
static int set_on_linked(struct cache_file *file, const struct change_attr *attr, char *message)
{
	int ret = set_on_draft(file, attr);

	/* publishing waits for what is on its way to other names itself; nothing is done with this
	 * one any more */
	namelock_leave();
	return ret ? ret : publish(file, message);
}

int change_attr(struct lookup *q, const struct change_attr *attr)
{
	char object[NAME_OBJECT_MAX];
	struct cache_file *file;
	struct wire_attr now;
	int ret = lookup_stat(q, &now);

	if (ret)
		return ret;
	if (S_ISLNK(now.mode) && attr->what & WIRE_SET_MODE)
		return -EOPNOTSUPP; /* as Linux has it */
	if (S_ISDIR(now.mode))
		return change_dir_attr(q, attr);
	if (is_so(&now, attr))
		return 0;
	name_object(&q->name, object);
	file = draft_find(context_id(q->ctx), object);
	if (file) {
		ret = set_on_draft(file, attr);
	} else if (now.nlink > 1) {
		file = draft_find_linked(context_id(q->ctx), object, NULL);
		if (file)
			ret = set_on_linked(file, attr, q->message);
	}
	if (!file)
		return set_on_object(q, object, attr);
	cache_put(file);
	return ret;
}

int change_attr_of(struct cache_file *file, const struct change_attr *attr,
		   char message[STORE_MESSAGE_BYTES])
{
	char object[CACHE_OBJECT_MAX];
	struct wire_attr now;
	struct lookup *q;
	int ret;

	draft_attr(file, &now);
	if (is_so(&now, attr))
		return 0;
	if (draft_has_changes(file) || (draft_is(file) && draft_is_unlinked(file)))
		return set_on_draft(file, attr);
	if (now.nlink > 1)
		return set_on_linked(file, attr, message);
	cache_object(file, object);
	q = lookup_of(cache_ctx(file), object);
	if (!q)
		return -ENOMEM;
	ret = q->ctx ? set_on_object(q, object, attr) : -WIRE_EUNKNOWN_CTX;
	memcpy(message, q->message, STORE_MESSAGE_BYTES);
	free(q);
	return ret;
}
