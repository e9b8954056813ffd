// SPDX-License-Identifier: Apache-2.0
/*
 * What the contract (core/backend.h) offers to a service whose calls are not always one request:
 * several requests for one call, a source between two texts, CRC32C as the digest that goes along,
 * and a GET that cannot say which version is known. The back end is one of the test's.
 */
#include <criterion/criterion.h>
#include <errno.h>

#include "core/backend.h"
#include "tests/unit/driver_rig.h"

#define STEPS	   3
#define ABC_CRC32C "Nks/tw==" /* of "abc" */

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

static int build_step(const struct store_call *call, const struct store_site *site,
		      struct store_request *out)
{
	(void)site;
	out->method = "POST";
	return buffer_addf(&out->target, "/%u/%s", call->step, call->carry ? call->carry : "none");
}

/* The second of three makes the object. */
static int parse_step(struct store_call *call, const struct store_answer *answer,
		      struct store_check *check)
{
	(void)check;
	header_copy(answer->fields, "ETag", call->object.etag, STORE_ETAG_BYTES);
	if (call->step == STEPS - 1) {
		call->object = (struct store_object){0};
		return 0;
	}
	call->is_made = call->step == 1;
	if (asprintf(&call->carry_out, "after-%u", call->step) < 0)
		return -ENOMEM;
	return -EINPROGRESS;
}

static int build_put(const struct store_call *call, const struct store_site *site,
		     struct store_request *out)
{
	char crc32c[DIGEST_BASE64_BYTES];

	(void)call, (void)site;
	out->method = "POST";
	cr_assert(out->sums->has_crc32c);
	digest_base64(out->sums->crc32c, DIGEST_CRC_BYTES, crc32c);
	buffer_addf(&out->body, "head %s|", crc32c);
	buffer_add_text(&out->tail, "|tail");
	return buffer_add_text(&out->target, "/x");
}

static int parse_put(struct store_call *call, const struct store_answer *answer,
		     struct store_check *check)
{
	const char *sum = header_get(answer->fields, "x-sum");

	check->kind = DIGEST_CRC32C;
	snprintf(check->text, sizeof(check->text), "%s", sum ? sum : "");
	call->object.size = call->source.bytes;
	return 0;
}

static int build_get(const struct store_call *call, const struct store_site *site,
		     struct store_request *out)
{
	(void)site;
	out->method = call->verb == STORE_HEAD ? "HEAD" : "GET";
	cr_assert(call->verb == STORE_HEAD || !call->if_none_match);
	return buffer_add_text(&out->target, "/x");
}

static int parse_get(struct store_call *call, const struct store_answer *answer,
		     struct store_check *check)
{
	(void)check;
	return header_copy(answer->fields, "ETag", call->object.etag, STORE_ETAG_BYTES);
}

static void fault_of(const struct store_call *call, const struct store_site *site,
		     const struct store_answer *answer, struct store_fault *out)
{
	(void)call, (void)site;
	out->error = answer->status == 412 ? -ESTALE : answer->status == 404 ? -ENOENT : -EACCES;
	out->cure = answer->status == 503 ? STORE_CURE_WAIT : STORE_CURE_NONE;
}

static void request_id(const struct header_list *fields, char out[STORE_ID_BYTES])
{
	(void)fields;
	out[0] = '\0';
}

static const struct store_ops ops = {
	.scheme = "steps",
	.verb[STORE_HEAD] = {.build = build_get, .parse = parse_get},
	.verb[STORE_GET] = {.build = build_get, .parse = parse_get},
	.verb[STORE_COMPLETE] = {.build = build_step, .parse = parse_step},
	.verb[STORE_PUT] = {.build = build_put, .parse = parse_put, .streams = true},
	.locate = locate,
	.fault = fault_of,
	.request_id = request_id,
	.sums_crc32c = true,
	.looks_first = true,
};

static void setup(void)
{
	rig_setup();
	cr_assert_eq(store_register(&ops), 0);
}

TestSuite(core_steps, .init = setup, .fini = rig_teardown, .timeout = 60);

static struct store_call about(enum store_verb verb)
{
	struct store_call call = rig_call(verb);

	call.scheme = "steps";
	return call;
}

#define ANSWER(status, more) RIG_RAW("HTTP/1.1 " status "\r\nContent-Length: 0\r\n" more "\r\n")

Test(core_steps, each_builds_on_the_one_before)
{
	struct store_call call = about(STORE_COMPLETE);

	fault.step[0] = ANSWER("503 Busy", "");
	fault.step[1] = ANSWER("200 OK", "");
	fault.step[2] = ANSWER("200 OK", "ETag: \"made\"\r\n");
	fault.step[3] = ANSWER("200 OK", "");
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_eq(fault.requests, 4u);
	cr_assert(rig_has(0, "POST /0/none "));
	cr_assert(rig_has(1, "POST /0/none "), "what failed is sent again, not the whole");
	cr_assert(rig_has(2, "POST /1/after-0 "));
	cr_assert(rig_has(3, "POST /2/after-1 "));
	cr_assert_str_eq(call.object.etag, "\"made\"", "what tidies up says nothing of the object");
	store_call_reset(&call);
}

Test(core_steps, one_that_fails_ends_the_call)
{
	struct store_call call = about(STORE_COMPLETE);

	fault.step[0] = ANSWER("200 OK", "");
	fault.step[1] = ANSWER("412 Precondition Failed", "");
	cr_assert_eq(store_run(&call), -ESTALE);
	cr_assert_eq(fault.requests, 2u);
	store_call_reset(&call);
}

Test(core_steps, what_only_tidies_up_may_fail)
{
	struct store_call call = about(STORE_COMPLETE);

	fault.step[0] = ANSWER("200 OK", "");
	fault.step[1] = ANSWER("200 OK", "ETag: \"made\"\r\n");
	fault.step[2] = ANSWER("403 Forbidden", "");
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_str_eq(call.object.etag, "\"made\"");
	cr_assert_str_empty(call.message);
	store_call_reset(&call);
}

static int read_abc(void *arg, uint64_t offset, void *buf, size_t bytes)
{
	(void)arg;
	memcpy(buf, "abc" + offset, bytes);
	return 0;
}

Test(core_steps, a_source_goes_between_two_texts_with_its_crc32c)
{
	static const char sent[] = "head " ABC_CRC32C "|abc|tail";
	struct store_call call = about(STORE_PUT);

	call.source = (struct store_source){.read = read_abc, .bytes = 3};
	fault.step[0] = ANSWER("200 OK", "x-sum: AAAAAA==\r\n");
	fault.step[1] = ANSWER("200 OK", "x-sum: " ABC_CRC32C "\r\n");
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_eq(fault.requests, 2u, "other bytes than were sent are sent again");
	cr_assert(rig_has(1, "Content-Length: 22\r\n"), "%s", fault.request[1]);
	cr_assert_eq(memcmp(fault.body, sent, strlen(sent)), 0, "%.30s", fault.body);
	store_call_reset(&call);
}

#define BODY(etag, text)                                                     \
	RIG_RAW("HTTP/1.1 200 OK\r\nETag: " etag "\r\nContent-Length: 3\r\n" \
		"\r\n" text)

Test(core_steps, a_get_looks_first_whether_it_is_another_version)
{
	struct store_call call = about(STORE_GET);

	call.if_none_match = "\"old\"";
	fault.step[0] = ANSWER("200 OK", "ETag: \"old\"\r\n");
	cr_assert_eq(store_run(&call), -EALREADY);
	cr_assert_eq(fault.requests, 1u);
	cr_assert(rig_has(0, "HEAD /x "));
	store_call_reset(&call);
	fault.step[1] = ANSWER("200 OK", "ETag: \"new\"\r\n");
	fault.step[2] = BODY("\"new\"", "abc");
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_str_eq(call.object.etag, "\"new\"");
	cr_assert_eq(call.object.size, 3u);
	cr_assert_eq(fault.requests, 3u);
	cr_assert(rig_has(2, "GET /x "));
	store_call_reset(&call);
	fault.step[3] = ANSWER("404 Not Found", "");
	cr_assert_eq(store_run(&call), -ENOENT);
	cr_assert_eq(fault.requests, 4u);
	store_call_reset(&call);
}
