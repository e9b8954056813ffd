// SPDX-License-Identifier: Apache-2.0
/* Multipart uploads through the whole driver. */
#include <criterion/criterion.h>
#include <errno.h>

#include "core/digest.h"
#include "tests/unit/driver_rig.h"

#define MD5_A "\"0cc175b9c0f1b6a831c399e269772661\"" /* of "a" */
#define MD5_B "\"92eb5ffee6ae2fec3ad71c777531578f\"" /* of "b" */
/* by hand: printf '0cc1...92eb...' | xxd -r -p | md5sum */
#define WHOLE "\"96e024ba2074fe77e8e965ba43a704be-2\""
#define RESULT                                                  \
	"HTTP/1.1 200 OK\r\n\r\n"                               \
	"<CompleteMultipartUploadResult><ETag>" WHOLE "</ETag>" \
	"</CompleteMultipartUploadResult>"
#define GONE                      \
	"HTTP/1.1 404 No\r\n\r\n" \
	"<Error><Code>NoSuchUpload</Code></Error>"
#define ERROR_200                 \
	"HTTP/1.1 200 OK\r\n\r\n" \
	"<Error><Code>InternalError</Code></Error>"

TestSuite(core_upload, .init = rig_setup, .fini = rig_teardown, .timeout = 60);

static struct store_part parts[] = {{1, MD5_A}, {2, MD5_B}};

static struct store_call about(enum store_verb verb)
{
	struct store_call call = rig_call(verb);

	call.upload = "U/+";
	call.part = 3;
	call.parts = parts;
	call.part_count = 2;
	return call;
}

static int read_letters(void *arg, uint64_t offset, void *buf, size_t bytes)
{
	(void)arg, (void)offset;
	memset(buf, 'a', bytes);
	return 0;
}

Test(core_upload, begins)
{
	struct store_call call = about(STORE_MULTIPART_BEGIN);

	fault.step[0].kind = FAULT_RESET;
	fault.step[1] = RIG_RAW("HTTP/1.1 200 OK\r\n\r\n<InitiateMultipartUploadResult>"
				"<UploadId>U/+</UploadId></InitiateMultipartUploadResult>");
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_str_eq(call.upload_id, "U/+");
	cr_assert(rig_has(1, "POST /media/a%20b?uploads= HTTP/1.1\r\n"));
	cr_assert(rig_has(1, "\r\nContent-Length: 0\r\n"));
	store_call_reset(&call);
	cr_assert_null(call.upload_id);
}

Test(core_upload, a_part_is_sent_until_it_is_there)
{
	struct store_call call = about(STORE_PART);
	struct store_counters counters;

	call.source = (struct store_source){.read = read_letters, .bytes = 2000000};
	fault.step[0].kind = FAULT_LOST;
	fault.step[1] = RIG_RAW("HTTP/1.1 400 Bad\r\n\r\n<Error>" /* damaged on its way */
				"<Code>XAmzContentSHA256Mismatch</Code></Error>");
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_eq(fault.requests, 3u);
	cr_assert(rig_has(2, "\r\nX-Amz-Content-Sha256: "));
	cr_assert_not(rig_has(2, "\r\nContent-MD5: "), "one digest is enough");
	cr_assert(rig_has(2, "PUT /media/a%20b?partNumber=3&uploadId=U%2F%2B HTTP/1.1\r\n"));
	cr_assert_str_eq(call.object.etag, fault.own_etag);
	store_counters(&counters);
	cr_assert_eq(counters.requests[STORE_PART], 3u);
	cr_assert_eq(counters.bytes_out, 4000000u, "the refusal came before");
}

Test(core_upload, a_part_of_an_upload_that_is_gone)
{
	struct store_call call = about(STORE_PART);

	call.source = (struct store_source){.read = read_letters, .bytes = 10};
	fault.step[0] = RIG_RAW(GONE);
	cr_assert_eq(store_run(&call), -ENOENT);
}

Test(core_upload, a_part_is_copied)
{
	struct store_call call = about(STORE_PART_COPY);

	call.from_bucket = "other";
	call.from_key = "k";
	call.offset = 10;
	call.length = 5;
	fault.step[0] = RIG_RAW(ERROR_200);
	fault.step[1] = RIG_RAW("HTTP/1.1 200 OK\r\n\r\n<CopyPartResult><ETag>" MD5_A
				"</ETag></CopyPartResult>");
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_str_eq(call.object.etag, MD5_A);
	cr_assert(rig_has(1, "\r\nx-amz-copy-source-range: bytes=10-14\r\n"));
}

Test(core_upload, completes)
{
	struct store_call call = about(STORE_COMPLETE);

	fault.step[0] = RIG_RAW(ERROR_200);
	fault.step[1] = RIG_RAW(RESULT);
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_str_eq(call.object.etag, WHOLE);
	cr_assert_eq(fault.requests, 2u);
	cr_assert(rig_has(1, "POST /media/a%20b?uploadId=U%2F%2B HTTP/1.1\r\n"));
	cr_assert_not_null(strstr((char *)fault.body, "<PartNumber>2</PartNumber><ETag>" MD5_B));
}

/* The upload is gone since it was completed. Its date may be that of its beginning. */
Test(core_upload, a_lost_answer_to_a_completion_is_found_to_be_a_success)
{
	struct store_call call = about(STORE_COMPLETE);

	fault.etag = WHOLE;
	fault.step[0].kind = FAULT_RESET;
	fault.step[1] = RIG_RAW(GONE);
	cr_assert_eq(store_run(&call), 0, "%d %s", call.error, call.message);
	cr_assert_str_eq(call.object.etag, WHOLE);
	cr_assert_eq(fault.requests, 3u);
	store_call_reset(&call);
}

Test(core_upload, a_lost_answer_to_a_conditional_one_as_well)
{
	struct store_call call = about(STORE_COMPLETE);

	fault.etag = WHOLE;
	call.if_none_match = "*";
	fault.step[0] = RIG_RAW(ERROR_200);
	fault.step[1] = RIG_RAW("HTTP/1.1 412 No\r\nContent-Length: 0\r\n"
				"\r\n");
	cr_assert_eq(store_run(&call), 0, "%d %s", call.error, call.message);
	store_call_reset(&call);
}

#define BUSY "HTTP/1.1 500 No\r\nx-amz-request-id: ABC\r\n\r\n"

/* RADOS Gateway 16 answers so when the upload has been completed. */
Test(core_upload, a_lost_answer_and_then_errors_without_end)
{
	struct store_call call = about(STORE_COMPLETE);

	fault.etag = WHOLE;
	for (int i = 0; i < RETRY_TRIES_MAX; i++)
		fault.step[i] = RIG_RAW(BUSY);
	fault.step[0] = (struct fault_step){.kind = FAULT_RESET};
	cr_assert_eq(store_run(&call), 0, "%d %s", call.error, call.message);
	cr_assert_eq(fault.requests, RETRY_TRIES_MAX + 1u);
	store_call_reset(&call);
	/* if it was not completed, the error is the service's */
	fault.requests = 0;
	fault.etag = MD5_A;
	cr_assert_eq(store_run(&call), -EIO);
	cr_assert_eq(fault.requests, RETRY_TRIES_MAX + 1u);
	cr_assert_not_null(strstr(call.message, "internal error of the server (500)"));
	cr_assert_not_null(strstr(call.message, "ABC"));
}

Test(core_upload, an_upload_that_is_gone_without_a_trace_is_an_error)
{
	struct store_call call = about(STORE_COMPLETE);

	fault.etag = MD5_A;
	fault.step[0].kind = FAULT_RESET;
	fault.step[1] = RIG_RAW(GONE);
	cr_assert_eq(store_run(&call), -ENOENT);
	cr_assert_eq(fault.requests, 3u);
	fault.requests = 0;
	fault.step[0] = RIG_RAW(GONE); /* nothing was lost: nobody is asked */
	cr_assert_eq(store_run(&call), -ENOENT);
	cr_assert_eq(fault.requests, 1u);
}

Test(core_upload, aborts)
{
	struct store_call call = about(STORE_ABORT);

	fault.step[0].kind = FAULT_RESET;
	fault.step[1] = RIG_RAW(GONE);
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert(rig_has(1, "DELETE /media/a%20b?uploadId=U%2F%2B HTTP/1.1\r\n"));
}
