// SPDX-License-Identifier: Apache-2.0
/* Several I/O threads: each host has its own, and none waits for another's. */
#include "core/http/engine.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <semaphore.h>

#include "core/thread.h"
#include "tests/unit/fault_server.h"

#define THREADS 4
#define MANY	8

static struct http_limits limits = HTTP_LIMITS_DEFAULT;
static int threads_left = INT_MAX; /* so many can be started */

/* Instead of core/thread.c. */
int thread_start(pthread_t *out, void *(*run)(void *arg), void *arg)
{
	pthread_t thread;
	int ret = threads_left-- > 0 ? pthread_create(&thread, NULL, run, arg) : EAGAIN;

	if (!ret && out)
		*out = thread;
	else if (!ret)
		pthread_detach(thread);
	return -ret;
}

/* One server under several names, as they are to the engine. */
static const char *const hosts[] = {"127.0.0.1",  "127.1",	"127.0.1", "0x7f.1",   "127.0x0.1",
				    "2130706433", "0x7f000001", "0177.1",  "127.0.0x1"};
static char origin[THREADS][64]; /* one of each thread; "": none of them is */

static void start(unsigned threads)
{
	limits.threads = threads;
	cr_assert_eq(http_start(&limits), 0);
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		char url[64];

		snprintf(url, sizeof(url), "http://%s:%u", hosts[i], fault.port);
		strcpy(origin[http_shard_of(url)], url);
	}
}

/* The n-th thread that has one. */
static const char *origin_of(unsigned n)
{
	for (unsigned i = 0; i < THREADS; i++) {
		if (origin[i][0] && !n--)
			return origin[i];
	}
	cr_assert_fail("all names belong to one thread, as they do for one port in 65,000");
	return NULL;
}

/* The last of them is in origin[0], if there is one thread. */
static const char *another(void)
{
	static char url[64];

	snprintf(url, sizeof(url), "http://%s:%u", hosts[0], fault.port);
	return url;
}

struct sent {
	struct http_task task;
	struct http_exchange x;
	struct header_list fields;
	char url[128];
	unsigned done_by;
	atomic_uint done;
};

static struct sent first[MANY], second[MANY];

static int take(struct http_exchange *x, const void *data, size_t bytes)
{
	(void)x, (void)data, (void)bytes;
	return 0;
}

static void on_done(struct http_exchange *x)
{
	struct sent *s = x->arg;

	s->done_by = http_shard();
	s->done++;
}

static void send_it(struct http_task *task, bool canceled)
{
	struct sent *s = (struct sent *)task;

	if (canceled || http_send(&s->x)) {
		s->x.failure = HTTP_CANCELED;
		on_done(&s->x);
	}
}

static void submit(struct sent *s, const char *from)
{
	snprintf(s->url, sizeof(s->url), "%s/f", from);
	s->task.run = send_it;
	s->task.shard = http_shard_of(s->url);
	s->x = (struct http_exchange){.method = "GET",
				      .url = s->url,
				      .fields = &s->fields,
				      .body = take,
				      .done = on_done,
				      .arg = s};
	cr_assert_eq(http_post(&s->task, 0), 0);
}

static void await(struct sent *s)
{
	for (int i = 0; i < 20000 && !s->done; i++)
		usleep(1000);
	cr_assert_eq(s->done, 1u);
}

static void stop(void)
{
	http_stop();
	for (int i = 0; i < MANY; i++) {
		header_clear(&first[i].x.answer);
		header_clear(&second[i].x.answer);
	}
	fault_stop();
}

Test(http_shards, an_origin_is_all_that_counts)
{
	unsigned of[THREADS] = {0};

	limits.threads = THREADS;
	cr_assert_eq(http_start(&limits), 0);
	cr_assert_eq(http_shards(), (unsigned)THREADS);
	cr_assert_eq(http_shard_of("https://h:1/a/b?c"), http_shard_of("https://h:1"));
	cr_assert_eq(http_shard_of("https://h:1?c"), http_shard_of("https://h:1"));
	for (int i = 0; i < 100; i++) {
		char url[64];

		snprintf(url, sizeof(url), "https://account%d.blob.core.windows.net", i);
		of[http_shard_of(url)]++;
	}
	for (int i = 0; i < THREADS; i++)
		cr_assert_gt(of[i], 10u);
	http_stop();
}

Test(http_shards, there_are_no_more_than_may_be)
{
	limits.threads = 1000;
	cr_assert_eq(http_start(&limits), 0);
	cr_assert_eq(http_shards(), (unsigned)HTTP_SHARDS_MAX);
	http_stop();
	limits.threads = 0;
	cr_assert_eq(http_start(&limits), 0);
	cr_assert(http_shards() >= 1 && http_shards() <= HTTP_SHARDS_MOST);
	http_stop();
}

/* Where there cannot be all of them, those that there are do the work; none is an error. */
Test(http_shards, those_that_start_will_do)
{
	fault_start(10, "\"e\"");
	threads_left = 2;
	start(THREADS);
	cr_assert_eq(http_shards(), 2u);
	for (unsigned i = 0; i < 2; i++) {
		submit(&first[i], origin_of(i));
		await(&first[i]);
		cr_assert_eq(first[i].x.status, 200);
	}
	stop();
	threads_left = 0;
	cr_assert_eq(http_start(&limits), -EAGAIN);
	first[0].task.shard = 0;
	cr_assert_eq(http_post(&first[0].task, 0), -ECANCELED);
}

static sem_t release;

static void hold(struct http_task *task, bool canceled)
{
	(void)task, (void)canceled;
	sem_wait(&release);
}

Test(http_shards, a_busy_one_keeps_no_other_waiting)
{
	static struct http_task task = {.run = hold};

	fault_start(10, "\"e\"");
	start(THREADS);
	sem_init(&release, 0, 0);
	task.shard = http_shard_of(origin_of(0));
	cr_assert_eq(http_post(&task, 0), 0);
	submit(&first[0], origin_of(0));
	submit(&second[0], origin_of(1));
	await(&second[0]);
	cr_assert_eq(second[0].x.status, 200);
	cr_assert_eq(second[0].done_by, second[0].task.shard);
	cr_assert_eq(first[0].done, 0u);
	sem_post(&release);
	await(&first[0]);
	cr_assert_eq(first[0].x.status, 200);
	cr_assert_eq(first[0].done_by, first[0].task.shard);
	stop();
}

static void stall_all(int count)
{
	for (int i = 0; i < count; i++)
		fault.step[i] = (struct fault_step){.kind = FAULT_STALL, .at = 1};
}

static void await_requests(unsigned count)
{
	for (int i = 0; i < 20000 && fault.requests < count; i++)
		usleep(1000);
	cr_assert_eq(fault.requests, count);
}

/* A host that stalls has all there are; others get theirs all the same, on whatever thread. */
static void expect_part(unsigned threads)
{
	fault_start(10, "\"e\"");
	stall_all(THREADS);
	limits.total_max = THREADS;
	start(threads);
	for (int i = 0; i < MANY; i++)
		submit(&first[i], origin_of(0));
	await_requests(THREADS);
	for (int i = 0; i < 2; i++) {
		submit(&second[i], threads > 1 ? origin_of(1) : another());
		await(&second[i]);
		cr_assert_eq(second[i].x.status, 200);
		cr_assert_eq(second[i].x.failure, HTTP_NONE);
	}
	cr_assert_eq(fault.requests, THREADS + 2u);
	stop();
}

Test(http_shards, each_host_has_a_part_of_the_whole)
{
	expect_part(THREADS);
}

Test(http_shards, each_host_of_one_thread_has_a_part_of_the_whole)
{
	expect_part(1);
}

/* What one gives back another gets. */
Test(http_shards, what_one_gives_back_another_gets)
{
	fault_start(10, "\"e\"");
	stall_all(THREADS + 1);
	limits.total_max = THREADS;
	limits.stall_ms = 300;
	start(THREADS);
	for (int i = 0; i < THREADS; i++)
		submit(&first[i], origin_of(0));
	await_requests(THREADS);
	for (int i = 0; i < MANY; i++)
		submit(&second[i], origin_of(1));
	for (int i = 0; i < THREADS; i++) {
		await(&first[i]);
		cr_assert_eq(first[i].x.failure, HTTP_STALLED);
	}
	for (int i = 0; i < MANY; i++)
		await(&second[i]);
	cr_assert_eq(second[MANY - 1].x.status, 200);
	stop();
}

Test(http_shards, all_end_when_the_engine_stops)
{
	unsigned canceled = 0;

	fault_start(10, "\"e\"");
	stall_all(2 * MANY);
	start(THREADS);
	for (int i = 0; i < MANY; i++) {
		submit(&first[i], origin_of(0));
		submit(&second[i], origin_of(1));
	}
	http_stop();
	for (int i = 0; i < MANY; i++) {
		cr_assert_eq(first[i].done, 1u);
		cr_assert_eq(second[i].done, 1u);
		canceled += first[i].x.failure == HTTP_CANCELED;
		canceled += second[i].x.failure == HTTP_CANCELED;
	}
	cr_assert_eq(canceled, 2u * MANY);
	cr_assert_eq(http_post(&first[0].task, 0), -ECANCELED);
	stop();
}
