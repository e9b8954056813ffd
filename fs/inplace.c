/* SPDX-License-Identifier: Apache-2.0 */
/* See inplace.h. */
#include "fs/inplace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pairs.h"
#include "core/scope.h"
#include "fs/backends.h"
#include "fs/foreign.h"
#include "fs/kept.h"
#include "fs/metadata.h"
#include "fs/names.h"
#include "fs/sent.h"

struct piece {
	struct cache_file *file;
	uint64_t at;
};

static int read_piece(void *arg, uint64_t offset, void *buf, size_t bytes)
{
	const struct piece *p = arg;

	return upload_read(p->file, p->at + offset, buf, bytes);
}

/* version: what it goes behind, by its ETag, then what that has become. */
static int append(struct cache_file *file, const struct upload *up, uint64_t at, uint64_t bytes,
		  struct store_object *version, char *message)
{
	struct piece piece = {file, at};
	char scheme[8], bucket[256];
	struct store_call call = {
		.verb = STORE_PUT,
		.ctx = up->ctx,
		.scheme = scheme,
		.bucket = bucket,
		.key = name_split(up->object, scheme, bucket),
		.if_match = version->etag,
		.append_at = at,
		.source = {read_piece, &piece, bytes},
	};
	int ret = store_run(&call);

	if (ret)
		snprintf(message, STORE_MESSAGE_BYTES, "%s", call.message);
	else
		*version = call.object;
	store_call_reset(&call);
	return ret;
}

bool inplace_is_behind(const char *etag)
{
	return etag && !strncmp(etag, INPLACE_BEHIND, sizeof(INPLACE_BEHIND) - 1);
}

/* Ours ends at bytes, and that of others follows. */
static void draw_behind(uint64_t bytes, struct store_object *out)
{
	out->size = bytes;
	snprintf(out->etag, sizeof(out->etag), INPLACE_BEHIND "%016" PRIx64 "\"",
		 metadata_draw_mark());
}

/* One request, since those of two would be met with something in between: what does not fit is
 * put whole. Nothing: only the attributes are to follow. */
static bool may(struct cache_file *file, const struct upload *up, uint64_t base, uint64_t most)
{
	return most && up->if_match && base && base <= up->bytes && up->bytes - base <= most &&
	       (inplace_is_behind(up->if_match) ||
		pairs_get(&up->foreign.fields, STORE_FIELD_APPENDS)) &&
	       kept_is(file, up, NULL);
}

int inplace_upload(struct cache_file *file, struct upload *up, char message[STORE_MESSAGE_BYTES])
{
	uint64_t base = up->flush->version.size, bytes = up->bytes - base;
	bool is_behind = inplace_is_behind(up->if_match);
	struct store_object version = {.size = up->bytes};
	char scheme[8], bucket[256];
	int ret = 0;

	name_split(up->object, scheme, bucket);
	if (!may(file, up, base, backends_append_max(scheme)))
		return is_behind ? -ESTALE : -EOPNOTSUPP; /* nothing goes over theirs */
	if (bytes && is_behind)
		return -ESTALE;
	snprintf(version.etag, sizeof(version.etag), "%s", up->if_match);
	if (bytes) {
		draft_flush_sends(file, &(struct draft_sent){up->mtime_ns, up->bytes, false, true});
		ret = append(file, up, base, bytes, &version, message);
	}
	if (ret == -EOPNOTSUPP) /* it has become another kind */
		draft_flush_sends(file, &(struct draft_sent){up->mtime_ns, up->mark, false, false});
	if (ret)
		return ret;
	sent_add(file, bytes);
	if (version.size > up->bytes)
		draw_behind(up->bytes, &version);
	memcpy(up->etag, version.etag, sizeof(up->etag));
	/* nothing but bytes went along; but what others have appended to has their time */
	up->is_late = !inplace_is_behind(version.etag);
	up->is_appended = true;
	return 0;
}

/* --- after an answer was lost for good --- */

struct look {
	uint64_t from;
	size_t bytes, got;
	char *there;
	struct store_object object;
};

static int look_begin(void *arg, const struct store_object *object)
{
	struct look *l = arg;

	l->got = 0;
	l->object = *object;
	return object->size >= l->from + l->bytes ? 0 : -ESTALE;
}

static int look_take(void *arg, uint64_t offset, const void *data, size_t bytes)
{
	struct look *l = arg;

	if (offset < l->from || offset - l->from != l->got || bytes > l->bytes - l->got)
		return -EBADMSG;
	memcpy(l->there + l->got, data, bytes);
	l->got += bytes;
	return 0;
}

/* Has the version that is there, of an object of this kind, those bytes? 1, 0 or an error. */
static int compare(struct cache_file *file, struct store_call *call, struct look *l)
{
	SCOPE_FREE char *bytes = malloc(2 * l->bytes);
	int ret = bytes ? 0 : -ENOMEM;

	l->there = bytes;
	call->verb = STORE_GET;
	call->offset = l->from;
	call->length = l->bytes;
	call->sink = (struct store_sink){look_begin, look_take, l};
	if (!ret)
		ret = store_run(call);
	if (ret == -ESTALE)
		return 0;
	if (!ret && l->got != l->bytes)
		ret = -EIO;
	if (ret)
		return ret;
	ret = upload_read(file, l->from, bytes + l->bytes, l->bytes);
	if (ret)
		return ret == -EAGAIN ? 0 : ret; /* cut off since */
	return !memcmp(bytes, bytes + l->bytes, l->bytes) &&
	       pairs_get(&call->fields, STORE_FIELD_APPENDS);
}

int inplace_look(struct cache_file *file, const struct draft_flush *flush,
		 const struct draft_sent *sent, const struct upload *up, struct store_object *found,
		 char message[STORE_MESSAGE_BYTES])
{
	char scheme[8], bucket[256];
	struct store_call head = {
		.verb = STORE_HEAD,
		.ctx = up->ctx,
		.scheme = scheme,
		.bucket = bucket,
		.key = name_split(up->object, scheme, bucket),
	};
	struct store_call get = head;
	struct look l = {.from = flush->version.size};
	int ret = store_run(&head);

	if (!ret && strcmp(head.object.etag, flush->version.etag) != 0 && sent->mark > l.from &&
	    sent->mark - l.from <= backends_append_max(scheme) && head.object.size >= sent->mark) {
		l.bytes = (size_t)(sent->mark - l.from);
		ret = compare(file, &get, &l);
	}
	if (ret < 0)
		memcpy(message, get.message[0] ? get.message : head.message, STORE_MESSAGE_BYTES);
	if (ret == 1) {
		*found = l.object;
		found->mtime_ns = sent->mtime_ns;
		if (found->size > sent->mark)
			draw_behind(sent->mark, found);
		foreign_learn(up->object, found->etag, &get.user, &get.fields);
	}
	store_call_reset(&head);
	store_call_reset(&get);
	/* who may write need not be one who may look: the condition tells, then */
	return ret == -ENOENT || ret == -EACCES ? 0 : ret;
}
