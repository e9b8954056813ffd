/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "tests/store/precondition.h"

#define THEN   1369353600 /* the date below */
#define DATE   "Fri, 24 May 2013 00:00:00 GMT"
#define BEFORE "Thu, 23 May 2013 23:59:59 GMT"

static enum range_result at = RANGE_NONE;

static void range(const char *text, uint64_t size, uint64_t offset, uint64_t bytes)
{
	uint64_t got_offset = 0, got_bytes = 0;

	at = precondition_range(text, size, &got_offset, &got_bytes);
	cr_expect_eq(at, RANGE_GIVEN, "%s of %lu", text, size);
	cr_expect_eq(got_offset, offset, "%s of %lu", text, size);
	cr_expect_eq(got_bytes, bytes, "%s of %lu", text, size);
}

static void no_range(const char *text, uint64_t size, enum range_result expected)
{
	uint64_t offset = 1, bytes = 2;

	cr_expect_eq(precondition_range(text, size, &offset, &bytes), expected, "%s", text);
	cr_expect_eq(offset, 1);
	cr_expect_eq(bytes, 2);
}

Test(store_precondition, ranges)
{
	range("bytes=0-0", 10, 0, 1);
	range("bytes=2-5", 10, 2, 4);
	range("bytes=2-", 10, 2, 8);
	range("bytes=9-100", 10, 9, 1);
	range("bytes=-3", 10, 7, 3);
	range("bytes=-30", 10, 0, 10);
	range("bytes=1-18446744073709551615", 10, 1, 9);
	no_range("bytes=10-", 10, RANGE_OUTSIDE);
	no_range("bytes=0-0", 0, RANGE_OUTSIDE);
	no_range("bytes=-1", 0, RANGE_OUTSIDE);
	no_range("bytes=-0", 10, RANGE_OUTSIDE);
	no_range(NULL, 10, RANGE_NONE);
	no_range("bytes=5-2", 10, RANGE_NONE);
	no_range("bytes=0-1,3-4", 10, RANGE_NONE);
	no_range("bytes=", 10, RANGE_NONE);
	no_range("bytes=-", 10, RANGE_NONE);
	no_range("bytes=a-b", 10, RANGE_NONE);
	no_range("items=0-1", 10, RANGE_NONE);
	no_range("bytes=0-99999999999999999999999", 10, RANGE_NONE);
}

Test(store_precondition, etags)
{
	cr_expect(precondition_has_etag("\"abc\"", "abc"));
	cr_expect(precondition_has_etag("abc", "abc"));
	cr_expect(precondition_has_etag("*", "abc"));
	cr_expect(precondition_has_etag("\"x\", W/\"abc\"", "abc"));
	cr_expect(!precondition_has_etag("\"ab\"", "abc"));
	cr_expect(!precondition_has_etag("\"abcd\"", "abc"));
	cr_expect(!precondition_has_etag("", "abc"));
}

static int check(struct precondition p)
{
	return precondition_check(&p, "tag", THEN);
}

Test(store_precondition, order_of_conditions)
{
	cr_expect_eq(check((struct precondition){0}), 200);
	cr_expect_eq(check((struct precondition){.if_match = "\"tag\""}), 200);
	cr_expect_eq(check((struct precondition){.if_match = "\"no\""}), 412);
	cr_expect_eq(check((struct precondition){.if_none_match = "\"tag\""}), 304);
	cr_expect_eq(check((struct precondition){.if_none_match = "\"no\""}), 200);
	cr_expect_eq(check((struct precondition){.if_modified_since = DATE}), 304);
	cr_expect_eq(check((struct precondition){.if_modified_since = BEFORE}), 200);
	cr_expect_eq(check((struct precondition){.if_unmodified_since = DATE}), 200);
	cr_expect_eq(check((struct precondition){.if_unmodified_since = BEFORE}), 412);
	cr_expect_eq(check((struct precondition){.if_modified_since = "yesterday"}), 200);
	/* an ETag beats a date, both ways */
	cr_expect_eq(check((struct precondition){.if_match = "tag", .if_unmodified_since = BEFORE}),
		     200);
	cr_expect_eq(check((struct precondition){.if_none_match = "no", .if_modified_since = DATE}),
		     200);
}

Test(store_precondition, dates)
{
	char text[30];

	precondition_date(THEN, text);
	cr_expect_str_eq(text, DATE);
}
