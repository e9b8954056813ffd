// SPDX-License-Identifier: Apache-2.0
/* Addresses of names, from a resolver that says what it is told to. Time is what is said here. */
#include "core/http/addresses.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/http/engine.h"

#define HOST "https://bucket.example"

static struct {
	const char *const *all; /* up to NULL; NULL: the resolver is down */
	atomic_uint asked;
	atomic_bool hangs;
	atomic_int family; /* the last that was asked for */
	sem_t go_on;
} resolver;

static const char *const four[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", NULL};

static struct addrinfo *one_of(const char *text)
{
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;
	struct {
		struct addrinfo info;
		struct sockaddr_storage at;
	} *one = calloc(1, sizeof(*one));
	struct sockaddr_in *in = (void *)&one->at;
	struct sockaddr_in6 *six = (void *)&one->at;

	one->info.ai_family = one->at.ss_family = (sa_family_t)family;
	one->info.ai_addr = (void *)&one->at;
	one->info.ai_addrlen = family == AF_INET ? sizeof(*in) : sizeof(*six);
	inet_pton(family, text,
		  family == AF_INET ? (void *)&in->sin_addr : (void *)&six->sin6_addr);
	return &one->info;
}

/* Instead of libc's. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
		struct addrinfo **out)
{
	struct addrinfo **last = out;

	(void)name, (void)service;
	resolver.family = hints->ai_family;
	resolver.asked++;
	if (resolver.hangs)
		sem_wait(&resolver.go_on);
	*out = NULL;
	if (!resolver.all)
		return EAI_AGAIN;
	for (const char *const *text = resolver.all; *text; text++) {
		*last = one_of(*text);
		last = &(*last)->ai_next;
	}
	return *out ? 0 : EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *all)
{
	while (all) {
		struct addrinfo *next = all->ai_next;

		free(all);
		all = next;
	}
}

/* What is asked of the I/O thread. */
static struct {
	struct http_task task;
	struct addresses_want *want;
	int64_t later_ms;
	int ret;
	char line[2048]; /* the addresses that were told */
	void (*fn)(struct addresses_want *want, int64_t now_ms);
	sem_t done;
} turn;

static void run(struct http_task *task, bool canceled)
{
	int64_t now_ms = clock_mono_ms() + turn.later_ms;
	struct curl_slist *out = NULL;

	(void)task, (void)canceled;
	if (turn.fn) {
		turn.fn(turn.want, now_ms);
	} else {
		turn.ret = addresses_find(turn.want, now_ms, &out);
		snprintf(turn.line, sizeof(turn.line), "%s",
			 out ? strchr(strchr(out->data, ':') + 1, ':') + 1 : "");
		curl_slist_free_all(out);
	}
	sem_post(&turn.done);
}

static void take_turn(struct addresses_want *want, int64_t later_ms,
		      void (*fn)(struct addresses_want *, int64_t))
{
	turn.want = want;
	turn.later_ms = later_ms;
	turn.fn = fn;
	cr_assert_eq(http_post(&turn.task, 0), 0);
	sem_wait(&turn.done);
}

/* Once, without waiting for an answer. */
static int look(struct addresses_want *want, int64_t later_ms)
{
	take_turn(want, later_ms, NULL);
	return turn.ret;
}

/* Until there is one. Who comes is new each time. */
static int find(struct addresses_want *want, int64_t later_ms)
{
	int ret = 0;

	addresses_wanted(HOST, want);
	for (int i = 0; i < 20000 && !ret; i++) {
		ret = look(want, later_ms);
		if (!ret)
			usleep(1000);
	}
	return ret;
}

static void await_asked(unsigned count)
{
	for (int i = 0; i < 20000 && resolver.asked < count; i++)
		usleep(1000);
	cr_assert_eq(resolver.asked, count);
}

static void setup(void)
{
	struct http_limits limits = HTTP_LIMITS_DEFAULT;

	limits.threads = 1;
	turn.task.run = run;
	sem_init(&turn.done, 0, 0);
	sem_init(&resolver.go_on, 0, 0);
	resolver.all = four;
	cr_assert_eq(http_start(&limits), 0);
}

TestSuite(http_addresses, .init = setup, .fini = http_stop);

static void expect_want(const char *origin, const char *host, const char *port)
{
	struct addresses_want want;

	addresses_wanted(origin, &want);
	cr_expect_str_eq(want.host, host, "%s: %s", origin, want.host);
	if (*host)
		cr_expect_str_eq(want.port, port, "%s: %s", origin, want.port);
}

Test(http_addresses, names_and_what_is_none)
{
	expect_want("https://a.example", "a.example", "443");
	expect_want("http://a.example", "a.example", "80");
	expect_want("HTTPS://A-1.example:9000", "A-1.example", "9000");
	expect_want("http://store", "store", "80");
	expect_want("http://127.0.0.1:9000", "", "");
	expect_want("http://127.1", "", "");
	expect_want("http://[::1]:9000", "", "");
	expect_want("http://localhost:9000", "", "");
	expect_want("http://b.localhost:9000", "", "");
	expect_want("http://a.onion", "", "");
	expect_want("http://a.example.", "", "");
	expect_want("http://user@a.example", "", "");
	expect_want("http://a%2eexample", "", "");
	expect_want("http://b\xc3\xbc.example", "", "");
	expect_want("a.example", "", "");
	expect_want("http://a.example:", "", "");
	expect_want("http://a.example:123456", "", "");
}

Test(http_addresses, what_is_no_name_is_left_to_libcurl)
{
	struct addresses_want want;

	addresses_wanted("http://127.0.0.1", &want);
	cr_assert_eq(look(&want, 0), 1);
	cr_assert_str_empty(turn.line);
	cr_assert_eq(resolver.asked, 0u);
}

Test(http_addresses, each_gets_its_turn_and_all_have_the_others)
{
	static const char *const lines[] = {
		"10.0.0.2,10.0.0.3,10.0.0.4,10.0.0.1", "10.0.0.3,10.0.0.4,10.0.0.1,10.0.0.2",
		"10.0.0.4,10.0.0.1,10.0.0.2,10.0.0.3", "10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4"};
	struct addresses_want want;

	for (int i = 0; i < 8; i++) {
		cr_assert_eq(find(&want, 0), 1);
		cr_assert_str_eq(turn.line, lines[i % 4]);
	}
	cr_assert_eq(resolver.asked, 1u);
}

Test(http_addresses, the_first_family_stays_first)
{
	static const char *const both[] = {"fd00::1", "fd00::2", "10.0.0.1", "10.0.0.2", NULL};
	struct addresses_want want;

	resolver.all = both;
	cr_assert_eq(find(&want, 0), 1);
	cr_assert_str_eq(turn.line, "[fd00::2],[fd00::1],10.0.0.2,10.0.0.1");
	cr_assert_eq(find(&want, 0), 1);
	cr_assert_str_eq(turn.line, "[fd00::1],[fd00::2],10.0.0.1,10.0.0.2");
}

/* Most of them are of the first family. */
Test(http_addresses, many_of_one_family_keep_out_none_of_the_other)
{
	static char text[1001][INET6_ADDRSTRLEN];
	static const char *many[1002];
	struct addresses_want want;
	unsigned n = 1;

	for (int i = 0; i < 1001; i++) {
		snprintf(text[i], sizeof(text[i]), i < 1000 ? "fd00::%x" : "10.0.0.1", i + 1);
		many[i] = text[i];
	}
	resolver.all = many;
	cr_assert_eq(find(&want, 0), 1);
	for (const char *c = turn.line; *c; c++)
		n += *c == ',';
	cr_assert_eq(n, ADDRESSES_EACH_MAX + 1u, "%s", turn.line);
	cr_assert_str_eq(strrchr(turn.line, ','), ",10.0.0.1");
}

/* A process without a descriptor left is not one on a machine without IPv6. */
Test(http_addresses, a_name_is_asked_about_with_no_descriptor_left)
{
	struct addresses_want want;
	struct rlimit before, none;

	getrlimit(RLIMIT_NOFILE, &before);
	none = (struct rlimit){0, before.rlim_max};
	setrlimit(RLIMIT_NOFILE, &none);
	find(&want, 0);
	setrlimit(RLIMIT_NOFILE, &before);
	cr_assert_eq(resolver.family, AF_UNSPEC);
}

static void try_text(struct addresses_want *want, const char *text, int64_t now_ms)
{
	struct addrinfo *one = one_of(text);

	addresses_try(want, one->ai_addr, now_ms);
	freeaddrinfo(one);
}

static void try_2_then_3(struct addresses_want *want, int64_t now_ms)
{
	try_text(want, "10.0.0.2", now_ms);
	try_text(want, "fd00::1", now_ms);
	try_text(want, "10.0.0.3", now_ms);
}

static void try_2_in_vain(struct addresses_want *want, int64_t now_ms)
{
	try_text(want, "10.0.0.2", now_ms);
	addresses_failed(want, now_ms);
}

static void try_all_in_vain(struct addresses_want *want, int64_t now_ms)
{
	for (const char *const *text = four; *text; text++)
		try_text(want, *text, now_ms);
	addresses_failed(want, now_ms);
}

static void meet_2(struct addresses_want *want, int64_t now_ms)
{
	(void)now_ms;
	addresses_worked(want, "10.0.0.2");
}

/* How many of the next eight begin with 10.0.0.2. */
static int firsts(int64_t later_ms)
{
	struct addresses_want want;
	int n = 0;

	for (int i = 0; i < 8; i++) {
		cr_assert_eq(find(&want, later_ms), 1);
		cr_assert_eq(strlen(turn.line), strlen("10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4"));
		n += !strncmp(turn.line, "10.0.0.2", 8);
	}
	return n;
}

Test(http_addresses, one_that_fails_goes_behind_the_others_for_a_while)
{
	struct addresses_want want;

	cr_assert_eq(find(&want, 0), 1);
	take_turn(&want, 0, try_2_then_3);
	for (int i = 0; i < 3; i++) { /* others at the same time: that counts once */
		cr_assert_eq(find(&want, 0), 1);
		take_turn(&want, 0, try_2_in_vain);
	}
	cr_assert_eq(firsts(0), 0);
	cr_assert_str_eq(turn.line + 27, "10.0.0.2");
	cr_assert_eq(firsts(ADDRESSES_ASIDE_MS + 1000), 1, "one tries it again");
	cr_assert_eq(firsts(ADDRESSES_ASIDE_MS + 1000), 0, "and no other meanwhile");
	take_turn(&want, ADDRESSES_ASIDE_MS + 1000, try_2_in_vain);
	cr_assert_eq(firsts(2 * ADDRESSES_ASIDE_MS + 2000), 0, "the second time for longer");
	take_turn(&want, 0, meet_2);
	cr_assert_eq(firsts(0), 2, "it is there again");
}

Test(http_addresses, where_all_fail_all_are_tried)
{
	static const char *const single[] = {"10.0.0.2", NULL};
	struct addresses_want want;

	resolver.all = single;
	cr_assert_eq(find(&want, 0), 1);
	take_turn(&want, 0, try_2_in_vain);
	cr_assert_eq(find(&want, 0), 1);
	cr_assert_str_eq(turn.line, "10.0.0.2");
}

/* The service has moved: nobody waits for a minute. */
Test(http_addresses, where_all_fail_the_name_is_asked_about_again)
{
	static const char *const other[] = {"10.0.0.9", NULL};
	struct addresses_want want;

	cr_assert_eq(find(&want, 0), 1);
	take_turn(&want, 0, try_2_in_vain);
	cr_assert_eq(find(&want, ADDRESSES_AGAIN_MS + 1000), 1);
	cr_assert_eq(resolver.asked, 1u, "others work");
	take_turn(&want, 0, try_all_in_vain);
	cr_assert_eq(find(&want, 0), 1);
	cr_assert_eq(resolver.asked, 1u, "but not all the time");
	resolver.all = other;
	for (int i = 0; i < 20000 && strcmp(turn.line, "10.0.0.9") != 0; i++) {
		cr_assert_eq(find(&want, ADDRESSES_AGAIN_MS + 1000), 1);
		usleep(1000);
	}
	cr_assert_str_eq(turn.line, "10.0.0.9");
}

/* What was found out while nothing worked says nothing of an address. */
Test(http_addresses, after_an_outage_all_are_tried)
{
	struct addresses_want want;
	unsigned first[256] = {0};

	cr_assert_eq(find(&want, 0), 1);
	take_turn(&want, 0, try_all_in_vain);
	take_turn(&want, 0, meet_2);
	for (int i = 0; i < 8; i++) {
		cr_assert_eq(find(&want, 0), 1);
		first[(unsigned char)turn.line[strlen("10.0.0.")]]++;
	}
	for (const char *c = "134"; *c; c++)
		cr_assert_eq(first[(unsigned char)*c], 1u, "10.0.0.%c: by one", *c);
}

Test(http_addresses, they_are_asked_for_again_while_they_serve)
{
	static const char *const other[] = {"10.0.0.9", NULL};
	struct addresses_want want;

	cr_assert_eq(find(&want, 0), 1);
	resolver.all = other;
	cr_assert_eq(find(&want, ADDRESSES_FRESH_MS - 1000), 1);
	cr_assert_eq(resolver.asked, 1u);
	addresses_wanted(HOST, &want);
	resolver.hangs = true;
	cr_assert_eq(look(&want, ADDRESSES_FRESH_MS + 1000), 1, "nobody waits for it");
	cr_assert_eq(strlen(turn.line), strlen("10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4"));
	await_asked(2);
	sem_post(&resolver.go_on);
	for (int i = 0; i < 20000 && strcmp(turn.line, "10.0.0.9") != 0; i++) {
		usleep(1000);
		cr_assert_eq(find(&want, 0), 1);
	}
	cr_assert_str_eq(turn.line, "10.0.0.9");
	cr_assert_eq(resolver.asked, 2u);
}

Test(http_addresses, what_was_known_serves_when_the_resolver_fails)
{
	struct addresses_want want;

	cr_assert_eq(find(&want, 0), 1);
	resolver.all = NULL;
	for (int64_t later_ms = ADDRESSES_FRESH_MS + 1; later_ms < 10 * ADDRESSES_STALE_MS;
	     later_ms += ADDRESSES_STALE_MS) {
		cr_assert_eq(find(&want, later_ms), 1);
		cr_assert_eq(strlen(turn.line), strlen("10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4"));
	}
	cr_assert_geq(resolver.asked, 9u);
}

Test(http_addresses, what_is_old_waits_for_the_answer_but_not_for_long)
{
	struct addresses_want want;

	cr_assert_eq(find(&want, 0), 1);
	resolver.hangs = true;
	addresses_wanted(HOST, &want);
	cr_assert_eq(look(&want, ADDRESSES_STALE_MS + 1000), 0);
	await_asked(2);
	cr_assert_eq(look(&want, ADDRESSES_STALE_MS + 1000 + ADDRESSES_STALE_WAIT_MS), 1);
	sem_post(&resolver.go_on);
}

Test(http_addresses, a_name_that_nobody_knows)
{
	static const char *const none[] = {NULL};
	struct addresses_want want;

	resolver.all = none;
	cr_assert_eq(find(&want, 0), -ENOENT);
	resolver.all = NULL;
	cr_assert_eq(find(&want, 0), -ENOENT);
	resolver.all = four;
	cr_assert_eq(find(&want, 0), 1, "it is asked for each time");
	cr_assert_eq(resolver.asked, 3u);
}

Test(http_addresses, all_wait_for_one_answer)
{
	struct addresses_want want[8];

	resolver.hangs = true;
	for (int i = 0; i < 8; i++) {
		addresses_wanted(HOST, &want[i]);
		cr_assert_eq(look(&want[i], 0), 0);
	}
	await_asked(1);
	resolver.hangs = false;
	sem_post(&resolver.go_on);
	for (int i = 0; i < 8; i++) {
		while (!look(&want[i], 0))
			usleep(1000);
		cr_assert_eq(turn.ret, 1);
	}
	cr_assert_eq(resolver.asked, 1u);
}

/* The suite's end would wait for ever. */
Test(http_addresses, nobody_waits_for_a_resolver_that_hangs)
{
	struct addresses_want want;

	resolver.hangs = true;
	addresses_wanted(HOST, &want);
	cr_assert_eq(look(&want, 0), 0);
	await_asked(1);
	http_stop();
	sem_post(&resolver.go_on);
}

Test(http_addresses, the_oldest_name_is_forgotten)
{
	struct addresses_want want;
	char origin[64];

	cr_assert_eq(find(&want, 0), 1);
	for (int i = 0; i < ADDRESSES_HOSTS_MAX; i++) {
		snprintf(origin, sizeof(origin), "https://h%d.example", i);
		addresses_wanted(origin, &want);
		while (!look(&want, 0))
			usleep(1000);
		cr_assert_eq(turn.ret, 1);
	}
	cr_assert_eq(resolver.asked, ADDRESSES_HOSTS_MAX + 1u);
	cr_assert_eq(find(&want, 0), 1);
	cr_assert_eq(resolver.asked, ADDRESSES_HOSTS_MAX + 2u);
}
