// SPDX-License-Identifier: Apache-2.0
/* STORE_PUT through the whole driver, with S3 as its back end, against a server that misbehaves. */
#include <criterion/criterion.h>
#include <errno.h>

#include "core/digest.h"
#include "tests/unit/driver_rig.h"

#define SIZE 3000000 /* enough to ask for leave, and for a thread of its own to digest it */

/* A source, and what was asked of it. */
static struct {
	uint64_t bytes;
	atomic_uint salt;   /* other bytes for another one */
	atomic_uint starts; /* reads from offset 0 */
	atomic_int fail_at; /* the start at which it fails, 0 for none */
	int error;
	atomic_uint change_at; /* the start at which salt changes, 0 for none */
	atomic_uint slow_us;
} from;

static unsigned char byte_at(uint64_t i)
{
	return (unsigned char)((i * 2654435761u >> 11) + from.salt);
}

static int on_read(void *arg, uint64_t offset, void *buf, size_t bytes)
{
	unsigned char *out = buf;

	(void)arg;
	cr_assert_leq(offset + bytes, from.bytes);
	if (!offset)
		from.starts++;
	if (from.fail_at && from.starts >= (unsigned)from.fail_at)
		return from.error;
	if (from.change_at && from.starts == from.change_at && !offset)
		from.salt++;
	for (size_t i = 0; i < bytes; i++)
		out[i] = byte_at(offset + i);
	if (from.slow_us)
		usleep(from.slow_us);
	return 0;
}

TestSuite(core_put, .init = rig_setup, .fini = rig_teardown, .timeout = 60);
TestSuite(core_put_hasty, .init = rig_setup_hasty, .fini = rig_teardown, .timeout = 60);

static struct store_call put(uint64_t bytes)
{
	struct store_call call = rig_call(STORE_PUT);

	from.bytes = bytes;
	call.source = (struct store_source){.read = on_read, .bytes = bytes};
	return call;
}

static void expect_kept(uint64_t bytes)
{
	cr_assert_eq(fault.size, bytes, "%zu", fault.size);
	for (uint64_t i = 0; i < bytes; i++)
		cr_assert_eq(fault.object[i], byte_at(i), "at %llu", (unsigned long long)i);
}

Test(core_put, puts_the_whole_source)
{
	struct store_call call = put(SIZE);
	char name[] = "mode", value[] = "33188", type[] = "Content-Type", text[] = "text/plain";
	struct store_pair pair = {name, value}, field = {type, text};
	struct store_pairs user = {&pair, 1}, fields = {&field, 1};
	struct store_counters counters;
	char hex[DIGEST_HEX_BYTES], line[256];

	call.set_user = &user;
	call.set_fields = &fields;
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	expect_kept(SIZE);
	cr_assert_str_eq(call.object.etag, fault.own_etag);
	cr_assert_eq(call.object.size, (uint64_t)SIZE);
	cr_assert_str_eq(call.request_id, "REQ1");
	cr_assert(rig_has(0, "PUT /media/a%20b HTTP/1.1\r\n"));
	cr_assert(rig_has(0, "\r\nx-amz-meta-mode: 33188\r\n"));
	cr_assert(rig_has(0, "\r\nContent-Type: text/plain\r\n"));
	cr_assert(rig_has(0, "\r\nContent-Length: 3000000\r\n"));
	cr_assert_not(rig_has(0, "\r\nTransfer-Encoding:"));
	digest_sha256_hex(fault.object, SIZE, hex);
	snprintf(line, sizeof(line), "\r\nX-Amz-Content-Sha256: %s\r\n", hex);
	cr_assert(rig_has(0, line));
	cr_assert(rig_has(0, "SignedHeaders=content-md5;content-type;host;"
			     "x-amz-content-sha256;x-amz-date;x-amz-meta-mode,"));
	store_counters(&counters);
	cr_assert_eq(counters.requests[STORE_PUT], 1u);
	cr_assert_eq(counters.bytes_out, (uint64_t)SIZE);
	cr_assert_eq(from.starts, 2u); /* to digest it, and to send it */
	store_call_reset(&call);
}

Test(core_put, an_empty_object_is_an_object)
{
	struct store_call call = put(0);

	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_eq(fault.puts, 1u);
	cr_assert(rig_has(0, "\r\nContent-Length: 0\r\n"));
	cr_assert(rig_has(0, "\r\nContent-MD5: 1B2M2Y8AsgTpgAmY7PhCfg==\r\n"));
	cr_assert_str_eq(call.object.etag, "\"d41d8cd98f00b204e9800998ecf8427e\"");
}

Test(core_put, a_large_body_waits_for_leave_and_a_small_one_does_not)
{
	struct store_call call = put(SIZE);

	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert(rig_has(0, "\r\nExpect: 100-continue\r\n"));
	call = put(1000);
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_not(rig_has(1, "Expect:"));
}

Test(core_put, a_server_that_gives_no_leave_is_not_asked_twice)
{
	struct store_call call = put(SIZE);

	fault.step[0].kind = FAULT_NO_LEAVE;
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	expect_kept(SIZE);
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert(rig_has(0, "Expect:"));
	cr_assert_not(rig_has(1, "Expect:"));
	cr_assert_eq(fault.requests, 2u);
}

Test(core_put, a_server_that_refuses_to_be_asked_gets_the_body)
{
	struct store_call call = put(SIZE);

	fault.step[0] = RIG_RAW("HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n");
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	expect_kept(SIZE);
	cr_assert_eq(fault.requests, 2u);
	cr_assert_not(rig_has(1, "Expect:"));
}

Test(core_put, a_refusal_saves_the_body)
{
	struct store_call call = put(SIZE);
	struct store_counters counters;

	fault.step[0] = RIG_RAW("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
	cr_assert_eq(store_run(&call), -EACCES);
	cr_assert_eq(fault.requests, 1u);
	store_counters(&counters);
	cr_assert_eq(counters.bytes_out, 0u);
}

Test(core_put, every_sending_starts_anew)
{
	struct store_call call = put(SIZE);

	fault.step[0].kind = FAULT_RESET;
	fault.step[1] = RIG_RAW("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
	fault.step[2] = (struct fault_step){.kind = FAULT_LOST};
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	expect_kept(SIZE);
	cr_assert_eq(fault.requests, 4u);
	cr_assert_eq(fault.puts, 2u);
}

Test(core_put, a_lost_answer_to_o_excl_is_found_to_be_a_success)
{
	struct store_call call = put(SIZE);

	call.if_none_match = "*";
	fault.step[0].kind = FAULT_LOST;
	cr_assert_eq(store_run(&call), 0, "%d %s", call.error, call.message);
	cr_assert_eq(fault.puts, 1u);
	cr_assert_eq(fault.requests, 3u); /* PUT, PUT: 412, HEAD */
	cr_assert_eq(strncmp(fault.request[2], "HEAD /media/a%20b ", 18), 0);
	cr_assert_not(rig_has(2, "If-None-Match"));
	cr_assert_str_eq(call.object.etag, fault.own_etag);
	cr_assert_eq(call.object.size, (uint64_t)SIZE);
}

Test(core_put, a_lost_answer_to_an_overwrite_is_found_to_be_a_success)
{
	struct store_call call = put(1000);

	fault.etag = "\"old\"";
	call.if_match = "\"old\"";
	fault.step[0].kind = FAULT_LOST;
	fault.step[2].kind = FAULT_RESET; /* the look itself is tried again */
	cr_assert_eq(store_run(&call), 0, "%d %s", call.error, call.message);
	cr_assert(rig_has(0, "\r\nIf-Match: old\r\n"));
	cr_assert_eq(fault.puts, 1u);
	cr_assert_eq(fault.requests, 4u);
}

/* libcurl sends again by itself when a kept-alive connection is closed without an answer. */
Test(core_put, an_answer_lost_on_a_used_connection_is_no_silent_second_sending)
{
	struct store_call head = put(0);
	struct store_call call = put(0);
	struct store_counters counters;

	head.verb = STORE_HEAD;
	cr_assert_eq(store_run(&head), 0, "%s", head.message);
	call.if_none_match = "*";
	fault.step[1].kind = FAULT_LOST;
	cr_assert_eq(store_run(&call), 0, "%d %s", call.error, call.message);
	cr_assert_eq(fault.puts, 1u);
	store_counters(&counters);
	cr_assert_eq(counters.requests[STORE_PUT], 2u);
	cr_assert_eq(counters.requests[STORE_HEAD], 2u);
	cr_assert_eq(fault.requests, 4u); /* each of them counted */
	store_call_reset(&head);
}

Test(core_put, a_used_connection_that_was_closed_is_replaced)
{
	struct store_call call = put(1000);

	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	fault.step[1].kind = FAULT_LOST;
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_eq(fault.requests, 3u);
	expect_kept(1000);
}

Test(core_put, another_writers_version_stays_stale)
{
	struct store_call call = put(SIZE);

	fault.etag = "\"theirs\"";
	call.if_none_match = "*";
	fault.step[0].kind = FAULT_RESET;
	cr_assert_eq(store_run(&call), -ESTALE);
	cr_assert_str_eq(call.message, "");
	cr_assert_eq(fault.puts, 0u);
	cr_assert_eq(fault.requests, 3u);
}

/* Two empty lock files are the same bytes: the one that was there before is not ours. */
Test(core_put, the_same_bytes_from_before_are_not_ours)
{
	struct store_call call = put(0);

	fault.etag = "\"d41d8cd98f00b204e9800998ecf8427e\"";
	call.if_none_match = "*";
	fault.step[0].kind = FAULT_RESET;
	cr_assert_eq(store_run(&call), -ESTALE);
	cr_assert_eq(fault.requests, 3u);
}

/* Nor are those that somebody else wrote at the same moment: what went along tells. */
Test(core_put, the_same_bytes_with_other_metadata_are_not_ours)
{
	char name[] = "mtime", value[] = "1.5";
	struct store_pair pair = {name, value};
	struct store_pairs user = {&pair, 1};
	struct store_call call = put(0);

	call.if_none_match = "*";
	call.set_user = &user;
	fault.step[0].kind = FAULT_LOST;
	fault.fields = "x-amz-meta-mtime: 2.5\r\n";
	cr_assert_eq(store_run(&call), -ESTALE);
	fault.etag = "";
	fault.requests = 0;
	fault.fields = "x-amz-meta-mtime: 1.5\r\n";
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_eq(fault.requests, 3u);
	store_call_reset(&call);
}

/* Encrypted with a key of KMS, an ETag is as good as random. */
Test(core_put, an_etag_that_tells_nothing_is_no_reason_to_claim_another_writer)
{
	struct store_call call = put(10);

	fault.etag = "\"00000000000000000000000000000000\"";
	fault_date(time(NULL), fault.modified);
	fault.fields = "x-amz-server-side-encryption: aws:kms\r\n";
	call.if_none_match = "*";
	fault.step[0].kind = FAULT_RESET;
	cr_assert_eq(store_run(&call), -EIO, "%d", call.error);
	cr_assert_eq(fault.requests, 3u);
	cr_assert_not_null(strstr(call.message, "cannot be told"), "%s", call.message);
	/* it is older than the call: then it can */
	fault.requests = 0;
	fault_date(1000000000, fault.modified);
	cr_assert_eq(store_run(&call), -ESTALE, "%d", call.error);
}

/* Then a mark of the caller's does, and the size. */
Test(core_put, what_is_encrypted_is_known_by_its_mark)
{
	char name[] = "mtime", value[] = "1.000000005";
	struct store_pair pair = {name, value};
	struct store_pairs user = {&pair, 1};
	struct store_call call = put(10);

	call.if_none_match = "*";
	call.set_user = &user;
	fault.step[0].kind = FAULT_LOST;
	fault.random_etag = "\"00000000000000000000000000000000\"";
	fault.fields = "x-amz-server-side-encryption: aws:kms\r\nx-amz-meta-mtime: 1.000000005\r\n";
	cr_assert_eq(store_run(&call), -EIO, "%d", call.error);
	store_call_reset(&call);
	fault.etag = "";
	fault.requests = 0;
	call.is_marked = true;
	cr_assert_eq(store_run(&call), 0, "%d %s", call.error, call.message);
	cr_assert_str_eq(call.object.etag, fault.random_etag);
	cr_assert_eq(fault.requests, 3u);
	/* another's */
	store_call_reset(&call);
	fault.etag = "";
	fault.requests = 0;
	fault.fields = "x-amz-server-side-encryption: aws:kms\r\nx-amz-meta-mtime: 1.000000006\r\n";
	cr_assert_eq(store_run(&call), -EIO, "%d", call.error);
	store_call_reset(&call);
}

Test(core_put, a_condition_that_fails_at_once_asks_nothing_more)
{
	struct store_call call = put(10);

	/* that an If-Match can fit is known: only before, a failure asks how it wants the ETag */
	fault.etag = call.if_match = "\"theirs\"";
	cr_assert_eq(store_run(&call), 0);
	store_call_reset(&call);
	call.if_match = "\"old\"";
	cr_assert_eq(store_run(&call), -ESTALE);
	cr_assert_eq(fault.requests, 2u);
}

Test(core_put, a_conflict_is_tried_again)
{
	struct store_call call = put(10);

	call.if_none_match = "*";
	fault.step[0] = RIG_RAW("HTTP/1.1 409 Conflict\r\nContent-Type: application/xml\r\n\r\n"
				"<Error><Code>ConditionalRequestConflict</Code></Error>");
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_eq(fault.requests, 2u);
}

Test(core_put, other_bytes_in_the_store_are_an_error)
{
	struct store_call call = put(1000);

	rig_all_steps((struct fault_step){.etag = "\"00000000000000000000000000000000\""});
	cr_assert_eq(store_run(&call), -EIO);
	cr_assert_eq(fault.requests, 3u);
	cr_assert_not_null(strstr(call.message, "keeps other bytes than were sent"));
	cr_assert_not_null(strstr(call.message, "REQ3"));
	/* with a condition it cannot be sent again */
	fault.requests = 0;
	call.if_match = fault.own_etag;
	cr_assert_eq(store_run(&call), -EIO);
	cr_assert_eq(fault.requests, 1u);
	cr_assert_not_null(strstr(call.message, "keeps other bytes than were sent"));
}

Test(core_put, an_answer_without_an_etag_is_no_success)
{
	struct store_call call = put(0);

	rig_all_steps(RIG_RAW("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
	cr_assert_eq(store_run(&call), -EIO);
	cr_assert_eq(fault.requests, 3u);
}

Test(core_put, an_etag_that_is_no_md5_is_taken)
{
	struct store_call call = put(10);

	fault.step[0].etag = "\"00000000000000000000000000000000\"";
	fault.fields = "x-amz-server-side-encryption: aws:kms\r\n";
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_str_eq(call.object.etag, "\"00000000000000000000000000000000\"");
}

Test(core_put, bytes_that_changed_meanwhile_are_digested_anew)
{
	struct store_call call = put(SIZE);

	from.change_at = 2; /* between the digest and the sending */
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	expect_kept(SIZE);
	cr_assert_eq(from.starts, 4u);
	cr_assert_eq(fault.requests, 2u);
}

Test(core_put, bytes_that_always_arrive_damaged_are_an_error)
{
	struct store_call call = put(10);

	rig_all_steps(RIG_RAW("HTTP/1.1 400 Bad\r\nContent-Type: application/xml\r\n\r\n"
			      "<Error><Code>BadDigest</Code><RequestId>R</RequestId></Error>"));
	cr_assert_eq(store_run(&call), -EIO);
	cr_assert_eq(fault.requests, 3u);
	cr_assert_not_null(strstr(call.message, "BadDigest"));
}

Test(core_put, the_sources_error_ends_it)
{
	struct store_call call = put(SIZE);

	from.error = -EBADMSG;
	from.fail_at = 1; /* while it is digested */
	cr_assert_eq(store_run(&call), -EBADMSG);
	cr_assert_eq(fault.requests, 0u);
	from.starts = 0;
	from.fail_at = 2; /* while it is sent */
	cr_assert_eq(store_run(&call), -EBADMSG);
	cr_assert_eq(fault.puts, 0u);
	cr_assert_eq(fault.requests, 1u);
	from.starts = 0;
	call = put(10); /* without the hasher's thread */
	from.fail_at = 1;
	cr_assert_eq(store_run(&call), -EBADMSG);
	cr_assert_neq(call.message[0], '\0');
}

Test(core_put_hasty, a_server_that_stops_reading_is_given_up)
{
	struct store_call call = put(UINT64_C(64) << 20); /* more than sockets hold */

	rig_all_steps((struct fault_step){.kind = FAULT_TAKE, .at = 1000});
	cr_assert_eq(store_run(&call), -EIO);
	cr_assert_eq(fault.requests, 4u);
	cr_assert_not_null(strstr(call.message, "the transfer stalled"), "%s", call.message);
}

Test(core_put_hasty, a_server_that_never_answers_is_given_up)
{
	struct store_call call = put(1000);

	rig_all_steps((struct fault_step){.kind = FAULT_TAKE, .at = 1000});
	cr_assert_eq(store_run(&call), -EIO);
	cr_assert_eq(fault.requests, 4u);
	cr_assert_not_null(strstr(call.message, "no answer in time"));
}

Test(core_put, an_answer_before_the_bodys_end_is_no_success)
{
	struct store_call call = put(UINT64_C(64) << 20);

	fault.step[0] =
		(struct fault_step){.kind = FAULT_RAW,
				    .raw = "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: 0\r\n"
					   "Connection: close\r\n\r\n"};
	for (int i = 1; i < FAULT_STEPS_MAX; i++)
		fault.step[i] = RIG_RAW("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
	cr_assert_eq(store_run(&call), -EACCES, "%d", call.error);
}

Test(core_put, the_region_is_learned_before_the_body_goes)
{
	struct store_call call = put(SIZE);
	struct store_counters counters;

	fault.step[0] = RIG_RAW("HTTP/1.1 307 Elsewhere\r\nx-amz-bucket-region: eu-west-3\r\n"
				"Location: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n");
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert(rig_has(1, "/eu-west-3/s3/aws4_request"));
	expect_kept(SIZE);
	store_counters(&counters);
	cr_assert_eq(counters.bytes_out, (uint64_t)SIZE);
}

Test(core_put, a_wrong_clock_is_mended_with_a_small_body_too)
{
	struct store_call call = put(1000);

	fault.step[0] = RIG_RAW("HTTP/1.1 403 No\r\nDate: Fri, 24 May 2013 00:00:00 GMT\r\n"
				"Content-Type: application/xml\r\n\r\n"
				"<Error><Code>RequestTimeTooSkewed</Code></Error>");
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert(rig_has(1, "X-Amz-Date: 20130524T0000"));
	expect_kept(1000);
}

/* By its own clock, wherever ours is. */
Test(core_put, a_look_tells_how_old_a_version_is)
{
	struct store_call head = put(0);

	head.verb = STORE_HEAD;
	fault.step[0] = RIG_RAW("HTTP/1.1 200 OK\r\nDate: Fri, 24 May 2013 00:01:00 GMT\r\n"
				"Last-Modified: Thu, 23 May 2013 23:59:00 GMT\r\n"
				"ETag: \"1\"\r\nContent-Length: 5\r\n\r\n");
	cr_assert_eq(store_run(&head), 0, "%s", head.message);
	cr_assert_eq(head.age_s, 120);
	store_call_reset(&head);
	fault.step[1] = RIG_RAW("HTTP/1.1 200 OK\r\nDate: Fri, 24 May 2013 00:01:00 GMT\r\n"
				"ETag: \"1\"\r\nContent-Length: 5\r\n\r\n");
	cr_assert_eq(store_run(&head), 0, "%s", head.message);
	cr_assert_eq(head.age_s, STORE_AGE_UNKNOWN);
	store_call_reset(&head);
}

Test(core_put, refusals_have_their_errnos)
{
	static const struct {
		const char *answer;
		int error;
	} cases[] = {
		{"400 Bad\r\n\r\n<Error><Code>EntityTooLarge</Code></Error>", -EFBIG},
		{"413 Large\r\n\r\n", -EFBIG},
		{"403 No\r\n\r\n<Error><Code>QuotaExceeded</Code></Error>", -EDQUOT},
		{"404 No\r\n\r\n<Error><Code>NoSuchBucket</Code></Error>", -ENOENT},
		{"400 Bad\r\n\r\n<Error><Code>MetadataTooLarge</Code></Error>", -E2BIG},
		{"501 No\r\n\r\n<Error><Code>NotImplemented</Code></Error>", -EIO},
	};
	struct store_call call = put(10);
	char raw[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(raw, sizeof(raw), "HTTP/1.1 %s", cases[i].answer);
		rig_all_steps(RIG_RAW(raw));
		fault.requests = 0;
		cr_assert_eq(store_run(&call), cases[i].error, "%s: %d", raw, call.error);
		cr_assert_eq(fault.requests, 1u);
		cr_assert_eq(call.message[0] == '\0', cases[i].error == -ENOENT);
	}
}

Test(core_put, what_s3_cannot_hold_is_not_sent)
{
	char name[] = "mode", bad_name[] = "Mode", value[] = "1", bad_value[] = "\xc3\xa9";
	static char huge[3000];
	struct store_pair pair = {name, value};
	struct store_pairs user = {&pair, 1};
	struct store_call call = put(10);

	call.if_none_match = "\"e\"";
	cr_assert_eq(store_run(&call), -EINVAL);
	call.if_none_match = NULL;
	call.set_user = &user;
	pair.name = bad_name;
	cr_assert_eq(store_run(&call), -EINVAL);
	pair = (struct store_pair){name, bad_value};
	cr_assert_eq(store_run(&call), -EINVAL);
	memset(huge, 'v', sizeof(huge) - 1);
	pair.value = huge;
	cr_assert_eq(store_run(&call), -E2BIG);
	call.set_user = NULL;
	call.key = "";
	cr_assert_eq(store_run(&call), -EINVAL);
	cr_assert_eq(fault.requests, 0u);
}

static atomic_int ended;

static void on_end(struct store_call *call)
{
	cr_assert_eq(call->error, -ECANCELED, "%d", call->error);
	ended++;
}

Test(core_put, stopping_ends_those_that_are_digested_too)
{
	static struct store_call calls[20];

	from.slow_us = 20000;
	for (int i = 0; i < 20; i++) {
		calls[i] = put(SIZE);
		calls[i].done = on_end;
		cr_assert_eq(store_submit(&calls[i]), 0);
	}
	usleep(30000);
	store_stop();
	cr_assert_eq(ended, 20);
	cr_assert_eq(fault.requests, 0u);
}
