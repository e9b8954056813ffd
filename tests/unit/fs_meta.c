/* SPDX-License-Identifier: Apache-2.0 */
/* What was found out ahead: how long it is believed, and what those who wait for it get. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/meta.h"

static const uint8_t ctx[WIRE_CTX_BYTES] = {1};
static const char name[] = "s3/b/key";

static struct meta_fact fact_of(const char *etag)
{
	struct meta_fact fact = {.kind = META_FILE, .object.size = 5};

	snprintf(fact.object.etag, sizeof(fact.object.etag), "%s", etag);
	return fact;
}

static void start(const char *ttl_ms)
{
	setenv("SKYSHIM_META_TTL_MS", ttl_ms, 1);
	meta_start();
}

static void listed(void)
{
	struct meta_fact fact = fact_of("listed");

	meta_put_listed(ctx, name, &fact, INT64_MAX - 1);
}

Test(fs_meta, only_what_is_known_as_a_file, .fini = meta_stop)
{
	struct meta_fact dir = {.kind = META_DIR};

	start("60000");
	cr_assert_not(meta_enter_ahead(ctx, name));
	meta_put(ctx, name, &dir);
	cr_assert_not(meta_enter_ahead(ctx, name));
	listed();
	cr_assert(meta_enter_ahead(ctx, name));
	cr_assert_not(meta_enter_ahead(ctx, name), "it is on its way");
	meta_leave_ahead(ctx, name, NULL);
	cr_assert(meta_enter_ahead(ctx, name));
	meta_leave_ahead(ctx, name, NULL);
}

Test(fs_meta, believed_for_the_ttl, .fini = meta_stop)
{
	struct meta_fact fact = fact_of("ahead"), out;

	start("60000");
	listed();
	cr_assert(meta_enter_ahead(ctx, name));
	meta_leave_ahead(ctx, name, &fact);
	cr_assert(meta_get_open(ctx, name, &out));
	cr_assert_str_eq(out.object.etag, "ahead");
}

Test(fs_meta, after_that_attributes_only, .fini = meta_stop)
{
	struct meta_fact fact = fact_of("ahead"), out;

	start("0"); /* it is over at once */
	listed();
	cr_assert(meta_enter_ahead(ctx, name));
	meta_leave_ahead(ctx, name, &fact);
	cr_assert_not(meta_get_open(ctx, name, &out), "an open asks again");
	cr_assert(meta_get(ctx, name, &out), "what the listing gave to spare is left");
	cr_assert_not(meta_get(ctx, name, &out), "once");
}

Test(fs_meta, a_change_of_our_own_stays, .fini = meta_stop)
{
	struct meta_fact fact = fact_of("ahead"), own = fact_of("own"), out;

	start("60000");
	listed();
	cr_assert(meta_enter_ahead(ctx, name));
	usleep(1000);
	meta_put_own(ctx, name, &own);
	meta_leave_ahead(ctx, name, &fact);
	cr_assert(meta_get_open(ctx, name, &out));
	cr_assert_str_eq(out.object.etag, "own");
}

/* Asks while it is on its way. */
static int asked;
static struct meta_fact got;

static void *ask(void *arg)
{
	char message[STORE_MESSAGE_BYTES];

	(void)arg;
	asked = meta_enter(ctx, name, true, &got, message);
	return NULL;
}

static void ask_meanwhile(const struct meta_fact *fact)
{
	pthread_t thread;
	bool is_wanted = false;

	listed();
	cr_assert(meta_enter_ahead(ctx, name));
	meta_want_ahead(ctx, name, &is_wanted);
	cr_assert_not(is_wanted);
	cr_assert_eq(pthread_create(&thread, NULL, ask, NULL), 0);
	while (!__atomic_load_n(&is_wanted, __ATOMIC_RELAXED))
		usleep(1000);
	meta_leave_ahead(ctx, name, fact);
	cr_assert_eq(pthread_join(thread, NULL), 0);
}

Test(fs_meta, who_waits_gets_it, .fini = meta_stop, .timeout = 60)
{
	struct meta_fact fact = fact_of("ahead");

	start("60000");
	ask_meanwhile(&fact);
	/* or it came too late, and leads */
	cr_assert(asked == 1 ? !strcmp(got.object.etag, "ahead") : asked == 0, "%d", asked);
}

Test(fs_meta, who_waits_for_nothing_leads, .fini = meta_stop, .timeout = 60)
{
	start("60000");
	ask_meanwhile(NULL);
	cr_assert_eq(asked, 0, "%d", asked);
}

Test(fs_meta, asked_for_too_long_ago, .fini = meta_stop, .timeout = 60)
{
	struct meta_fact fact = fact_of("ahead");

	start("0");
	ask_meanwhile(&fact);
	cr_assert_eq(asked, 0, "%d", asked);
}
