/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/store/faults.h"

static void add(const char *text)
{
	const char *why;

	cr_assert_eq(faults_add(text, &why), 0, "%s: %s", text, why);
}

static enum fault_kind get(const char *path)
{
	return faults_pick("GetObject", "GET", path).kind;
}

Test(store_faults, next_requests_of_a_verb)
{
	add("internal,verb=GetObject,skip=1,count=2");
	cr_expect_eq(faults_pick("PutObject", "PUT", "b/k").kind, FAULT_NONE);
	cr_expect_eq(get("b/k"), FAULT_NONE);
	cr_expect_eq(get("b/k"), FAULT_INTERNAL);
	cr_expect_eq(get("b/k"), FAULT_INTERNAL);
	cr_expect_eq(get("b/k"), FAULT_NONE);
}

Test(store_faults, fields)
{
	struct fault f;

	add("stall,verb=PUT,at=17,ms=250,retry-after=3,key=b/with,comma=*");
	cr_expect_eq(get("b/with,comma=x"), FAULT_NONE);
	cr_expect_eq(faults_pick("PutObject", "PUT", "b/other").kind, FAULT_NONE);
	f = faults_pick("PutObject", "PUT", "b/with,comma=x");
	cr_expect_eq(f.kind, FAULT_STALL);
	cr_expect_eq(f.at, 17);
	cr_expect_eq(f.ms, 250);
	cr_expect_eq(f.retry_after_s, 3);
	faults_clear();
	add("corrupt");
	f = faults_pick("PutObject", "PUT", "");
	cr_expect_eq(f.at, FAULT_AT_MIDDLE);
	cr_expect_eq(f.retry_after_s, -1);
}

Test(store_faults, every_kind_has_a_name)
{
	for (int kind = FAULT_NONE + 1; kind < FAULT_KINDS; kind++) {
		faults_clear();
		add(fault_name((enum fault_kind)kind));
		cr_expect_eq((int)get("b/k"), kind);
	}
}

Test(store_faults, rate_repeats_with_its_seed)
{
	bool first[1000];
	int hits = 0;

	for (int round = 0; round < 2; round++) {
		faults_clear();
		add("reset,rate=0.1,seed=5");
		for (int i = 0; i < 1000; i++) {
			bool hit = get("b/k") == FAULT_RESET;

			if (!round)
				first[i] = hit;
			cr_assert_eq(hit, first[i]);
			hits += hit;
		}
	}
	cr_expect(hits > 140 && hits < 260, "%d of 2000", hits);
}

Test(store_faults, bad_rules_and_ceiling)
{
	static const char *const bad[] = {"",
					  "explode",
					  "internal,rate=2",
					  "internal,rate=x",
					  "reset,count=-1",
					  "reset,nothing=1",
					  "reset,count",
					  "stall,ms=99999999999"};
	const char *why = NULL;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_expect_neq(faults_add(bad[i], &why), 0, "%s", bad[i]);
		cr_expect_not_null(why);
	}
	cr_expect_eq(get("b/k"), FAULT_NONE);
	for (int i = 0; i < FAULTS_MAX; i++)
		add("internal,count=0");
	cr_expect_neq(faults_add("internal", &why), 0);
}
