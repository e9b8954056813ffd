/* SPDX-License-Identifier: Apache-2.0 */
/* core/base/parts.c: one grid for all files, within what services allow. */
#include <criterion/criterion.h>

#include "core/base/parts.h"

#define MIB UINT64_C(1048576)

Test(parts, holds_what_an_object_may_be)
{
	cr_assert_geq(parts_start(PARTS_MAX), 5 * MIB * MIB, "5 TiB");
	cr_assert_eq(parts_index(parts_start(PARTS_MAX) - 1), PARTS_MAX - 1);
	cr_assert_eq(parts_index(parts_start(PARTS_MAX)), PARTS_MAX);
	cr_assert_eq(parts_index(UINT64_MAX), PARTS_MAX);
}

Test(parts, each_byte_is_in_one_and_they_grow)
{
	uint64_t last = 0;

	cr_assert_eq(parts_start(0), 0);
	for (uint32_t i = 0; i < PARTS_MAX; i++) {
		uint64_t from = parts_start(i), end = parts_start(i + 1);

		cr_assert_eq(parts_index(from), i);
		cr_assert_eq(parts_index(end - 1), i);
		cr_assert_geq(end - from, 16 * MIB);
		cr_assert_leq(end - from, 5 * 1024 * MIB, "more than a service takes");
		cr_assert_geq(end - from, last);
		cr_assert(!last || end - from <= 8 * last, "at %u", i);
		last = end - from;
	}
}
