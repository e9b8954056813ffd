// SPDX-License-Identifier: Apache-2.0
#include "core/keeper.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "tests/unit/creds_rig.h"

#define ASKERS 200

static atomic_int finds;	/* searches that ended */
static atomic_bool gate = true; /* searches end only while it is open */
static atomic_int life_s;	/* of what is found; 0: for ever */
static atomic_int failure;
static struct context *ctx;

static int find(const struct context *of, struct creds *out, char *message, size_t message_bytes)
{
	char id[32];

	cr_assert_eq(of, ctx);
	while (!gate && !keeper_is_stopping())
		usleep(1000);
	if (keeper_is_stopping())
		return -ECANCELED;
	snprintf(id, sizeof(id), "key%d", ++finds);
	creds_note(out, "test", "%s", id);
	if (failure) {
		snprintf(message, message_bytes, "failure %d", (int)finds);
		return failure;
	}
	creds_fill(out, id, "s", "");
	out->expires_s = life_s ? clock_wall_s() + life_s : 0;
	return 0;
}

static const struct keeper_kind kind = {.name = "test", .find = find};
static struct creds creds;
static char message[512];

static int get(uint64_t stamp)
{
	memset(&creds, 0, sizeof(creds));
	return keeper_get(&kind, ctx, stamp, &creds, message, sizeof(message));
}

/* As a flight does: until there is one, or an error. */
static int wait_for(uint64_t stamp)
{
	int ret;

	while ((ret = get(stamp)) == -EINPROGRESS)
		cr_assert(rig_await(creds.entry));
	return ret;
}

static void setup(void)
{
	uint8_t id[WIRE_CTX_BYTES];

	cr_assert_eq(context_register("HOME=/h", 8, &ctx, id), 0);
	rig_open();
}

static void teardown(void)
{
	gate = true;
	rig_close();
	context_free_all();
}

TestSuite(core_keeper, .init = setup, .fini = teardown);

Test(core_keeper, what_was_found_is_kept)
{
	cr_assert_eq(wait_for(1), 0);
	cr_assert_str_eq(creds.id, "key1");
	cr_assert_str_eq(creds.tried, "test\tkey1\n");
	cr_assert_not_null(creds.entry);
	cr_assert_eq(wait_for(1), 0);
	cr_assert_eq(finds, 1);
	cr_assert_eq(keeper_searches(), 1);
}

static void *asker(void *arg)
{
	struct creds mine;
	char line[512];
	int ret;

	do {
		memset(&mine, 0, sizeof(mine));
		ret = keeper_get(&kind, ctx, 1, &mine, line, sizeof(line));
	} while (ret == -EINPROGRESS && rig_await(mine.entry));
	*(bool *)arg = !ret && !strcmp(mine.id, "key1");
	return NULL;
}

Test(core_keeper, many_who_ask_at_once_make_one_search)
{
	pthread_t thread[ASKERS];
	bool good[ASKERS] = {false};

	gate = false;
	for (int i = 0; i < ASKERS; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, asker, &good[i]), 0);
	usleep(50000);
	gate = true;
	for (int i = 0; i < ASKERS; i++) {
		pthread_join(thread[i], NULL);
		cr_assert(good[i]);
	}
	cr_assert_eq(finds, 1);
	cr_assert_eq(keeper_searches(), 1);
}

/* Asks again and again until that begins another search. */
static void await_renewal(void)
{
	while (keeper_searches() < 2) {
		cr_assert_eq(get(1), 0, "nobody renews it");
		cr_assert_str_eq(creds.id, "key1");
		usleep(20000);
	}
}

Test(core_keeper, it_is_renewed_while_it_still_serves)
{
	life_s = 10; /* renewed after eight */
	cr_assert_eq(wait_for(1), 0);
	gate = false;
	await_renewal();
	life_s = 100;
	gate = true;
	while (finds < 2)
		usleep(1000);
	usleep(50000);
	cr_assert_eq(get(1), 0);
	cr_assert_str_eq(creds.id, "key2");
}

Test(core_keeper, what_has_expired_is_not_used)
{
	life_s = 1;
	cr_assert_eq(wait_for(1), 0);
	usleep(1100000);
	gate = false;
	cr_assert_eq(get(1), -EINPROGRESS);
	gate = true;
	cr_assert_eq(wait_for(1), 0);
	cr_assert_str_neq(creds.id, "key1");
}

Test(core_keeper, what_comes_expired_is_an_error)
{
	life_s = -10;
	cr_assert_eq(wait_for(1), -EACCES);
	cr_assert_not_null(strstr(message, "has expired"), "%s", message);
}

Test(core_keeper, a_failed_renewal_leaves_the_old_one)
{
	life_s = 10;
	cr_assert_eq(wait_for(1), 0);
	failure = -EACCES;
	await_renewal();
	while (finds < 2)
		usleep(1000);
	usleep(20000);
	cr_assert_eq(get(1), 0);
	cr_assert_str_eq(creds.id, "key1");
	cr_assert_eq(keeper_searches(), 2, "it is tried again and again");
}

Test(core_keeper, a_failure_is_believed_for_a_while)
{
	failure = -EACCES;
	cr_assert_eq(wait_for(1), -EACCES);
	cr_assert_str_eq(message, "failure 1");
	cr_assert_str_eq(creds.tried, "test\tkey1\n");
	cr_assert_eq(get(1), -EACCES);
	cr_assert_eq(finds, 1);
	usleep(1100000);
	failure = 0;
	cr_assert_eq(wait_for(1), 0);
	cr_assert_str_eq(creds.id, "key2");
}

Test(core_keeper, another_stamp_asks_anew)
{
	failure = -EACCES;
	cr_assert_eq(wait_for(1), -EACCES);
	failure = 0;
	cr_assert_eq(wait_for(2), 0);
	cr_assert_str_eq(creds.id, "key2");
	gate = false;
	cr_assert_eq(get(3), -EINPROGRESS);
	cr_assert_eq(get(4), -EINPROGRESS); /* what is searched for is already of no use */
	gate = true;
	cr_assert_eq(wait_for(4), 0);
	cr_assert_str_eq(creds.id, "key4");
}

Test(core_keeper, one_that_is_refused_is_replaced_once)
{
	uint64_t serial;

	cr_assert_eq(wait_for(1), 0);
	serial = creds.serial;
	cr_assert_not(keeper_reject(creds.entry, serial, 60000), "it is too young");
	cr_assert_eq(wait_for(1), 0);
	cr_assert_str_eq(creds.id, "key1");
	usleep(2000);
	cr_assert(keeper_reject(creds.entry, serial, 1));
	cr_assert_eq(wait_for(1), 0);
	cr_assert_str_eq(creds.id, "key2");
	/* by another who used the old one */
	cr_assert(keeper_reject(creds.entry, serial, 60000));
	cr_assert_eq(wait_for(1), 0);
	cr_assert_str_eq(creds.id, "key2");
	cr_assert_eq(finds, 2);
}

Test(core_keeper, the_end_wakes_who_waits)
{
	struct rig_wait wait = {.task.run = rig_woken};
	int64_t start_ms = clock_mono_ms();

	sem_init(&wait.woken, 0, 0);
	gate = false;
	cr_assert_eq(get(1), -EINPROGRESS);
	cr_assert_eq(keeper_wait(creds.entry, &wait.task), 0);
	keeper_stop();
	sem_wait(&wait.woken);
	cr_assert_eq(get(1), -ECANCELED);
	cr_assert_lt(clock_mono_ms() - start_ms, 5000);
}
