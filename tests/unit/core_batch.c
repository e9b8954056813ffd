// SPDX-License-Identifier: Apache-2.0
/*
 * STORE_DELETE_MANY in batches, through the whole driver: what was answered is not asked again, and
 * what came of each key is told, however the call ends. The back end is one of the test's: two keys
 * a request, which it names in the target.
 */
#include "core/batch.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "core/backend.h"
#include "core/http/retry.h"
#include "tests/unit/driver_rig.h"

#define BATCH_MAX 2

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
	size_t picked[BATCH_MAX], count = batch_pick(call, BATCH_MAX, picked);
	int ret = 0;

	(void)site;
	out->method = "POST";
	for (size_t i = 0; i < count && !ret; i++) {
		const char *key = call->keys[picked[i]];

		ret = key[0] ? buffer_addf(&out->target, "/%s", key) : -EINVAL;
	}
	return ret;
}

static int parse(struct store_call *call, const struct store_answer *answer,
		 struct store_check *check)
{
	size_t picked[BATCH_MAX], count = batch_pick(call, BATCH_MAX, picked);
	struct batch_part parts[BATCH_MAX];
	int errors[BATCH_MAX];
	int ret = batch_read(answer, parts, count);

	(void)check;
	for (size_t i = 0; i < count && !ret; i++)
		errors[i] = batch_error(parts[i].status);
	return ret ? ret : batch_note(call, picked, errors, count);
}

static void fault_of(const struct store_call *call, const struct store_site *site,
		     const struct store_answer *answer, struct store_fault *out)
{
	(void)call, (void)site, (void)answer;
	out->error = -EACCES;
}

static void request_id(const struct header_list *fields, char out[STORE_ID_BYTES])
{
	(void)fields;
	out[0] = '\0';
}

static const struct store_ops ops = {
	.scheme = "batch",
	.verb[STORE_DELETE_MANY] = {.build = build, .parse = parse},
	.locate = locate,
	.fault = fault_of,
	.request_id = request_id,
};

static void setup(void)
{
	rig_setup();
	cr_assert_eq(store_register(&ops), 0);
}

TestSuite(core_batch, .init = setup, .fini = rig_teardown, .timeout = 60);

static const char *const abc[] = {"a", "b", "c"};

static struct store_call many(const char *const *keys, size_t count)
{
	struct store_call call = rig_call(STORE_DELETE_MANY);

	call.scheme = "batch";
	call.keys = keys;
	call.key_count = count;
	return call;
}

#define HEAD	  "HTTP/1.1 200 OK\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
#define PART(s)	  "--b\r\n\r\nHTTP/1.1 " s " X\r\n\r\n"
#define ONE(s)	  RIG_RAW(HEAD PART(s) "--b--")
#define TWO(s, t) RIG_RAW(HEAD PART(s) PART(t) "--b--")

static void expect_errors(const struct store_call *call, int a, int b, int c)
{
	const int *errors = call->key_errors;

	cr_assert_not_null(errors);
	cr_assert(errors[0] == a && errors[1] == b && errors[2] == c, "%d %d %d", errors[0],
		  errors[1], errors[2]);
}

/* a may have been made again by somebody since it went. */
Test(core_batch, what_is_gone_is_not_deleted_again)
{
	struct store_call call = many(abc, 2);

	fault.step[0] = TWO("202", "429");
	fault.step[1] = ONE("503");
	fault.step[2] = ONE("404");
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_eq(fault.requests, 3u);
	cr_assert(rig_has(0, "POST /a/b HTTP"));
	cr_assert(rig_has(1, "POST /b HTTP"), "%s", fault.request[1]);
	cr_assert(rig_has(2, "POST /b HTTP"), "%s", fault.request[2]);
	cr_assert(call.key_errors[0] == 0 && call.key_errors[1] == 0);
	store_call_reset(&call);
}

Test(core_batch, what_stays_busy_fails_alone)
{
	struct store_call call = many(abc, 2);

	rig_all_steps(ONE("500"));
	fault.step[0] = TWO("500", "202");
	cr_assert_eq(store_run(&call), -EIO);
	cr_assert_eq(fault.requests, RETRY_TRIES_MAX);
	cr_assert(rig_has(2, "POST /a HTTP"), "%s", fault.request[2]);
	cr_assert_not_null(call.key_errors);
	cr_assert(call.key_errors[0] == -EIO && call.key_errors[1] == 0);
	cr_assert_not_null(strstr(call.message, "too busy"), "%s", call.message);
	store_call_reset(&call);
}

/* All have their turn before one has its second. */
Test(core_batch, the_busy_ones_come_last)
{
	struct store_call call = many(abc, 3);

	fault.step[0] = TWO("429", "403");
	fault.step[1] = ONE("429");
	fault.step[2] = TWO("202", "429");
	fault.step[3] = ONE("202");
	cr_assert_eq(store_run(&call), -EACCES);
	cr_assert_eq(fault.requests, 4u);
	cr_assert(rig_has(1, "POST /c HTTP"), "%s", fault.request[1]);
	cr_assert(rig_has(2, "POST /a/c HTTP"), "%s", fault.request[2]);
	cr_assert(rig_has(3, "POST /c HTTP"), "%s", fault.request[3]);
	expect_errors(&call, 0, -EACCES, 0);
	store_call_reset(&call);
}

/* Each has RETRY_TRIES_MAX turns. */
Test(core_batch, nobody_waits_for_ever)
{
	struct store_call call = many(abc, 3);

	rig_all_steps(ONE("429"));
	fault.step[0] = TWO("429", "202");
	fault.step[2] = TWO("429", "429");
	fault.step[3] = TWO("429", "202");
	cr_assert_eq(store_run(&call), -EIO);
	cr_assert_eq(fault.requests, RETRY_TRIES_MAX + 1);
	expect_errors(&call, -EIO, 0, 0);
	store_call_reset(&call);
}

Test(core_batch, a_refusal_half_way_is_not_of_what_is_gone)
{
	struct store_call call = many(abc, 3);

	fault.step[0] = TWO("202", "429");
	fault.step[1] = RIG_RAW("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
	cr_assert_eq(store_run(&call), -EACCES);
	cr_assert_eq(fault.requests, 2u);
	expect_errors(&call, 0, -EACCES, -EACCES);
	store_call_reset(&call);
}

Test(core_batch, nor_is_a_name_that_cannot_be_sent)
{
	static const char *const keys[] = {"a", "b", ""};
	struct store_call call = many(keys, 3);

	fault.step[0] = TWO("202", "404");
	cr_assert_eq(store_run(&call), -EINVAL);
	cr_assert_eq(fault.requests, 1u);
	expect_errors(&call, 0, 0, -EINVAL);
	store_call_reset(&call);
}

Test(core_batch, nor_is_an_answer_that_is_none)
{
	struct store_call call = many(abc, 3);

	rig_all_steps(TWO("202", "202"));
	cr_assert_eq(store_run(&call), -EIO);
	cr_assert_eq(fault.requests, 4u);
	expect_errors(&call, 0, 0, -EIO);
	store_call_reset(&call);
}
