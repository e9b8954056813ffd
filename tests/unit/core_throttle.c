// SPDX-License-Identifier: Apache-2.0
/* core/throttle.c on an engine without exchanges: who waits, and in which order they go. */
#include "core/throttle.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "core/http/engine.h"

#define WAITS 24

static struct {
	struct throttle_wait wait;
	int went; /* as which of them, from 1; 0: not yet; -1: canceled */
} all[WAITS];
static int went;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static void (*scene)(void);

static void go(struct throttle_wait *wait, bool canceled)
{
	pthread_mutex_lock(&lock);
	for (int i = 0; i < WAITS; i++) {
		if (&all[i].wait == wait)
			all[i].went = canceled ? -1 : went + 1;
	}
	went++;
	pthread_cond_signal(&cond);
	pthread_mutex_unlock(&lock);
}

/* Another line for each limit. */
static int pass(int i, int line, double requests, double bytes, uint64_t in, bool is_ahead)
{
	static const char path[] = "/config";
	struct throttle_wait *w = &all[i].wait;

	*w = (struct throttle_wait){.in = in, .is_ahead = is_ahead, .go = go};
	if (requests > 0)
		w->limits.requests = (struct throttle_rule){path, line, requests};
	if (bytes > 0)
		w->limits.bytes = (struct throttle_rule){path, line + 1, bytes};
	return throttle_pass(w);
}

static void play(struct http_task *task, bool canceled)
{
	(void)task;
	if (!canceled)
		scene();
	pthread_mutex_lock(&lock);
	scene = NULL;
	pthread_cond_signal(&cond);
	pthread_mutex_unlock(&lock);
}

/* Runs it on the I/O thread, then waits until so many went. */
static void on_stage(void (*what)(void), int wanted)
{
	const struct http_limits limits = HTTP_LIMITS_DEFAULT;
	static struct http_task task = {.run = play};

	scene = what;
	went = 0;
	cr_assert_eq(http_start(&limits), 0);
	cr_assert_eq(http_post(&task, 0), 0);
	pthread_mutex_lock(&lock);
	while (scene || went < wanted)
		pthread_cond_wait(&cond, &lock);
	pthread_mutex_unlock(&lock);
	http_stop();
	throttle_forget();
}

static void ordered(void)
{
	cr_assert(pass(0, 1, 3.9, 0, 0, false), "there is room at first");
	cr_assert_not(pass(1, 1, 3.9, 0, 8 << 20, true));
	cr_assert_not(pass(2, 1, 3.9, 0, 8 << 20, false));
	cr_assert_not(pass(3, 1, 3.9, 0, 100, false));
	cr_assert_not(pass(4, 1, 3.9, 0, 200, false));
	cr_assert(pass(5, 7, 3.9, 0, 100, false), "another limit's queue is in its way");
}

/* Small ones first, each kind in its order, and what nobody waits for last. */
Test(throttle, order)
{
	on_stage(ordered, 4);
	cr_assert_eq(all[3].went, 1);
	cr_assert_eq(all[4].went, 2);
	cr_assert_eq(all[2].went, 3);
	cr_assert_eq(all[1].went, 4);
}

static void large_debt(void)
{
	cr_assert(pass(0, 1, 0, 1e6, 400000, false));
	cr_assert_not(pass(1, 1, 0, 1e6, 10, false), "the bytes that were taken are forgotten");
	throttle_done(&all[0].wait, 0, 0);
	cr_assert_not(pass(2, 1, 0, 1e6, 10, false), "it passes those that wait");
	cr_assert(pass(3, 1, 0, 0, 10, false), "without a limit");
}

/* What did not come after all is given back. */
Test(throttle, bytes)
{
	on_stage(large_debt, 2);
	cr_assert(all[1].went == 1 && all[2].went == 2);
}

static bool has_come;

static void promoted(void)
{
	cr_assert(pass(0, 1, 3.9, 0, 0, false));
	cr_assert_not(pass(1, 1, 3.9, 0, 8 << 20, true));
	cr_assert_not(pass(2, 1, 3.9, 0, 8 << 20, true));
	all[2].wait.is_wanted = &has_come;
	cr_assert_not(pass(3, 1, 3.9, 0, 8 << 20, true));
	__atomic_store_n(&has_come, true, __ATOMIC_RELAXED);
}

/* Somebody comes to wait for what was begun ahead: then it goes before the rest of that. */
Test(throttle, promotion)
{
	on_stage(promoted, 3);
	cr_assert_eq(all[2].went, 1);
	cr_assert_eq(all[1].went, 2);
	cr_assert_eq(all[3].went, 3);
}

static void crowded(void)
{
	uint64_t large = THROTTLE_SMALL_BYTES + 1;

	cr_assert(pass(0, 1, 0, 1e7, 12500000, false)); /* a debt of a second */
	cr_assert_not(pass(1, 1, 0, 1e7, large, false));
	cr_assert_not(pass(2, 1, 0, 1e7, large, false));
	for (int i = 3; i < WAITS; i++)
		cr_assert_not(pass(i, 1, 0, 1e7, 100, false));
}

/* Small ones go first, but the first of the large has its turn, and only the first. */
Test(throttle, turns)
{
	on_stage(crowded, WAITS - 1);
	cr_assert_eq(all[3 + THROTTLE_TURN - 1].went, THROTTLE_TURN);
	cr_assert_eq(all[1].went, THROTTLE_TURN + 1);
	cr_assert_eq(all[WAITS - 1].went, WAITS - 2);
	cr_assert_eq(all[2].went, WAITS - 1);
}

/* As many as are known at once, all with nothing left. */
static void too_many(void)
{
	for (int i = 0; i < THROTTLE_RULES_MAX; i++)
		cr_assert(pass(0, 2 * i, 0.01, 0, 0, false), "limit %d", i);
	cr_assert_not(pass(1, 2 * THROTTLE_RULES_MAX, 0.01, 0, 0, false), "one more has room");
	cr_assert_not(pass(2, 0, 0.01, 0, 0, false), "the first one is forgotten");
	cr_assert_not(pass(3, 2, 0.01, 0, 0, false), "the second one is forgotten");
}

/* What has to wait still is not forgotten for another. */
Test(throttle, rules)
{
	on_stage(too_many, 0);
	for (int i = 1; i <= 3; i++)
		cr_assert_eq(all[i].went, -1, "%d went", i);
}

static void many_idle(void)
{
	cr_assert(pass(0, 0, 0.01, 0, 0, false));
	for (int i = 1; i < THROTTLE_RULES_MAX; i++)
		cr_assert(pass(0, 2 * i, 1e9, 0, 0, false), "limit %d", i);
	for (int i = 0; i < THROTTLE_RULES_MAX; i++)
		cr_assert(pass(0, 2 * (i + THROTTLE_RULES_MAX), 1e9, 0, 0, false), "other %d", i);
	cr_assert_not(pass(1, 0, 0.01, 0, 0, false), "it is forgotten");
}

/* What has all that it may keep makes room for another. */
Test(throttle, idle_rules)
{
	on_stage(many_idle, 0);
	cr_assert_eq(all[1].went, -1);
}

static void ignore(struct http_task *task, bool canceled)
{
	(void)task, (void)canceled;
}

static struct http_task tasks[HTTP_TASKS_MAX];

/* The last come are the first due: so the engine has little to sort. */
static void full(void)
{
	int ret = 0;

	for (int i = 0; i < HTTP_TASKS_MAX && !ret; i++) {
		tasks[i].run = ignore;
		ret = http_post(&tasks[i], INT64_C(100000000) - INT64_C(1000) * i);
	}
	cr_assert_eq(pass(0, 1, 0.1, 0, 0, false), 1);
	cr_assert_eq(pass(1, 1, 0.1, 0, 0, false), -ENOMEM);
	cr_assert_eq(went, 0, "who calls is gone before the call returns");
}

/* Without a timer nobody can wait. */
Test(throttle, no_timer, .timeout = 50)
{
	on_stage(full, 0);
	cr_assert_eq(all[1].went, 0);
}

static void stuck(void)
{
	cr_assert(pass(0, 1, 0.1, 0, 0, false));
	cr_assert_not(pass(1, 1, 0.1, 0, 0, false));
}

Test(throttle, canceled)
{
	on_stage(stuck, 0);
	cr_assert_eq(all[1].went, -1, "who waits is forgotten when the engine stops");
}
