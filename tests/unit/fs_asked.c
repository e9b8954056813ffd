/* SPDX-License-Identifier: Apache-2.0 */
/* When a directory that nobody reads is listed for those who ask about names in it. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "cache/clock.h"
#include "core/base/wire.h"
#include "fs/asked.h"

static const uint8_t ctx[WIRE_CTX_BYTES] = {1}, other[WIRE_CTX_BYTES] = {2};

#define MS CLOCK_NS_PER_MS

static const char *nth(int n)
{
	static char name[64];

	snprintf(name, sizeof(name), "s3/b/dir/f%d", n);
	return name;
}

Test(fs_asked, the_third_in_a_row)
{
	cr_assert_not(asked_row(ctx, nth(0), 0));
	asked_note(ctx, nth(0), false, 0);
	cr_assert_not(asked_row(ctx, nth(1), 20 * MS));
	asked_note(ctx, nth(1), false, 20 * MS);
	cr_assert(asked_row(ctx, nth(2), 40 * MS));
	cr_assert_not(asked_row(other, nth(2), 40 * MS), "others ask for themselves");
	cr_assert_not(asked_row(ctx, "s3/b/elsewhere/f2", 40 * MS));
	cr_assert_not(asked_row(ctx, nth(2), 5000 * MS), "too late");
	cr_assert_not(asked_misses(ctx, nth(2), 40 * MS), "all were there");
}

Test(fs_asked, one_name_again_and_again_is_no_row)
{
	for (int i = 0; i < 100; i++) {
		cr_assert_not(asked_row(ctx, nth(0), i * MS));
		cr_assert_not(asked_misses(ctx, nth(0), i * MS));
		asked_note(ctx, nth(0), true, i * MS);
	}
	cr_assert_not(asked_row(ctx, nth(1), 100 * MS));
}

Test(fs_asked, who_asks_slowly_has_no_row)
{
	for (int i = 0; i < 100; i++) {
		cr_assert_not(asked_row(ctx, nth(i), i * 1100 * MS));
		asked_note(ctx, nth(i), false, i * 1100 * MS);
	}
}

Test(fs_asked, a_row_that_a_listing_did_not_help_costs_less_and_less)
{
	int listings = 0;

	for (int i = 0; i < 1000; i++) {
		if (asked_row(ctx, nth(i), i * MS)) {
			asked_listed(ctx, nth(i));
			listings++;
		}
		asked_note(ctx, nth(i), false, i * MS);
	}
	cr_assert(listings > 1 && listings < 25, "%d", listings);
}

Test(fs_asked, the_second_that_is_missing)
{
	cr_assert_not(asked_misses(ctx, nth(0), 0));
	asked_note(ctx, nth(0), true, 0);
	cr_assert(asked_misses(ctx, nth(1), 2000 * MS));
	cr_assert_not(asked_misses(ctx, nth(0), 2000 * MS), "who waits for one asks for that one");
	cr_assert_not(asked_misses(ctx, nth(1), 6000 * MS), "too late");
	asked_listed(ctx, nth(1));
	cr_assert(asked_misses(ctx, nth(2), 3000 * MS), "that told all");
	asked_useless(ctx, "s3/b/dir/", 3000 * MS);
	cr_assert_not(asked_misses(ctx, nth(3), 3500 * MS), "that did not tell all");
}

Test(fs_asked, what_was_useless_is_not_listed_for_a_row_either)
{
	int listings = 0;

	for (int i = 0; i < 1000; i++) {
		if (asked_row(ctx, nth(i), i * 20 * MS)) {
			asked_listed(ctx, nth(i));
			asked_useless(ctx, "s3/b/dir/", i * 20 * MS);
			listings++;
		}
		asked_note(ctx, nth(i), false, i * 20 * MS);
	}
	cr_assert_eq(listings, 1, "%d", listings);
	cr_assert(asked_is_useless(ctx, "s3/b/dir/", 30000 * MS));
	cr_assert_not(asked_is_useless(ctx, "s3/b/dir/", 30041 * MS));
	cr_assert_not(asked_is_useless(other, "s3/b/dir/", 30000 * MS));
	cr_assert_not(asked_is_useless(ctx, "s3/b/", 30000 * MS));
}

Test(fs_asked, who_asks_in_rows_is_known_in_the_next_directory)
{
	cr_assert_not(asked_row(ctx, "s3/b/d1/f", 0));
	asked_used(10 * MS);
	cr_assert_not(asked_row(ctx, "s3/b/d1/f", 1100 * MS), "too late");
	cr_assert(asked_row(ctx, "s3/b/d1/f", 20 * MS));
	cr_assert(asked_row(ctx, "s3/b/d2/f", 20 * MS));
	cr_assert_not(asked_row(ctx, "s3/b/d3/f", 20 * MS), "two have not paid");
	asked_used(30 * MS);
	cr_assert(asked_row(ctx, "s3/b/d3/f", 40 * MS));
	asked_listed(ctx, "s3/b/d3/f");
	cr_assert_not(asked_row(ctx, "s3/b/d3/g", 50 * MS), "it has been listed");
}
