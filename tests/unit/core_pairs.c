// SPDX-License-Identifier: Apache-2.0
#include "core/pairs.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

Test(core_pairs, keeps_copies_in_order_up_to_its_ceiling)
{
	struct store_pairs pairs = {0};
	char name[16];

	cr_assert_null(pairs_get(&pairs, "n0"));
	for (int i = 0; i < STORE_PAIRS_MAX; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		cr_assert_eq(pairs_add(&pairs, name, name + 1), 0);
	}
	cr_assert_eq(pairs_add(&pairs, "one", "more"), -EMSGSIZE);
	cr_assert_eq(pairs.count, (size_t)STORE_PAIRS_MAX);
	cr_assert_str_eq(pairs_get(&pairs, "n0"), "0");
	cr_assert_str_eq(pairs_get(&pairs, "n99"), "99");
	cr_assert_null(pairs_get(&pairs, "N0"));
	pairs_free(&pairs);
	cr_assert_eq(pairs.count, 0u);
	pairs_free(&pairs); /* harmless */
}

Test(core_pairs, what_is_taken_out_leaves_the_others)
{
	struct store_pairs pairs = {0};

	pairs_remove(&pairs, "a");
	cr_assert_eq(pairs_add(&pairs, "a", "1"), 0);
	cr_assert_eq(pairs_add(&pairs, "b", "2"), 0);
	cr_assert_eq(pairs_add(&pairs, "c", "3"), 0);
	pairs_remove(&pairs, "b");
	pairs_remove(&pairs, "x");
	cr_assert_eq(pairs.count, 2u);
	cr_assert_str_eq(pairs_get(&pairs, "a"), "1");
	cr_assert_str_eq(pairs_get(&pairs, "c"), "3");
	pairs_free(&pairs);
}
