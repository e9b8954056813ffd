// SPDX-License-Identifier: Apache-2.0
/* One queue for all, in the order in which they may go; a timer looks at it when the first of them
 * may. */
#include "core/throttle.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/http/engine.h"
#include "core/pace.h"

#define US_PER_MS 1000
#define LOOK_MS	  50 /* so often at least: who comes meanwhile may have less to wait for */

enum kind { REQUESTS, BYTES_IN, BYTES_OUT, KINDS };

struct known {
	const char *path; /* NULL: free */
	int line;
	uint64_t used;
	struct pace pace[KINDS];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* under lock */
static struct known known[THROTTLE_RULES_MAX];
static uint64_t uses;
static struct throttle_wait *queue;
static struct http_task timer;
static bool timer_runs;

/* Bytes: K, M, G and T are powers of 1024, as of SKYSHIM_CACHE_SIZE. */
static double number(const char *value)
{
	static const char units[] = "KMGT";
	char *end;
	double n = strtod(value, &end);
	const char *unit = *end ? strchr(units, *end) : NULL;

	for (ptrdiff_t i = 0; unit && i <= unit - units; i++)
		n *= 1024;
	return n;
}

static void find(const struct realm *realm, enum realm_setting setting, struct throttle_rule *out)
{
	const char *value = realm_get(realm, setting);

	*out = (struct throttle_rule){0};
	if (value)
		*out = (struct throttle_rule){realm->path, realm->line[setting], number(value)};
}

void throttle_find(const struct realm *realm, struct throttle_limits *out)
{
	find(realm, REALM_REQUEST_RATE, &out->requests);
	find(realm, REALM_BANDWIDTH, &out->bytes);
}

static bool is_idle(struct known *k, int64_t now_us)
{
	for (int kind = 0; kind < KINDS; kind++) {
		if (!pace_is_full(&k->pace[kind], now_us))
			return false;
	}
	return true;
}

/* In the place of the oldest that tells no more than a new one would. If all have to wait for
 * something, nobody knows what the new one has to wait for: it starts with nothing. It takes the
 * place of the newest, so that the rest come to their end, however many there are in turn. */
static struct known *make(const struct throttle_rule *rule, int64_t now_us)
{
	struct known *idle = NULL, *newest = &known[0], *k;

	for (size_t i = 0; i < THROTTLE_RULES_MAX; i++) {
		k = &known[i];
		if (k->used > newest->used)
			newest = k;
		if ((!idle || k->used < idle->used) && (!k->path || is_idle(k, now_us)))
			idle = k;
	}
	k = idle ? idle : newest;
	*k = (struct known){.path = rule->path, .line = rule->line, .used = uses};
	for (int kind = 0; kind < KINDS; kind++) {
		pace_start(&k->pace[kind], rule->rate, now_us);
		if (!idle)
			k->pace[kind].balance = 0;
	}
	return k;
}

/* The same line of one file is one limit, in whatever context it was read. */
static struct known *rule_of(const struct throttle_rule *rule, int64_t now_us)
{
	uses++;
	for (size_t i = 0; i < THROTTLE_RULES_MAX; i++) {
		struct known *k = &known[i];

		if (k->path && k->line == rule->line && !strcmp(k->path, rule->path)) {
			k->used = uses;
			for (int kind = 0; kind < KINDS && k->pace[kind].rate != rule->rate; kind++)
				pace_set(&k->pace[kind], rule->rate, now_us);
			return k;
		}
	}
	return make(rule, now_us);
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* How long it has to wait as things are. */
static int64_t wait_us(const struct throttle_wait *w, int64_t now_us)
{
	int64_t us = 0;

	if (w->limits.requests.rate > 0)
		us = pace_wait_us(&rule_of(&w->limits.requests, now_us)->pace[REQUESTS], now_us);
	if (w->limits.bytes.rate > 0) {
		struct known *k = rule_of(&w->limits.bytes, now_us);

		/* what asks for little says so; its answer has to come in all the same */
		us = later(us, pace_wait_us(&k->pace[BYTES_IN], now_us));
		if (w->out)
			us = later(us, pace_wait_us(&k->pace[BYTES_OUT], now_us));
	}
	return us;
}

static void take(const struct throttle_wait *w, double in, double out, bool request)
{
	int64_t now_us = clock_mono_us();

	if (w->limits.requests.rate > 0 && request)
		pace_take(&rule_of(&w->limits.requests, now_us)->pace[REQUESTS], 1);
	if (w->limits.bytes.rate > 0) {
		struct known *k = rule_of(&w->limits.bytes, now_us);

		pace_take(&k->pace[BYTES_IN], in);
		pace_take(&k->pace[BYTES_OUT], out);
	}
}

/* Lower goes first. */
static unsigned rank(const struct throttle_wait *w)
{
	if (w->passed >= THROTTLE_TURN)
		return 0; /* its turn */
	return 1 + 2 * http_is_ahead(w->is_ahead, w->is_wanted) +
	       (w->is_bulk || w->in + w->out > THROTTLE_SMALL_BYTES);
}

/* Behind those of its own rank. */
static void enqueue(struct throttle_wait *wait)
{
	struct throttle_wait **at = &queue;

	wait->rank = rank(wait);
	while (*at && (*at)->rank <= wait->rank)
		at = &(*at)->next;
	wait->next = *at;
	*at = wait;
}

/* Somebody may have come to wait for what nobody waited for, or it may be one's turn. */
static void sort_anew(void)
{
	struct throttle_wait **at = &queue, *moved = NULL, **last = &moved;

	while (*at) {
		struct throttle_wait *w = *at;

		if (rank(w) == w->rank) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		*last = w;
		last = &w->next;
		w->next = NULL;
	}
	while (moved) {
		struct throttle_wait *w = moved;

		moved = w->next;
		enqueue(w);
	}
}

static bool is_same(const struct throttle_rule *a, const struct throttle_rule *b)
{
	return a->rate > 0 && b->rate > 0 && a->line == b->line && !strcmp(a->path, b->path);
}

static bool shares_limit(const struct throttle_wait *a, const struct throttle_wait *b)
{
	return is_same(&a->limits.requests, &b->limits.requests) ||
	       is_same(&a->limits.bytes, &b->limits.bytes);
}

/* One of that rank goes. Of each kind behind it the first comes nearer to its turn: only the first,
 * since otherwise all that a greedy reader has waiting would come to theirs together. Returns
 * whether one has come to it. */
static bool count_passing(const struct throttle_wait *gone, unsigned gone_rank)
{
	unsigned counted = gone_rank;
	bool is_turn = false;

	for (struct throttle_wait *w = queue; w; w = w->next) {
		if (w->rank <= counted || !shares_limit(w, gone))
			continue;
		counted = w->rank;
		is_turn |= ++w->passed == THROTTLE_TURN;
	}
	return is_turn;
}

static void on_timer(struct http_task *task, bool canceled);

/* With the lock, as all the above. For the first that may go. Returns 0 or the error of
 * http_post(). */
static int set_timer(int64_t now_us)
{
	int64_t us = LOOK_MS * US_PER_MS;
	int ret;

	if (timer_runs || !queue)
		return 0;
	for (const struct throttle_wait *w = queue; w; w = w->next) {
		int64_t one = wait_us(w, now_us);

		us = one < us ? one : us;
	}
	timer.run = on_timer;
	ret = http_post(&timer, us / US_PER_MS + (us % US_PER_MS > 0));
	timer_runs = !ret;
	return ret;
}

static void on_turn(struct http_task *task, bool canceled)
{
	struct throttle_wait *w =
		(struct throttle_wait *)((char *)task - offsetof(struct throttle_wait, task));

	w->go(w, canceled);
}

/* On the thread it came from. If that has stopped, it is nobody's: it ends here. */
static void let_go(struct throttle_wait *w, bool canceled)
{
	if (canceled || w->task.shard == http_shard() || http_post(&w->task, 0))
		w->go(w, canceled || w->task.shard != http_shard());
}

/* Those that may go, taken out; if canceled, all. With the lock. */
static struct throttle_wait *take_those(int64_t now_us, bool canceled)
{
	struct throttle_wait *go = NULL, **last = &go, **at = &queue;

	sort_anew();
	while (*at) {
		struct throttle_wait *w = *at;

		if (!canceled && wait_us(w, now_us)) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		w->next = NULL;
		*last = w;
		last = &w->next;
		if (canceled)
			continue;
		take(w, (double)w->in, (double)w->out, true);
		if (count_passing(w, w->rank)) {
			sort_anew();
			at = &queue;
		}
	}
	return go;
}

/* What was taken by one may make the next wait, also one that had room before. Those that go are
 * taken out first: go() may come back here. */
static void on_timer(struct http_task *task, bool canceled)
{
	struct throttle_wait *go, *rest = NULL;
	int64_t now_us = clock_mono_us();

	(void)task;
	pthread_mutex_lock(&lock);
	timer_runs = false;
	go = take_those(now_us, canceled);
	if (set_timer(now_us))
		rest = take_those(now_us, true); /* the engine stops */
	pthread_mutex_unlock(&lock);
	while (rest) {
		struct throttle_wait *w = rest;

		rest = w->next;
		let_go(w, true);
	}
	while (go) {
		struct throttle_wait *w = go;

		go = w->next;
		let_go(w, canceled);
	}
}

/* Out of the queue. */
static void leave(struct throttle_wait *wait)
{
	struct throttle_wait **at = &queue;

	while (*at && *at != wait)
		at = &(*at)->next;
	if (*at)
		*at = wait->next;
}

static bool is_limited(const struct throttle_wait *wait)
{
	return wait->limits.requests.rate > 0 || wait->limits.bytes.rate > 0;
}

/* With the lock: throttle_pass(). */
static int pass(struct throttle_wait *wait)
{
	int64_t now_us = clock_mono_us();
	bool behind = false;
	unsigned mine;
	int ret;

	wait->passed = 0;
	mine = rank(wait);
	sort_anew();
	for (const struct throttle_wait *w = queue; w && w->rank <= mine; w = w->next)
		behind |= shares_limit(w, wait);
	if (!behind && !wait_us(wait, now_us)) {
		take(wait, (double)wait->in, (double)wait->out, true);
		count_passing(wait, mine);
		return 1;
	}
	wait->task = (struct http_task){.run = on_turn, .shard = http_shard()};
	enqueue(wait);
	ret = set_timer(now_us);
	if (ret < 0)
		leave(wait); /* others that wait have a timer */
	return ret;
}

int throttle_pass(struct throttle_wait *wait)
{
	int ret;

	if (!is_limited(wait))
		return 1;
	pthread_mutex_lock(&lock);
	ret = pass(wait);
	pthread_mutex_unlock(&lock);
	return ret;
}

void throttle_done(const struct throttle_wait *wait, uint64_t in, uint64_t out)
{
	if (!is_limited(wait))
		return;
	pthread_mutex_lock(&lock);
	take(wait, (double)in - (double)wait->in, (double)out - (double)wait->out, false);
	pthread_mutex_unlock(&lock);
}

void throttle_forget(void)
{
	pthread_mutex_lock(&lock);
	memset(known, 0, sizeof(known));
	uses = 0;
	pthread_mutex_unlock(&lock);
}
