/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See stream.h. A stream is known by its upload, which is noted in its draft: so one whose draft
 * has gone, or notes another, is one that nobody will take. It holds no reference to the draft but
 * those of the parts that are on their way, so that a draft whose programs were killed is published
 * as any other.
 */
#include "fs/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/context.h"
#include "core/log.h"
#include "fs/publish.h"

#define STACK_BYTES (256u << 10)
#define BEHIND_MAX  32 /* drafts that are caught up with at once */

struct stream {
	struct stream *next;
	struct multipart *m;
	uint64_t serial; /* of its draft */
};

/* Comes before that of a struct multipart. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static struct stream *streams;
static unsigned threads; /* that begin or end one */

/* --- sending --- */

/* multipart.more: also on the I/O thread. */
static void send_more(struct multipart *m, struct cache_file *file)
{
	while (!m->error && m->active < MULTIPART_PARALLEL && m->next < PARTS_MAX &&
	       draft_part_is_done(file, m->next)) {
		uint32_t index = m->next++;
		struct multipart_part part = {
			.offset = parts_start(index),
			.length = parts_start(index + 1) - parts_start(index),
			.index = index,
		};
		int ret;

		if (draft_part_is_sent(file, index) || !draft_take_part(file, index))
			continue; /* it is left for the close, which may have it copied */
		ret = multipart_start(m, file, &part, NULL);
		if (ret)
			m->error = ret;
	}
}

/* With the lock. */
static struct stream **find(const struct cache_file *file)
{
	uint64_t serial = draft_serial(file);
	struct stream **at = &streams;

	while (*at && (*at)->serial != serial)
		at = &(*at)->next;
	return at;
}

/* Returns whether there is one already. */
static bool go_on(struct cache_file *file)
{
	struct stream *s;

	pthread_mutex_lock(&lock);
	s = *find(file);
	if (s) {
		pthread_mutex_lock(&s->m->lock);
		send_more(s->m, file);
		pthread_mutex_unlock(&s->m->lock);
	}
	pthread_mutex_unlock(&lock);
	return s;
}

/* The draft is kept from anything else meanwhile. One that cannot be begun is remembered, so that
 * nobody tries it again with each part. */
static void begin(struct cache_file *file, struct context *ctx)
{
	struct stream *s = calloc(1, sizeof(*s));
	char object[CACHE_OBJECT_MAX];
	struct wire_attr attr;

	draft_attr(file, &attr);
	cache_object(file, object);
	if (s)
		s->m = multipart_new(ctx, object, &attr);
	if (!s || !s->m) {
		free(s);
		return;
	}
	s->serial = draft_serial(file);
	stream_clean(file, ctx);
	s->m->error = foreign_of(ctx, file, &s->m->foreign, s->m->message);
	if (!s->m->error)
		s->m->error = multipart_begin(s->m, file);
	s->m->more = send_more;
	pthread_mutex_lock(&lock);
	s->next = streams;
	streams = s;
	pthread_mutex_unlock(&lock);
}

void stream_go_on(struct cache_file *file)
{
	struct context *ctx = context_find(cache_ctx(file));
	struct wire_attr attr;

	if (!ctx || go_on(file))
		return;
	draft_attr(file, &attr);
	if (attr.size <= PUBLISH_PUT_MAX || !draft_part_is_done(file, 0) || draft_pause(file))
		return;
	if (!go_on(file)) { /* it was begun, and published, meanwhile */
		begin(file, ctx);
		go_on(file);
	}
	draft_release(file);
}

/* --- ending --- */

/* With the lock: out of the table. It goes on with what is on its way, and sends no more. */
static struct multipart *detach(struct stream **at)
{
	struct stream *s = *at;
	struct multipart *m;

	if (!s)
		return NULL;
	*at = s->next;
	m = s->m;
	free(s);
	pthread_mutex_lock(&m->lock);
	m->more = NULL;
	pthread_mutex_unlock(&m->lock);
	return m;
}

struct multipart *stream_take(struct cache_file *file)
{
	struct multipart *m;

	pthread_mutex_lock(&lock);
	m = detach(find(file));
	pthread_mutex_unlock(&lock);
	return m;
}

void stream_drop(struct multipart *m, struct cache_file *file)
{
	if (!m)
		return;
	pthread_mutex_lock(&m->lock);
	multipart_wait(m);
	pthread_mutex_unlock(&m->lock);
	multipart_abort(m, file);
	multipart_free(m);
}

static void end_thread(void)
{
	pthread_mutex_lock(&lock);
	threads--;
	pthread_cond_broadcast(&ended);
	pthread_mutex_unlock(&lock);
}

static void *drop(void *m)
{
	stream_drop(m, NULL);
	end_thread();
	return NULL;
}

static void *catch_up(void *file)
{
	stream_go_on(file);
	cache_put(file);
	end_thread();
	return NULL;
}

/* On a thread of its own, if there can be one; run calls end_thread(). */
static void start(void *(*run)(void *arg), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_mutex_lock(&lock);
	threads++;
	pthread_mutex_unlock(&lock);
	if (pthread_create(&thread, &attr, run, arg))
		run(arg);
	pthread_attr_destroy(&attr);
}

void stream_clean(struct cache_file *file, struct context *ctx)
{
	const struct wire_attr none = {0};
	char object[CACHE_OBJECT_MAX];
	struct multipart *m;
	char *id;

	pthread_mutex_lock(&lock);
	m = detach(find(file));
	pthread_mutex_unlock(&lock);
	if (m) {
		start(drop, m);
		return;
	}
	id = draft_noted_upload(file, object);
	m = id ? multipart_new(ctx, object, &none) : NULL;
	if (m) {
		m->upload_id = id;
		multipart_abort(m, file);
		multipart_free(m);
	} else {
		free(id);
	}
}

void stream_sweep(void)
{
	struct cache_file *files[BEHIND_MAX];
	size_t count = draft_behind(files, BEHIND_MAX);
	struct multipart *dead;

	do { /* a handful, and mostly none */
		struct stream **at = &streams;

		pthread_mutex_lock(&lock);
		while (*at && draft_goes_by((*at)->serial, (*at)->m->object))
			at = &(*at)->next;
		dead = detach(at);
		pthread_mutex_unlock(&lock);
		if (dead)
			start(drop, dead);
	} while (dead);
	for (size_t i = 0; i < count; i++) {
		if (go_on(files[i]))
			cache_put(files[i]);
		else
			start(catch_up, files[i]);
	}
}

void stream_stop(void)
{
	struct multipart *m;

	pthread_mutex_lock(&lock);
	while (threads)
		pthread_cond_wait(&ended, &lock);
	while ((m = detach(&streams)))
		multipart_free(m);
	pthread_mutex_unlock(&lock);
}
