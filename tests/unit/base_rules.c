/* SPDX-License-Identifier: Apache-2.0 */
/* Which value a path has. */
#include "core/base/rules.h"

#include <criterion/criterion.h>

static bool is_switch(const char *value)
{
	return rules_is(value, "0") || rules_is(value, "1");
}

static bool is_on(const char *text, const char *path)
{
	const char *value = rules_find(text, path, is_switch);

	return value && rules_is(value, "1");
}

Test(base_rules, the_first_holds_for_the_rest)
{
	cr_assert_null(rules_find(NULL, "s3/b", is_switch));
	cr_assert_null(rules_find("yes", "s3/b", is_switch), "no such value");
	cr_assert(is_on("1", "s3/b"));
	cr_assert(is_on("1", ""));
	cr_assert_not(is_on("0", "s3/b"));
	cr_assert_not(is_on("10", "s3/b"));
}

Test(base_rules, the_longest_that_fits)
{
	static const char rules[] = "0\ts3/b\t1\ts3/b/open\t0\ts3/b/open/x\tno";

	cr_assert_not(is_on(rules, "s3/c"));
	cr_assert_not(is_on(rules, "s3"));
	cr_assert(is_on(rules, "s3/b"));
	cr_assert(is_on(rules, "s3/b/f"));
	cr_assert_not(is_on(rules, "s3/bb"), "another name");
	cr_assert_not(is_on(rules, "s3/b/open/f"));
	cr_assert_not(is_on(rules, "s3/b/open/x"), "a value that is none");
	cr_assert(is_on(rules, "s3/b/opened"));
}
