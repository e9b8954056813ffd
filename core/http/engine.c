// SPDX-License-Identifier: Apache-2.0
/*
 * The I/O thread. Exchanges that find their host or the whole pool busy wait here rather than
 * inside libcurl, so that the watch over time starts when they do. Only `posted` and its two
 * neighbours are shared with other threads; all else belongs to the I/O thread.
 */
#include "core/http/engine.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/memory.h"
#include "core/http/sockets.h"
#include "core/http/transfer.h"

#define POLL_MAX_MS   1000 /* the watch runs at least so often */
#define POLL_WATCH_MS 100  /* with something to watch: how late a time-out may be found */
#define STREAMS_MAX   8L   /* of one connection: then the next is opened, since one alone is slow */
#define SPARE_SHARE   16   /* of the memory: for handles that are not used */
#define LAG_MS	      500  /* a turn of the loop that took longer was our fault, not a server's */

struct transfer_list {
	struct transfer *first, *last;
	unsigned count;
};

static struct {
	pthread_t thread;
	CURLM *multi;
	struct http_limits limits;

	pthread_mutex_t lock;
	/* under lock */
	struct http_task *posted; /* newest first */
	unsigned posted_count;	  /* the timed ones included */
	bool running;

	/* the I/O thread's */
	struct http_task *timed; /* by due_ms */
	struct transfer_list active, waiting;
	CURL **spare; /* easy handles for the next transfers */
	unsigned spare_count;
	bool stopping;
} engine = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void list_add(struct transfer_list *list, struct transfer *t)
{
	t->prev = list->last;
	t->next = NULL;
	if (list->last)
		list->last->next = t;
	else
		list->first = t;
	list->last = t;
	list->count++;
}

static void list_remove(struct transfer_list *list, struct transfer *t)
{
	if (t->prev)
		t->prev->next = t->next;
	else
		list->first = t->next;
	if (t->next)
		t->next->prev = t->prev;
	else
		list->last = t->prev;
	list->count--;
}

/* Handles keep their buffers: those that wait for their next exchange get a share of the memory. */
static unsigned spare_max(void)
{
	uint64_t room = memory_share(SPARE_SHARE, UINT64_MAX) / transfer_memory_spare();

	return room < engine.limits.total_max ? (unsigned)room : engine.limits.total_max;
}

static void keep_spare(CURL *easy)
{
	engine.spare[engine.spare_count++] = easy;
	memory_add(MEMORY_EXCHANGES, (int64_t)transfer_memory_spare());
}

static CURL *take_spare(void)
{
	if (!engine.spare_count)
		return NULL;
	memory_add(MEMORY_EXCHANGES, -(int64_t)transfer_memory_spare());
	return engine.spare[--engine.spare_count];
}

/* Ends a transfer that is in no list and not with libcurl any more. */
static void finish(struct transfer *t)
{
	struct http_exchange *x = t->x;
	/* after a failure, or when others have its connection too, libcurl 7.88 may keep a buffer
	 * that makes it refuse options */
	bool good = x->failure == HTTP_NONE && !t->enough && !x->route.http2;
	CURL *easy = transfer_free(t);

	if (good && engine.spare_count < spare_max())
		keep_spare(easy);
	else
		curl_easy_cleanup(easy);
	x->done(x);
}

/* Is something on this connection that may rightly be silent for as long as it takes? */
static bool has_worker(long local_port)
{
	for (struct transfer *t = engine.active.first; t; t = t->next) {
		long port = 0;

		if (t->x->works && t->x->route.http2 &&
		    !curl_easy_getinfo(t->easy, CURLINFO_LOCAL_PORT, &port) && port == local_port)
			return true;
	}
	return false;
}

/* Of HTTP/2, libcurl closes only the stream that is given up. Over a connection that died without
 * a sign the next would go as well, and each would find that out for itself. */
static void retire_connection(const struct http_exchange *x, enum http_failure given_up)
{
	if (x->route.http2 && (given_up == HTTP_FIRST_BYTE || given_up == HTTP_STALLED) &&
	    !has_worker(x->local_port))
		sockets_end_silent(x->local_port, engine.limits.straggle_ms);
}

static void end_active(struct transfer *t, CURLcode code, enum http_failure given_up)
{
	list_remove(&engine.active, t);
	memory_add(MEMORY_EXCHANGES, -(int64_t)transfer_memory(t));
	transfer_result(t, code, given_up);
	retire_connection(t->x, given_up);
	curl_multi_remove_handle(engine.multi, t->easy);
	finish(t);
}

static bool is_ahead(const struct transfer *t)
{
	return http_is_ahead(t->x->is_ahead, t->x->is_wanted);
}

/* For this transfer. What nobody waits for leaves a quarter of the connections to the rest, however
 * long it has waited: a long body that was begun cannot be put off any more. */
static bool host_is_full(const struct transfer *next)
{
	unsigned count = 0, ahead = 0;

	for (struct transfer *t = engine.active.first; t; t = t->next) {
		if (strcmp(t->origin, next->origin) != 0)
			continue;
		count++;
		ahead += is_ahead(t);
	}
	return count >= engine.limits.host_max ||
	       (is_ahead(next) && ahead >= engine.limits.host_max - engine.limits.host_max / 4);
}

/* Who meets something that was begun ahead waits for it as it is, and may not be able to say so:
 * it must not be put off for ever by others that come meanwhile. */
static bool is_put_off(const struct transfer *t, int64_t now_us)
{
	return is_ahead(t) && now_us - t->x->sent_us < engine.limits.ahead_ms * 1000;
}

/* Of those that wait, in the order in which they came, as many as there is room for. */
static void start_those(bool put_off, int64_t now_us)
{
	struct transfer *next;

	for (struct transfer *t = engine.waiting.first; t; t = next) {
		next = t->next;
		if (engine.active.count >= engine.limits.total_max)
			return;
		if (is_put_off(t, now_us) != put_off || host_is_full(t))
			continue;
		/* one at a time goes on whatever the rest holds */
		if (engine.active.count && !memory_fits(transfer_memory(t)))
			return;
		list_remove(&engine.waiting, t);
		list_add(&engine.active, t);
		memory_add(MEMORY_EXCHANGES, (int64_t)transfer_memory(t));
		t->x->started_us = clock_mono_us();
		transfer_started(t, t->x->started_us / 1000);
		if (curl_multi_add_handle(engine.multi, t->easy))
			end_active(t, CURLE_OUT_OF_MEMORY, HTTP_NONE);
	}
}

static void start_waiting(void)
{
	int64_t now_us = clock_mono_us();

	start_those(false, now_us);
	start_those(true, now_us);
}

int http_send(struct http_exchange *x)
{
	struct transfer *t;
	int ret;

	if (engine.stopping)
		return -ECANCELED;
	t = transfer_new(x, take_spare());
	if (!t)
		return -ENOMEM;
	ret = transfer_prepare(t, &engine.limits);
	if (ret < 0) {
		curl_easy_cleanup(transfer_free(t));
		return ret;
	}
	x->sent_us = clock_mono_us();
	x->started_us = 0;
	list_add(&engine.waiting, t);
	return 0;
}

static void collect_finished(void)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(engine.multi, &left))) {
		struct transfer *t = NULL;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		end_active(t, code, HTTP_NONE);
	}
}

/* lag_ms: time in which nothing was read because this thread was busy. */
static void watch_all(int64_t now_ms, int64_t lag_ms)
{
	struct transfer *next;

	for (struct transfer *t = engine.active.first; t; t = next) {
		enum http_failure why;

		next = t->next;
		if (lag_ms > LAG_MS && t->watch_since_ms)
			t->watch_since_ms += lag_ms;
		if (lag_ms > LAG_MS && t->straggle.heard_ms)
			t->straggle.heard_ms += lag_ms;
		why = transfer_watch(t, &engine.limits, now_ms);
		if (why != HTTP_NONE) {
			end_active(t, CURLE_OK, why);
			/* done() may have started others, but ended none: next is still good */
		}
	}
}

static void sort_in(struct http_task *task)
{
	struct http_task **at = &engine.timed;

	while (*at && (*at)->due_ms <= task->due_ms)
		at = &(*at)->next;
	task->next = *at;
	*at = task;
}

/* Moves what was posted to the timed ones, oldest first. */
static void take_posted(void)
{
	struct http_task *posted;
	struct http_task *in_order = NULL;

	pthread_mutex_lock(&engine.lock);
	posted = engine.posted;
	engine.posted = NULL;
	pthread_mutex_unlock(&engine.lock);
	while (posted) {
		struct http_task *next = posted->next;

		posted->next = in_order;
		in_order = posted;
		posted = next;
	}
	while (in_order) {
		struct http_task *next = in_order->next;

		sort_in(in_order);
		in_order = next;
	}
}

static void run_due(int64_t now_ms, bool canceled)
{
	while (engine.timed && (canceled || engine.timed->due_ms <= now_ms)) {
		struct http_task *task = engine.timed;

		engine.timed = task->next;
		pthread_mutex_lock(&engine.lock);
		engine.posted_count--;
		pthread_mutex_unlock(&engine.lock);
		task->run(task, canceled);
	}
}

int http_post(struct http_task *task, int64_t delay_ms)
{
	int ret = 0;

	task->due_ms = clock_mono_ms() + delay_ms;
	pthread_mutex_lock(&engine.lock);
	if (!engine.running) {
		ret = -ECANCELED;
	} else if (engine.posted_count >= HTTP_TASKS_MAX) {
		ret = -ENOMEM;
	} else {
		task->next = engine.posted;
		engine.posted = task;
		engine.posted_count++;
		/* under the lock, so that the handle cannot be freed meanwhile */
		curl_multi_wakeup(engine.multi);
	}
	pthread_mutex_unlock(&engine.lock);
	return ret;
}

static int poll_ms(int64_t now_ms)
{
	int64_t wait = engine.active.count ? POLL_WATCH_MS : POLL_MAX_MS;

	if (engine.timed && engine.timed->due_ms - now_ms < wait)
		wait = engine.timed->due_ms - now_ms;
	return wait > 0 ? (int)wait : 0;
}

static bool is_running(void)
{
	bool running;

	pthread_mutex_lock(&engine.lock);
	running = engine.running;
	pthread_mutex_unlock(&engine.lock);
	return running;
}

static void cancel_all(void)
{
	engine.stopping = true;
	take_posted();
	run_due(0, true);
	while (engine.active.first)
		end_active(engine.active.first, CURLE_OK, HTTP_CANCELED);
	while (engine.waiting.first) {
		struct transfer *t = engine.waiting.first;

		list_remove(&engine.waiting, t);
		transfer_result(t, CURLE_OK, HTTP_CANCELED);
		finish(t);
	}
}

static void *io_thread(void *arg)
{
	int busy;

	(void)arg;
	while (is_running()) {
		int64_t before;
		int64_t after;

		curl_multi_poll(engine.multi, NULL, 0, poll_ms(clock_mono_ms()), NULL);
		before = clock_mono_ms();
		take_posted();
		run_due(before, false);
		start_waiting();
		curl_multi_perform(engine.multi, &busy);
		collect_finished();
		start_waiting();
		curl_multi_perform(engine.multi, &busy);
		after = clock_mono_ms();
		watch_all(after, after - before);
	}
	cancel_all();
	return NULL;
}

static void release(void)
{
	while (engine.spare_count)
		curl_easy_cleanup(take_spare());
	free(engine.spare);
	engine.spare = NULL;
	curl_multi_cleanup(engine.multi);
	engine.multi = NULL;
}

static int start_thread(void)
{
	sigset_t all;
	sigset_t before;
	int ret;

	/* the daemon's signals are for its main thread */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&engine.thread, NULL, io_thread, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -ret;
}

int http_start(const struct http_limits *limits)
{
	int ret;

	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return -EIO;
	engine.limits = *limits;
	engine.stopping = false;
	engine.multi = curl_multi_init();
	engine.spare = calloc(limits->total_max, sizeof(engine.spare[0]));
	if (!engine.multi || !engine.spare) {
		release();
		return -ENOMEM;
	}
	curl_multi_setopt(engine.multi, CURLMOPT_MAXCONNECTS, (long)limits->total_max);
	/* of HTTP/2 only */
	curl_multi_setopt(engine.multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
	curl_multi_setopt(engine.multi, CURLMOPT_MAX_CONCURRENT_STREAMS, STREAMS_MAX);

	engine.running = true;
	ret = start_thread();
	if (ret < 0) {
		engine.running = false;
		release();
	}
	return ret;
}

void http_stop(void)
{
	pthread_mutex_lock(&engine.lock);
	if (!engine.running) {
		pthread_mutex_unlock(&engine.lock);
		return;
	}
	engine.running = false;
	curl_multi_wakeup(engine.multi);
	pthread_mutex_unlock(&engine.lock);
	pthread_join(engine.thread, NULL);
	release();
}
