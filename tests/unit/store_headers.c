/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>

#include "tests/store/headers.h"

Test(store_headers, first_of_a_name_in_any_case)
{
	struct headers h = {0}, copy = {0};

	headers_add(&h, "Range", "1");
	headers_add(&h, "range", "2");
	cr_expect_str_eq(headers_get(&h, "RANGE"), "1");
	cr_expect_null(headers_get(&h, "Rang"));
	cr_assert_eq(headers_copy(&copy, &h), 0);
	headers_free(&h);
	cr_expect_eq(copy.count, 2);
	cr_expect_str_eq(copy.items[1].value, "2");
	headers_free(&copy);
}

Test(store_headers, ceiling)
{
	struct headers h = {0};

	for (int i = 0; i < HEADERS_MAX; i++)
		cr_assert_eq(headers_add(&h, "n", "v"), 0);
	cr_expect_eq(headers_add(&h, "n", "v"), -E2BIG);
	headers_free(&h);
}
