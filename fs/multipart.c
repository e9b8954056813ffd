/* SPDX-License-Identifier: Apache-2.0 */
/* See multipart.h. */
#include "fs/multipart.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/vnode.h"
#include "core/log.h"
#include "fs/names.h"

#define MIB (UINT64_C(1) << 20)

/* --- the plan --- */

/* So large that there are not too many. */
static uint64_t part_bytes(uint64_t bytes)
{
	uint64_t least = (bytes / (MULTIPART_PARTS_MAX / 2) + MIB - 1) / MIB * MIB;

	return least > MULTIPART_PART_BYTES ? least : MULTIPART_PART_BYTES;
}

/* Does it go on where the last copy ended? Then it is one with it. */
static bool joins(const struct multipart_part *last, uint64_t length)
{
	return last->is_copy && last->length + length <= MULTIPART_COPY_BYTES;
}

long multipart_plan(uint64_t bytes, uint64_t base,
		    bool (*is_clean)(const void *arg, uint64_t offset, uint64_t length),
		    const void *arg, struct multipart_part **out)
{
	uint64_t step = part_bytes(bytes);
	uint64_t most = bytes / step + 1;
	struct multipart_part *parts = calloc(most, sizeof(*parts));
	long count = 0;

	if (!parts)
		return -ENOMEM;
	for (uint64_t at = 0; at < bytes; at += step) {
		uint64_t length = bytes - at < step ? bytes - at : step;
		bool copy = at + length <= base && is_clean(arg, at, length);

		if (copy && count && joins(&parts[count - 1], length))
			parts[count - 1].length += length;
		else
			parts[count++] = (struct multipart_part){at, length, copy};
	}
	*out = parts;
	return count;
}

/* --- carrying it out --- */

struct job {
	struct cache_file *file;
	struct upload *up;
	char scheme[8], bucket[256];
	const char *key;
	char *upload_id; /* owned */
	struct multipart_part *parts;
	char **ids;    /* owned: what completing wants to hear of each part */
	size_t *again; /* under lock, as again_count: parts that no copy could be made of */
	size_t count;

	pthread_mutex_t lock;
	pthread_cond_t ended;
	size_t again_count;
	unsigned active;
	int error;
	char *message;
};

struct sending {
	struct store_call call;
	struct job *job;
	size_t index;
};

/* store_source.read: offsets count from the part's start. */
static int read_part(void *arg, uint64_t offset, void *buf, size_t bytes)
{
	const struct sending *s = arg;

	return upload_read(s->job->file, s->job->parts[s->index].offset + offset, buf, bytes);
}

static void part_done(struct store_call *call)
{
	struct sending *s = call->arg;
	struct job *j = s->job;

	pthread_mutex_lock(&j->lock);
	if (!call->error) {
		j->ids[s->index] = strdup(call->part_id ? call->part_id : call->object.etag);
		if (!j->ids[s->index] && !j->error)
			j->error = -ENOMEM;
	} else if (call->error == -EOPNOTSUPP && call->verb == STORE_PART_COPY) {
		j->parts[s->index].is_copy = false;
		j->again[j->again_count++] = s->index;
	} else if (!j->error) {
		j->error = call->error;
		memcpy(j->message, call->message, STORE_MESSAGE_BYTES);
	}
	j->active--;
	pthread_cond_signal(&j->ended);
	pthread_mutex_unlock(&j->lock);
	store_call_reset(call);
	free(s);
}

static int start_part(struct job *j, size_t index)
{
	const struct multipart_part *p = &j->parts[index];
	struct sending *s;
	int ret = 0;

	if (!p->is_copy) /* what was never fetched of the base goes along */
		ret = cache_ensure(j->file, p->offset, p->length, WIRE_ENSURE_RANDOM, j->message);
	if (ret)
		return ret;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->job = j;
	s->index = index;
	s->call = (struct store_call){
		.verb = p->is_copy ? STORE_PART_COPY : STORE_PART,
		.ctx = j->up->ctx,
		.scheme = j->scheme,
		.bucket = j->bucket,
		.key = j->key,
		.upload = j->upload_id,
		.part = (unsigned)index + 1,
		.done = part_done,
		.arg = s,
	};
	if (p->is_copy) {
		s->call.offset = p->offset;
		s->call.length = p->length;
		s->call.from_bucket = j->bucket;
		s->call.from_key = j->key;
		s->call.from_etag = j->up->if_match;
	} else {
		s->call.source = (struct store_source){read_part, s, p->length};
	}
	ret = store_submit(&s->call);
	if (ret)
		free(s);
	return ret;
}

static int send_all(struct job *j)
{
	size_t next = 0;

	pthread_mutex_lock(&j->lock);
	while (j->active || (!j->error && (next < j->count || j->again_count))) {
		bool none = next == j->count && !j->again_count;
		size_t index;
		int ret;

		if (j->error || none || j->active == MULTIPART_PARALLEL) {
			pthread_cond_wait(&j->ended, &j->lock);
			continue;
		}
		index = j->again_count ? j->again[--j->again_count] : next++;
		j->active++;
		pthread_mutex_unlock(&j->lock);
		ret = start_part(j, index);
		pthread_mutex_lock(&j->lock);
		if (ret) {
			j->active--;
			j->error = j->error ? j->error : ret;
		}
	}
	pthread_mutex_unlock(&j->lock);
	return j->error;
}

/* A call about the whole upload. */
static struct store_call call_of(const struct job *j, enum store_verb verb)
{
	return (struct store_call){
		.verb = verb,
		.ctx = j->up->ctx,
		.scheme = j->scheme,
		.bucket = j->bucket,
		.key = j->key,
		.upload = j->upload_id,
	};
}

static int begin(struct job *j, const struct store_pairs *user)
{
	struct store_call call = call_of(j, STORE_MULTIPART_BEGIN);
	int ret;

	call.set_user = user;
	ret = store_run(&call);
	if (ret) {
		memcpy(j->message, call.message, STORE_MESSAGE_BYTES);
	} else {
		j->upload_id = strdup(call.upload_id);
		ret = j->upload_id ? draft_note_upload(j->file, j->upload_id) : -ENOMEM;
	}
	store_call_reset(&call);
	return ret;
}

/* Some services ignore the condition of a completion, and of copied parts: so it is looked at
 * before, which leaves them a moment, but no more. */
static int check_version(struct job *j)
{
	struct store_call call = call_of(j, STORE_HEAD);
	int ret;

	if (!j->up->if_match && !j->up->must_be_new)
		return 0;
	ret = store_run(&call);
	if (ret && ret != -ENOENT)
		memcpy(j->message, call.message, STORE_MESSAGE_BYTES);
	else if (ret == -ENOENT)
		ret = j->up->must_be_new ? 0 : -ESTALE;
	else if (j->up->must_be_new || strcmp(call.object.etag, j->up->if_match) != 0)
		ret = -ESTALE;
	store_call_reset(&call);
	return ret;
}

static int complete(struct job *j, const struct store_pairs *user)
{
	struct store_call call = call_of(j, STORE_COMPLETE);
	struct store_part *parts = calloc(j->count, sizeof(*parts));
	int ret;

	if (!parts)
		return -ENOMEM;
	for (size_t i = 0; i < j->count; i++)
		parts[i] = (struct store_part){(unsigned)i + 1, j->ids[i]};
	call.set_user = user;
	call.parts = parts;
	call.part_count = j->count;
	call.if_match = j->up->if_match;
	call.if_none_match = j->up->must_be_new ? "*" : NULL;
	ret = store_run(&call);
	if (ret)
		memcpy(j->message, call.message, STORE_MESSAGE_BYTES);
	else
		memcpy(j->up->etag, call.object.etag, sizeof(j->up->etag));
	store_call_reset(&call);
	free(parts);
	return ret;
}

static void abort_upload(struct job *j)
{
	struct store_call call = call_of(j, STORE_ABORT);

	if (store_run(&call))
		log_warn("%s: parts of an upload stay in the bucket until it is tried again: %s",
			 j->up->object, call.message);
	else
		draft_note_upload(j->file, "");
	store_call_reset(&call);
}

static bool is_clean(const void *arg, uint64_t offset, uint64_t length)
{
	uint64_t end = (offset + length - 1) >> VNODE_BLOCK_SHIFT;

	for (uint64_t b = offset >> VNODE_BLOCK_SHIFT; b <= end; b++) {
		if (draft_flush_dirty(arg, b))
			return false;
	}
	return true;
}

static int plan(struct job *j)
{
	const struct draft_flush *f = j->up->flush;
	uint64_t base = f->version.size < f->base ? f->version.size : f->base;
	long n = multipart_plan(j->up->bytes, j->up->if_match ? base : 0, is_clean, f, &j->parts);

	if (n < 0)
		return (int)n;
	j->count = (size_t)n;
	j->ids = calloc(j->count + 1, sizeof(*j->ids));
	j->again = calloc(j->count + 1, sizeof(*j->again));
	return j->ids && j->again ? 0 : -ENOMEM;
}

static int run(struct job *j, const struct store_pairs *user)
{
	int ret = plan(j);

	if (!ret)
		ret = begin(j, user);
	if (!ret)
		ret = send_all(j);
	if (!ret)
		ret = check_version(j);
	if (!ret)
		ret = complete(j, user);
	if (ret && j->upload_id)
		abort_upload(j);
	else if (!ret)
		draft_note_upload(j->file, "");
	return ret;
}

static void job_init(struct job *j, struct cache_file *file, struct upload *up, char *message)
{
	*j = (struct job){.file = file, .up = up, .message = message};
	j->key = name_split(up->object, j->scheme, j->bucket);
	pthread_mutex_init(&j->lock, NULL);
	pthread_cond_init(&j->ended, NULL);
}

static void job_free(struct job *j)
{
	pthread_mutex_destroy(&j->lock);
	pthread_cond_destroy(&j->ended);
	free(j->upload_id);
	free(j->parts);
	for (size_t i = 0; j->ids && i < j->count; i++)
		free(j->ids[i]);
	free(j->ids);
	free(j->again);
}

int multipart_upload(struct cache_file *file, struct upload *up, const struct store_pairs *user,
		     char message[STORE_MESSAGE_BYTES])
{
	struct job j;
	int ret;

	job_init(&j, file, up, message);
	ret = run(&j, user);
	job_free(&j);
	return ret;
}

void multipart_clean(struct cache_file *file, struct context *ctx)
{
	char message[STORE_MESSAGE_BYTES];
	struct upload up = {.ctx = ctx};
	struct job j;

	job_init(&j, file, &up, message);
	j.upload_id = draft_noted_upload(file);
	if (j.upload_id) {
		cache_object(file, up.object);
		j.key = name_split(up.object, j.scheme, j.bucket);
		abort_upload(&j);
	}
	job_free(&j);
}
