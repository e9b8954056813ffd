// SPDX-License-Identifier: Apache-2.0
/* core/pace.c: over time no more is taken than comes, by a clock of the test's own. */
#include "core/pace.h"

#include <criterion/criterion.h>

#define S 1000000

Test(pace, evenly)
{
	struct pace p;
	int64_t now = 5 * S;
	unsigned taken = 0;

	pace_start(&p, 100, now);
	while (now < 15 * S) {
		int64_t wait = pace_wait_us(&p, now);

		if (wait) {
			now += wait;
		} else {
			pace_take(&p, 1);
			taken++;
		}
	}
	cr_assert(taken >= 1000 && taken <= 1000 + 25 + 1, "%u in ten seconds", taken);
}

/* What is larger than what there is goes all the same, and those after it wait for that. */
Test(pace, debt)
{
	struct pace p;

	pace_start(&p, 1000, 0);
	cr_assert_eq(pace_wait_us(&p, 0), 0);
	pace_take(&p, 5250);
	cr_assert_float_eq((double)pace_wait_us(&p, 0) / S, 5, 0.01);
	cr_assert_float_eq((double)pace_wait_us(&p, 4 * S) / S, 1, 0.01);
	cr_assert_eq(pace_wait_us(&p, 6 * S), 0);
	pace_take(&p, 2000);
	pace_take(&p, -2000); /* it was not needed */
	cr_assert_eq(pace_wait_us(&p, 6 * S), 0);
}

/* Nothing is saved up beyond a quarter of a second's. */
Test(pace, keeps_little)
{
	struct pace p;

	pace_start(&p, 1000, 0);
	cr_assert_eq(pace_wait_us(&p, 3600 * (int64_t)S), 0);
	cr_assert_leq(p.balance, 250);
	pace_take(&p, -1e9);
	cr_assert_leq(p.balance, 250);
}

Test(pace, slow)
{
	struct pace p;
	int64_t wait;

	pace_start(&p, 0.5, 0);
	cr_assert_eq(pace_wait_us(&p, 0), 0);
	pace_take(&p, 1);
	wait = pace_wait_us(&p, 0);
	cr_assert_float_eq((double)wait / S, 2, 0.01);
	cr_assert_gt(pace_wait_us(&p, wait / 2), 0);
	cr_assert_eq(pace_wait_us(&p, wait), 0);
	pace_set(&p, 4, wait);
	pace_take(&p, 1);
	cr_assert_float_eq((double)pace_wait_us(&p, wait) / S, 0, 0.26);
	cr_assert_eq(pace_wait_us(&p, wait - 5),
		     pace_wait_us(&p, wait - 5)); /* no time runs back */
}
