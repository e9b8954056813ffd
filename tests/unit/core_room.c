// SPDX-License-Identifier: Apache-2.0
/* A sending that waits for room while the engine stops: it may end, on another thread, before who
 * began to wait knows that he does. What is written to it then, the address sanitizer finds. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>

#include "core/throttle.h"
#include "tests/unit/driver_rig.h"

static void *end_it(void *wait)
{
	((struct throttle_wait *)wait)->go(wait, true);
	return NULL;
}

/* Instead of core/throttle.c. */
int throttle_pass(struct throttle_wait *wait)
{
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, end_it, wait), 0);
	pthread_join(thread, NULL);
	return 0;
}

void throttle_done(const struct throttle_wait *wait, uint64_t in, uint64_t out)
{
	(void)wait, (void)in, (void)out;
	cr_assert_fail("it was never sent");
}

void throttle_find(const struct realm *realm, struct throttle_limits *out)
{
	(void)realm;
	*out = (struct throttle_limits){0};
}

void throttle_forget(void)
{
}

TestSuite(core_room, .init = rig_setup, .fini = rig_teardown);

Test(core_room, ended_before_it_waits)
{
	struct store_call call = rig_call(STORE_HEAD);

	/* when the second ends, the first has been left alone */
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(store_run(&call), -ECANCELED);
		store_call_reset(&call);
	}
	cr_assert_eq(fault.requests, 0u);
}
