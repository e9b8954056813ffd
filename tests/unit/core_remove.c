// SPDX-License-Identifier: Apache-2.0
/* STORE_DELETE and STORE_DELETE_MANY through the whole driver. */
#include <criterion/criterion.h>
#include <errno.h>

#include "core/driver.h"
#include "core/http/retry.h"
#include "core/store.h"
#include "tests/unit/driver_rig.h"

TestSuite(core_remove, .init = rig_setup, .fini = rig_teardown, .timeout = 60);

static const char *const keys[] = {"a", "b"};

static struct store_call many(void)
{
	struct store_call call = rig_call(STORE_DELETE_MANY);

	call.keys = keys;
	call.key_count = 2;
	return call;
}

/* The rig keeps heads only. This one is of a body that names b alone (delete-many-again.txt of the
 * golden files). */
#define B_ALONE "\r\nContent-MD5: 82fzxsPi8DvJSWRqbrdLkQ==\r\n"

#define ANSWER(body)                                                                          \
	RIG_RAW("HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\n\r\n<DeleteResult>" body \
		"</DeleteResult>")

Test(core_remove, one_object)
{
	struct store_call call = rig_call(STORE_DELETE);
	struct store_counters counters;

	fault.step[0].kind = FAULT_LOST;
	fault.step[1] = RIG_RAW("HTTP/1.1 404 No\r\n\r\n<Error><Code>NoSuchKey</Code></Error>");
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_eq(fault.requests, 2u);
	cr_assert(rig_has(1, "DELETE /media/a%20b HTTP/1.1\r\n"));
	store_counters(&counters);
	cr_assert_eq(counters.requests[STORE_DELETE], 2u);
}

Test(core_remove, another_version_is_left_alone)
{
	static const struct store_trial heeds = {.quirks = 0}; /* as Amazon does */
	struct store_call call = rig_call(STORE_DELETE);

	call.trial = &heeds;
	call.if_match = "\"old\"";
	fault.step[0] = RIG_RAW("HTTP/1.1 412 No\r\nContent-Length: 0\r\n\r\n");
	cr_assert_eq(store_run(&call), -ESTALE);
	cr_assert_eq(fault.requests, 1u);
	cr_assert(rig_has(0, "\r\nIf-Match: old\r\n"));
}

Test(core_remove, many_with_one_that_time_mends)
{
	struct store_call call = many();

	fault.step[0] = ANSWER("<Deleted><Key>a</Key></Deleted><Error><Key>b</Key>"
			       "<Code>InternalError</Code></Error>");
	fault.step[1] = ANSWER("<Error><Key>b</Key><Code>SlowDown</Code></Error>");
	fault.step[2] = ANSWER("<Deleted><Key>b</Key></Deleted>");
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_eq(fault.requests, 3u);
	cr_assert(call.key_errors[0] == 0 && call.key_errors[1] == 0);
	cr_assert(rig_has(1, "POST /media?delete= HTTP/1.1\r\n"), "%s", fault.request[1]);
	/* somebody may have made it again since it went */
	cr_assert_not(rig_has(0, B_ALONE));
	cr_assert(rig_has(1, B_ALONE) && rig_has(2, B_ALONE), "%s", fault.request[1]);
	store_call_reset(&call);
	cr_assert_null(call.key_errors);
}

Test(core_remove, many_with_one_that_may_not_go)
{
	struct store_call call = many();

	fault.step[0] = ANSWER("<Deleted><Key>a</Key></Deleted><Error><Key>b</Key>"
			       "<Code>AccessDenied</Code><Message>no</Message></Error>");
	cr_assert_eq(store_run(&call), -EACCES);
	cr_assert_eq(fault.requests, 1u);
	cr_assert_not_null(call.key_errors);
	cr_assert(call.key_errors[0] == 0 && call.key_errors[1] == -EACCES);
	cr_assert_not_null(strstr(call.message, "AccessDenied"), "%s", call.message);
	cr_assert_not_null(strstr(call.message, "b: no"), "%s", call.message);
	store_call_reset(&call);
}

Test(core_remove, what_stays_busy_fails_alone)
{
	struct store_call call = many();

	rig_all_steps(ANSWER("<Error><Key>b</Key><Code>SlowDown</Code></Error>"));
	fault.step[0] = ANSWER("<Deleted><Key>a</Key></Deleted><Error><Key>b</Key>"
			       "<Code>SlowDown</Code></Error>");
	cr_assert_eq(store_run(&call), -EIO);
	cr_assert_eq(fault.requests, RETRY_TRIES_MAX);
	cr_assert_not_null(call.key_errors);
	cr_assert(call.key_errors[0] == 0 && call.key_errors[1] == -EIO);
	cr_assert_not_null(strstr(call.message, "too busy"), "%s", call.message);
	store_call_reset(&call);
}

/* Nor is it asked for again when others are, and what it was is not forgotten. */
Test(core_remove, what_may_not_go_is_told_after_the_others)
{
	struct store_call call = many();

	fault.step[0] = ANSWER("<Error><Key>a</Key><Code>AccessDenied</Code></Error>"
			       "<Error><Key>b</Key><Code>InternalError</Code></Error>");
	fault.step[1] = ANSWER("<Deleted><Key>b</Key></Deleted>");
	cr_assert_eq(store_run(&call), -EACCES);
	cr_assert_eq(fault.requests, 2u);
	cr_assert(rig_has(1, B_ALONE), "%s", fault.request[1]);
	cr_assert_not_null(call.key_errors);
	cr_assert(call.key_errors[0] == -EACCES && call.key_errors[1] == 0);
	cr_assert_not_null(strstr(call.message, "a: Permission denied"), "%s", call.message);
	store_call_reset(&call);
}

/* An error that another credential would mend is not asked about with what is answered. */
Test(core_remove, what_went_stays_answered_whatever_the_others_say)
{
	struct store_call call = many();

	fault.step[0] = ANSWER("<Deleted><Key>a</Key></Deleted><Error><Key>b</Key>"
			       "<Code>ExpiredToken</Code></Error>");
	cr_assert_eq(store_run(&call), -EACCES);
	cr_assert_eq(fault.requests, 1u);
	cr_assert(call.key_errors[0] == 0 && call.key_errors[1] == -EACCES);
	store_call_reset(&call);
}

Test(core_remove, a_key_that_is_never_mentioned_is_not_said_to_be_gone)
{
	struct store_call call = many();

	rig_all_steps(ANSWER("<Deleted><Key>a</Key></Deleted>"));
	fault.step[1] = ANSWER("<Error><Key>b</Key><Code>SlowDown</Code></Error>");
	cr_assert_eq(store_run(&call), -EIO);
	cr_assert(rig_has(1, B_ALONE), "%s", fault.request[1]);
	cr_assert_not_null(call.key_errors);
	cr_assert(call.key_errors[0] == 0 && call.key_errors[1] == -EIO);
	store_call_reset(&call);
}

Test(core_remove, an_answer_that_mentions_none_is_none)
{
	struct store_call call = many();

	rig_all_steps(ANSWER(""));
	cr_assert_eq(store_run(&call), -EIO);
	cr_assert_eq(fault.requests, 3u);
	cr_assert_null(call.key_errors);
}
