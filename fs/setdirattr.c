/* SPDX-License-Identifier: Apache-2.0 */
/* chmod, chown, utimes and extended attributes of a directory: what its mark says, which is made if
 * there is none. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cache/clock.h"
#include "core/context.h"
#include "core/pairs.h"
#include "fs/change.h"
#include "fs/dirattr.h"
#include "fs/listing.h"
#include "fs/told.h"
#include "fs/xattrs.h"

/* The mark's metadata, or none if there is no mark. */
static int ask_mark(struct lookup *q, const char *key, struct store_call *call)
{
	int ret;

	*call = (struct store_call){
		.verb = STORE_HEAD,
		.ctx = q->ctx,
		.scheme = q->name.scheme,
		.bucket = q->name.bucket,
		.key = key,
	};
	ret = store_run(call);
	if (ret && ret != -ENOENT)
		memcpy(q->message, call->message, sizeof(q->message));
	return ret == -ENOENT ? 0 : ret;
}

/* What others keep there stays, and unless they are what changes, extended attributes. */
static int merge(const struct store_pairs *old, const struct metadata *m, bool sets_xattr,
		 struct store_pairs *out)
{
	struct metadata_pairs ours;
	int ret = 0;

	metadata_write(m, &ours);
	for (size_t i = 0; !ret && i < old->count; i++)
		if (!metadata_is_ours(old->pair[i].name) &&
		    !(sets_xattr && !strcmp(old->pair[i].name, XATTRS_KEY)))
			ret = pairs_add(out, old->pair[i].name, old->pair[i].value);
	for (size_t i = 0; !ret && i < ours.pairs.count; i++)
		ret = pairs_add(out, ours.pair[i].name, ours.pair[i].value);
	return ret;
}

/* Is it so already? The owner is the user unless somebody said otherwise. */
static bool is_so(const struct metadata *m, const struct change_attr *attr)
{
	uint32_t uid = m->has_uid ? m->uid : geteuid(), gid = m->has_gid ? m->gid : getegid();

	return !(attr->what & CHANGE_XATTR ||
		 (attr->what & WIRE_SET_MODE && (m->mode ^ attr->mode) & 07777) ||
		 (attr->what & WIRE_SET_UID && uid != attr->uid) ||
		 (attr->what & WIRE_SET_GID && gid != attr->gid) ||
		 (attr->what & WIRE_SET_MTIME && !(m->has_mtime && m->mtime_ns == attr->mtime_ns)));
}

/* Nobody goes on with what was shown of it before. */
static void show(struct lookup *q, const char *prefix)
{
	const uint8_t *ctx = context_id(q->ctx);
	char object[NAME_OBJECT_MAX], name[META_NAME_MAX];

	meta_dir_name(prefix, name);
	meta_hide(ctx, name);
	name_object(&q->name, object);
	meta_hide(ctx, object);
	listing_show(ctx, prefix);
}

/* The directory, its mark as it is now, and what is to be. */
struct mark {
	struct lookup *q;
	char prefix[NAME_OBJECT_MAX];
	const char *key;
	struct store_call head; /* what others keep there */
	struct metadata meta;
};

/* What was written here need not be asked for: who makes a tree sets times and modes again and
 * again. */
static int find_mark(struct mark *mark)
{
	char scheme[8], bucket[256];
	int ret;

	name_prefix(&mark->q->name, mark->prefix);
	mark->key = name_split(mark->prefix, scheme, bucket);
	mark->head = (struct store_call){.verb = STORE_HEAD};
	if (dirattr_is_all(context_id(mark->q->ctx), mark->prefix, &mark->meta))
		return 0;
	ret = ask_mark(mark->q, mark->key, &mark->head);
	metadata_read(&mark->head.user, &mark->meta);
	return ret;
}

static int put_changed(struct mark *mark, const struct change_attr *attr)
{
	const uint8_t *ctx = context_id(mark->q->ctx);
	struct metadata *m = &mark->meta;
	struct store_pairs user = {0};
	int ret;

	change_apply(attr, m);
	ret = merge(&mark->head.user, m, attr->what & CHANGE_XATTR, &user);
	if (!ret)
		ret = change_put_mark(mark->q, mark->key, &user, NULL);
	if (!ret) {
		bool is_all = true;

		if (attr->what & CHANGE_XATTR)
			m->has_xattr = *attr->xattr;
		for (size_t i = 0; i < user.count; i++)
			is_all &= metadata_is_ours(user.pair[i].name);
		if (!(attr->what & WIRE_SET_MTIME))
			dirattr_keep_time(ctx, mark->prefix, m);
		dirattr_told(ctx, mark->prefix, m, is_all);
		show(mark->q, mark->prefix);
	}
	pairs_free(&user);
	return ret;
}

static bool can_keep(const struct lookup *q)
{
	return q->name.kind == NAME_KEY && !q->name.is_pieces;
}

int change_dir_attr(struct lookup *q, const struct change_attr *attr)
{
	struct mark mark = {.q = q};
	int ret;

	if (!can_keep(q))
		return 0; /* there is no object that could keep it */
	ret = find_mark(&mark);
	mark.meta.mode = S_IFDIR | (mark.meta.has_mode ? mark.meta.mode & 07777 : 0755);
	mark.meta.has_mode = true;
	if (!ret && !is_so(&mark.meta, attr))
		ret = put_changed(&mark, attr);
	store_call_reset(&mark.head);
	return ret == -E2BIG ? -ENOSPC : ret; /* as file systems say it of attributes */
}

int change_dir_xattr(struct lookup *q, bool names, char text[XATTRS_MAX])
{
	struct mark mark = {.q = q};
	int ret;

	*text = '\0';
	if (!can_keep(q))
		return 0;
	name_prefix(&q->name, mark.prefix);
	if (names && !dirattr_has_xattr(context_id(q->ctx), mark.prefix))
		return 0;
	ret = find_mark(&mark);
	if (!ret)
		snprintf(text, XATTRS_MAX, "%s", lookup_xattr(&mark.head.user));
	store_call_reset(&mark.head);
	return ret;
}

int change_dir_set_xattr(struct lookup *q, const struct xattr_value *v)
{
	char text[XATTRS_MAX], now[XATTRS_MAX];
	const struct change_attr attr = {.what = CHANGE_XATTR, .xattr = now};
	int ret = can_keep(q) ? change_dir_xattr(q, false, text) : -EOPNOTSUPP;

	if (!ret)
		ret = xattrs_set(text, v->name, v->value, v->len, v->flags, now);
	return ret ? ret : change_dir_attr(q, &attr);
}
