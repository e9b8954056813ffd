// SPDX-License-Identifier: Apache-2.0
#include "core/explain.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static void want(int error, int status, const char *code, const char *words)
{
	/* "anonymous AccessDenied" and "object NoSuchKey" */
	bool anonymous = !strncmp(code, "anonymous ", 10);
	bool has_key = !strncmp(code, "object ", 7);
	struct explain e = {
		.error = error,
		.status = status,
		.code = code + (anonymous ? 10
				: has_key ? 7
					  : 0),
		.anonymous = anonymous,
		.has_key = has_key,
	};

	cr_assert_not_null(strstr(explain(&e), words), "%d %d %s: %s", error, status, code,
			   explain(&e));
}

Test(core_explain, what_an_answer_says_of_the_credential)
{
	want(0, 200, "", "access is good");
	want(-EACCES, 403, "InvalidAccessKeyId", "does not know this key");
	want(-EACCES, 403, "SignatureDoesNotMatch", "secret is not the one");
	want(-EACCES, 403, "RequestTimeTooSkewed", "clocks");
	want(-EACCES, 403, "AccessDenied", "a policy denies");
	want(-EACCES, 403, "anonymous AccessDenied", "not public");
	want(-EACCES, 403, "anonymous ", "not public");
	want(-EACCES, 403, "", "refused");
	want(-EACCES, 400, "ExpiredToken", "has expired");
	want(-EIO, 301, "PermanentRedirect", "another region");
	want(-ENOENT, 404, "NoSuchBucket", "no such bucket");
	want(-ENOENT, 404, "object NoSuchKey", "no object");
	want(-ENOENT, 404, "object ", "no object");
	want(-ENOENT, 404, "", "no such bucket");
	want(-EIO, 0, "", "no answer");
	want(-EACCES, 0, "", "no credential to ask with");
	want(-EIO, 503, "SlowDown", "not judged");
	want(-EINVAL, 400, "Whatever", "another reason");
}
