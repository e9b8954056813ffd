/* SPDX-License-Identifier: Apache-2.0 */
/* The operations of core/base/wire.h, one function each. */
#include "fs/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/fs.h>

#include "cache/cache.h"
#include "cache/draft.h"
#include "core/context.h"
#include "core/log.h"
#include "core/scope.h"
#include "core/tally.h"
#include "fs/ahead.h"
#include "fs/change.h"
#include "fs/gone.h"
#include "fs/listing.h"
#include "fs/lookup.h"
#include "fs/maketwin.h"
#include "fs/notice.h"
#include "fs/open.h"
#include "fs/opened.h"
#include "fs/publish.h"
#include "fs/stats.h"
#include "fs/timeline.h"
#include "fs/write.h"

void serve_say(struct session *s, const uint8_t *ctx, const char *bucket, int error,
	       const char *message)
{
	if (!*message || !notice_due(ctx, bucket, error, message))
		return;
	snprintf(s->out->line, sizeof(s->out->line), "%s", message);
}

/* text: a credential environment of bytes bytes. */
static int register_context(struct session *s, size_t bytes)
{
	uint8_t id[WIRE_CTX_BYTES];
	struct context *ctx;
	int ret = context_register(s->text, bytes, &ctx, id);

	if (ret == -EMFILE)
		snprintf(s->out->line, sizeof(s->out->line),
			 "more than %d different sets of credentials were used; skyshim stop "
			 "makes room",
			 CONTEXTS_MAX);
	if (ret)
		return ret;
	stats_context(id);
	memcpy(s->out->head.ctx, id, WIRE_CTX_BYTES);
	gone_resume(id); /* before anything is asked in it */
	return 0;
}

static int serve_hello(struct session *s)
{
	return register_context(s, s->req->text_len);
}

/* Of which a path's last name, a symbolic link, is followed; of WIRE_LINK only the first path's,
 * which is serve_link()'s part. */
static const bool may_follow[WIRE_OPS] = {[WIRE_STAT] = true,
					  [WIRE_OPEN] = true,
					  [WIRE_SETATTR] = true,
					  [WIRE_GETXATTR] = true,
					  [WIRE_SETXATTR] = true};

/* What is being removed is not asked about. */
static void wait_for_gone(const struct session *s, const struct name *name)
{
	char object[NAME_OBJECT_MAX];

	if (!gone_active())
		return;
	name_object(name, object);
	gone_wait(object, s->req->op == WIRE_UNLINK && s->req->flags & WIRE_UNLINK_LATER);
}

struct lookup *serve_lookup(const struct session *s, const char *text, size_t len, int *error)
{
	struct lookup *q = calloc(1, sizeof(*q));

	if (!q) {
		*error = -ENOMEM;
		return NULL;
	}
	q->ctx = s->ctx;
	q->must_be_dir = s->req->flags & WIRE_MUST_BE_DIR;
	q->deed = s->deed;
	q->follow = may_follow[s->req->op] && !(s->req->flags & WIRE_NOFOLLOW);
	*error = len < WIRE_PATH_MAX ? 0 : -ENAMETOOLONG;
	if (!*error) {
		memcpy(q->path, text, len);
		*error = name_parse(q->path, len, &q->name);
	}
	if (*error) {
		free(q);
		return NULL;
	}
	wait_for_gone(s, &q->name);
	return q;
}

static struct lookup *lookup_new(const struct session *s, int *error)
{
	return serve_lookup(s, s->text, s->req->text_len, error);
}

/* What comes next may be asked about now, or what is in it. */
static void tell_ahead(const struct lookup *q, bool is_dir)
{
	char object[NAME_OBJECT_MAX];

	if (is_dir) {
		name_prefix(&q->name, object);
		ahead_met(q->ctx, object);
	} else {
		name_object(&q->name, object);
		ahead_named(q->ctx, object, q->is_waited);
	}
}

static int serve_stat(struct session *s)
{
	int ret;
	SCOPE_FREE struct lookup *q = lookup_new(s, &ret);

	if (!q)
		return ret;
	q->any_age = s->req->flags & WIRE_ANY_AGE;
	q->told = s->req->flags & WIRE_TOLD;
	ret = lookup_stat(q, &s->out->head.attr);
	if (ret)
		serve_say(s, s->req->ctx, q->name.bucket, ret, q->message);
	else if (q->is_named && (q->is_waited || S_ISREG(s->out->head.attr.mode)))
		tell_ahead(q, S_ISDIR(s->out->head.attr.mode));
	return ret;
}

static int hand_over(struct session *s, int data_fd, int vnode_fd)
{
	s->out->fd[0] = data_fd;
	s->out->fd[1] = vnode_fd;
	if (data_fd < 0 || vnode_fd < 0)
		return data_fd < 0 ? data_fd : vnode_fd;
	s->out->head.fds = 2;
	return 0;
}

static void close_handed(struct session *s)
{
	for (unsigned i = 0; i < 2; i++) {
		if (s->out->fd[i] >= 0)
			close(s->out->fd[i]);
		s->out->fd[i] = -1;
	}
}

static bool is_writing(uint32_t flags)
{
	return !(flags & O_PATH) &&
	       ((flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC));
}

int serve_draft(struct session *s, struct cache_file *file, int mode)
{
	int ret;

	draft_attr(file, &s->out->head.attr);
	ret = hand_over(s, cache_open_data(file, mode), cache_open_vnode(file));
	if (ret || mode == O_RDONLY)
		return ret;
	s->out->fd[2] = draft_open_notes(file);
	if (s->out->fd[2] < 0)
		return s->out->fd[2];
	s->out->head.fds = 3;
	return 0;
}

static int serve_write(struct session *s, struct lookup *q)
{
	int mode = s->req->flags & O_ACCMODE;
	struct opened opened;
	int ret;

	opened = (struct opened){0};
	if (s->req->flags & WIRE_UNNAMED)
		ret = change_open_unnamed(q, s->req->mode, s->req->flags & O_EXCL, &opened.file);
	else
		ret = write_open(q, s->req->flags, s->req->mode, &opened);

	if (ret) {
		serve_say(s, s->req->ctx, q->name.bucket, ret, q->message);
		return ret;
	}
	ret = serve_draft(s, opened.file, mode);
	cache_put(opened.file);
	return ret;
}

/* The reference goes. */
static int hand_over_file(struct session *s, int flags, struct cache_file *file)
{
	int ret;

	draft_attr(file, &s->out->head.attr);
	ret = hand_over(s, cache_open_data(file, flags), cache_open_vnode(file));
	cache_put(file);
	return ret;
}

/* The same; what somebody has removed from the cache directory is fetched again. */
static int open_file(struct session *s, struct lookup *q, int flags, struct cache_file *file)
{
	struct opened again;
	int ret = hand_over_file(s, flags, file);

	if (ret != -ESTALE)
		return ret;
	close_handed(s);
	ret = open_name(q, flags, &again);
	if (!ret && again.file)
		return hand_over_file(s, flags, again.file);
	if (!ret)
		listing_put(again.dir); /* it has become one */
	return ret ? ret : -EIO;
}

static int serve_open(struct session *s)
{
	struct opened opened;
	int ret;
	SCOPE_FREE struct lookup *q = lookup_new(s, &ret);
	int flags = s->req->flags & (O_PATH | O_DIRECTORY);

	if (!q)
		return ret;
	opened_look(); /* in the order in which it was */
	if (is_writing(s->req->flags))
		return serve_write(s, q);
	ret = open_name(q, flags, &opened);
	if (ret) {
		serve_say(s, s->req->ctx, q->name.bucket, ret, q->message);
		return ret;
	}
	if (opened.file) {
		ret = open_file(s, q, flags, opened.file);
	} else {
		listing_attr(opened.dir, &s->out->head.attr);
		ret = hand_over(s, listing_open_data(opened.dir, flags),
				listing_open_vnode(opened.dir));
		listing_put(opened.dir);
	}
	return ret;
}

static int ensure_file(struct session *s, struct cache_file *file)
{
	char message[CACHE_MESSAGE_MAX], object[CACHE_OBJECT_MAX], scheme[8], bucket[256];
	int ret = cache_ensure(file, s->req->offset, s->req->length, s->req->flags, message);

	if (ret) {
		cache_object(file, object);
		name_split(object, scheme, bucket);
		serve_say(s, cache_ctx(file), bucket, ret, message);
	}
	return ret;
}

static int serve_ensure(struct session *s)
{
	const struct wire_request *req = s->req;
	struct cache_file *file;
	struct listing *dir;
	char message[STORE_MESSAGE_BYTES];
	int ret;

	s->out->is_silent = req->flags & WIRE_ENSURE_NOWAIT;
	if (req->flags & (WIRE_ENSURE_WANT | WIRE_ENSURE_LEAVE) && !s->out->is_silent)
		return -EINVAL; /* nobody could wait for that */
	file = cache_find_inode(req->data_dev, req->data_ino);
	if (file) {
		ret = ensure_file(s, file);
		cache_put(file);
		return ret;
	}
	dir = listing_find_inode(req->data_dev, req->data_ino);
	if (!dir)
		return -ESTALE; /* of a version that went, or of a daemon that did */
	ret = listing_ensure(dir, req->offset, s->out->is_silent, message);
	if (ret)
		serve_say(s, listing_ctx(dir), "", ret, message);
	listing_put(dir);
	return ret;
}

static int serve_identify(struct session *s)
{
	struct cache_file *file = cache_find_inode(s->req->data_dev, s->req->data_ino);
	struct listing *dir;
	int fd, notes_fd = -1;

	if (file) {
		draft_attr(file, &s->out->head.attr);
		memcpy(s->out->head.ctx, cache_ctx(file), WIRE_CTX_BYTES);
		fd = cache_open_vnode(file);
		notes_fd = draft_open_notes(file);
		cache_put(file);
	} else {
		dir = listing_find_inode(s->req->data_dev, s->req->data_ino);
		if (!dir)
			return -ENOENT;
		listing_attr(dir, &s->out->head.attr);
		memcpy(s->out->head.ctx, listing_ctx(dir), WIRE_CTX_BYTES);
		fd = listing_open_vnode(dir);
		listing_put(dir);
	}
	if (fd < 0)
		return fd;
	s->out->fd[0] = fd;
	s->out->head.fds = 1;
	if (notes_fd >= 0) {
		s->out->fd[1] = notes_fd;
		s->out->head.fds = 2;
	}
	return 0;
}

static int serve_report(struct session *s)
{
	log_warn("process %d: %.*s", (int)s->pid, (int)s->req->text_len, s->text);
	return 0;
}

static int serve_twin(struct session *s)
{
	return s->fd < 0 ? -EBADF : maketwin(s->fd);
}

static int serve_trapped(struct session *s)
{
	s->out->is_silent = true;
	maketwin_trapped(s->text, s->req->text_len, s->req->offset);
	return 0;
}

static int serve_status(struct session *s)
{
	s->out->text = stats_status_json(s->env->sock, s->env->cache_dir);
	return s->out->text ? 0 : -ENOMEM;
}

static int serve_opened(struct session *s)
{
	s->out->is_silent = true;
	opened_look();
	return 0;
}

static int serve_stats(struct session *s)
{
	opened_look();
	return stats_json(s->req->job, &s->out->text);
}

static int begin_job(struct session *s, const char *command, size_t bytes)
{
	struct job *job = job_find(s->req->job, s->pid, command, bytes);
	int fd = job && s->fd >= 0 ? fcntl(s->fd, F_DUPFD_CLOEXEC, 0) : -1;
	struct trace *trace = fd >= 0 ? trace_new(fd) : NULL;

	if (trace)
		job_trace(job, trace);
	job_put(job);
	return s->fd >= 0 && !trace ? -EIO : 0;
}

static int serve_job(struct session *s)
{
	size_t bytes = s->req->length;
	int ret = bytes > s->req->text_len ? -EPROTO : register_context(s, bytes);

	return ret ? ret : begin_job(s, s->text + bytes, s->req->text_len - bytes);
}

static const struct {
	int (*serve)(struct session *s);
	bool needs_ctx;
} ops[WIRE_OPS] = {
	[WIRE_HELLO] = {serve_hello, false},	   [WIRE_STAT] = {serve_stat, true},
	[WIRE_OPEN] = {serve_open, true},	   [WIRE_ENSURE] = {serve_ensure, true},
	[WIRE_IDENTIFY] = {serve_identify, false}, [WIRE_REPORT] = {serve_report, false},
	[WIRE_TWIN] = {serve_twin, false},	   [WIRE_TRAPPED] = {serve_trapped, false},
	[WIRE_STATUS] = {serve_status, false},	   [WIRE_STATS] = {serve_stats, false},
	[WIRE_FLUSH] = {serve_flush, false},	   [WIRE_SETTLE] = {serve_settle, false},
	[WIRE_TRUNCATE] = {serve_truncate, false}, [WIRE_UNLINK] = {serve_unlink, true},
	[WIRE_MKDIR] = {serve_mkdir, true},	   [WIRE_RENAME] = {serve_rename, true},
	[WIRE_LINK] = {serve_link, true},	   [WIRE_CLONE] = {serve_clone, true},
	[WIRE_SETATTR] = {serve_setattr, true},	   [WIRE_RECOVER] = {serve_recover, false},
	[WIRE_SYMLINK] = {serve_symlink, true},	   [WIRE_READLINK] = {serve_readlink, true},
	[WIRE_CREDS] = {serve_creds, true},	   [WIRE_STREAM] = {serve_stream, false},
	[WIRE_NAME] = {serve_name, false},	   [WIRE_ROOM] = {serve_room, false},
	[WIRE_LEFT] = {serve_left, false},	   [WIRE_GETXATTR] = {serve_getxattr, true},
	[WIRE_SETXATTR] = {serve_setxattr, true},  [WIRE_JOB] = {serve_job, false},
	[WIRE_DETECT] = {serve_detect, true},	   [WIRE_OPENED] = {serve_opened, false},
};

/* An exchange is known by its number in its journal (fs/movelog.h). */
static bool changes_names(const struct wire_request *req)
{
	return req->op == WIRE_UNLINK || req->op == WIRE_MKDIR || req->op == WIRE_SYMLINK ||
	       (req->op == WIRE_RENAME && !(req->flags & RENAME_EXCHANGE));
}

/* What a daemon that died has done already is not done again. */
static int serve_change(struct session *s)
{
	uint64_t *later = &s->out->head.attr.size; /* of WIRE_UNLINK; of the others nothing */
	struct deed deed;
	int ret = 0;

	deed_begin(&deed, s->req->offset, s->req->flags & WIRE_AGAIN);
	s->deed = &deed;
	if (deed.was == DEED_DONE)
		*later = (uint64_t)deed.value;
	else
		ret = paths_serve(s, ops[s->req->op].serve);
	deed_end(&deed, ret, ret ? 0 : (int64_t)*later);
	s->deed = NULL;
	return ret;
}

static int serve(struct session *s, size_t bytes)
{
	const struct wire_request *req = s->req;

	if (bytes == strlen(WIRE_STOP) && !memcmp(req, WIRE_STOP, bytes)) {
		s->out->stop = true;
		return 0;
	}
	if (bytes < sizeof(*req) || req->magic != WIRE_MAGIC ||
	    req->text_len != bytes - sizeof(*req) || req->text_len > WIRE_MSG_MAX)
		return -EPROTO;
	if (req->version != WIRE_VERSION || !req->op || req->op >= WIRE_OPS) {
		snprintf(s->out->line, sizeof(s->out->line), "%s", WIRE_OTHER_VERSION);
		return -EPROTONOSUPPORT;
	}
	memcpy(s->out->head.ctx, req->ctx, WIRE_CTX_BYTES);
	if (ops[req->op].needs_ctx) {
		s->ctx = context_find(req->ctx);
		if (!s->ctx) {
			s->out->is_silent = req->op == WIRE_ENSURE &&
					    req->flags & WIRE_ENSURE_NOWAIT;
			return -WIRE_EUNKNOWN_CTX;
		}
	}
	if (changes_names(req))
		return serve_change(s);
	return ops[req->op].serve ? paths_serve(s, ops[req->op].serve) : -EOPNOTSUPP;
}

static bool is_request(const struct wire_request *req, size_t bytes)
{
	return bytes >= sizeof(*req) && req->magic == WIRE_MAGIC && req->version == WIRE_VERSION &&
	       req->op && req->op < WIRE_OPS;
}

/* On behalf of its job. */
static int serve_counted(struct session *s, size_t bytes)
{
	uint64_t calls = job_calls();
	struct trace_span span = {0};
	struct job *job = NULL;
	int ret;

	if (!is_request(s->req, bytes))
		return serve(s, bytes);
	if (s->req->op < WIRE_JOB) /* not the command line's */
		job = job_find(s->req->job, s->pid, NULL, 0);
	job_switch(job);
	timeline_begin(s, job, &span);
	ret = serve(s, bytes);
	timeline_end(s, job, &span, ret);
	job_switch(NULL);
	TALLY_ADD(job, served[s->req->op], 1);
	if (job_calls() != calls)
		TALLY_ADD(job, asked[s->req->op], 1);
	job_put(job);
	return ret;
}

void session_serve(const struct session_env *env, pid_t pid, const void *message, size_t bytes,
		   int fd, struct session_reply *out)
{
	struct session s = {
		.env = env,
		.pid = pid,
		.req = message,
		.text = (const char *)message + sizeof(struct wire_request),
		.fd = fd,
		.out = out,
	};
	int ret;

	*out = (struct session_reply){.head.magic = WIRE_MAGIC, .fd = {-1, -1, -1}};
	ret = serve_counted(&s, bytes);
	out->head.error = ret;
	if (ret && out->head.fds)
		out->head.fds = 0;
	if (out->is_binary)
		out->head.text_len = out->text_bytes;
	else
		out->head.text_len = (uint32_t)strlen(out->text ? out->text : out->line);
}

void session_free(struct session_reply *reply)
{
	free(reply->text);
	reply->text = NULL;
	for (unsigned i = 0; i < WIRE_FDS_MAX; i++) {
		if (reply->fd[i] >= 0)
			close(reply->fd[i]);
		reply->fd[i] = -1;
	}
}
