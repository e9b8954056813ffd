// SPDX-License-Identifier: Apache-2.0
#include "core/http/date.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

Test(http_date, reads_http_dates)
{
	int64_t s;

	setenv("TZ", "Asia/Tokyo", 1);
	tzset();
	cr_assert_eq(date_parse_http("Wed, 21 Oct 2015 07:28:00 GMT", &s), 0);
	cr_assert_eq(s, 1445412480);
	cr_assert_eq(date_parse_http("Thu, 01 Jan 1970 00:00:00 GMT", &s), 0);
	cr_assert_eq(s, 0);
	cr_assert_eq(date_parse_http("Tue, 29 Feb 2028 23:59:60 GMT", &s), 0);
}

Test(http_date, reads_iso_dates)
{
	int64_t ns;

	cr_assert_eq(date_parse_iso("2009-10-12T17:50:30.000Z", &ns), 0);
	cr_assert_eq(ns, 1255369830 * INT64_C(1000000000));
	cr_assert_eq(date_parse_iso("2009-10-12T17:50:30Z", &ns), 0);
	cr_assert_eq(ns, 1255369830 * INT64_C(1000000000));
	cr_assert_eq(date_parse_iso("2009-10-12T17:50:30.1234567899Z", &ns), 0);
	cr_assert_eq(ns, 1255369830123456789);
}

Test(http_date, refuses_the_rest)
{
	static const char *const http[] = {
		"",
		"Wed",
		"Wed, 21 Oct 2015 07:28:00",
		"Wed, 21 Oct 2015 07:28:00 CET",
		"Wed, 21 oct 2015 07:28:00 GMT",
		"Wed, 32 Oct 2015 07:28:00 GMT",
		"Wed, 21 Oct 2015 24:28:00 GMT",
		"Wed, 21 Oct 9999 07:28:00 GMT",
		"Wed, 21 Oct 1915 07:28:00 GMT",
		"Wednesday, 21-Oct-15 07:28:00 GMT",
		"Wed, 2a Oct 2015 07:28:00 GMT",
	};
	static const char *const iso[] = {
		"",
		"2009-10-12",
		"2009-10-12T17:50:30",
		"2009-10-12T17:50:30.Z",
		"2009-13-12T17:50:30Z",
		"2009-00-12T17:50:30Z",
		"2009-10-12T17:50:30+01:00",
		"2009-10-12 17:50:30Z",
	};
	int64_t out = 7;

	for (size_t i = 0; i < sizeof(http) / sizeof(http[0]); i++)
		cr_assert_eq(date_parse_http(http[i], &out), -EINVAL, "%s", http[i]);
	for (size_t i = 0; i < sizeof(iso) / sizeof(iso[0]); i++)
		cr_assert_eq(date_parse_iso(iso[i], &out), -EINVAL, "%s", iso[i]);
	cr_assert_eq(out, 7);
}

Test(http_date, formats_for_signatures)
{
	char out[DATE_COMPACT_BYTES];

	cr_assert_eq(date_format_compact(1369353600, out), 0);
	cr_assert_str_eq(out, "20130524T000000Z");
	cr_assert_eq(date_format_compact(-1, out), -EINVAL);
	cr_assert_eq(date_format_compact(INT64_MAX / 2, out), -EINVAL);
}

Test(http_date, formats_for_header_fields)
{
	char out[DATE_HTTP_BYTES];
	int64_t back;

	cr_assert_eq(date_format_http(1369353600, out), 0);
	cr_assert_str_eq(out, "Fri, 24 May 2013 00:00:00 GMT");
	for (int64_t s = 0; s < INT64_C(4000000000); s += 86400 * 29 + 3661) {
		cr_assert_eq(date_format_http(s, out), 0);
		cr_assert_eq(date_parse_http(out, &back), 0, "%s", out);
		cr_assert_eq(back, s, "%s", out);
	}
	cr_assert_eq(date_format_http(-1, out), -EINVAL);
	cr_assert_eq(date_format_http(INT64_MAX / 2, out), -EINVAL);
}
