// SPDX-License-Identifier: Apache-2.0
#include "core/report.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static char out[STORE_MESSAGE_BYTES];
static const struct store_call call = {.scheme = "s3", .bucket = "media", .key = "a/b"};
static const struct store_site site = {
	.origin = "https://h",
	.setting = "AWS_ENDPOINT_URL (now https://h)",
	.credentials = "environment (key AKIA...MPLE)",
};

Test(core_report, a_denial_names_all_that_matters)
{
	struct store_fault fault = {
		.code = "AccessDenied", .detail = "Access Denied", .request_id = "ID1"};

	report_fault(&call, &site, 403, &fault, out);
	cr_assert_str_eq(out, "s3://media/a/b: access denied (403 AccessDenied), request id ID1, "
			      "credentials: environment (key AKIA...MPLE): Access Denied");
}

Test(core_report, nothing_a_server_says_makes_a_second_line_or_hides_what_matters)
{
	struct store_fault fault = {.code = "A\nB", .request_id = "ID1\r"};
	struct store_call long_call = call;
	char key[1025];

	memset(fault.detail, 'd', sizeof(fault.detail) - 1);
	memset(key, 'k', 1024);
	key[1024] = '\0';
	long_call.key = key;
	report_fault(&long_call, &site, 403, &fault, out);
	cr_assert_null(strpbrk(out, "\r\n"));
	cr_assert_not_null(strstr(out, "request id ID1?"));
	cr_assert_not_null(strstr(out, "environment (key AKIA...MPLE)"));
	cr_assert_lt(strlen(out), (size_t)STORE_MESSAGE_BYTES);
}

Test(core_report, every_failure_says_where_and_what_to_look_at)
{
	for (int f = HTTP_NAME; f < HTTP_FAILURES; f++) {
		struct http_exchange x = {.failure = (enum http_failure)f, .detail = "words"};

		report_failure(&call, &site, &x, 3, out);
		cr_assert_not_null(strstr(out, "https://h"), "%s", out);
		cr_assert_not_null(strstr(out, "AWS_ENDPOINT_URL"), "%s", out);
		cr_assert_not_null(strstr(out, "tried 3 times"));
		cr_assert_geq(report_tries(x.failure), 1u);
		cr_assert_leq(report_tries(x.failure), 8u);
	}
}

Test(core_report, a_certificate_is_tried_once_and_points_to_the_bundle)
{
	struct http_exchange x = {.failure = HTTP_TRUST};

	cr_assert_eq(report_tries(HTTP_TRUST), 1u);
	report_failure(&call, &site, &x, 1, out);
	cr_assert_not_null(strstr(out, "AWS_CA_BUNDLE"));
}
