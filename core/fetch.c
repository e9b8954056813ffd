// SPDX-License-Identifier: Apache-2.0
/*
 * Waiting for an exchange. Who waits may give up, and libcurl must not lose what it works on: the
 * job is freed by whoever is the last to let go of it, the waiting thread or the I/O thread
 * of its host.
 */
#include "core/fetch.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buffer.h"
#include "core/clock.h"
#include "core/http/date.h"
#include "core/http/engine.h"
#include "core/route.h"

#define URL_BYTES      8192
#define BUNDLE_BYTES   4096
#define RETRY_FIRST_MS 100 /* then twice as long each time */

struct job {
	struct http_task task;
	struct http_exchange x;
	struct header_list fields;
	char method[8];
	char url[URL_BYTES];
	char ca_bundle[BUNDLE_BYTES];
	struct buffer body, answer;
	/* under lock */
	bool done, abandoned;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed; /* by the clock that only runs forward */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool stopping; /* under lock */

static void make_cond(void)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&changed, &attr);
	pthread_condattr_destroy(&attr);
}

static void wipe(struct buffer *b)
{
	if (b->data)
		OPENSSL_cleanse(b->data, b->cap);
	buffer_free(b);
}

static void job_free(struct job *job)
{
	header_clear(&job->fields);
	header_clear(&job->x.answer);
	wipe(&job->body);
	wipe(&job->answer);
	free(job);
}

/* On the I/O thread: nothing more will come. */
static void finish(struct job *job)
{
	bool abandoned;

	pthread_mutex_lock(&lock);
	job->done = true;
	abandoned = job->abandoned;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	if (abandoned)
		job_free(job);
}

static int on_head(struct http_exchange *x)
{
	(void)x;
	return 0;
}

static int on_body(struct http_exchange *x, const void *data, size_t bytes)
{
	struct job *job = x->arg;

	return buffer_add(&job->answer, data, bytes);
}

static int on_send(struct http_exchange *x, uint64_t offset, void *buf, size_t bytes)
{
	struct job *job = x->arg;

	memcpy(buf, job->body.data + offset, bytes);
	return 0;
}

static void on_done(struct http_exchange *x)
{
	finish(x->arg);
}

static void on_task(struct http_task *task, bool canceled)
{
	struct job *job = (struct job *)((char *)task - offsetof(struct job, task));
	int ret = canceled ? -ECANCELED : http_send(&job->x);

	if (ret < 0) {
		job->x.failure = ret == -ECANCELED ? HTTP_CANCELED : HTTP_CALLER;
		job->x.error = ret;
		finish(job);
	}
}

static struct job *job_new(struct fetch *f)
{
	struct job *job = calloc(1, sizeof(*job));
	const char *bundle = f->ca_bundle ? f->ca_bundle : "";

	if (!job)
		return NULL;
	job->fields = *f->fields;
	*f->fields = (struct header_list){0};
	job->answer = BUFFER_INIT(FETCH_ANSWER_BYTES);
	job->body = BUFFER_INIT(FETCH_ANSWER_BYTES);
	if (strlen(f->url) >= sizeof(job->url) || strlen(bundle) >= sizeof(job->ca_bundle) ||
	    (f->body_bytes && buffer_add(&job->body, f->body, f->body_bytes) < 0)) {
		job_free(job);
		return NULL;
	}
	snprintf(job->method, sizeof(job->method), "%s", f->method);
	strcpy(job->url, f->url);
	strcpy(job->ca_bundle, bundle);
	job->task.run = on_task;
	job->x = (struct http_exchange){
		.method = job->method,
		.url = job->url,
		.fields = &job->fields,
		.send_bytes = f->body_bytes,
		.send = on_send,
		.head = on_head,
		.body = on_body,
		.done = on_done,
		.arg = job,
	};
	if (f->ctx)
		job->x.route = route_to(f->ctx, job->url, job->ca_bundle);
	return job;
}

/* Returns 0 when the job is done; then it is the caller's. */
static int await(struct job *job, int64_t timeout_ms)
{
	int64_t end_ms = clock_mono_ms() + timeout_ms;
	struct timespec end = {.tv_sec = end_ms / 1000, .tv_nsec = end_ms % 1000 * 1000000};
	int late = 0;
	int ret = 0;

	pthread_mutex_lock(&lock);
	while (!job->done && !stopping && !late)
		late = pthread_cond_timedwait(&changed, &lock, &end);
	if (!job->done) {
		ret = stopping ? -ECANCELED : -ETIMEDOUT;
		job->abandoned = true;
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

static int64_t ahead_of_us(const struct header_list *answer)
{
	const char *date = header_get(answer, "Date");
	int64_t server_s;

	return date && !date_parse_http(date, &server_s) ? server_s - clock_wall_s() : 0;
}

static int take_result(struct fetch *f, struct job *job)
{
	const struct http_exchange *x = &job->x;

	f->status = x->status;
	if (x->failure == HTTP_NONE) {
		f->ahead_s = ahead_of_us(&x->answer);
		f->answer_bytes = job->answer.len;
		f->answer = buffer_take(&job->answer);
		return 0;
	}
	if (x->failure == HTTP_CANCELED)
		return -ECANCELED;
	if (x->failure == HTTP_CALLER && x->error == -EMSGSIZE) {
		snprintf(f->words, sizeof(f->words), "the answer is longer than any that is right");
		return -EMSGSIZE;
	}
	snprintf(f->words, sizeof(f->words), "%s",
		 x->detail[0]			? x->detail
		 : x->failure == HTTP_CALLER	? strerror(-x->error)
		 : x->failure == HTTP_MALFORMED ? "that is not HTTP"
						: "no answer");
	return -EIO;
}

int fetch_run(struct fetch *f)
{
	struct job *job;
	int ret;

	pthread_once(&once, make_cond);
	f->status = 0;
	f->ahead_s = 0;
	f->answer = NULL;
	f->answer_bytes = 0;
	f->words[0] = '\0';
	job = job_new(f);
	if (!job)
		return -ENOMEM;
	job->task.shard = http_shard_of(job->url);
	ret = http_post(&job->task, 0);
	if (ret < 0) {
		job_free(job);
		return ret;
	}
	ret = await(job, f->timeout_ms);
	if (ret == -ETIMEDOUT)
		snprintf(f->words, sizeof(f->words), "no answer within %lld ms",
			 (long long)f->timeout_ms);
	if (ret)
		return ret; /* the I/O thread frees it */
	ret = take_result(f, job);
	job_free(job);
	return ret;
}

static int copy_fields(struct header_list *to, const struct header_list *from)
{
	int ret = 0;

	for (size_t i = 0; i < from->count && !ret; i++)
		ret = header_add(to, from->field[i].name, from->field[i].value);
	return ret;
}

static bool is_stopping(void)
{
	bool is;

	pthread_mutex_lock(&lock);
	is = stopping;
	pthread_mutex_unlock(&lock);
	return is;
}

int fetch_tries(struct fetch *f, const struct header_list *fields, unsigned tries)
{
	for (unsigned try = 1;; try++) {
		struct header_list copy = {0};
		int ret = copy_fields(&copy, fields);

		f->fields = &copy;
		if (!ret)
			ret = fetch_run(f);
		f->fields = NULL;
		header_clear(&copy);
		if (ret == -ENOMEM || ret == -ECANCELED || ret == -EMSGSIZE || ret == -EINVAL)
			return ret;
		if ((!ret && f->status < 500 && f->status != 429) || try >= tries || is_stopping())
			return ret;
		fetch_clear(f);
		usleep((RETRY_FIRST_MS << (try - 1)) * 1000U);
	}
}

void fetch_clear(struct fetch *f)
{
	if (f->answer)
		OPENSSL_cleanse(f->answer, f->answer_bytes);
	free(f->answer);
	f->answer = NULL;
	f->answer_bytes = 0;
}

void fetch_start(void)
{
	pthread_once(&once, make_cond);
	pthread_mutex_lock(&lock);
	stopping = false;
	pthread_mutex_unlock(&lock);
}

void fetch_stop(void)
{
	pthread_once(&once, make_cond);
	pthread_mutex_lock(&lock);
	stopping = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}
