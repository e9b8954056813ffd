// SPDX-License-Identifier: Apache-2.0
/*
 * One I/O thread. Exchanges that find their host or the whole pool busy wait here rather than
 * inside libcurl, so that the watch over time starts when they do. Only what is posted is shared
 * with other threads; all else belongs to this one, and what it posts to itself takes no lock.
 */
#include "core/http/shard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/http/addresses.h"
#include "core/http/sockets.h"
#include "core/memory.h"
#include "core/thread.h"

#define POLL_MAX_MS   1000 /* the watch runs at least so often */
#define POLL_WATCH_MS 100  /* with something to watch: how late a time-out may be found */
#define STREAMS_MAX   8L   /* of one connection: then the next is opened, since one alone is slow */
#define HOST_PART     16   /* of all exchanges: so many a host gets whatever others have */
#define SPARE_SHARE   16   /* of the memory: for handles that are not used */
#define LAG_MS	      500  /* a turn of the loop that took longer was our fault, not a server's */

/* The thread's own, or NULL. */
static _Thread_local struct shard *mine;

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

	return room < mine->limits->total_max ? (unsigned)room : mine->limits->total_max;
}

static void keep_spare(CURL *easy)
{
	mine->spare[mine->spare_count++] = easy;
	atomic_fetch_add(&shards_total.spare, 1);
	memory_add(MEMORY_EXCHANGES, (int64_t)transfer_memory_spare());
}

static CURL *take_spare(void)
{
	if (!mine->spare_count)
		return NULL;
	memory_add(MEMORY_EXCHANGES, -(int64_t)transfer_memory_spare());
	atomic_fetch_sub(&shards_total.spare, 1);
	return mine->spare[--mine->spare_count];
}

/* Ends a transfer that is in no list and not with libcurl any more. */
static void finish(struct transfer *t)
{
	struct http_exchange *x = t->x;
	/* after a failure, or when others have its connection too, libcurl 7.88 may keep a buffer
	 * that makes it refuse options */
	bool good = x->failure == HTTP_NONE && !t->enough && !x->route.http2;
	CURL *easy = transfer_free(t);

	if (good && mine->spare_count < mine->limits->total_max &&
	    atomic_load(&shards_total.spare) < spare_max())
		keep_spare(easy);
	else
		curl_easy_cleanup(easy);
	x->done(x);
}

/* Is something on this connection that may rightly be silent for as long as it takes? */
static bool has_worker(long local_port)
{
	for (struct transfer *t = mine->active.first; t; t = t->next) {
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
		sockets_end_silent(x->local_port, mine->limits->straggle_ms);
}

static void end_active(struct transfer *t, CURLcode code, enum http_failure given_up)
{
	list_remove(&mine->active, t);
	memory_add(MEMORY_EXCHANGES, -(int64_t)transfer_memory(t));
	atomic_fetch_sub(&shards_total.active, 1);
	shards_feed(mine);
	transfer_result(t, code, given_up);
	retire_connection(t->x, given_up);
	curl_multi_remove_handle(mine->multi, t->easy);
	finish(t);
}

static bool is_ahead(const struct transfer *t)
{
	return http_is_ahead(t->x->is_ahead, t->x->is_wanted);
}

/* Exchanges with the host of one, and those of them for which nobody waits. */
static unsigned count_host(const struct transfer *of, unsigned *ahead)
{
	unsigned count = 0;

	*ahead = 0;
	for (struct transfer *t = mine->active.first; t; t = t->next) {
		if (strcmp(t->origin, of->origin) != 0)
			continue;
		count++;
		*ahead += is_ahead(t);
	}
	return count;
}

/* For this transfer. What nobody waits for leaves a quarter of the connections to the rest, however
 * long it has waited: a long body that was begun cannot be put off any more. */
static bool host_is_full(const struct transfer *next)
{
	unsigned ahead, count = count_host(next, &ahead);

	return count >= mine->limits->host_max ||
	       (is_ahead(next) && ahead >= mine->limits->host_max - mine->limits->host_max / 4);
}

/* Who meets something that was begun ahead waits for it as it is, and may not be able to say so:
 * it must not be put off for ever by others that come meanwhile. */
static bool is_put_off(const struct transfer *t, int64_t now_us)
{
	return is_ahead(t) && now_us - t->x->sent_us < mine->limits->ahead_ms * 1000;
}

/* Has its host less than others must leave to it? */
static bool is_due(const struct transfer *t)
{
	unsigned part = mine->limits->total_max / HOST_PART, ahead;

	return count_host(t, &ahead) < (part ? part : 1);
}

/* Is there memory for it? One of each thread goes on whatever the rest holds. */
static bool fits(const struct transfer *t)
{
	return !mine->active.count || memory_fits(transfer_memory(t));
}

/* Takes a place among all for this transfer, if there is one. */
static bool take_place(const struct transfer *t)
{
	unsigned max = mine->limits->total_max, taken = atomic_fetch_add(&shards_total.active, 1);

	if (taken < max || !mine->active.count || (taken < 2 * max && is_due(t)))
		return true;
	atomic_fetch_sub(&shards_total.active, 1);
	return false;
}

/* If not, this thread is told when another gives something back: it says that it is hungry before
 * it looks for the last time. */
static bool or_awaits(bool (*has)(const struct transfer *t), const struct transfer *t)
{
	if (has(t))
		return true;
	atomic_store(&mine->is_hungry, true);
	return has(t);
}

/* Ends one that waits. */
static void end_waiting(struct transfer *t, CURLcode code, enum http_failure given_up)
{
	list_remove(&mine->waiting, t);
	transfer_result(t, code, given_up);
	finish(t);
}

/* Is it known where this one goes? If nobody knows, it ends. */
static bool is_located(struct transfer *t, int64_t now_us)
{
	int ret = transfer_locate(t, mine->limits, now_us / 1000);

	if (ret == -ENOENT)
		end_waiting(t, CURLE_OK, HTTP_NAME);
	else if (ret == -ETIMEDOUT)
		end_waiting(t, CURLE_OK, HTTP_CONNECT_TIMEOUT);
	else if (ret < 0)
		end_waiting(t, CURLE_OUT_OF_MEMORY, HTTP_NONE);
	return ret > 0;
}

/* Of those that wait, in the order in which they came, as many as there is room for. */
static void start_those(bool put_off, int64_t now_us)
{
	struct transfer *next;

	for (struct transfer *t = mine->waiting.first; t; t = next) {
		next = t->next;
		if (is_put_off(t, now_us) != put_off || host_is_full(t) || !is_located(t, now_us))
			continue;
		if (!or_awaits(fits, t))
			return;
		if (!or_awaits(take_place, t))
			continue; /* another host may have less than its part */
		list_remove(&mine->waiting, t);
		list_add(&mine->active, t);
		memory_add(MEMORY_EXCHANGES, (int64_t)transfer_memory(t));
		t->x->started_us = clock_mono_us();
		transfer_started(t, t->x->started_us / 1000);
		if (curl_multi_add_handle(mine->multi, t->easy))
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

	if (mine->stopping)
		return -ECANCELED;
	t = transfer_new(x, take_spare());
	if (!t)
		return -ENOMEM;
	ret = transfer_prepare(t, mine->limits);
	if (ret < 0) {
		curl_easy_cleanup(transfer_free(t));
		return ret;
	}
	x->sent_us = clock_mono_us();
	x->started_us = 0;
	list_add(&mine->waiting, t);
	return 0;
}

/* Returns whether there were any. */
static bool collect_finished(void)
{
	CURLMsg *message;
	bool any = false;
	int left;

	while ((message = curl_multi_info_read(mine->multi, &left))) {
		struct transfer *t = NULL;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		end_active(t, code, HTTP_NONE);
		any = true;
	}
	return any;
}

/* lag_ms: time in which nothing was read because this thread was busy. */
static void watch_all(int64_t now_ms, int64_t lag_ms)
{
	struct transfer *next;

	for (struct transfer *t = mine->active.first; t; t = next) {
		enum http_failure why;

		next = t->next;
		if (lag_ms > LAG_MS && t->watch_since_ms)
			t->watch_since_ms += lag_ms;
		if (lag_ms > LAG_MS && t->straggle.heard_ms)
			t->straggle.heard_ms += lag_ms;
		why = transfer_watch(t, mine->limits, now_ms);
		if (why != HTTP_NONE) {
			end_active(t, CURLE_OK, why);
			/* done() may have started others, but ended none: next is still good */
		}
	}
}

static void sort_in(struct http_task *task)
{
	struct http_task **at = &mine->timed;

	while (*at && (*at)->due_ms <= task->due_ms)
		at = &(*at)->next;
	task->next = *at;
	*at = task;
}

/* Moves what others posted to the timed ones, oldest first. */
static void take_posted(void)
{
	struct http_task *posted;
	struct http_task *in_order = NULL;

	pthread_mutex_lock(&mine->lock);
	posted = mine->posted;
	mine->posted = NULL;
	pthread_mutex_unlock(&mine->lock);
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
	while (mine->timed && (canceled || mine->timed->due_ms <= now_ms)) {
		struct http_task *task = mine->timed;

		mine->timed = task->next;
		atomic_fetch_sub_explicit(&mine->posted_count, 1, memory_order_relaxed);
		task->run(task, canceled);
	}
}

/* Is there room for one more? Then it is counted. */
static bool count_task(struct shard *s)
{
	if (atomic_fetch_add_explicit(&s->posted_count, 1, memory_order_relaxed) < HTTP_TASKS_MAX)
		return true;
	atomic_fetch_sub_explicit(&s->posted_count, 1, memory_order_relaxed);
	return false;
}

int shard_post(struct shard *s, struct http_task *task, int64_t delay_ms)
{
	bool is_first;
	int ret = 0;

	task->due_ms = clock_mono_ms() + delay_ms;
	if (s == mine) {
		if (mine->stopping)
			return -ECANCELED;
		if (!count_task(mine))
			return -ENOMEM;
		sort_in(task);
		return 0;
	}
	pthread_mutex_lock(&s->lock);
	if (!s->running) {
		ret = -ECANCELED;
	} else if (!count_task(s)) {
		ret = -ENOMEM;
	} else {
		is_first = !s->posted; /* else it has been woken and has not looked yet */
		task->next = s->posted;
		s->posted = task;
		/* under the lock, so that there is somebody to wake */
		if (is_first)
			events_wake(&s->events);
	}
	pthread_mutex_unlock(&s->lock);
	return ret;
}

void shard_wake(struct shard *s)
{
	pthread_mutex_lock(&s->lock);
	if (s->running)
		events_wake(&s->events);
	pthread_mutex_unlock(&s->lock);
}

static int poll_ms(int64_t now_ms)
{
	bool watches = mine->active.count || mine->waiting.count;
	int64_t wait = watches ? POLL_WATCH_MS : POLL_MAX_MS;

	if (mine->timed && mine->timed->due_ms - now_ms < wait)
		wait = mine->timed->due_ms - now_ms;
	return wait > 0 ? (int)wait : 0;
}

static bool is_running(void)
{
	bool running;

	pthread_mutex_lock(&mine->lock);
	running = mine->running;
	pthread_mutex_unlock(&mine->lock);
	return running;
}

static void cancel_all(void)
{
	mine->stopping = true;
	take_posted();
	run_due(0, true);
	while (mine->active.first)
		end_active(mine->active.first, CURLE_OK, HTTP_CANCELED);
	while (mine->waiting.first)
		end_waiting(mine->waiting.first, CURLE_OK, HTTP_CANCELED);
}

static void *io_thread(void *arg)
{
	mine = arg;
	while (is_running()) {
		int64_t before;
		int64_t after;

		events_wait(&mine->events, poll_ms(clock_mono_ms()));
		before = clock_mono_ms();
		events_run_ready(&mine->events);
		collect_finished();
		take_posted();
		run_due(before, false);
		do {
			start_waiting();
			events_run_due(&mine->events);
		} while (collect_finished());
		after = clock_mono_ms();
		watch_all(after, after - before);
	}
	cancel_all();
	while (mine->spare_count)
		curl_easy_cleanup(take_spare());
	addresses_forget();
	/* its sockets are known to this thread */
	curl_multi_cleanup(mine->multi);
	events_close(&mine->events);
	mine->multi = NULL;
	return NULL;
}

int shard_start(struct shard *s, unsigned index, const struct http_limits *limits)
{
	bool opened;
	int ret = -ENOMEM;

	s->index = index;
	s->limits = limits;
	s->stopping = false;
	s->is_hungry = false;
	s->multi = curl_multi_init();
	s->spare = calloc(limits->total_max, sizeof(s->spare[0]));
	if (s->multi && s->spare)
		ret = events_open(&s->events, s->multi);
	opened = !ret;
	if (opened) {
		curl_multi_setopt(s->multi, CURLMOPT_MAXCONNECTS, (long)limits->total_max);
		/* of HTTP/2 only */
		curl_multi_setopt(s->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
		curl_multi_setopt(s->multi, CURLMOPT_MAX_CONCURRENT_STREAMS, STREAMS_MAX);
		pthread_mutex_lock(&s->lock);
		s->running = true;
		pthread_mutex_unlock(&s->lock);
		ret = thread_start(&s->thread, io_thread, s);
	}
	if (ret < 0) {
		pthread_mutex_lock(&s->lock);
		s->running = false;
		pthread_mutex_unlock(&s->lock);
		curl_multi_cleanup(s->multi);
		if (opened)
			events_close(&s->events);
		free(s->spare);
		s->multi = NULL;
		s->spare = NULL;
	}
	return ret;
}

bool shard_stop(struct shard *s)
{
	bool was_running;

	pthread_mutex_lock(&s->lock);
	was_running = s->running;
	s->running = false;
	if (was_running)
		events_wake(&s->events);
	pthread_mutex_unlock(&s->lock);
	return was_running;
}

void shard_join(struct shard *s)
{
	pthread_join(s->thread, NULL);
	free(s->spare);
	s->spare = NULL;
}

unsigned http_shard(void)
{
	return mine ? mine->index : 0;
}
