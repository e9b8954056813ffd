// SPDX-License-Identifier: Apache-2.0
#include "core/http/range.h"

#include <criterion/criterion.h>
#include <errno.h>

Test(http_range, reads_content_range)
{
	struct range_answer r;

	cr_assert_eq(range_parse("bytes 0-99/1234", &r), 0);
	cr_assert(r.satisfied && r.first == 0 && r.last == 99 && r.size == 1234);
	cr_assert_eq(range_parse("bytes */0", &r), 0);
	cr_assert(!r.satisfied && r.size == 0);
}

Test(http_range, refuses_lies)
{
	static const char *const bad[] = {
		"",
		"bytes",
		"bytes 0-99",
		"bytes 0-99/*",
		"bytes 99-0/100",
		"bytes 0-99/99",
		"bytes -1-2/3",
		"bytes 0-/3",
		"octets 0-1/3",
		"bytes 0-1/3 ",
		"bytes 0-1/3,4-5/6",
		"bytes 0 - 1/3",
		"bytes 0-1/99999999999999999999",
		"bytes */*",
	};
	struct range_answer r;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(range_parse(bad[i], &r), -EINVAL, "%s", bad[i]);
}

Test(http_range, formats)
{
	char out[RANGE_TEXT_BYTES];

	range_format(0, 1, out);
	cr_assert_str_eq(out, "bytes=0-0");
	range_format(5, 10, out);
	cr_assert_str_eq(out, "bytes=5-14");
	range_format(7, 0, out);
	cr_assert_str_eq(out, "bytes=7-");
	range_format(UINT64_MAX - 1, 100, out); /* it must not wrap */
	cr_assert_str_eq(out, "bytes=18446744073709551614-");
}

Test(http_range, numbers_are_decimal_and_bounded)
{
	uint64_t n;

	cr_assert_eq(range_parse_number("0", &n), 0);
	cr_assert_eq(range_parse_number("9223372036854775807", &n), 0);
	cr_assert_eq(n, (uint64_t)INT64_MAX);
	cr_assert_eq(range_parse_number("9223372036854775808", &n), -EINVAL);
	cr_assert_eq(range_parse_number("", &n), -EINVAL);
	cr_assert_eq(range_parse_number("-1", &n), -EINVAL);
	cr_assert_eq(range_parse_number(" 1", &n), -EINVAL);
	cr_assert_eq(range_parse_number("0x1", &n), -EINVAL);
}
