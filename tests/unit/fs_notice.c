// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "core/base/wire.h"
#include "fs/notice.h"

#define DENIED "s3://b/%d: access denied (403 %s), request id 44%dF, credentials: environment"

static const uint8_t ctx[WIRE_CTX_BYTES] = {1}, other[WIRE_CTX_BYTES] = {2};

static bool is_due(const char *code, int n)
{
	char line[256];

	snprintf(line, sizeof(line), DENIED, n, code, n);
	return notice_due(ctx, "s3/b", -EACCES, line);
}

Test(fs_notice, one_cause_is_said_once)
{
	cr_assert(is_due("AccessDenied", 0));
	for (int i = 0; i < 1000; i++)
		cr_assert_not(is_due("AccessDenied", i));
}

Test(fs_notice, another_cause_of_the_same_errno_is_said)
{
	cr_assert(is_due("AccessDenied", 0));
	cr_assert(is_due("InvalidAccessKeyId", 0));
	cr_assert(is_due("InvalidObjectState", 0));
	cr_assert_not(is_due("InvalidAccessKeyId", 1));
}

Test(fs_notice, another_bucket_errno_or_credential_is_another)
{
	const char *line = "s3://b/k: no answer in time";

	cr_assert(notice_due(ctx, "s3/b", -EIO, line));
	cr_assert(notice_due(other, "s3/b", -EIO, line));
	cr_assert(notice_due(ctx, "s3/c", -EIO, line));
	cr_assert(notice_due(ctx, "s3/b", -EACCES, line));
	cr_assert_not(notice_due(ctx, "s3/b", -EIO, line));
}

/* A server may put other words into each answer: that must not become a flood. */
Test(fs_notice, there_is_a_ceiling)
{
	unsigned said = 0;

	for (int i = 0; i < 26 * 26; i++) {
		char code[] = {'A', (char)('a' + i / 26), (char)('a' + i % 26), '\0'};

		said += is_due(code, i);
	}
	cr_assert_eq(said, NOTICE_CAUSES_MAX);
}

Test(fs_notice, odd_lines)
{
	char longest[2048] = "";

	cr_assert(notice_due(ctx, "", -EIO, ""));
	cr_assert_not(notice_due(ctx, "", -EIO, ""));
	for (size_t i = 0; i + 2 < sizeof(longest); i++)
		longest[i] = i % 7 ? 'a' : ' ';
	cr_assert(notice_due(ctx, "", -EIO, longest));
	cr_assert(notice_due(ctx, "b", -EIO, "word:"));
}
