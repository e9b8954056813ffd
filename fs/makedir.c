/* SPDX-License-Identifier: Apache-2.0 */
/* mkdir: an object without bytes whose key ends in a slash. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cache/clock.h"
#include "core/context.h"
#include "fs/change.h"
#include "fs/deeds.h"
#include "fs/dirattr.h"
#include "fs/metadata.h"
#include "fs/told.h"

static int read_nothing(void *arg, uint64_t offset, void *buf, size_t bytes)
{
	(void)arg;
	(void)offset;
	(void)buf;
	return bytes ? -EIO : 0;
}

/* The store refused: somebody else was first. Or it is ours, and its answer was lost. */
static int whose_mark(struct lookup *q, const char *key, const struct metadata *meta)
{
	struct store_call call = {
		.verb = STORE_HEAD,
		.ctx = q->ctx,
		.scheme = q->name.scheme,
		.bucket = q->name.bucket,
		.key = key,
	};
	int ret = store_run(&call);
	struct metadata m = {0};

	if (!ret)
		metadata_read(&call.user, &m);
	store_call_reset(&call);
	return m.has_mtime && m.mtime_ns == meta->mtime_ns ? 0 : -EEXIST;
}

int change_put_mark(struct lookup *q, const char *key, const struct store_pairs *user,
		    const char *if_none_match)
{
	struct store_pair type = {(char *)"Content-Type", (char *)"application/x-directory"};
	struct store_pairs fields = {&type, 1};
	struct store_call call = {
		.verb = STORE_PUT,
		.ctx = q->ctx,
		.scheme = q->name.scheme,
		.bucket = q->name.bucket,
		.key = key,
		.source = {.read = read_nothing},
		.if_none_match = if_none_match,
		.is_marked = if_none_match, /* by its time, as whose_mark() takes it */
		.set_user = user,
		.set_fields = &fields,
	};
	int ret = store_run(&call);

	if (ret && !(if_none_match && ret == -ESTALE))
		memcpy(q->message, call.message, sizeof(q->message));
	store_call_reset(&call);
	return ret;
}

/* Nothing may be there yet. */
static int put_new_mark(struct lookup *q, const char *key, const struct metadata *meta)
{
	struct metadata_pairs pairs;
	int ret;

	metadata_write(meta, &pairs);
	ret = change_put_mark(q, key, &pairs.pairs, "*");
	return ret == -ESTALE ? whose_mark(q, key, meta) : ret;
}

/* What is made in a directory that hands its group on has it, and hands it on. */
static void inherit(const uint8_t *ctx, const char *prefix, struct metadata *meta)
{
	if (!dirattr_inherits(ctx, prefix, &meta->gid))
		return;
	meta->mode |= S_ISGID;
	meta->has_gid = meta->gid != WIRE_CALLER;
}

/* What was believed of it is not so. */
static void was_there(const struct lookup *q, const char *prefix)
{
	char name[META_NAME_MAX];

	meta_dir_name(prefix, name);
	meta_forget(context_id(q->ctx), name);
	name_object(&q->name, name);
	meta_forget(context_id(q->ctx), name);
}

/* It exists: by a daemon that died with this request? It knew the time that it would have. */
static int made_before(struct lookup *q)
{
	char prefix[NAME_OBJECT_MAX], scheme[8], bucket[256];
	struct metadata meta = {.has_mtime = true};

	if (!q->deed || q->deed->was != DEED_TRIED || q->name.kind != NAME_KEY)
		return -EEXIST;
	meta.mtime_ns = q->deed->value;
	name_prefix(&q->name, prefix);
	return whose_mark(q, name_split(prefix, scheme, bucket), &meta);
}

int change_mkdir(struct lookup *q, uint32_t mode)
{
	char prefix[NAME_OBJECT_MAX], scheme[8], bucket[256];
	struct metadata meta = {
		.has_mode = true, .mode = S_IFDIR | (mode & 07777), .has_mtime = true};
	struct wire_attr attr;
	struct timespec now;
	int ret;

	q->message[0] = '\0';
	q->must_be_dir = false;
	ret = lookup_stat(q, &attr);
	if (!ret)
		return made_before(q);
	if (ret != -ENOENT)
		return ret;
	if (q->name.kind != NAME_KEY)
		return q->name.kind == NAME_BUCKET ? -EPERM : -EROFS; /* no buckets are made */
	ret = name_storable(&q->name, true);
	if (!ret)
		ret = lookup_parent(q);
	if (ret)
		return ret;
	clock_gettime(CLOCK_REALTIME, &now);
	meta.mtime_ns = now.tv_sec * CLOCK_NS_PER_S + now.tv_nsec;
	name_prefix(&q->name, prefix);
	inherit(context_id(q->ctx), prefix, &meta);
	deed_note(q->deed, DEED_TRIED, meta.mtime_ns);
	ret = put_new_mark(q, name_split(prefix, scheme, bucket), &meta);
	if (!ret)
		dirattr_told(context_id(q->ctx), prefix, &meta, true);
	if (!ret)
		told_made_dir(context_id(q->ctx), prefix, meta.mtime_ns);
	if (ret == -EEXIST)
		was_there(q, prefix);
	return ret;
}
