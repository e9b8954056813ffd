// SPDX-License-Identifier: Apache-2.0
/*
 * What the contract (core/backend.h) offers to back ends that S3 does not need: verbs that are
 * answered without a request, successes that are only a beginning, sums in base64, and another
 * identity than an ETag. The back end is one of the test's, against the server of fault_server.h.
 */
#include <criterion/criterion.h>
#include <errno.h>

#include "core/backend.h"
#include "tests/unit/driver_rig.h"

#define SETTLED_FIELD "x-state"

static int locate(const struct store_call *call, const char *region, struct store_site *out,
		  struct creds *creds_out, char message[STORE_MESSAGE_BYTES])
{
	(void)call, (void)region, (void)message;
	memset(out, 0, sizeof(*out));
	memset(creds_out, 0, sizeof(*creds_out));
	creds_out->anonymous = true;
	snprintf(out->origin, sizeof(out->origin), "http://127.0.0.1:%u", fault.port);
	return 0;
}

static int build(const struct store_call *call, const struct store_site *site,
		 struct store_request *out)
{
	(void)site;
	out->method = call->verb == STORE_HEAD ? "HEAD" : call->verb == STORE_LIST ? "GET" : "PUT";
	if (call->if_match)
		header_add(&out->fields, "If-Match", call->if_match);
	cr_assert_eq(out->source_bytes, out->streams ? call->source.bytes : 0);
	return buffer_add_text(&out->target, "/x");
}

static int parse(struct store_call *call, const struct store_answer *answer,
		 struct store_check *check)
{
	const char *md5 = header_get(answer->fields, "Content-MD5");

	if (header_get(answer->fields, "x-missing"))
		return -ENOENT;
	if (md5) {
		check->kind = DIGEST_MD5;
		snprintf(check->text, sizeof(check->text), "%s", md5);
	}
	return header_copy(answer->fields, "ETag", call->object.etag, STORE_ETAG_BYTES);
}

static int settled(const struct store_answer *answer)
{
	const char *state = header_get(answer->fields, SETTLED_FIELD);

	if (!state)
		return 0;
	return strcmp(state, "pending") ? -EIO : -EINPROGRESS;
}

static int begin_here(struct store_call *call)
{
	call->upload_id = strdup("made up");
	return 0;
}

static int refuse_here(struct store_call *call)
{
	(void)call;
	return -EOPNOTSUPP;
}

static int expect(const struct store_call *call, const struct store_sums *sums,
		  char identity[STORE_ETAG_BYTES])
{
	(void)call;
	digest_base64(sums->md5, DIGEST_MD5_BYTES, identity);
	return 0;
}

static bool identity(const struct store_answer *answer, const struct store_object *object,
		     char out[STORE_ETAG_BYTES])
{
	(void)object;
	header_copy(answer->fields, "Content-MD5", out, STORE_ETAG_BYTES);
	return out[0];
}

static void fault_of(const struct store_call *call, const struct store_site *site,
		     const struct store_answer *answer, struct store_fault *out)
{
	(void)call, (void)site;
	out->error = answer->status == 412 ? -ESTALE : -EACCES;
}

static void request_id(const struct header_list *fields, char out[STORE_ID_BYTES])
{
	(void)fields;
	out[0] = '\0';
}

static const struct store_ops ops = {
	.scheme = "test",
	.verb[STORE_HEAD] = {.build = build, .parse = parse},
	.verb[STORE_LIST] = {.build = build, .parse = parse},
	.verb[STORE_PUT] = {.build = build, .parse = parse, .expect = expect, .streams = true},
	.verb[STORE_COPY] = {.build = build, .parse = parse, .settled = settled},
	.verb[STORE_MULTIPART_BEGIN] = {.local = begin_here},
	.verb[STORE_PART_COPY] = {.local = refuse_here},
	.locate = locate,
	.fault = fault_of,
	.identity = identity,
	.request_id = request_id,
};

static void setup(void)
{
	rig_setup();
	cr_assert_eq(store_register(&ops), 0);
}

TestSuite(core_contract, .init = setup, .fini = rig_teardown, .timeout = 60);

static struct store_call about(enum store_verb verb)
{
	struct store_call call = rig_call(verb);

	call.scheme = "test";
	return call;
}

static int read_abc(void *arg, uint64_t offset, void *buf, size_t bytes)
{
	(void)arg;
	memcpy(buf, "abc" + offset, bytes);
	return 0;
}

static struct store_call put_abc(void)
{
	struct store_call call = about(STORE_PUT);

	call.source = (struct store_source){.read = read_abc, .bytes = 3};
	return call;
}

#define ABC_MD5 "kAFQmDzST7DWlj99KOF/cg=="
#define ANSWER(status, more) \
	RIG_RAW("HTTP/1.1 " status "\r\nETag: \"e\"\r\nContent-Length: 0\r\n" more "\r\n")

Test(core_contract, what_needs_no_request_sends_none)
{
	struct store_call call = about(STORE_MULTIPART_BEGIN);

	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_str_eq(call.upload_id, "made up");
	store_call_reset(&call);
	call = about(STORE_PART_COPY);
	cr_assert_eq(store_run(&call), -EOPNOTSUPP);
	cr_assert_str_empty(call.message);
	cr_assert_eq(fault.requests, 0u);
}

Test(core_contract, what_is_only_begun_is_asked_for_until_it_is_done)
{
	struct store_call call = about(STORE_COPY);

	call.if_match = "\"old\"";
	fault.step[0] = ANSWER("202 Accepted", SETTLED_FIELD ": pending\r\n");
	fault.step[1] = ANSWER("200 OK", SETTLED_FIELD ": pending\r\n");
	fault.step[2] = RIG_RAW("HTTP/1.1 200 OK\r\nETag: \"done\"\r\nContent-Length: 9\r\n\r\n");
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_str_eq(call.object.etag, "\"done\"");
	cr_assert_eq(fault.requests, 3u);
	cr_assert(rig_has(0, "PUT /x"));
	cr_assert(rig_has(0, "If-Match"));
	cr_assert(rig_has(1, "HEAD /x"));
	cr_assert_not(rig_has(1, "If-Match"), "the version is another by now");
	store_call_reset(&call);
}

Test(core_contract, what_fails_after_it_was_begun_has_failed)
{
	struct store_call call = about(STORE_COPY);

	fault.step[0] = ANSWER("202 Accepted", SETTLED_FIELD ": pending\r\n");
	fault.step[1] = ANSWER("200 OK", SETTLED_FIELD ": failed\r\n");
	cr_assert_eq(store_run(&call), -EIO);
	cr_assert_not_null(strstr(call.message, "then failed"), "%s", call.message);
}

Test(core_contract, a_sum_may_be_in_base64)
{
	struct store_call call = put_abc();

	fault.step[0] = ANSWER("201 Created", "Content-MD5: " ABC_MD5 "\r\n");
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	fault.step[1] = ANSWER("201 Created", "Content-MD5: AAAQmDzST7DWlj99KOF/cg==\r\n");
	fault.step[2] = ANSWER("201 Created", "Content-MD5: " ABC_MD5 "\r\n");
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_eq(fault.requests, 3u, "other bytes than were sent are sent again");
}

Test(core_contract, a_lost_answer_is_found_by_its_identity)
{
	struct store_call call = put_abc();

	call.if_none_match = "*";
	fault.step[0].kind = FAULT_LOST;
	fault.step[1] = ANSWER("412 Precondition Failed", "");
	fault.step[2] = ANSWER("200 OK", "Content-MD5: " ABC_MD5 "\r\n");
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_str_eq(call.object.etag, "\"e\"");
	fault.step[3].kind = FAULT_LOST;
	fault.step[4] = ANSWER("412 Precondition Failed", "");
	fault.step[5] = ANSWER("200 OK", "Content-MD5: AAAQmDzST7DWlj99KOF/cg==\r\n");
	cr_assert_eq(store_run(&call), -ESTALE);
	fault.step[6].kind = FAULT_LOST;
	fault.step[7] = ANSWER("412 Precondition Failed", "");
	fault.step[8] = ANSWER("200 OK", "");
	cr_assert_eq(store_run(&call), -EIO, "whose it is cannot be told");
}

Test(core_contract, a_success_may_be_of_no_object)
{
	struct store_call call = about(STORE_HEAD);

	fault.step[0] = ANSWER("200 OK", "x-missing: 1\r\n");
	cr_assert_eq(store_run(&call), -ENOENT);
	cr_assert_eq(fault.requests, 1u);
}
