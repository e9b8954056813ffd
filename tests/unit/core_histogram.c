// SPDX-License-Identifier: Apache-2.0
/* core/histogram.c: what is read back is right within an eighth, at every size. */
#include "core/histogram.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

static struct histogram h;

static uint64_t alone(int64_t us)
{
	memset(&h, 0, sizeof(h));
	histogram_add(&h, us);
	cr_assert_eq(histogram_count(&h), 1);
	return histogram_at(&h, 0.5);
}

Test(histogram, within_an_eighth)
{
	uint64_t last = 0;

	for (uint64_t us = 1; us < UINT64_C(1) << 31; us += us / 37 + 1) {
		uint64_t back = alone((int64_t)us);

		cr_assert(back >= us && back <= us + us / 8 && back >= last, "%lu gives %lu, %lu",
			  us, back, last);
		last = back;
	}
}

Test(histogram, ends)
{
	cr_assert_leq(alone(0), 1);
	cr_assert_leq(alone(-5), 1);
	cr_assert_eq(h.sum_us, 0);
	cr_assert_eq(alone(INT64_MAX), (UINT64_C(1) << 31) - 1);
	memset(&h, 0, sizeof(h));
	cr_assert_eq(histogram_at(&h, 0.5), 0);
	cr_assert_eq(histogram_count(&h), 0);
}

Test(histogram, shares)
{
	for (int us = 1; us <= 1000; us++)
		histogram_add(&h, us * 1000);
	cr_assert_eq(h.sum_us, 500500000);
	cr_assert(histogram_at(&h, 0.5) >= 500000 && histogram_at(&h, 0.5) < 562500);
	cr_assert(histogram_at(&h, 0.9) >= 900000 && histogram_at(&h, 0.9) < 1012500);
	cr_assert(histogram_at(&h, 0.99) >= 990000 && histogram_at(&h, 1) >= 1000000);
}

/* Exactly those that took less than 2^octave us. */
Test(histogram, below)
{
	static const int64_t values[] = {1, 2, 3, 4, 7, 8, 1023, 1024, 1025, 4095};

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		histogram_add(&h, values[i]);
	cr_assert_eq(histogram_below(&h, 0), 0);
	cr_assert_eq(histogram_below(&h, 1), 1);
	cr_assert_eq(histogram_below(&h, 2), 3);
	cr_assert_eq(histogram_below(&h, 3), 5);
	cr_assert_eq(histogram_below(&h, 4), 6);
	cr_assert_eq(histogram_below(&h, 10), 7);
	cr_assert_eq(histogram_below(&h, 11), 9);
	cr_assert_eq(histogram_below(&h, 12), 10);
	cr_assert_eq(histogram_below(&h, 99), 10);
}

static void *add(void *arg)
{
	for (int i = 0; i < 100000; i++)
		histogram_add(&h, i % 1000);
	return arg;
}

Test(histogram, threads)
{
	pthread_t thread[4];

	for (int i = 0; i < 4; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, add, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	cr_assert_eq(histogram_count(&h), 400000);
}
