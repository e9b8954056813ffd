/* SPDX-License-Identifier: Apache-2.0 */
/* See copyparts.h. */
#include "fs/copyparts.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/wire.h"
#include "core/context.h"
#include "core/log.h"
#include "fs/backends.h"
#include "fs/begun.h"

#define MIB	 (UINT64_C(1) << 20)
#define MOST	 (5120 * MIB)
#define LEAST	 (5 * MIB)
#define PIECE	 (512 * MIB)
#define PARALLEL 8

struct pieces {
	const struct store_call *whole;
	const char *upload_id;
	uint64_t size, piece;
	unsigned count;
	char **ids; /* owned; of each part */

	pthread_mutex_t lock;
	pthread_cond_t ended;
	unsigned active;
	int error;
	char message[STORE_MESSAGE_BYTES];
};

struct copying {
	struct store_call call;
	struct pieces *p;
};

uint64_t copyparts_limit(const char *scheme)
{
	const char *text = getenv("SKYSHIM_COPY_MAX");
	uint64_t limit = text && *text ? strtoull(text, NULL, 10) : MOST;

	if (backends_copies_whole(scheme))
		return UINT64_MAX;
	return limit < LEAST ? LEAST : limit < MOST ? limit : MOST;
}

static struct store_call call_of(const struct pieces *p, enum store_verb verb)
{
	return (struct store_call){
		.verb = verb,
		.ctx = p->whole->ctx,
		.scheme = p->whole->scheme,
		.bucket = p->whole->bucket,
		.key = p->whole->key,
		.upload = p->upload_id,
	};
}

static void piece_done(struct store_call *call)
{
	struct copying *c = call->arg;
	struct pieces *p = c->p;
	char *id = NULL;

	if (!call->error)
		id = strdup(call->part_id ? call->part_id : call->object.etag);
	pthread_mutex_lock(&p->lock);
	p->ids[call->part - 1] = id;
	if (!id && !p->error) {
		p->error = call->error ? call->error : -ENOMEM;
		memcpy(p->message, call->message, STORE_MESSAGE_BYTES);
	}
	p->active--;
	pthread_cond_signal(&p->ended);
	pthread_mutex_unlock(&p->lock);
	store_call_reset(call);
	free(c);
}

/* With the lock. */
static int start(struct pieces *p, unsigned index)
{
	struct copying *c = calloc(1, sizeof(*c));
	uint64_t at = index * p->piece;
	int ret;

	if (!c)
		return -ENOMEM;
	c->p = p;
	c->call = call_of(p, STORE_PART_COPY);
	c->call.part = index + 1;
	c->call.offset = at;
	c->call.length = p->size - at < p->piece ? p->size - at : p->piece;
	c->call.from_bucket = p->whole->from_bucket;
	c->call.from_key = p->whole->from_key;
	c->call.from_etag = p->whole->from_etag;
	c->call.done = piece_done;
	c->call.arg = c;
	ret = store_submit(&c->call);
	if (ret)
		free(c);
	else
		p->active++;
	return ret;
}

static int copy_all(struct pieces *p)
{
	unsigned next = 0;

	pthread_mutex_lock(&p->lock);
	while (p->active || (!p->error && next < p->count)) {
		int ret = 0;

		if (p->error || next == p->count || p->active == PARALLEL)
			pthread_cond_wait(&p->ended, &p->lock);
		else
			ret = start(p, next++);
		p->error = p->error ? p->error : ret;
	}
	pthread_mutex_unlock(&p->lock);
	return p->error;
}

/* Some services ignore the condition of a copied part, and of a completion. */
static int check(struct pieces *p)
{
	struct store_call call = call_of(p, STORE_HEAD);
	int ret = 0;

	if (p->whole->from_etag) {
		call.bucket = p->whole->from_bucket;
		call.key = p->whole->from_key;
		ret = store_run(&call);
		if (!ret && strcmp(call.object.etag, p->whole->from_etag) != 0)
			ret = -ESTALE;
		memcpy(p->message, call.message, STORE_MESSAGE_BYTES);
		store_call_reset(&call);
	}
	if (ret || !p->whole->if_none_match)
		return ret;
	call = call_of(p, STORE_HEAD);
	ret = store_run(&call);
	memcpy(p->message, call.message, STORE_MESSAGE_BYTES);
	store_call_reset(&call);
	return ret == -ENOENT ? 0 : ret ? ret : -ESTALE;
}

static bool is_onto_itself(const struct store_call *call)
{
	return !strcmp(call->bucket, call->from_bucket) && !strcmp(call->key, call->from_key);
}

static int complete(struct pieces *p, struct store_object *object)
{
	struct store_call call = call_of(p, STORE_COMPLETE);
	struct store_part *parts = calloc(p->count, sizeof(*parts));
	int ret;

	if (!parts)
		return -ENOMEM;
	for (unsigned i = 0; i < p->count; i++)
		parts[i] = (struct store_part){i + 1, p->ids[i]};
	call.parts = parts;
	call.part_count = p->count;
	call.if_match = p->whole->if_match;
	/* the version that was copied from is what the copy replaces: no other one, by whom ever */
	if (!call.if_match && is_onto_itself(p->whole))
		call.if_match = p->whole->from_etag;
	call.if_none_match = p->whole->if_none_match;
	call.set_user = p->whole->set_user;
	call.set_fields = p->whole->set_fields;
	ret = store_run(&call);
	if (!ret)
		*object = call.object;
	memcpy(p->message, call.message, STORE_MESSAGE_BYTES);
	store_call_reset(&call);
	free(parts);
	return ret;
}

/* Returns whether the upload is not there any more. */
static bool abort_upload(const struct pieces *p)
{
	struct store_call call = call_of(p, STORE_ABORT);
	int ret = store_run(&call);

	if (ret && ret != -ENOENT)
		log_warn("%s://%s/%s: parts of a copy stay in the bucket until it is tried again: "
			 "%s",
			 p->whole->scheme, p->whole->bucket, p->whole->key, call.message);
	store_call_reset(&call);
	return !ret || ret == -ENOENT;
}

/* Copies into an upload that is begun. *is_over: it was completed or aborted. */
static int fill(struct pieces *p, struct store_object *object, bool *is_over)
{
	int ret = copy_all(p);

	if (!ret)
		ret = check(p);
	if (!ret)
		ret = complete(p, object);
	*is_over = !ret || abort_upload(p);
	return ret;
}

/* Copies into an upload that was begun, and noted if there is a note. What can be neither completed
 * nor aborted is left to be aborted later. */
static int fill_noted(struct pieces *p, struct store_call *begun, struct begun *note,
		      struct store_object *object)
{
	bool is_over;
	int ret;

	p->upload_id = begun->upload_id;
	ret = fill(p, object, &is_over);
	if (!is_over && !note)
		note = begun_note(begun, begun->upload_id);
	if (is_over || ret == -ECANCELED)
		begun_end(note, is_over);
	else if (note)
		begun_leave(note);
	return ret;
}

static int cut(struct pieces *p)
{
	uint64_t limit = copyparts_limit(p->whole->scheme);

	p->piece = limit < PIECE ? limit : PIECE;
	if (p->size / p->piece >= STORE_PART_MAX)
		p->piece = (p->size / STORE_PART_MAX / MIB + 1) * MIB;
	p->count = (unsigned)((p->size + p->piece - 1) / p->piece);
	p->ids = calloc(p->count, sizeof(*p->ids));
	return p->ids ? 0 : -ENOMEM;
}

int copyparts_run(struct store_call *call, uint64_t size)
{
	struct pieces p = {.whole = call, .size = size};
	struct store_call begin = call_of(&p, STORE_MULTIPART_BEGIN);
	struct begun *note = NULL, *intended;
	int ret = cut(&p);

	pthread_mutex_init(&p.lock, NULL);
	pthread_cond_init(&p.ended, NULL);
	begin.set_user = call->set_user;
	begin.set_fields = call->set_fields;
	if (!ret) {
		intended = begun_intend(&begin);
		ret = store_run(&begin);
		memcpy(p.message, begin.message, STORE_MESSAGE_BYTES);
		note = ret ? NULL : begun_note(&begin, begin.upload_id);
		begun_intended(intended, &begin);
	}
	if (!ret)
		ret = fill_noted(&p, &begin, note, &call->object);
	store_call_reset(&begin);
	for (unsigned i = 0; p.ids && i < p.count; i++)
		free(p.ids[i]);
	free(p.ids);
	pthread_mutex_destroy(&p.lock);
	pthread_cond_destroy(&p.ended);
	memcpy(call->message, p.message, STORE_MESSAGE_BYTES);
	call->error = ret;
	return ret;
}
