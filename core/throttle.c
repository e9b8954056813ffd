// SPDX-License-Identifier: Apache-2.0
/* One queue for all, in the order in which they may go; a timer looks at it when the first of them
 * may. */
#include "core/throttle.h"

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

/* The same line of one file is one limit, in whatever context it was read. */
static struct known *rule_of(const struct throttle_rule *rule, int64_t now_us)
{
	struct known *oldest = &known[0];

	uses++;
	for (size_t i = 0; i < THROTTLE_RULES_MAX; i++) {
		struct known *k = &known[i];

		if (k->path && k->line == rule->line && !strcmp(k->path, rule->path)) {
			k->used = uses;
			for (int kind = 0; kind < KINDS && k->pace[kind].rate != rule->rate; kind++)
				pace_set(&k->pace[kind], rule->rate, now_us);
			return k;
		}
		if (k->used < oldest->used)
			oldest = k;
	}
	*oldest = (struct known){.path = rule->path, .line = rule->line, .used = uses};
	for (int kind = 0; kind < KINDS; kind++)
		pace_start(&oldest->pace[kind], rule->rate, now_us);
	return oldest;
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
	return 2 * w->is_ahead + (w->in + w->out > THROTTLE_SMALL_BYTES);
}

static void on_timer(struct http_task *task, bool canceled);

/* For the first that may go. Returns 0 or the error of http_post(). */
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

/* What was taken by one may make the next wait, also one that had room before. Those that go are
 * taken out first: go() may come back here. */
static void on_timer(struct http_task *task, bool canceled)
{
	struct throttle_wait *go = NULL, **last = &go, **at = &queue;
	int64_t now_us = clock_mono_us();

	(void)task;
	timer_runs = false;
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
		if (!canceled)
			take(w, (double)w->in, (double)w->out, true);
	}
	if (set_timer(now_us))
		on_timer(&timer, true); /* the engine stops */
	while (go) {
		struct throttle_wait *w = go;

		go = w->next;
		w->go(w, canceled);
	}
}

static bool is_same(const struct throttle_rule *a, const struct throttle_rule *b)
{
	return a->rate > 0 && b->rate > 0 && a->line == b->line && !strcmp(a->path, b->path);
}

int throttle_pass(struct throttle_wait *wait)
{
	struct throttle_wait **at = &queue;
	int64_t now_us = clock_mono_us();
	bool behind = false;
	int ret;

	if (wait->limits.requests.rate <= 0 && wait->limits.bytes.rate <= 0)
		return 1;
	for (; *at && rank(*at) <= rank(wait); at = &(*at)->next)
		behind |= is_same(&(*at)->limits.requests, &wait->limits.requests) ||
			  is_same(&(*at)->limits.bytes, &wait->limits.bytes);
	if (!behind && !wait_us(wait, now_us)) {
		take(wait, (double)wait->in, (double)wait->out, true);
		return 1;
	}
	wait->next = *at;
	*at = wait;
	ret = set_timer(now_us);
	if (ret < 0)
		*at = wait->next; /* others that wait have a timer */
	return ret;
}

void throttle_done(const struct throttle_wait *wait, uint64_t in, uint64_t out)
{
	take(wait, (double)in - (double)wait->in, (double)out - (double)wait->out, false);
}

void throttle_forget(void)
{
	memset(known, 0, sizeof(known));
	uses = 0;
}
