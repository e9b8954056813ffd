// SPDX-License-Identifier: Apache-2.0
/* STORE_COPY through the whole driver. */
#include <criterion/criterion.h>
#include <errno.h>

#include "tests/unit/driver_rig.h"

#define ETAG "\"5d41402abc4b2a76b9719d911017c592\""
#define RESULT                                                           \
	"HTTP/1.1 200 OK\r\n\r\n<CopyObjectResult><ETag>" ETAG "</ETag>" \
	"<LastModified>2015-10-21T07:28:00.000Z</LastModified></CopyObjectResult>"
#define ERROR_200 "HTTP/1.1 200 OK\r\n\r\n<Error><Code>InternalError</Code></Error>"
#define REFUSAL	  "HTTP/1.1 412 No\r\nContent-Length: 0\r\n\r\n"

TestSuite(core_copy, .init = rig_setup, .fini = rig_teardown, .timeout = 60);

static struct store_call copy(void)
{
	struct store_call call = rig_call(STORE_COPY);

	call.from_bucket = "other";
	call.from_key = "k";
	call.from_etag = ETAG;
	return call;
}

Test(core_copy, copies)
{
	struct store_call call = copy();
	struct store_counters counters;

	fault.step[0] = RIG_RAW(RESULT);
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_str_eq(call.object.etag, ETAG);
	cr_assert_eq(call.object.mtime_ns, 1445412480000000000);
	cr_assert(rig_has(0, "PUT /media/a%20b HTTP/1.1\r\n"));
	cr_assert(rig_has(0, "\r\nContent-Length: 0\r\n"));
	cr_assert(rig_has(0, "\r\nx-amz-copy-source: other/k\r\n"));
	cr_assert(rig_has(0, ";x-amz-copy-source;x-amz-copy-source-if-match;"));
	store_counters(&counters);
	cr_assert_eq(counters.requests[STORE_COPY], 1u);
}

Test(core_copy, an_error_under_200_is_an_error)
{
	struct store_call call = copy();

	fault.step[0] = RIG_RAW(ERROR_200);
	fault.step[1] = RIG_RAW(RESULT);
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_eq(fault.requests, 2u);
	rig_all_steps(RIG_RAW("HTTP/1.1 200 OK\r\n\r\n<Error><Code>AccessDenied</Code></Error>"));
	cr_assert_eq(store_run(&call), -EACCES);
	cr_assert_eq(fault.requests, 3u);
	cr_assert_not_null(strstr(call.message, "AccessDenied"));
}

Test(core_copy, an_error_under_200_may_still_have_copied)
{
	struct store_call call = copy();

	call.if_none_match = "*";
	fault.step[0] = RIG_RAW(ERROR_200);
	fault.step[1] = RIG_RAW(REFUSAL);
	fault.etag = ETAG;
	fault_date(time(NULL), fault.modified);
	cr_assert_eq(store_run(&call), 0, "%d %s", call.error, call.message);
	cr_assert_eq(fault.requests, 3u);
	cr_assert(rig_has(2, "HEAD /media/a%20b "));
	store_call_reset(&call);
}

Test(core_copy, what_cannot_be_told_is_not_claimed)
{
	struct store_call call = copy();

	call.from_etag = "\"5d41402abc4b2a76b9719d911017c592-2\"";
	call.if_none_match = "*";
	fault.step[0].kind = FAULT_RESET;
	fault.step[1] = RIG_RAW(REFUSAL);
	cr_assert_eq(store_run(&call), -EIO);
	cr_assert_not_null(strstr(call.message, "cannot be told"), "%s", call.message);
	fault.requests = 0;
	fault.step[0] = RIG_RAW(REFUSAL); /* nothing was lost: it is as the service says */
	cr_assert_eq(store_run(&call), -ESTALE);
}

Test(core_copy, a_source_that_is_missing)
{
	struct store_call call = copy();

	fault.step[0].kind = FAULT_RESET;
	rig_all_steps(RIG_RAW("HTTP/1.1 404 No\r\n\r\n<Error><Code>NoSuchKey</Code></Error>"));
	cr_assert_eq(store_run(&call), -ENOENT);
}

/* The server sends blanks while it works: it is neither late nor slow. */
Test(core_copy, a_server_that_works_gets_its_time)
{
	struct store_call call = copy();

	fault.step[0] = (struct fault_step){.kind = FAULT_DRIP, .raw = RESULT, .at = 6};
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_eq(fault.requests, 1u);
}

Test(core_copy, a_server_that_does_not_even_say_that_is_given_up)
{
	struct store_call call = copy();

	rig_all_steps((struct fault_step){.kind = FAULT_SILENCE});
	cr_assert_eq(store_run(&call), -EIO);
	cr_assert_eq(fault.requests, 4u);
}
