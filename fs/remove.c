/* SPDX-License-Identifier: Apache-2.0 */
/* unlink and rmdir. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cache/clock.h"
#include "cache/draft.h"
#include "cache/links.h"
#include "core/context.h"
#include "core/log.h"
#include "fs/backends.h"
#include "fs/change.h"
#include "fs/deeds.h"
#include "fs/gone.h"
#include "fs/stream.h"
#include "fs/told.h"

#define REMOVE_TRIES 4 /* each time another's change may come in between */

int change_delete_version(struct lookup *q, const char *key, const char *etag)
{
	struct store_call call = {
		.verb = STORE_DELETE,
		.ctx = q->ctx,
		.scheme = q->name.scheme,
		.bucket = q->name.bucket,
		.key = key,
		.if_match = etag,
	};
	int ret = store_run(&call);

	if (ret)
		memcpy(q->message, call.message, sizeof(q->message));
	store_call_reset(&call);
	return ret;
}

int change_delete(struct lookup *q, const char *key)
{
	return change_delete_version(q, key, NULL);
}

/* Nothing has that name: is there a directory at all that it could be in? */
static int missing(struct lookup *q)
{
	int ret = strchr(q->name.key, '/') ? lookup_parent(q) : 0; /* a bucket is no file */

	return ret ? ret : -ENOENT;
}

/* A program that has it open goes on reading: what was not fetched yet is now, and as a draft
 * nothing of it is evicted. With a reference; NULL: nobody has. */
static int keep_for_readers(struct lookup *q, const char *object, struct cache_file **out)
{
	struct cache_file *file = cache_find(context_id(q->ctx), object, NULL);
	int ret = 0;

	*out = NULL;
	if (!file)
		return 0;
	if (cache_is_open(file)) {
		ret = draft_open(file, false, q->message);
		if (!ret && !cache_complete(file))
			ret = cache_ensure(file, 0, UINT64_MAX, 0, q->message);
		if (!ret) {
			*out = file;
			return 0;
		}
	}
	cache_put(file);
	return ret;
}

/* By which a version that is about to be deleted is known again: even, and not 0 (FNV-1a). 0: it is
 * not known. */
static int64_t mark_of(const struct meta_fact *fact)
{
	uint64_t mark = UINT64_C(0xcbf29ce484222325);

	if (fact->kind != META_FILE || !fact->object.etag[0])
		return 0;
	for (const char *c = fact->object.etag; *c; c++)
		mark = (mark ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
	mark &= INT64_MAX & ~UINT64_C(1);
	return mark ? (int64_t)mark : 2;
}

/* Which version a daemon that died with this request was about to delete; 0: none, or unknown. */
static int64_t mark_before(const struct lookup *q)
{
	return q->deed && q->deed->was == DEED_TRIED ? q->deed->value & ~INT64_C(1) : 0;
}

/* That daemon may have deleted it: what has been stored since is not what was to go. 0: nothing is
 * left to do; -ENOENT: nothing is there; 1: it is there still. */
static int deleted_before(struct lookup *q, pid_t *later)
{
	struct meta_fact fact;
	int ret;

	if (!mark_before(q))
		return 1;
	ret = lookup_told(q, &fact);
	if (ret)
		return ret;
	if (fact.kind != META_FILE)
		return -ENOENT;
	if (mark_of(&fact) == mark_before(q))
		return 1;
	if (later)
		*later = q->deed->value & 1;
	return 0;
}

/* At once, or with others. */
static int delete_object(struct lookup *q, const char *object, pid_t *later)
{
	struct meta_fact fact;
	int64_t mark = meta_peek(context_id(q->ctx), object, &fact) ? mark_of(&fact) : 0;
	bool again = mark && mark == mark_before(q);
	int ret;

	deed_note(q->deed, DEED_TRIED, mark | (later && *later));
	ret = later && *later ? gone_add(q, *later) : -EAGAIN;
	if (!ret)
		return 0;
	if (later)
		*later = 0;
	ret = change_delete_version(q, q->name.key, again ? fact.object.etag : NULL);
	if (again && ret == -ESTALE) { /* deleted before, and there is another now */
		meta_forget(context_id(q->ctx), object);
		ret = -ENOENT;
	}
	return ret;
}

/* One that nobody writes to here. */
static int unlink_object(struct lookup *q, const char *object, pid_t *later)
{
	struct cache_file *kept;
	struct wire_attr attr;
	int ret = lookup_stat(q, &attr);

	if (ret == -ENOENT)
		ret = missing(q);
	if (!ret && S_ISDIR(attr.mode))
		ret = -EISDIR;
	if (ret)
		return ret;
	ret = keep_for_readers(q, object, &kept);
	if (kept && later)
		*later = 0; /* if it is refused, it is the name's again */
	if (!ret)
		ret = delete_object(q, object, later);
	if (kept && !ret) /* it may have got another name meanwhile */
		draft_forget_name(kept, object);
	if (kept)
		cache_put(kept);
	return ret;
}

/* One that is written to here, whose reference is used up. */
static int unlink_draft(struct lookup *q, struct cache_file *file)
{
	int ret = 0;

	deed_note(q->deed, DEED_TRIED, 0);
	draft_unlink(file);
	stream_clean(file, q->ctx);
	if (!draft_is_new(file))
		ret = change_delete(q, q->name.key);
	if (ret)
		draft_relink(file);
	cache_put(file);
	return ret;
}

/* One of several names of a file: the others stay. -ENOENT: it is not one of several. */
static int unlink_name(struct lookup *q, const char *object)
{
	struct cache_file *file = draft_find_linked(context_id(q->ctx), object, NULL);
	struct draft_name was;
	int ret;

	if (file)
		deed_note(q->deed, DEED_TRIED, 0);
	ret = file ? draft_drop_name(file, object, &was) : -ENOENT;
	if (!ret) {
		ret = change_delete(q, q->name.key);
		if (ret && draft_take_back(file, &was))
			log_warn("%s: it could not be removed, and is a file of its own now",
				 object);
		if (ret == -ENOENT)
			ret = -EIO; /* the bucket is gone */
	}
	if (file)
		cache_put(file);
	return ret;
}

int change_unlink(struct lookup *q, pid_t *later)
{
	char object[NAME_OBJECT_MAX];
	struct cache_file *draft;
	struct wire_attr attr;
	int ret;

	q->message[0] = '\0';
	if (q->name.kind != NAME_KEY || q->name.is_dir || q->must_be_dir) {
		ret = lookup_stat(q, &attr);
		return ret ? ret : -EISDIR;
	}
	name_object(&q->name, object);
	ret = deleted_before(q, later);
	if (ret <= 0)
		return ret;
	ret = unlink_name(q, object);
	draft = ret == -ENOENT ? draft_find(context_id(q->ctx), object) : NULL;
	if ((draft || ret != -ENOENT) && later)
		*later = 0;
	if (ret == -ENOENT)
		ret = draft ? unlink_draft(q, draft) : unlink_object(q, object, later);
	if (!ret) {
		draft_replaced(context_id(q->ctx), object, NULL);
		told_no_file(context_id(q->ctx), object);
	}
	return ret;
}

/* What stands under a prefix: its mark, and anything else? */
static int look_inside(struct lookup *q, const char *key, bool *mark, bool *others, bool *is_tree)
{
	struct store_call call = {
		.verb = STORE_LIST,
		.ctx = q->ctx,
		.scheme = q->name.scheme,
		.bucket = q->name.bucket,
		.key = key,
		.max_entries = 2,
	};
	int ret = store_run(&call);

	*mark = *others = false;
	*is_tree = call.names != STORE_NAMES_FLAT;
	for (size_t i = 0; !ret && i < call.list.count; i++) {
		if (!strcmp(call.list.entries[i].name, key))
			*mark = true;
		else
			*others = true;
	}
	if (ret)
		memcpy(q->message, call.message, sizeof(q->message));
	store_call_reset(&call);
	return ret;
}

/* One that is there by itself: the service knows whether it is empty, and that no file has come in
 * its place meanwhile. */
static int remove_real_once(struct lookup *q, const char *key)
{
	struct store_call head = {
		.verb = STORE_HEAD,
		.ctx = q->ctx,
		.scheme = q->name.scheme,
		.bucket = q->name.bucket,
		.key = key,
	};
	struct store_call call = head;
	int ret = store_run(&head);

	call.verb = STORE_DELETE;
	call.if_match = head.object.etag[0] ? head.object.etag : NULL;
	if (ret == -ENOENT && head.names == STORE_NAMES_FLAT)
		ret = 0; /* it was none after all, and has no mark */
	if (!ret && (head.names != STORE_NAMES_FLAT || head.object.etag[0])) {
		deed_note(q->deed, DEED_TRIED, 0);
		ret = store_run(&call);
	}
	memcpy(q->message, call.message[0] ? call.message : head.message, sizeof(q->message));
	/* 412 for what an earlier sending has done, whose answer was lost */
	if (ret == -ESTALE)
		ret = call.is_unsure ? 0 : -EAGAIN;
	store_call_reset(&head);
	store_call_reset(&call);
	return ret;
}

static int remove_real(struct lookup *q, const char *key)
{
	int ret = -EAGAIN;

	for (int i = 0; i < REMOVE_TRIES && ret == -EAGAIN; i++)
		ret = remove_real_once(q, key);
	return ret == -EAGAIN ? -EBUSY : ret;
}

/* Of a directory whose names are keys, with or without a mark. */
static int remove_mark(struct lookup *q, const char *key, bool *is_tree)
{
	char prefix[NAME_OBJECT_MAX];
	bool mark, others;
	int ret = look_inside(q, key, &mark, &others, is_tree);

	if (!ret && others)
		ret = -ENOTEMPTY;
	name_prefix(&q->name, prefix);
	if (!ret && !mark && !*is_tree && !told_stays_empty(context_id(q->ctx), prefix)) {
		told_no_dir(context_id(q->ctx), prefix); /* it was only believed to be there */
		ret = -ENOENT;
	}
	if (!ret && !*is_tree)
		deed_note(q->deed, DEED_TRIED, 0);
	return !ret && mark && !*is_tree ? change_delete(q, key) : ret;
}

int change_rmdir(struct lookup *q)
{
	const uint8_t *ctx = context_id(q->ctx);
	char prefix[NAME_OBJECT_MAX], scheme[8], bucket[256];
	struct wire_attr attr;
	const char *key;
	bool is_tree;
	int ret;

	q->message[0] = '\0';
	if (q->name.kind != NAME_KEY) {
		ret = lookup_stat(q, &attr);
		return ret ? ret : -EBUSY;
	}
	q->must_be_dir = true;
	ret = lookup_stat(q, &attr);
	if (ret)
		return ret == -ENOENT ? missing(q) : ret;
	name_prefix(&q->name, prefix);
	key = name_split(prefix, scheme, bucket);
	is_tree = store_names(q->ctx, q->name.scheme, q->name.bucket) == STORE_NAMES_TREE;
	if (draft_below(ctx, prefix))
		ret = -ENOTEMPTY;
	else if (!is_tree)
		ret = remove_mark(q, key, &is_tree);
	if (!ret && is_tree)
		ret = remove_real(q, key);
	if (!ret)
		told_no_dir(ctx, prefix);
	return ret;
}
