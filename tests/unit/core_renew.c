// SPDX-License-Identifier: Apache-2.0
/* The driver with a credential that it has to wait for, and that expires: a container gives it, on
 * the same server that is the store. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/driver_rig.h"

#define OK(body) RIG_RAW("HTTP/1.1 200 OK\r\n\r\n" body)
#define KEYS(n)                                                                                    \
	OK("{\"AccessKeyId\":\"ASIAKEY" n "\",\"SecretAccessKey\":\"s\",\"Token\":\"token" n "\"," \
	   "\"Expiration\":\"2040-01-01T00:00:00Z\"}")
#define EXPIRED                                                                               \
	RIG_RAW("HTTP/1.1 400 Bad Request\r\n\r\n<Error><Code>ExpiredToken</Code><Message>no" \
		"</Message></Error>")

static struct store_call call;
static atomic_uint done_count;

static void setup(void)
{
	char env[512];
	uint8_t id[WIRE_CTX_BYTES];
	size_t len;

	rig_setup();
	len = (size_t)snprintf(env, sizeof(env),
			       "AWS_CONFIG_FILE=/dev/null%cAWS_SHARED_CREDENTIALS_FILE=/dev/null%c"
			       "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:%u/creds%c"
			       "AWS_ENDPOINT_URL=http://127.0.0.1:%u",
			       0, 0, fault.port, 0, fault.port) +
	      1;
	cr_assert_eq(context_register(env, len, &rig_ctx, id), 0);
	fault.etag = "\"e\"";
	call = rig_call(STORE_HEAD);
}

TestSuite(core_renew, .init = setup, .fini = rig_teardown);

Test(core_renew, a_call_waits_for_its_credential)
{
	fault.step[0] = KEYS("1");
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert(rig_has(0, "GET /creds "));
	cr_assert(rig_has(1, "Credential=ASIAKEY1/"));
	cr_assert(rig_has(1, "X-Amz-Security-Token: token1"));
	cr_assert_eq(fault.requests, 2);
}

Test(core_renew, an_expired_one_is_renewed_once)
{
	fault.step[0] = KEYS("1");
	fault.step[1] = EXPIRED;
	fault.step[2] = KEYS("2");
	call.verb = STORE_LIST;
	call.key = "";
	fault.step[3] = OK("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>");
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert(rig_has(2, "GET /creds "));
	cr_assert(rig_has(3, "Credential=ASIAKEY2/"));
	cr_assert_eq(fault.requests, 4);
	store_call_reset(&call);
}

/* As what a HEAD is refused with for other reasons, again and again. */
Test(core_renew, a_fresh_one_is_not_renewed_without_a_word)
{
	fault.step[0] = KEYS("1");
	fault.step[1] = RIG_RAW("HTTP/1.1 400 Bad Request\r\n\r\n");
	cr_assert_lt(store_run(&call), 0);
	cr_assert_eq(fault.requests, 2);
}

Test(core_renew, to_a_head_that_is_said_without_a_word)
{
	flight_totals.limits.creds_age_ms = 0;
	fault.step[0] = KEYS("1");
	fault.step[1] = RIG_RAW("HTTP/1.1 400 Bad Request\r\n\r\n");
	fault.step[2] = KEYS("2");
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert(rig_has(3, "Credential=ASIAKEY2/"));
}

Test(core_renew, one_that_stays_expired_is_an_error)
{
	fault.step[0] = fault.step[2] = KEYS("1");
	fault.step[1] = fault.step[3] = EXPIRED;
	call.verb = STORE_LIST;
	call.key = "";
	cr_assert_eq(store_run(&call), -EACCES);
	cr_assert_not_null(strstr(call.message, "ExpiredToken"), "%s", call.message);
	cr_assert_eq(fault.requests, 4);
	store_call_reset(&call);
}

Test(core_renew, no_credential_is_an_error_with_its_line)
{
	fault.step[0] = RIG_RAW("HTTP/1.1 403 No\r\n\r\n{}");
	cr_assert_eq(store_run(&call), -EACCES);
	cr_assert_not_null(strstr(call.message, "/creds refuses (403)"), "%s", call.message);
	cr_assert_eq(fault.requests, 1);
}

static void count(struct store_call *done)
{
	if (!done->error)
		done_count++;
}

Test(core_renew, many_calls_make_one_question)
{
	enum { CALLS = 50 };
	static struct store_call calls[CALLS];

	fault.step[0] = KEYS("1");
	for (int i = 0; i < CALLS; i++) {
		calls[i] = rig_call(STORE_HEAD);
		calls[i].done = count;
		cr_assert_eq(store_submit(&calls[i]), 0);
	}
	while (done_count < CALLS)
		usleep(1000);
	cr_assert_eq(fault.requests, CALLS + 1);
}

static void end(struct store_call *done)
{
	*(int *)done->arg = done->error;
}

Test(core_renew, the_end_of_the_daemon_ends_the_wait)
{
	int error = 1;

	fault.step[0].kind = FAULT_SILENCE;
	call.done = end;
	call.arg = &error;
	cr_assert_eq(store_submit(&call), 0);
	while (!fault.requests)
		usleep(1000);
	store_stop();
	cr_assert_eq(error, -ECANCELED);
}
