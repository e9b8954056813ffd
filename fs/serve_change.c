/* SPDX-License-Identifier: Apache-2.0 */
/* The operations that change something, one function each. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <linux/fs.h>

#include "cache/cache.h"
#include "cache/clock.h"
#include "cache/draft.h"
#include "core/log.h"
#include "core/scope.h"
#include "fs/change.h"
#include "fs/deeds.h"
#include "fs/gone.h"
#include "fs/follow.h"
#include "fs/later.h"
#include "fs/listing.h"
#include "fs/publish.h"
#include "fs/sent.h"
#include "fs/serve.h"
#include "fs/stream.h"

/* The draft of a request, with a reference. */
static int find_draft(const struct session *s, struct cache_file **out)
{
	struct cache_file *file = cache_find_inode(s->req->data_dev, s->req->data_ino);

	if (!file)
		return -ESTALE; /* of a daemon that went, and was clean */
	*out = file;
	if (draft_is(file))
		return 0;
	cache_put(file);
	return -EBADF;
}

static void say_of_file(struct session *s, struct cache_file *file, int error, const char *message)
{
	char object[CACHE_OBJECT_MAX], scheme[8], bucket[256];

	cache_object(file, object);
	name_split(object, scheme, bucket);
	serve_say(s, cache_ctx(file), bucket, error, message);
}

int serve_flush(struct session *s)
{
	char message[STORE_MESSAGE_BYTES] = "";
	struct cache_file *file;
	int ret = find_draft(s, &file);

	if (ret)
		return ret == -EBADF ? 0 : ret;
	ret = s->req->flags & WIRE_FLUSH_LATER ? later_add(file, s->pid) : -EAGAIN;
	if (ret)
		ret = publish(file, message);
	if (ret)
		say_of_file(s, file, ret, message);
	else
		snprintf(s->out->line, sizeof(s->out->line), "%s", message);
	cache_put(file);
	return ret == -EKEYREJECTED ? -WIRE_EUNKNOWN_CTX : ret;
}

int serve_left(struct session *s)
{
	struct wire_attr *attr = &s->out->head.attr;
	struct cache_file *file;
	int ret;

	if (!s->req->data_ino) {
		attr->nlink = later_left(s->pid, &attr->size, &attr->ino);
		return 0;
	}
	ret = find_draft(s, &file);
	if (ret)
		return ret;
	draft_attr(file, attr);
	attr->nlink = draft_has_changes(file);
	attr->ino = sent_bytes(file);
	if (attr->ino > attr->size)
		attr->ino = attr->size;
	cache_put(file);
	return 0;
}

int serve_stream(struct session *s)
{
	struct cache_file *file;
	int ret;

	s->out->is_silent = true;
	ret = find_draft(s, &file);
	if (ret)
		return ret;
	stream_go_on(file);
	cache_put(file);
	return 0;
}

int serve_room(struct session *s)
{
	struct cache_file *file;

	if (cache_make_room(-ENOSPC, s->req->length))
		return 0;
	if (!find_draft(s, &file)) {
		say_of_file(s, file, -ENOSPC, cache_full_line);
		cache_put(file);
	}
	return -ENOSPC;
}

int serve_unlink(struct session *s)
{
	pid_t later = s->pid;
	int ret;
	SCOPE_FREE struct lookup *q = serve_lookup(s, s->text, s->req->text_len, &ret);

	if (!q)
		return ret;
	if (s->req->flags & AT_REMOVEDIR)
		ret = change_rmdir(q);
	else
		ret = change_unlink(q, s->req->flags & WIRE_UNLINK_LATER ? &later : NULL);
	/* it was seen and its deletion begun by a daemon that died: then it is that which met it */
	if (ret == -ENOENT && s->deed && s->deed->was == DEED_TRIED) {
		s->out->head.attr.size = s->deed->value & 1;
		return 0;
	}
	s->out->head.attr.size = !ret && later && s->req->flags & WIRE_UNLINK_LATER;
	if (ret)
		serve_say(s, s->req->ctx, q->name.bucket, ret, q->message);
	return ret;
}

int serve_mkdir(struct session *s)
{
	int ret;
	SCOPE_FREE struct lookup *q = serve_lookup(s, s->text, s->req->text_len, &ret);

	if (!q)
		return ret;
	ret = change_mkdir(q, s->req->mode);
	if (ret)
		serve_say(s, s->req->ctx, q->name.bucket, ret, q->message);
	return ret;
}

/* "FROM\0TO". Both or none. */
static int two_lookups(const struct session *s, struct lookup **from, struct lookup **to)
{
	size_t len = strnlen(s->text, s->req->text_len);
	int ret;

	if (len == s->req->text_len)
		return -EPROTO;
	*from = serve_lookup(s, s->text, len, &ret);
	if (!*from)
		return ret;
	*to = serve_lookup(s, s->text + len + 1, s->req->text_len - len - 1, &ret);
	if (*to)
		return 0;
	free(*from);
	*from = NULL;
	return ret;
}

static int link_unnamed(struct session *s)
{
	struct cache_file *file = cache_find_inode(s->req->data_dev, s->req->data_ino);
	int ret;
	SCOPE_FREE struct lookup *to = serve_lookup(s, s->text, s->req->text_len, &ret);

	if (to)
		ret = file ? change_link_of(file, to, s->req->flags & WIRE_AGAIN) : -ESTALE;
	if (to && ret)
		serve_say(s, s->req->ctx, to->name.bucket, ret, to->message);
	if (file)
		cache_put(file);
	return ret;
}

int serve_link(struct session *s)
{
	SCOPE_FREE struct lookup *from = NULL;
	SCOPE_FREE struct lookup *to = NULL;
	int ret;

	if (s->req->data_ino)
		return link_unnamed(s);
	ret = two_lookups(s, &from, &to);
	if (ret || !from || !to)
		return ret;
	from->follow = !(s->req->flags & WIRE_NOFOLLOW);
	ret = change_link(from, to, s->req->flags & WIRE_AGAIN);
	if (ret)
		serve_say(s, s->req->ctx, to->name.bucket, ret,
			  *from->message ? from->message : to->message);
	return ret;
}

static int hand_clone(void *session, struct cache_file *made)
{
	return serve_draft(session, made, O_RDWR);
}

static int clone_to(struct session *s, struct cache_file *draft, const struct change_cloned *cloned,
		    char *message)
{
	struct cache_file *source = cache_find_inode(s->req->offset, s->req->length);
	int ret = source ? change_clone(source, draft, cloned, message) : -EOPNOTSUPP;

	if (source)
		cache_put(source);
	return ret;
}

/* What the first time has made cannot be handed over any more: it is taken back. */
int serve_clone(struct session *s)
{
	char message[STORE_MESSAGE_BYTES] = "";
	struct cache_file *draft;
	struct timespec now;
	struct deed deed;
	struct change_cloned cloned = {hand_clone, s, &deed, 0};
	int ret = find_draft(s, &draft);

	if (ret)
		return ret;
	clock_gettime(CLOCK_REALTIME, &now);
	cloned.mtime_ns = now.tv_sec * CLOCK_NS_PER_S + now.tv_nsec;
	deed_begin(&deed, (uint64_t)s->req->mtime_ns, s->req->flags & WIRE_AGAIN);
	if (deed.was == DEED_NONE)
		ret = clone_to(s, draft, &cloned, message);
	else
		ret = change_clone_back(draft, deed.value, message);
	deed_end(&deed, ret, cloned.mtime_ns);
	if (ret)
		say_of_file(s, draft, ret, message);
	cache_put(draft);
	return ret;
}

int serve_rename(struct session *s)
{
	unsigned flags = s->req->flags & ~(WIRE_MUST_BE_DIR | WIRE_NOFOLLOW | WIRE_AGAIN);
	SCOPE_FREE struct lookup *from = NULL;
	SCOPE_FREE struct lookup *to = NULL;
	int ret = two_lookups(s, &from, &to);

	if (ret || !from || !to)
		return ret;
	if (flags == RENAME_EXCHANGE)
		ret = change_exchange(from, to, s->req->mode, s->req->offset);
	else
		ret = change_rename(from, to, flags);
	if (ret)
		serve_say(s, s->req->ctx, from->name.bucket, ret, from->message);
	return ret;
}

static int set_attr_of_fd(struct session *s, const struct change_attr *attr)
{
	struct cache_file *file = cache_find_inode(s->req->data_dev, s->req->data_ino);
	char message[STORE_MESSAGE_BYTES] = "";
	struct listing *dir;
	int ret;

	if (!file) {
		dir = listing_find_inode(s->req->data_dev, s->req->data_ino);
		if (dir)
			listing_put(dir);
		return dir ? 0 : -ESTALE;
	}
	ret = change_attr_of(file, attr, message);
	if (ret)
		say_of_file(s, file, ret, message);
	cache_put(file);
	return ret;
}

int serve_setattr(struct session *s)
{
	const struct change_attr attr = {
		.what = s->req->flags,
		.mode = s->req->mode,
		.uid = s->req->uid,
		.gid = s->req->gid,
		.mtime_ns = s->req->mtime_ns,
	};
	int ret;
	SCOPE_FREE struct lookup *q = NULL;

	if (!s->req->text_len && s->req->data_ino)
		return set_attr_of_fd(s, &attr);
	q = serve_lookup(s, s->text, s->req->text_len, &ret);
	if (!q)
		return ret;
	q->must_be_dir = false;
	ret = change_attr(q, &attr);
	if (ret)
		serve_say(s, s->req->ctx, q->name.bucket, ret, q->message);
	return ret;
}

int serve_symlink(struct session *s)
{
	size_t len = strnlen(s->text, s->req->text_len);
	int ret;
	SCOPE_FREE struct lookup *q = NULL;

	if (len == s->req->text_len)
		return -EPROTO;
	q = serve_lookup(s, s->text + len + 1, s->req->text_len - len - 1, &ret);
	if (!q)
		return ret;
	ret = change_symlink(q, s->text);
	if (ret)
		serve_say(s, s->req->ctx, q->name.bucket, ret, q->message);
	return ret;
}

int serve_readlink(struct session *s)
{
	char target[WIRE_PATH_MAX];
	int ret;
	SCOPE_FREE struct lookup *q = serve_lookup(s, s->text, s->req->text_len, &ret);

	if (!q)
		return ret;
	ret = follow_target(q, target);
	if (ret) {
		serve_say(s, s->req->ctx, q->name.bucket, ret, q->message);
		return ret;
	}
	s->out->text = strdup(target);
	return s->out->text ? 0 : -ENOMEM;
}

int serve_settle(struct session *s)
{
	char message[STORE_MESSAGE_BYTES], removed[STORE_MESSAGE_BYTES];
	unsigned failed;
	int gone, ret;

	if (gone_is_left(s->pid, s->req->ctx))
		return -WIRE_EUNKNOWN_CTX;
	gone = gone_settle(s->pid, s->req->length, removed);
	ret = later_settle(s->pid, &failed, message);

	if (failed > 1)
		snprintf(s->out->line, sizeof(s->out->line),
			 "%u files could not be stored and are kept: see skyshim recover; the "
			 "first: %.*s",
			 failed, 300, message);
	else
		snprintf(s->out->line, sizeof(s->out->line), "%s", ret ? message : removed);
	if (ret && gone)
		log_warn("process %d: %s", (int)s->pid, removed);
	return ret ? ret : gone;
}

int serve_truncate(struct session *s)
{
	char message[STORE_MESSAGE_BYTES] = "";
	struct cache_file *file;
	int ret = find_draft(s, &file);

	if (ret)
		return ret;
	ret = draft_truncate(file, s->req->length, message);
	if (ret)
		say_of_file(s, file, ret, message);
	cache_put(file);
	return ret;
}
