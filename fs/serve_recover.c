/* SPDX-License-Identifier: Apache-2.0 */
/* What could not be published, removed or renamed: told, tried again, handed out or thrown away. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cache/draft.h"
#include "cache/links.h"
#include "cache/strays.h"
#include "core/context.h"
#include "fs/begun.h"
#include "fs/gone.h"
#include "fs/gonerefused.h"
#include "fs/movedir.h"
#include "fs/movelog.h"
#include "fs/stream.h"
#include "fs/publish.h"
#include "fs/serve.h"

/* A number that JSON and shells take for what it is. */
static uint64_t id_of(const struct cache_file *file)
{
	return cache_attr(file)->ino & INT64_MAX;
}

/* Its other names; NULL: without memory. */
static json_t *others_of(struct cache_file *file)
{
	json_t *also = json_array();
	struct draft_name *names;
	long count = draft_other_names(file, &names);

	for (long i = 0; i < count && also; i++) {
		json_t *name = json_string(names[i].object);

		json_array_append_new(also, name ? name : json_string("?"));
	}
	free(names);
	return also;
}

static int tell_one(void *arg, struct cache_file *file)
{
	char object[CACHE_OBJECT_MAX];
	struct wire_attr attr;
	char why[STORE_MESSAGE_BYTES] = "";
	int error = draft_parked(file, why);
	json_t *one;

	cache_object(file, object);
	draft_attr(file, &attr);
	one = json_pack("{s:I, s:s%, s:I, s:f, s:b, s:s, s:s}", "id", (json_int_t)id_of(file),
			"object", object, strlen(object), "bytes", (json_int_t)attr.size, "mtime",
			(double)attr.mtime_ns / 1e9, "kept", error != 0, "error",
			error ? strerror(-error) : "", "why", why);
	if (!one) /* a name that is no UTF-8 */
		one = json_pack("{s:I, s:s, s:I, s:f, s:b, s:s, s:s}", "id",
				(json_int_t)id_of(file), "object", "?", "bytes",
				(json_int_t)attr.size, "mtime", (double)attr.mtime_ns / 1e9, "kept",
				error != 0, "error", error ? strerror(-error) : "", "why", "");
	json_object_set_new(one, "also", others_of(file));
	return json_array_append_new(arg, one) ? -ENOMEM : 0;
}

/* A deletion: with it nothing would be lost, but somebody takes it for done. */
static int tell_refused(void *arg, const struct gonelog_left *l)
{
	json_t *one = json_pack("{s:I, s:s, s:b, s:I, s:f, s:b, s:s, s:s}", "id",
				(json_int_t)l->serial, "object", l->object, "removal", 1, "bytes",
				(json_int_t)0, "mtime", 0.0, "kept", 1, "error",
				strerror(-l->error), "why", l->message);

	if (!one) /* a name that is no UTF-8 */
		one = json_pack("{s:I, s:s, s:b, s:I, s:f, s:b, s:s, s:s}", "id",
				(json_int_t)l->serial, "object", "?", "removal", 1, "bytes",
				(json_int_t)0, "mtime", 0.0, "kept", 1, "error",
				strerror(-l->error), "why", "");
	return json_array_append_new(arg, one) ? -ENOMEM : 0;
}

/* One that waits for somebody with its credentials. */
static int tell_left(void *arg, const struct gonelog_left *l)
{
	json_t *name = json_string(l->object);
	json_t *one = json_pack(
		"{s:I, s:o, s:b, s:I, s:f, s:b, s:s, s:s}", "id", (json_int_t)l->serial, "object",
		name ? name : json_string("?"), "removal", 1, "bytes", (json_int_t)0, "mtime", 0.0,
		"kept", 1, "error", strerror(EINTR), "why",
		"a daemon died before it was removed, and nobody with the credentials of its job "
		"has come since: it is removed when somebody does, if it is still the same");

	return json_array_append_new(arg, one) ? -ENOMEM : 0;
}

/* What cannot be gone on with is as it was left, and may have holes. */
static int tell_stray(void *arg, const struct stray *s)
{
	char why[STORE_MESSAGE_BYTES];
	json_t *one;

	snprintf(why, sizeof(why),
		 "its notes cannot be read: export gives what is in the cache's files/%s.d, with "
		 "zeros for what was neither written nor read",
		 s->name);
	one = json_pack("{s:I, s:s%, s:I, s:f, s:b, s:s, s:s}", "id", (json_int_t)s->id, "object",
			*s->object ? s->object : "?", *s->object ? strlen(s->object) : 1, "bytes",
			(json_int_t)s->bytes, "mtime", (double)s->mtime_ns / 1e9, "kept", 1,
			"error", strerror(-s->error), "why", why);
	if (!one) /* a name that is no UTF-8 */
		one = json_pack("{s:I, s:s, s:I, s:f, s:b, s:s, s:s}", "id", (json_int_t)s->id,
				"object", "?", "bytes", (json_int_t)s->bytes, "mtime",
				(double)s->mtime_ns / 1e9, "kept", 1, "error", strerror(-s->error),
				"why", "");
	return json_array_append_new(arg, one) ? -ENOMEM : 0;
}

/* Does it take somebody who says so? */
static bool is_kept(const struct movelog_left *left)
{
	const struct movelog *log = left->log;

	return log->is_parked || (!log->is_active && !left->is_known);
}

/* Why it is not finished, in words. */
static const char *why_left(const struct movelog_left *left)
{
	const struct movelog *log = left->log;

	if (log->is_unreadable)
		return "its journal (in moves of the cache directory) is damaged, or of another "
		       "version of skyshim: nothing is done with it; look at the names and discard "
		       "it, or let that version finish it";
	if (log->is_parked && log->error == -EEXIST)
		return "something else has been stored under one of these names since, and is not "
		       "replaced: look at them, then delete what is not to stay and retry this, or "
		       "discard it: then all stays as it is";
	if (log->is_parked)
		return "something that was to be moved is not there any more: what is under these "
		       "names, and not under the other, stays as it is; look at them, then discard "
		       "this";
	if (log->is_active)
		return "it is under way";
	if (log->error)
		return log->why[0] ? log->why : "it is tried again";
	return left->is_known
		       ? "a daemon died in the middle of it, and it is about to be gone on with"
		       : "a daemon died in the middle of it, and nobody with the credentials "
			 "of its job has come since; retry finishes it with those of now";
}

/* An upload that costs as long as it is there. */
static int tell_upload(void *arg, const struct begun_left *l)
{
	const char *why = l->error ? l->why
				   : "a daemon died before it was aborted, and nobody with the "
				     "credentials of its job has come since; retry aborts it with "
				     "those of now";
	const char *error = strerror(l->error ? -l->error : EINTR);
	json_t *name = json_string(l->object), *words = json_string(why);
	json_t *one = json_pack("{s:I, s:o, s:b, s:I, s:f, s:b, s:s, s:o}", "id", (json_int_t)l->id,
				"object", name ? name : json_string("?"), "upload", 1, "bytes",
				(json_int_t)0, "mtime", (double)l->asked_s, "kept", 1, "error",
				error, "why", words ? words : json_string(""));

	return json_array_append_new(arg, one) ? -ENOMEM : 0;
}

static void add_name(json_t *names, const char *object)
{
	json_t *name = object[0] ? json_string(object) : NULL;

	if (object[0])
		json_array_append_new(names, name ? name : json_string("?"));
}

/* A renaming or an exchange that was interrupted. */
static int tell_move(void *arg, const struct movelog_left *left)
{
	const struct movelog *log = left->log;
	const char *error = strerror(log->error ? -log->error : EINTR);
	json_t *also = json_array();
	json_t *one = json_pack("{s:I, s:s, s:s, s:b, s:I, s:f, s:b, s:s, s:s}", "id",
				(json_int_t)left->id, "object", *log->from ? log->from : "?",
				"moved", log->is_exchange ? "exchange" : "rename", "parked",
				log->is_parked, "bytes", (json_int_t)0, "mtime", 0.0, "kept",
				is_kept(left), "error", error, "why", why_left(left));

	if (!one) /* a name, or what the store has said, is no UTF-8 */
		one = json_pack("{s:I, s:s, s:s, s:b, s:I, s:f, s:b, s:s, s:s}", "id",
				(json_int_t)left->id, "object", "?", "moved",
				log->is_exchange ? "exchange" : "rename", "parked", log->is_parked,
				"bytes", (json_int_t)0, "mtime", 0.0, "kept", is_kept(left),
				"error", error, "why", "");
	add_name(also, log->to);
	add_name(also, log->scratch);
	json_object_set_new(one, "also", also);
	return json_array_append_new(arg, one) ? -ENOMEM : 0;
}

static int list(struct session *s)
{
	json_t *all = json_array();
	int ret = all ? draft_each(tell_one, all) : -ENOMEM;

	if (!ret)
		ret = gonerefused_each(tell_refused, all);
	if (!ret)
		ret = gone_each_left(tell_left, all);
	if (!ret)
		ret = strays_each(tell_stray, all);
	if (!ret)
		ret = movelog_each_left(tell_move, all);
	if (!ret)
		ret = begun_each(tell_upload, all);
	if (!ret)
		s->out->text = json_dumps(all, JSON_COMPACT);
	json_decref(all);
	return ret ? ret : s->out->text ? 0 : -ENOMEM;
}

/* Publishes it, whatever has become of the version it was made from if that is wanted. */
static int retry(struct session *s, struct cache_file *file, bool over)
{
	char message[STORE_MESSAGE_BYTES];
	int was = draft_parked(file, NULL);
	char object[CACHE_OBJECT_MAX];
	int ret;

	cache_object(file, object);
	if (over)
		draft_unconditional(file, NULL);
	draft_unpark(file);
	ret = publish(file, message);
	if (ret && was)
		draft_park(file, ret, message);
	if (ret)
		snprintf(s->out->line, sizeof(s->out->line), "%s", message);
	else
		begun_retry(object); /* what its first try has left there */
	return ret;
}

static int hand_out(struct session *s, struct cache_file *file)
{
	int ret = cache_ensure(file, 0, UINT64_MAX, 0, s->out->line);

	if (ret)
		return ret;
	s->out->fd[0] = cache_open_data(file, O_RDONLY);
	if (s->out->fd[0] < 0)
		return s->out->fd[0];
	s->out->head.fds = 1;
	return 0;
}

static int discard(struct cache_file *file)
{
	struct context *ctx = context_find(cache_ctx(file));

	if (ctx)
		stream_clean(file, ctx);
	draft_unlink(file);
	return 0;
}

struct wanted {
	uint64_t id;
	struct cache_file *file; /* with a reference */
};

static int match(void *arg, struct cache_file *file)
{
	struct wanted *w = arg;

	if (id_of(file) != w->id)
		return 0;
	cache_ref(file);
	w->file = file;
	return 1;
}

static int recover_removal(struct session *s, uint64_t serial)
{
	char message[STORE_MESSAGE_BYTES] = "";
	int ret = -EINVAL;

	if (s->req->flags & (WIRE_RECOVER_RETRY | WIRE_RECOVER_OVER))
		ret = gonerefused_retry(serial, message);
	else if (s->req->flags & WIRE_RECOVER_DISCARD)
		ret = gonerefused_discard(serial);
	if (ret == -ENOENT && s->req->flags & WIRE_RECOVER_DISCARD)
		ret = gone_discard_left(serial);
	else if (ret == -ENOENT && gone_has_left(serial))
		ret = -EKEYREJECTED;
	if (ret == -EKEYREJECTED && !*message)
		snprintf(message, sizeof(message),
			 "nobody with the credentials of its job has come: try it in its "
			 "environment");
	snprintf(s->out->line, sizeof(s->out->line), "%s", message);
	return ret;
}

static int recover_stray(struct session *s, uint64_t id)
{
	if (s->req->flags & WIRE_RECOVER_DISCARD)
		return strays_discard(id);
	if (s->req->flags & WIRE_RECOVER_EXPORT) {
		s->out->fd[0] = strays_open(id);
		s->out->head.fds = s->out->fd[0] >= 0;
		return s->out->fd[0] < 0 ? s->out->fd[0] : 0;
	}
	snprintf(s->out->line, sizeof(s->out->line),
		 "its notes cannot be read: export it, look at it, and copy it");
	return -EBADF;
}

static int is_it(void *id, const struct stray *s)
{
	return s->id == *(const uint64_t *)id;
}

struct left {
	int64_t id;
	char why[STORE_MESSAGE_BYTES];
};

static int match_move(void *arg, const struct movelog_left *left)
{
	struct left *l = arg;

	if (left->id != l->id)
		return 0;
	snprintf(l->why, sizeof(l->why), "%s", why_left(left));
	return 1;
}

static int is_upload(void *id, const struct begun_left *l)
{
	return l->id == *(const int64_t *)id;
}

static int recover_upload(struct session *s, int64_t id)
{
	if (s->req->flags & WIRE_RECOVER_DISCARD)
		return begun_discard(id);
	if (s->req->flags & (WIRE_RECOVER_RETRY | WIRE_RECOVER_OVER))
		return begun_retry_id(id, s->req->ctx, s->out->line);
	snprintf(s->out->line, sizeof(s->out->line),
		 "there is nothing to hand out: it is an upload that was given up");
	return -EINVAL;
}

/* -ENOENT: it is none. */
static int recover_move(struct session *s, uint64_t id)
{
	struct left l = {.id = (int64_t)(id & INT64_MAX)};
	int ret;

	if (!movelog_each_left(match_move, &l))
		return -ENOENT;
	if (s->req->flags & WIRE_RECOVER_DISCARD)
		return movelog_discard(l.id);
	if (!(s->req->flags & (WIRE_RECOVER_RETRY | WIRE_RECOVER_OVER))) {
		snprintf(s->out->line, sizeof(s->out->line),
			 "there is nothing to hand out: what it is about is in the bucket");
		return -EINVAL;
	}
	ret = movedir_retry(l.id, s->req->ctx, s->out->line);
	if (ret && !s->out->line[0] && movelog_each_left(match_move, &l))
		snprintf(s->out->line, sizeof(s->out->line), "%s", l.why);
	return ret == -ENOENT && !s->out->line[0] ? 0 : ret; /* somebody else has finished it */
}

int serve_recover(struct session *s)
{
	struct wanted w = {.id = s->req->offset};
	int ret;

	if (!s->req->flags)
		return list(s);
	draft_each(match, &w);
	if (!w.file && strays_each(is_it, &w.id) == 1)
		return recover_stray(s, w.id);
	if (!w.file && begun_each(is_upload, &w.id) == 1)
		return recover_upload(s, (int64_t)w.id);
	if (!w.file) {
		ret = recover_move(s, w.id);
		return ret == -ENOENT && !s->out->line[0] ? recover_removal(s, w.id) : ret;
	}
	if (s->req->flags & (WIRE_RECOVER_RETRY | WIRE_RECOVER_OVER))
		ret = retry(s, w.file, s->req->flags & WIRE_RECOVER_OVER);
	else if (s->req->flags & WIRE_RECOVER_EXPORT)
		ret = hand_out(s, w.file);
	else if (s->req->flags & WIRE_RECOVER_DISCARD)
		ret = discard(w.file);
	else
		ret = -EINVAL;
	cache_put(w.file);
	return ret;
}
