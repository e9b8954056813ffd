/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/readahead.h"

#include <criterion/criterion.h>

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static struct readahead ra;

/* Reads 1 GiB in steps as a runtime does: a miss where nothing was fetched, a hint at the mark. */
Test(cache_readahead, sequential_never_drains)
{
	uint64_t fetched = READAHEAD_OPEN_BYTES, mark, met = 0;
	unsigned misses = 0, hints = 0;
	struct readahead_plan plan;

	readahead_init(&ra, READAHEAD_WINDOW_BYTES, true, 1);
	mark = readahead_mark(&ra, GIB);
	for (uint64_t at = 0; at < GIB; at += 128 * KIB) {
		if (at + 128 * KIB > fetched) {
			misses++;
			plan = readahead_next(&ra, at, 128 * KIB, GIB, false, (int64_t)at + 2);
		} else if (at >= mark && mark != met) {
			hints++;
			met = mark;
			cr_assert_geq((fetched - at) * 2 + 256 * KIB, ra.stream[0].window);
			plan = readahead_next(&ra, at, 128 * KIB, GIB, true, (int64_t)at + 2);
		} else {
			continue;
		}
		cr_assert_leq(plan.part, READAHEAD_PART_MAX);
		if (plan.to > fetched)
			fetched = plan.to;
		mark = plan.mark;
		cr_assert(fetched <= at + 128 * KIB + READAHEAD_WINDOW_BYTES);
	}
	cr_assert_eq(misses, 0);
	cr_assert_lt(hints, 140);
	cr_assert_eq(fetched, GIB);
	cr_assert_eq(mark, UINT64_MAX);
}

Test(cache_readahead, random_reads_fetch_little)
{
	uint64_t total = 0;

	readahead_init(&ra, READAHEAD_WINDOW_BYTES, true, 1);
	for (int i = 0; i < 1000; i++) {
		uint64_t at = (uint64_t)(i * 7919 % 1000) * MIB + 3 * MIB;
		struct readahead_plan plan =
			readahead_next(&ra, at, 4 * KIB, 1100 * MIB, false, i + 2);

		total += plan.to - plan.from;
	}
	cr_assert_leq(total, 1010 * READAHEAD_FIRST_BYTES);
}

Test(cache_readahead, sequential_again_after_random)
{
	struct readahead_plan plan = {0};

	readahead_init(&ra, READAHEAD_WINDOW_BYTES, false, 1);
	for (int i = 0; i < 10; i++)
		readahead_next(&ra, (uint64_t)(900 - i * 50) * MIB, 4 * KIB, GIB, false, i + 2);
	for (uint64_t i = 0; i < 6; i++)
		plan = readahead_next(&ra, 5 * MIB + i * 128 * KIB, 128 * KIB, GIB, false,
				      (int64_t)i + 100);
	cr_assert_geq(plan.to - plan.from, 2 * MIB);
}

Test(cache_readahead, two_readers_of_one_file)
{
	struct readahead_plan a = {0}, b = {0};

	readahead_init(&ra, READAHEAD_WINDOW_BYTES, true, 1);
	for (uint64_t i = 0; i < 20; i++) {
		a = readahead_next(&ra, i * MIB, MIB, GIB, false, (int64_t)i * 10 + 2);
		b = readahead_next(&ra, 500 * MIB + i * MIB, MIB, GIB, false, (int64_t)i * 10 + 5);
	}
	cr_assert_gt(a.to, 20 * MIB + 16 * MIB);
	cr_assert_gt(b.to, 520 * MIB + 16 * MIB);
	cr_assert_lt(b.mark, 100 * MIB); /* the one behind decides */
	cr_assert_eq(readahead_low(&ra, GIB, 0), 20 * MIB);
}

Test(cache_readahead, a_hint_elsewhere_fetches_nothing)
{
	struct readahead_plan plan;

	readahead_init(&ra, READAHEAD_WINDOW_BYTES, true, 1);
	plan = readahead_next(&ra, 800 * MIB, 4 * KIB, GIB, true, 2);
	cr_assert_leq(plan.to, plan.from);
	plan = readahead_next(&ra, 800 * MIB, 4 * KIB, 800 * MIB + 10, false, 3);
	cr_assert_eq(plan.to, 800 * MIB + 10);
}
