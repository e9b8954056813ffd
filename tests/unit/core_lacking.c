// SPDX-License-Identifier: Apache-2.0
/* Services that lack something: it is found out in the middle of a call, and remembered. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "core/learned.h"
#include "tests/unit/driver_rig.h"

#define HEAD_OF(status) "HTTP/1.1 " status "\r\nContent-Type: application/xml\r\n"
#define ERROR(status, code)                                 \
	RIG_RAW(HEAD_OF(status) "Connection: close\r\n\r\n" \
				"<Error><Code>" code "</Code></Error>")
#define NOT_THERE RIG_RAW(HEAD_OF("404 Not Found") "Content-Length: 0\r\n\r\n")
#define REFUSED	  RIG_RAW(HEAD_OF("412 No") "Content-Length: 0\r\n\r\n")
#define OTHERS	  "\"0123456789abcdef0123456789abcdef\""

static int fill = 'x';
static unsigned read_at; /* what had been asked when the source was first read */

static int on_read(void *arg, uint64_t offset, void *buf, size_t bytes)
{
	(void)arg, (void)offset;
	read_at = read_at == ~0u ? fault.requests : read_at;
	memset(buf, fill, bytes);
	return 0;
}

TestSuite(core_lacking, .init = rig_setup, .fini = rig_teardown, .timeout = 60);

static int put(const char *if_match, const char *if_none_match)
{
	struct store_call call = rig_call(STORE_PUT);
	int ret;

	call.source = (struct store_source){.read = on_read, .bytes = 100};
	call.if_match = if_match;
	call.if_none_match = if_none_match;
	ret = store_run(&call);
	store_call_reset(&call);
	return ret;
}

static bool is(unsigned number, const char *method)
{
	return !strncmp(fault.request[number], method, strlen(method));
}

Test(core_lacking, without_conditions_it_is_looked_before)
{
	fault.step[0] = ERROR("501 No", "NotImplemented");
	fault.step[1] = NOT_THERE;
	cr_assert_eq(put(NULL, "*"), 0);
	cr_assert(rig_has(0, "\r\nIf-None-Match: *\r\n"));
	cr_assert(is(1, "HEAD ") && is(2, "PUT "));
	cr_assert_not(rig_has(2, "If-None-Match"));
	cr_assert_eq(fault.puts, 1u);

	/* it is known now: no attempt with that condition, and what is there counts */
	cr_assert_eq(put(NULL, "*"), -ESTALE);
	cr_assert_eq(fault.requests, 4u);
	cr_assert(is(3, "HEAD "));
	fault.step[4] = ERROR("501 No", "NotImplemented"); /* the other one is found out as well */
	cr_assert_eq(put(fault.own_etag, NULL), 0);
	cr_assert(rig_has(4, "\r\nIf-Match: "));
	cr_assert(is(5, "HEAD ") && is(6, "PUT ") && !rig_has(6, "If-Match"));
	cr_assert_eq(put(OTHERS, NULL), -ESTALE);
	cr_assert(is(7, "HEAD "));
	cr_assert_eq(fault.requests, 8u);
	cr_assert_eq(put(NULL, NULL), 0); /* no condition, no look */
	cr_assert_eq(fault.requests, 9u);
	cr_assert_eq(fault.puts, 3u);
}

static int copy(const char *if_none_match)
{
	struct store_call call = rig_call(STORE_COPY);
	int ret;

	call.from_bucket = "other";
	call.from_key = "k";
	call.if_none_match = if_none_match;
	ret = store_run(&call);
	store_call_reset(&call);
	return ret;
}

#define COPIED                                                                     \
	RIG_RAW("HTTP/1.1 200 OK\r\n\r\n<CopyObjectResult><ETag>" OTHERS "</ETag>" \
		"</CopyObjectResult>")

/* Some have conditions of a PUT, and none of a copy. */
Test(core_lacking, a_copy_teaches_nothing_of_a_put)
{
	fault.step[0] = ERROR("501 No", "NotImplemented");
	fault.step[1] = NOT_THERE;
	fault.step[2] = COPIED;
	cr_assert_eq(copy("*"), 0);
	cr_assert_not(rig_has(2, "If-None-Match"));
	fault.step[3] = NOT_THERE; /* it is known of copies */
	fault.step[4] = COPIED;
	cr_assert_eq(copy("*"), 0);
	cr_assert(is(3, "HEAD ") && is(4, "PUT "));
	cr_assert_eq(put(NULL, "*"), 0);
	cr_assert(is(5, "PUT ") && rig_has(5, "\r\nIf-None-Match: *\r\n"));
	cr_assert_eq(put(fault.own_etag, NULL), 0);
	cr_assert(is(6, "PUT ") && rig_has(6, "\r\nIf-Match: "));
	cr_assert_eq(fault.requests, 7u);
}

/* And some that a name be free, but not that a version be there. */
Test(core_lacking, one_condition_teaches_nothing_of_the_other)
{
	fault.step[0] = ERROR("501 No", "NotImplemented");
	fault.step[1] = (struct fault_step){.etag = OTHERS};
	cr_assert_eq(put(OTHERS, NULL), 0);
	cr_assert(is(1, "HEAD ") && is(2, "PUT "));
	cr_assert_eq(put(NULL, "*"), -ESTALE); /* the service says so */
	cr_assert(is(3, "PUT ") && rig_has(3, "\r\nIf-None-Match: *\r\n"));
	cr_assert_eq(fault.requests, 4u);
}

/* What stands between may say anything, once. */
Test(core_lacking, what_was_heeded_is_not_lacking)
{
	fault.step[0] = REFUSED;
	cr_assert_eq(put(NULL, "*"), -ESTALE);
	fault.step[1] = ERROR("405 No", "MethodNotAllowed");
	cr_assert_neq(put(NULL, "*"), 0);
	cr_assert_eq(fault.requests, 2u);
	cr_assert_eq(fault.puts, 0u);
	cr_assert_eq(put(NULL, "*"), 0);
	cr_assert(is(2, "PUT ") && rig_has(2, "\r\nIf-None-Match: *\r\n"));

	/* the same after a success */
	fault.step[3] = ERROR("501 No", "NotImplemented");
	cr_assert_neq(put(NULL, "*"), 0);
	cr_assert_eq(fault.requests, 4u);
	cr_assert_eq(fault.puts, 1u);
}

static int copy_version(const char *etag)
{
	struct store_call call = rig_call(STORE_COPY);
	int ret;

	call.from_bucket = "other";
	call.from_key = "k";
	call.from_etag = etag;
	call.if_none_match = "*";
	ret = store_run(&call);
	store_call_reset(&call);
	return ret;
}

/* Of a copy it may be the source that is another. */
Test(core_lacking, a_source_that_is_refused_shows_no_condition)
{
	fault.step[0] = REFUSED;
	fault.step[1] = (struct fault_step){.etag = "\"another\""};
	cr_assert_eq(copy_version(OTHERS), -ESTALE);
	cr_assert(is(1, "HEAD /other/k "));
	fault.step[2] = ERROR("501 No", "NotImplemented");
	fault.step[3] = NOT_THERE;
	fault.step[4] = COPIED;
	cr_assert_eq(copy("*"), 0);
	cr_assert_eq(fault.requests, 5u);
}

/* Unless it is the one that was asked for: then only the condition on the source is left out. */
Test(core_lacking, a_source_that_is_refused_and_is_there_is_copied)
{
	fault.step[0] = REFUSED;
	fault.step[1] = (struct fault_step){.etag = OTHERS};
	fault.step[2] = COPIED;
	cr_assert_eq(copy_version(OTHERS), 0);
	cr_assert(rig_has(0, "\r\nx-amz-copy-source-if-match: ") && is(1, "HEAD /other/k "));
	cr_assert_not(rig_has(2, "if-match"));
	cr_assert(rig_has(2, "\r\nIf-None-Match: *\r\n"));
	fault.step[3] = REFUSED; /* nothing is learned */
	fault.step[4] = (struct fault_step){.etag = OTHERS};
	fault.step[5] = REFUSED; /* that one is about the name's being taken */
	cr_assert_eq(copy_version(OTHERS), -ESTALE);
	cr_assert(rig_has(3, "\r\nx-amz-copy-source-if-match: "));
	cr_assert_eq(fault.requests, 6u);
	fault.step[6] = REFUSED;
	fault.step[7] = NOT_THERE;
	cr_assert_eq(copy_version(OTHERS), -ESTALE);
	cr_assert_eq(fault.requests, 8u);
}

/* What was looked at before a sending says nothing of the next one. */
Test(core_lacking, a_source_is_looked_at_before_each_sending)
{
	fault.step[0] = REFUSED;
	fault.step[1] = (struct fault_step){.etag = OTHERS};
	fault.step[2] = ERROR("503 Slow Down", "SlowDown");
	fault.step[3] = (struct fault_step){.etag = OTHERS};
	fault.step[4] = COPIED;
	cr_assert_eq(copy_version(OTHERS), 0);
	cr_assert(is(2, "PUT ") && is(3, "HEAD /other/k ") && is(4, "PUT "));
	cr_assert_not(rig_has(4, "copy-source-if-match"));
	cr_assert_eq(fault.requests, 5u);

	fault.step[5] = REFUSED;
	fault.step[6] = (struct fault_step){.etag = OTHERS};
	fault.step[7] = ERROR("503 Slow Down", "SlowDown");
	fault.step[8] = (struct fault_step){.etag = "\"another\""};
	cr_assert_eq(copy_version(OTHERS), -ESTALE, "it is another by now");
	cr_assert(is(8, "HEAD /other/k "));
	cr_assert(is(9, "HEAD ")); /* is the one whose answer was lost there? */
	cr_assert_eq(fault.requests, 10u);
}

static int complete(const char *if_match)
{
	static const struct store_part part = {.number = 1, .etag = OTHERS};
	struct store_call call = rig_call(STORE_COMPLETE);
	int ret;

	call.upload = "id";
	call.parts = &part;
	call.part_count = 1;
	call.if_match = if_match;
	ret = store_run(&call);
	store_call_reset(&call);
	return ret;
}

#define COMPLETED                                                                               \
	RIG_RAW("HTTP/1.1 200 OK\r\n\r\n<CompleteMultipartUploadResult><ETag>" OTHERS "</ETag>" \
		"</CompleteMultipartUploadResult>")

/* The service refuses the very version that it tells, with quotes and without. */
Test(core_lacking, completing_compares_another_etag)
{
	struct fault_step same = {.etag = "\"parts-2\""};

	fault.step[0] = REFUSED;
	fault.step[1] = same;
	fault.step[2] = REFUSED;
	fault.step[3] = same;
	fault.step[4] = same; /* the look that is nearest */
	fault.step[5] = COMPLETED;
	cr_assert_eq(complete("\"parts-2\""), 0);
	cr_assert(rig_has(0, "\r\nIf-Match: parts-2\r\n"));
	cr_assert(rig_has(2, "\r\nIf-Match: \"parts-2\"\r\n"));
	cr_assert(is(3, "HEAD ") && is(4, "HEAD ") && is(5, "POST ") && !rig_has(5, "If-Match"));
	/* it is known */
	fault.step[6] = same;
	fault.step[7] = COMPLETED;
	cr_assert_eq(complete("\"parts-2\""), 0);
	cr_assert_eq(fault.requests, 8u);
	fault.step[8] = (struct fault_step){.etag = OTHERS};
	cr_assert_eq(complete("\"parts-2\""), -ESTALE);
	cr_assert_eq(fault.requests, 9u);
	put(OTHERS, NULL); /* nothing is known of a PUT: it is asked */
	cr_assert(is(9, "PUT ") && rig_has(9, "\r\nIf-Match: "));
}

Test(core_lacking, completing_is_refused_for_another_version)
{
	fault.step[0] = REFUSED;
	fault.step[1] = (struct fault_step){.etag = OTHERS};
	cr_assert_eq(complete("\"parts-2\""), -ESTALE);
	cr_assert_eq(fault.requests, 2u);
}

Test(core_lacking, what_is_gone_does_not_fit_if_match)
{
	fault.step[0] = ERROR("501 No", "NotImplemented");
	fault.step[1] = NOT_THERE;
	cr_assert_eq(put(OTHERS, NULL), -ESTALE);
	cr_assert_eq(fault.requests, 2u);
	cr_assert_eq(fault.puts, 0u);
}

/* Nobody knows whether the service heeds it, since it would answer the same. */
Test(core_lacking, before_a_deletion_it_is_looked)
{
	struct store_call call = rig_call(STORE_DELETE);

	call.if_match = OTHERS;
	fault.step[0] = NOT_THERE;
	cr_assert_eq(store_run(&call), -ESTALE);
	store_call_reset(&call);
	fault.step[1] = RIG_RAW(HEAD_OF("200 OK") "Content-Length: 1\r\nETag: " OTHERS "\r\n\r\n");
	fault.step[2] = RIG_RAW(HEAD_OF("204 Gone") "\r\n");
	cr_assert_eq(store_run(&call), 0);
	store_call_reset(&call);
	cr_assert(is(0, "HEAD ") && is(1, "HEAD ") && is(2, "DELETE "));
	cr_assert_eq(fault.requests, 3u);
}

Test(core_lacking, a_refusal_for_another_reason_teaches_nothing)
{
	fault.step[0] = ERROR("501 No", "NotImplemented");
	fault.step[1] = NOT_THERE;
	fault.step[2] = ERROR("501 No", "NotImplemented"); /* without a condition as well */
	cr_assert_eq(put(NULL, "*"), -EIO);
	cr_assert_eq(fault.requests, 3u);
	cr_assert_eq(put(NULL, "*"), 0);
	cr_assert(rig_has(3, "\r\nIf-None-Match: *\r\n"));
}

Test(core_lacking, each_sending_is_looked_before)
{
	fault.step[0] = ERROR("501 No", "NotImplemented");
	fault.step[1] = NOT_THERE;
	fault.step[2] = ERROR("503 Busy", "SlowDown");
	fault.step[3] = NOT_THERE;
	cr_assert_eq(put(NULL, "*"), 0);
	cr_assert(is(1, "HEAD ") && is(2, "PUT ") && is(3, "HEAD ") && is(4, "PUT "));

	/* in the pause somebody else was faster */
	fault.step[5] = ERROR("501 No", "NotImplemented");
	fault.step[6] = (struct fault_step){.etag = fault.own_etag};
	fault.step[7] = ERROR("503 Busy", "SlowDown");
	fault.step[8] = fault.step[9] = (struct fault_step){.etag = OTHERS};
	fill = 'y';
	cr_assert_eq(put(fault.own_etag, NULL), -ESTALE);
	cr_assert_eq(fault.puts, 1u);
	cr_assert(is(8, "HEAD "));
}

/* Digesting a large source takes a while, in which others write. */
Test(core_lacking, it_is_looked_when_all_is_ready)
{
	fault.step[0] = ERROR("501 No", "NotImplemented");
	fault.step[1] = NOT_THERE;
	cr_assert_eq(put(NULL, "*"), 0);
	fault.step[3] = NOT_THERE;
	read_at = ~0u;
	cr_assert_eq(put(NULL, "*"), 0);
	cr_assert(is(3, "HEAD ") && is(4, "PUT "));
	cr_assert_eq(read_at, 3u, "it was looked first");
}

/* The look before the second sending finds what the first one wrote. */
Test(core_lacking, a_lost_answer_is_no_other_writer)
{
	fault.step[0] = ERROR("501 No", "NotImplemented");
	fault.step[1] = NOT_THERE;
	fault.step[2].kind = FAULT_LOST;
	cr_assert_eq(put(NULL, "*"), 0);
	cr_assert_eq(fault.puts, 1u);
	cr_assert(is(3, "HEAD ") && is(4, "HEAD "));
}

Test(core_lacking, an_etag_that_wants_its_quotes)
{
	cr_assert_eq(put(NULL, NULL), 0);
	fault.step[1] = REFUSED;			     /* as it stands in the documents */
	fault.step[2] = (struct fault_step){.etag = OTHERS}; /* but that is the version */
	fault.step[3] = RIG_RAW(HEAD_OF("200 OK") "ETag: \"1\"\r\nContent-Length: 0\r\n\r\n");
	cr_assert_eq(put(OTHERS, NULL), 0);
	cr_assert(rig_has(1, "\r\nIf-Match: 0123456789abcdef0123456789abcdef\r\n"));
	cr_assert(is(2, "HEAD "));
	cr_assert(rig_has(3, "\r\nIf-Match: " OTHERS "\r\n"));
	fault.step[4] = fault.step[3];
	cr_assert_eq(put(OTHERS, NULL), 0);
	cr_assert(rig_has(4, "\r\nIf-Match: " OTHERS "\r\n"));
}

Test(core_lacking, another_version_is_another_version)
{
	fault.step[0] = REFUSED;
	fault.step[1] = (struct fault_step){.etag = "\"other\""};
	cr_assert_eq(put(OTHERS, NULL), -ESTALE);
	cr_assert_eq(fault.requests, 2u);

	/* once it has fitted without them, quotes are no question */
	cr_assert_eq(put(NULL, NULL), 0);
	cr_assert_eq(put(fault.own_etag, NULL), 0);
	cr_assert_eq(put(OTHERS, NULL), -ESTALE);
	cr_assert_eq(fault.requests, 5u);
}

#define PAGE                                                                            \
	"<ListBucketResult><Marker></Marker><IsTruncated>false</IsTruncated><Contents>" \
	"<Key>k</Key><Size>1</Size></Contents></ListBucketResult>"

static size_t list(void)
{
	struct store_call call = rig_call(STORE_LIST);
	size_t count;

	call.key = "";
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	count = call.list.count;
	store_call_reset(&call);
	return count;
}

Test(core_lacking, the_old_way_of_listing)
{
	fault.step[0] = ERROR("400 Bad", "InvalidArgument");
	fault.step[1] = fault.step[2] = RIG_RAW(HEAD_OF("200 OK") "Connection: close\r\n\r\n" PAGE);
	cr_assert_eq(list(), 1u);
	cr_assert(rig_has(0, "list-type=2") && !rig_has(1, "list-type"));
	cr_assert_eq(list(), 1u);
	cr_assert_not(rig_has(2, "list-type"));
	cr_assert_eq(fault.requests, 3u);
}

static int delete_two(void)
{
	static const char *const keys[] = {"a", "b"};
	struct store_call call = rig_call(STORE_DELETE_MANY);
	int ret;

	call.keys = keys;
	call.key_count = 2;
	ret = store_run(&call);
	store_call_reset(&call);
	return ret;
}

Test(core_lacking, no_second_attempt_at_many_deletions)
{
	fault.step[0] = ERROR("501 No", "NotImplemented");
	cr_assert_eq(delete_two(), -EOPNOTSUPP);
	cr_assert_eq(delete_two(), -EOPNOTSUPP);
	cr_assert_eq(fault.requests, 1u);
}

/* To find out what a service is like, what was learned has no say, and nothing is learned. */
Test(core_lacking, a_trial_neither_knows_nor_learns)
{
	static const struct store_trial trial = {.tries_max = 1};
	struct store_call call = rig_call(STORE_PUT);

	call.source = (struct store_source){.read = on_read, .bytes = 100};
	call.if_none_match = "*";
	call.trial = &trial;
	fault.step[0] = ERROR("501 No", "NotImplemented");
	cr_assert_eq(store_run(&call), -EIO);
	cr_assert_str_eq(call.code, "NotImplemented");
	store_call_reset(&call);
	cr_assert_eq(fault.requests, 1u);
	cr_assert_eq(put(NULL, "*"), 0);
	cr_assert(rig_has(1, "\r\nIf-None-Match: *\r\n"));
}
