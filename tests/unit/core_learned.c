// SPDX-License-Identifier: Apache-2.0
#include "core/learned.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct context *a;
static struct context *b;
static char region[STORE_REGION_BYTES];

static void setup(void)
{
	uint8_t id[WIRE_CTX_BYTES];

	cr_assert_eq(context_register("AWS_REGION=a", 13, &a, id), 0);
	cr_assert_eq(context_register("AWS_REGION=b", 13, &b, id), 0);
}

TestSuite(core_learned, .init = setup, .fini = context_free_all);

Test(core_learned, a_region_belongs_to_context_scheme_and_bucket)
{
	cr_assert_not(learned_region(a, "s3", "x", region));
	learned_set_region(a, "s3", "x", "eu-1");
	cr_assert(learned_region(a, "s3", "x", region) && !strcmp(region, "eu-1"));
	cr_assert_not(learned_region(b, "s3", "x", region));
	cr_assert_not(learned_region(a, "gs", "x", region));
	cr_assert_not(learned_region(a, "s3", "y", region));
	learned_set_region(a, "s3", "x", "eu-2");
	cr_assert(learned_region(a, "s3", "x", region) && !strcmp(region, "eu-2"));
	learned_forget();
	cr_assert_not(learned_region(a, "s3", "x", region));
}

Test(core_learned, the_oldest_region_is_forgotten)
{
	char name[32];

	for (int i = 0; i <= LEARNED_BUCKETS_MAX; i++) {
		snprintf(name, sizeof(name), "bucket%d", i);
		learned_set_region(a, "s3", name, "r");
	}
	cr_assert_not(learned_region(a, "s3", "bucket0", region));
	cr_assert(learned_region(a, "s3", "bucket1", region) && !strcmp(region, "r"));
	cr_assert(learned_region(a, "s3", name, region) && !strcmp(region, "r"));
}

Test(core_learned, what_names_are_belongs_to_context_scheme_and_account)
{
	char name[32];

	cr_assert_eq(learned_names(a, "az", "acct/c"), STORE_NAMES_UNKNOWN);
	learned_set_names(a, "az", "acct/c", STORE_NAMES_TREE);
	cr_assert_eq(learned_names(a, "az", "acct/other"), STORE_NAMES_TREE);
	cr_assert_eq(learned_names(a, "az", "acct"), STORE_NAMES_TREE);
	cr_assert_eq(learned_names(a, "az", "acc/c"), STORE_NAMES_UNKNOWN);
	cr_assert_eq(learned_names(a, "az", "acct2/c"), STORE_NAMES_UNKNOWN);
	cr_assert_eq(learned_names(b, "az", "acct/c"), STORE_NAMES_UNKNOWN);
	cr_assert_eq(learned_names(a, "gs", "acct/c"), STORE_NAMES_UNKNOWN);
	learned_set_names(a, "az", "acct/c", STORE_NAMES_UNKNOWN);
	cr_assert_eq(learned_names(a, "az", "acct/c"), STORE_NAMES_TREE, "nothing new");
	learned_set_names(a, "az", "acct/c", STORE_NAMES_FLAT);
	cr_assert_eq(learned_names(a, "az", "acct/c"), STORE_NAMES_FLAT);
	for (int i = 0; i < LEARNED_ACCOUNTS_MAX; i++) {
		snprintf(name, sizeof(name), "%d/c", i);
		learned_set_names(a, "az", name, STORE_NAMES_TREE);
	}
	cr_assert_eq(learned_names(a, "az", "acct/c"), STORE_NAMES_UNKNOWN, "the oldest goes");
	cr_assert_eq(learned_names(a, "az", "0/c"), STORE_NAMES_TREE);
	learned_forget();
	cr_assert_eq(learned_names(a, "az", "0/c"), STORE_NAMES_UNKNOWN);
}

Test(core_learned, an_endpoint_keeps_its_budget)
{
	struct learned_endpoint *e = learned_endpoint("http://h");

	cr_assert_eq(e->budget.tokens, (unsigned)RETRY_BUDGET_TOKENS);
	e->budget.tokens = 3;
	e->skew_s = 9;
	cr_assert_eq(learned_endpoint("http://i")->skew_s, 0);
	cr_assert_eq(learned_endpoint("http://h")->budget.tokens, 3u);
	cr_assert_eq(learned_endpoint("http://h")->skew_s, 9);
}

Test(core_learned, the_endpoint_unused_for_longest_is_forgotten)
{
	char name[32];

	learned_endpoint("http://first")->skew_s = 1;
	for (int i = 0; i < LEARNED_ENDPOINTS_MAX - 1; i++) {
		snprintf(name, sizeof(name), "http://%d", i);
		learned_endpoint(name)->skew_s = 2;
	}
	cr_assert_eq(learned_endpoint("http://first")->skew_s, 1);
	learned_endpoint("http://new");
	cr_assert_eq(learned_endpoint("http://first")->skew_s, 1);
	cr_assert_eq(learned_endpoint("http://0")->skew_s, 0);
}
