/* SPDX-License-Identifier: Apache-2.0 */
/* Which mode a path has. */
#include "core/base/durability.h"

#include <criterion/criterion.h>

#define RULES                           \
	"exit\ts3/b/log\tfsync\ts3/b\t" \
	"close\ts3/b/log/audit\tclose\ts3/c/x\tsoon"

Test(base_durability, the_usual_mode)
{
	cr_assert_eq(durability_of(NULL, "s3/b/f"), DURABILITY_CLOSE);
	cr_assert_eq(durability_of("close", "s3/b/f"), DURABILITY_CLOSE);
	cr_assert_eq(durability_of("exit", "s3/b/f"), DURABILITY_EXIT);
	cr_assert_eq(durability_of("fsync", ""), DURABILITY_FSYNC);
	cr_assert_eq(durability_of("soon", "s3/b/f"), DURABILITY_CLOSE);
	cr_assert_eq(durability_named("closed"), DURABILITY_NONE);
	cr_assert_eq(durability_named(""), DURABILITY_NONE);
	cr_assert_eq(durability_named("exit\tmore"), DURABILITY_EXIT);
}

Test(base_durability, the_longest_path_decides)
{
	cr_assert_eq(durability_of(RULES, "s3/a/f"), DURABILITY_EXIT);
	cr_assert_eq(durability_of(RULES, "s3/b"), DURABILITY_CLOSE);
	cr_assert_eq(durability_of(RULES, "s3/b/f"), DURABILITY_CLOSE);
	cr_assert_eq(durability_of(RULES, "s3/b/log"), DURABILITY_FSYNC);
	cr_assert_eq(durability_of(RULES, "s3/b/log/f"), DURABILITY_FSYNC);
	cr_assert_eq(durability_of(RULES, "s3/b/logs"), DURABILITY_CLOSE, "another name");
	cr_assert_eq(durability_of(RULES, "s3/b/log/audit/f"), DURABILITY_CLOSE);
	cr_assert_eq(durability_of(RULES, "s3/c/x"), DURABILITY_EXIT, "a mode that is none");
}

Test(base_durability, a_text_that_ends_early)
{
	cr_assert_eq(durability_of("exit\t", "s3/b"), DURABILITY_EXIT);
	cr_assert_eq(durability_of("exit\ts3/b", "s3/b"), DURABILITY_EXIT);
	cr_assert_eq(durability_of("exit\ts3/b\t", "s3/b"), DURABILITY_EXIT);
	cr_assert_eq(durability_of("", "s3/b"), DURABILITY_CLOSE);
	cr_assert_eq(durability_of("exit\t\tfsync", "s3/b"), DURABILITY_FSYNC, "all there is");
}
