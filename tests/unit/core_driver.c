// SPDX-License-Identifier: Apache-2.0
/* The whole driver, with S3 as its back end, against a server that misbehaves. */
#include "core/driver.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <openssl/evp.h>

#include "core/clock.h"
#include "core/context.h"
#include "core/digest.h"
#include "core/http/engine.h"
#include "core/http/retry.h"
#include "core/learned.h"
#include "core/log.h"
#include "core/pairs.h"
#include "core/store.h"
#include "s3/s3.h"
#include "tests/unit/fault_server.h"

#define SIZE 1000000

static struct context *ctx;
static int64_t straggle_ms = 4000;
static const char *max_attempts = ""; /* AWS_MAX_ATTEMPTS */

/* What a sink got, with the rules of core/store.h checked on the way. */
static struct {
	unsigned char data[FAULT_OBJECT_MAX];
	uint64_t first, next; /* object offsets */
	unsigned begins;
	struct store_object object;
	int refuse_begin, refuse_data;
	bool broken; /* not in order */
} got;

static int on_begin(void *arg, const struct store_object *object)
{
	(void)arg;
	got.begins++;
	got.object = *object;
	got.next = got.first;
	return got.refuse_begin;
}

static int on_data(void *arg, uint64_t offset, const void *data, size_t bytes)
{
	(void)arg;
	if (got.refuse_data)
		return got.refuse_data;
	got.broken |= !got.begins || offset != got.next;
	memcpy(got.data + offset, data, bytes);
	got.next = offset + bytes;
	return 0;
}

/* wait_ms: for a first byte, and for a stalled body. */
static void start(int wait_ms)
{
	char env[512];
	uint8_t id[WIRE_CTX_BYTES];
	size_t len;
	struct http_limits http = HTTP_LIMITS_DEFAULT;
	struct flight_limits flight = FLIGHT_LIMITS_DEFAULT;

	http.connect_ms = wait_ms;
	http.first_byte_ms = wait_ms;
	http.stall_ms = wait_ms;
	http.straggle_ms = straggle_ms;
	flight.retry_base_ms = 1;
	flight.retry_cap_ms = 10;
	driver_set_limits(&http, &flight);
	fault_start(SIZE, "\"v1\"");
	len = (size_t)snprintf(env, sizeof(env),
			       "AWS_ACCESS_KEY_ID=AKIDEXAMPLE%cAWS_SECRET_ACCESS_KEY=x%c"
			       "AWS_CONFIG_FILE=/dev/null%cAWS_SHARED_CREDENTIALS_FILE=/dev/null%c"
			       "AWS_MAX_ATTEMPTS=%s%cAWS_ENDPOINT_URL=http://127.0.0.1:%u",
			       0, 0, 0, 0, max_attempts, 0, fault.port) +
	      1;
	cr_assert_eq(context_register(env, len, &ctx, id), 0);
	cr_assert_eq(store_register(&s3_ops), 0);
	log_open("error");
	cr_assert_eq(store_start(1), 0);
}

static void setup(void)
{
	start(300);
}

/* A busy machine may keep one of a thousand waiting: that is no fault, and no retry. */
static void setup_crowd(void)
{
	start(30000);
}

static void teardown(void)
{
	store_stop();
	fault_stop();
	context_free_all();
}

TestSuite(core_driver, .init = setup, .fini = teardown, .timeout = 60);

static struct store_call get(uint64_t offset, uint64_t length)
{
	got.first = offset;
	return (struct store_call){
		.verb = STORE_GET,
		.ctx = ctx,
		.scheme = "s3",
		.bucket = "media",
		.key = "a b",
		.offset = offset,
		.length = length,
		.sink = {.begin = on_begin, .data = on_data},
	};
}

static void expect_bytes(uint64_t first, uint64_t end)
{
	cr_assert_not(got.broken);
	cr_assert_eq(got.next, end, "next %llu", (unsigned long long)got.next);
	cr_assert_eq(memcmp(got.data + first, fault.object + first, end - first), 0);
}

Test(core_driver, gets_a_whole_object)
{
	struct store_call call = get(0, 0);

	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	expect_bytes(0, SIZE);
	cr_assert_eq(got.begins, 1u);
	cr_assert_eq(call.object.size, (uint64_t)SIZE);
	cr_assert_str_eq(call.object.etag, "\"v1\"");
	cr_assert_eq(call.object.mtime_ns, 1445412480000000000);
	cr_assert_str_eq(call.request_id, "REQ1");
	cr_assert_not_null(strstr(fault.request[0], "GET /media/a%20b HTTP/1.1\r\n"));
	cr_assert_not_null(strstr(fault.request[0], "Authorization: AWS4-HMAC-SHA256 Credential="));
	store_call_reset(&call);
}

static const struct store_call *watched;
static unsigned watched_pairs;

static int begin_with_metadata(void *arg, const struct store_object *object)
{
	const char *mode = pairs_get(&watched->user, "mode");

	if (mode && !strcmp(mode, "33188"))
		watched_pairs++;
	return on_begin(arg, object);
}

Test(core_driver, metadata_is_there_before_the_first_byte_and_once)
{
	struct store_call call = get(0, 0);

	call.sink.begin = begin_with_metadata;
	watched = &call;
	fault.fields = "x-amz-meta-mode: 33188\r\nContent-Type: text/plain\r\n";
	fault.step[0] = (struct fault_step){.kind = FAULT_TRUNCATE, .at = 300000};
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_eq(fault.requests, 2u);
	cr_assert_eq(watched_pairs, 1u);
	cr_assert_eq(call.user.count, 1u);
	cr_assert_str_eq(pairs_get(&call.fields, "Content-Type"), "text/plain");
	store_call_reset(&call);
	cr_assert_eq(call.user.count, 0u);
}

Test(core_driver, metadata_of_a_version_that_starts_anew_replaces_the_first)
{
	struct store_call call = get(0, 0);

	call.sink.begin = begin_with_metadata;
	watched = &call;
	fault.etag = "W/\"v1\"";
	fault.fields = "x-amz-meta-mode: 33188\r\n";
	fault.step[0] = (struct fault_step){.kind = FAULT_TRUNCATE, .at = 300000};
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_eq(watched_pairs, 2u);
	cr_assert_eq(call.user.count, 1u);
	store_call_reset(&call);
}

Test(core_driver, gets_a_range)
{
	struct store_call call = get(1000, 5000);

	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	expect_bytes(1000, 6000);
	cr_assert_eq(fault.requests, 1u);
	cr_assert_eq(call.object.size, (uint64_t)SIZE);
}

Test(core_driver, a_range_may_reach_beyond_the_end)
{
	struct store_call call = get(SIZE - 10, 5000);

	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	expect_bytes(SIZE - 10, SIZE);
}

Test(core_driver, a_range_beyond_the_end_is_a_success_without_bytes)
{
	struct store_call call = get(SIZE, 1);

	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_eq(got.begins, 1u);
	cr_assert_eq(got.object.size, (uint64_t)SIZE);
	cr_assert_eq(got.next, (uint64_t)SIZE);
	cr_assert_eq(fault.requests, 1u);
}

Test(core_driver, asks_for_the_size_when_416_does_not_tell)
{
	struct store_call call = get(SIZE + 5, 1);

	fault.step[0] = (struct fault_step){
		.kind = FAULT_RAW, .raw = "HTTP/1.1 416 Nope\r\nContent-Length: 0\r\n\r\n"};
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_eq(fault.requests, 2u);
	cr_assert_eq(got.object.size, (uint64_t)SIZE);
	cr_assert_eq(got.next, (uint64_t)SIZE + 5);
}

Test(core_driver, a_server_that_ignores_ranges_still_gives_the_right_bytes)
{
	struct store_call call = get(70000, 5000);

	fault.step[0].kind = FAULT_IGNORE_RANGE;
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	expect_bytes(70000, 75000);
	cr_assert_eq(call.object.size, (uint64_t)SIZE);
}

Test(core_driver, a_cut_body_is_resumed_where_it_ended)
{
	struct store_call call = get(0, 0);
	struct store_counters counters;

	fault.step[0] = (struct fault_step){.kind = FAULT_TRUNCATE, .at = 300000};
	fault.step[1] = (struct fault_step){.kind = FAULT_TRUNCATE, .at = 1};
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	expect_bytes(0, SIZE);
	cr_assert_eq(got.begins, 1u);
	cr_assert_not_null(strstr(fault.request[1], "Range: bytes=300000-999999\r\n"));
	cr_assert_not_null(strstr(fault.request[1], "If-Match: \"v1\"\r\n"));
	cr_assert_not_null(strstr(fault.request[2], "Range: bytes=300001-999999\r\n"));
	store_counters(&counters);
	cr_assert_eq(counters.requests[STORE_GET], 3u);
	cr_assert_eq(counters.retries, 2u);
	cr_assert_eq(counters.bytes_in, (uint64_t)SIZE);
	cr_assert_eq(counters.errors, 0u);
}

Test(core_driver, a_cut_range_is_resumed_within_the_range)
{
	struct store_call call = get(500, 1000);

	fault.step[0] = (struct fault_step){.kind = FAULT_TRUNCATE, .at = 10};
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	expect_bytes(500, 1500);
	cr_assert_not_null(strstr(fault.request[1], "Range: bytes=510-1499\r\n"));
}

Test(core_driver, another_version_is_never_mixed_in)
{
	struct store_call call = get(0, 0);

	fault.step[0] = (struct fault_step){.kind = FAULT_TRUNCATE, .at = 300000};
	fault.step[1] = (struct fault_step){.etag = "\"v2\""}; /* ignores If-Match, too */
	cr_assert_eq(store_run(&call), -ESTALE);
	cr_assert_str_eq(call.message, "");
	cr_assert_leq(got.next, 300000u);
}

Test(core_driver, without_a_strong_etag_it_starts_anew)
{
	struct store_call call = get(0, 0);

	fault.etag = "W/\"v1\"";
	fault.step[0] = (struct fault_step){.kind = FAULT_TRUNCATE, .at = 300000};
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	expect_bytes(0, SIZE);
	cr_assert_eq(got.begins, 2u);
}

Test(core_driver, if_match_is_checked_even_when_the_server_does_not)
{
	struct store_call call = get(0, 100);

	call.if_match = "\"v0\"";
	cr_assert_eq(store_run(&call), -ESTALE);
	cr_assert_eq(got.begins, 0u);
}

Test(core_driver, a_reset_is_retried)
{
	struct store_call call = get(0, 10);

	fault.step[0].kind = FAULT_RESET;
	fault.step[1].kind = FAULT_RESET;
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	expect_bytes(0, 10);
}

Test(core_driver, a_stalled_body_is_given_up_and_resumed)
{
	struct store_call call = get(0, 0);
	int64_t before = clock_mono_ms();

	fault.step[0] = (struct fault_step){.kind = FAULT_STALL, .at = 5000};
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	expect_bytes(0, SIZE);
	cr_assert_eq(fault.requests, 2u);
	cr_assert_lt(clock_mono_ms() - before, 3000);
}

/* A busy machine is no fault of the server's; what comes to a halt is found soon all the same. */
static void setup_straggler(void)
{
	straggle_ms = 200;
	start(20000);
}

TestSuite(core_driver_straggler, .init = setup_straggler, .fini = teardown, .timeout = 60);

static struct retry_budget *budget(void)
{
	char origin[64];

	snprintf(origin, sizeof(origin), "http://127.0.0.1:%u", fault.port);
	return &learned_endpoint(origin)->budget;
}

/* A pause of the network halts all bodies at once: that must not use up what is for failures. */
Test(core_driver_straggler, costs_nothing_of_the_budget)
{
	struct store_call call = get(0, 0);

	while (retry_budget_take(budget()))
		;
	fault.step[0] = (struct fault_step){.kind = FAULT_STALL, .at = 300000};
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	expect_bytes(0, SIZE);
	cr_assert_eq(fault.requests, 2u);
	cr_assert_not_null(strstr(fault.request[1], "Range: bytes=300000-999999\r\n"));
	cr_assert_eq(budget()->tokens, RETRY_REFUND_TOKENS);
}

Test(core_driver_straggler, the_next_try_is_the_first)
{
	struct store_call call = get(0, 0);

	fault.step[0] = (struct fault_step){.kind = FAULT_STALL, .at = 1};
	for (int i = 1; i < RETRY_TRIES_MAX; i++)
		fault.step[i] = (struct fault_step){.kind = FAULT_RESET};
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	expect_bytes(0, SIZE);
	cr_assert_eq(fault.requests, RETRY_TRIES_MAX + 1u);
}

/* What fails later in the call is no straggler any more. */
Test(core_driver_straggler, failures_after_it_count)
{
	struct store_call call = get(0, 0);

	fault.step[0] = (struct fault_step){.kind = FAULT_STALL, .at = 1};
	for (int i = 1; i < FAULT_STEPS_MAX; i++)
		fault.step[i] = (struct fault_step){.kind = FAULT_RESET};
	cr_assert_eq(store_run(&call), -EIO);
	cr_assert_eq(fault.requests, RETRY_TRIES_MAX + 1u);
}

/* One body in ten comes to a halt: so does what is asked again, now and then. */
Test(core_driver_straggler, comes_again)
{
	struct store_call call = get(0, 0);

	while (retry_budget_take(budget()))
		;
	for (int i = 0; i < 3; i++)
		fault.step[i] = (struct fault_step){.kind = FAULT_STALL, .at = 100000};
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	expect_bytes(0, SIZE);
	cr_assert_eq(fault.requests, 4u);
	cr_assert_not_null(strstr(fault.request[3], "Range: bytes=300000-999999\r\n"));
}

static void setup_strict(void)
{
	max_attempts = "1";
	straggle_ms = 200;
	start(600);
}

/* Who wants every request sent once gets that, and the whole time for it. */
Test(core_driver_strict, no_straggler_is_asked_again, .init = setup_strict, .fini = teardown,
     .timeout = 60)
{
	struct store_call call = get(0, 0);

	fault.step[0] = (struct fault_step){.kind = FAULT_STALL, .at = 300000};
	cr_assert_eq(store_run(&call), -EIO);
	cr_assert_eq(fault.requests, 1u);
}

Test(core_driver, silence_is_given_up)
{
	struct store_call call = get(0, 10);
	int64_t before = clock_mono_ms();

	for (int i = 0; i < FAULT_STEPS_MAX; i++)
		fault.step[i].kind = FAULT_SILENCE;
	cr_assert_eq(store_run(&call), -EIO);
	cr_assert_eq(fault.requests, 4u);
	cr_assert_lt(clock_mono_ms() - before, 4000);
	cr_assert_not_null(strstr(call.message, "no answer in time from http://127.0.0.1:"));
	cr_assert_not_null(strstr(call.message, "AWS_ENDPOINT_URL"));
}

Test(core_driver, a_busy_server_is_asked_again)
{
	struct store_call call = get(0, 10);
	int64_t before = clock_mono_ms();

	fault.step[0] = (struct fault_step){
		.kind = FAULT_RAW,
		.raw = "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Type: "
		       "application/xml\r\n\r\n"
		       "<Error><Code>SlowDown</Code><Message>m</Message></Error>"};
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	expect_bytes(0, 10);
	cr_assert_geq(clock_mono_ms() - before, 950); /* Retry-After */
}

Test(core_driver, a_server_that_stays_busy_is_an_error_with_its_request_id)
{
	struct store_call call = get(0, 10);

	for (int i = 0; i < FAULT_STEPS_MAX; i++)
		fault.step[i] =
			(struct fault_step){.kind = FAULT_RAW,
					    .raw = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n"
						   "x-amz-request-id: ABC\r\n\r\n"};
	cr_assert_eq(store_run(&call), -EIO);
	cr_assert_eq(fault.requests, (unsigned)RETRY_TRIES_MAX);
	cr_assert_eq(call.status, 503);
	cr_assert_str_eq(call.request_id, "ABC");
	cr_assert_not_null(strstr(call.message, "s3://media/a b: server busy (503)"));
	cr_assert_not_null(strstr(call.message, "request id ABC"));
	cr_assert_not_null(strstr(call.message, "environment (key AK...)"));
}

static void use_md5_etag(void)
{
	static char etag[40];
	unsigned char digest[16];

	EVP_Digest(fault.object, SIZE, digest, NULL, EVP_md5(), NULL);
	etag[0] = '"';
	digest_hex(digest, sizeof(digest), etag + 1);
	strcat(etag, "\"");
	fault.etag = etag;
}

Test(core_driver, a_corrupted_body_is_fetched_again)
{
	struct store_call call = get(0, 0);

	use_md5_etag();
	fault.step[0] = (struct fault_step){.kind = FAULT_CORRUPT, .at = 123456};
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	expect_bytes(0, SIZE);
	cr_assert_eq(got.begins, 2u);
}

Test(core_driver, a_corrupted_body_of_a_range_that_is_the_whole_is_seen)
{
	struct store_call call = get(0, 2 * SIZE);

	use_md5_etag();
	fault.step[0] = (struct fault_step){.kind = FAULT_CORRUPT, .at = 123456};
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	expect_bytes(0, SIZE);
	cr_assert_eq(got.begins, 2u);
}

Test(core_driver, a_body_that_stays_corrupted_is_an_error)
{
	struct store_call call = get(0, 0);

	fault.fields = "x-amz-checksum-crc32c: AAAAAA==\r\n";
	cr_assert_eq(store_run(&call), -EIO);
	cr_assert_eq(fault.requests, 3u);
	cr_assert_not_null(strstr(call.message, "do not match the object's checksum"));
	cr_assert_not_null(strstr(call.message, "REQ3"));
}

Test(core_driver, another_range_than_asked_for_is_refused)
{
	struct store_call call = get(100, 100);

	for (int i = 0; i < 2; i++)
		fault.step[i].kind = FAULT_WRONG_RANGE;
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	expect_bytes(100, 200);
	cr_assert_eq(fault.requests, 3u);
}

Test(core_driver, the_region_is_learned_once_for_a_bucket)
{
	struct store_call call = get(0, 10);

	fault.step[0] = (struct fault_step){
		.kind = FAULT_RAW,
		.raw = "HTTP/1.1 400 Bad\r\nContent-Type: application/xml\r\n\r\n"
		       "<Error><Code>AuthorizationHeaderMalformed</Code><Message>m</Message>"
		       "<Region>eu-west-3</Region></Error>"};
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_not_null(strstr(fault.request[0], "/us-east-1/s3/aws4_request"));
	cr_assert_not_null(strstr(fault.request[1], "/eu-west-3/s3/aws4_request"));
	store_call_reset(&call);
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_eq(fault.requests, 3u);
	cr_assert_not_null(strstr(fault.request[2], "/eu-west-3/s3/aws4_request"));
}

Test(core_driver, a_region_that_is_wrong_again_ends_it)
{
	struct store_call call = get(0, 10);

	fault.step[0] = (struct fault_step){
		.kind = FAULT_RAW,
		.raw = "HTTP/1.1 301 Moved\r\nx-amz-bucket-region: eu-west-3\r\n"
		       "Location: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"};
	fault.step[1] = (struct fault_step){
		.kind = FAULT_RAW,
		.raw = "HTTP/1.1 301 Moved\r\nx-amz-bucket-region: eu-west-4\r\n"
		       "Location: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"};
	cr_assert_eq(store_run(&call), -EIO);
	cr_assert_eq(fault.requests, 2u);
	cr_assert_not_null(strstr(call.message, "served elsewhere"));
}

Test(core_driver, a_redirect_is_not_followed)
{
	struct store_call call = get(0, 10);
	char raw[256];

	snprintf(raw, sizeof(raw),
		 "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%u/other\r\n"
		 "Content-Length: 0\r\n\r\n",
		 fault.port);
	fault.step[0] = (struct fault_step){.kind = FAULT_RAW, .raw = raw};
	cr_assert_eq(store_run(&call), -EIO);
	cr_assert_eq(fault.requests, 1u);
}

Test(core_driver, a_wrong_clock_is_mended_by_the_servers_date)
{
	struct store_call call = get(0, 10);

	fault.step[0] = (struct fault_step){
		.kind = FAULT_RAW,
		.raw = "HTTP/1.1 403 No\r\nDate: Fri, 24 May 2013 00:00:00 GMT\r\n"
		       "Content-Type: application/xml\r\n\r\n"
		       "<Error><Code>RequestTimeTooSkewed</Code></Error>"};
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_not_null(strstr(fault.request[1], "X-Amz-Date: 20130524T0000"));
}

Test(core_driver, a_denial_is_told_once_and_not_retried)
{
	struct store_call call = get(0, 10);

	fault.step[0] = (struct fault_step){
		.kind = FAULT_RAW,
		.raw = "HTTP/1.1 403 No\r\nContent-Type: application/xml\r\n\r\n"
		       "<Error><Code>AccessDenied</Code><Message>Access\nDenied</Message>"
		       "<RequestId>4442587FB7D0A2F9</RequestId></Error>"};
	cr_assert_eq(store_run(&call), -EACCES);
	cr_assert_eq(fault.requests, 1u);
	cr_assert_str_eq(call.message, "s3://media/a b: access denied (403 AccessDenied), "
				       "request id 4442587FB7D0A2F9, "
				       "credentials: environment (key AK...): Access?Denied");
}

Test(core_driver, hostile_answers_are_refused)
{
	static char many[20000];
	static char wide[90000];
	const char *hostile[] = {
		"garbage\r\n\r\n",
		"HTTP/1.1 200 OK\r\nETag: \"v1\"\r\n\r\nbody without a length",
		"HTTP/1.1 206 OK\r\nContent-Range: bytes 0-9/5\r\nContent-Length: "
		"10\r\n\r\n0123456789",
		"HTTP/1.1 206 OK\r\nContent-Range: bytes 0-9/99\r\nContent-Length: 4\r\n\r\n0123",
		"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
		"HTTP/1.1 204 OK\r\n\r\n",
		many,
		wide,
	};
	struct store_call call = get(0, 10);

	strcpy(many, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 1000; i++)
		strcat(many, "X-A: b\r\n");
	strcat(many, "Content-Length: 0\r\n\r\n");
	strcpy(wide, "HTTP/1.1 200 OK\r\nETag: ");
	memset(wide + strlen(wide), 'e', 80000);
	strcat(wide, "\r\nContent-Length: 0\r\n\r\n");
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		for (int j = 0; j < FAULT_STEPS_MAX; j++)
			fault.step[j] = (struct fault_step){.kind = FAULT_RAW, .raw = hostile[i]};
		fault.requests = 0;
		cr_assert_eq(store_run(&call), -EIO, "case %zu: %d", i, call.error);
		cr_assert_leq(fault.requests, (unsigned)RETRY_TRIES_MAX);
		cr_assert_neq(call.message[0], '\0');
		cr_assert_eq(got.next, 0u);
		store_call_reset(&call);
	}
}

Test(core_driver, the_sinks_errors_end_the_call)
{
	struct store_call call = get(0, 0);

	got.refuse_begin = -ENOSPC;
	cr_assert_eq(store_run(&call), -ENOSPC);
	got.refuse_begin = 0;
	got.refuse_data = -EBADMSG;
	cr_assert_eq(store_run(&call), -EBADMSG);
	cr_assert_eq(fault.requests, 2u);
}

Test(core_driver, conditions_answer_without_words)
{
	struct store_call call = get(0, 10);

	call.if_none_match = "\"v1\"";
	fault.step[0] = (struct fault_step){.kind = FAULT_RAW, .raw = "HTTP/1.1 304 Same\r\n\r\n"};
	fault.step[1] = (struct fault_step){.kind = FAULT_RAW,
					    .raw = "HTTP/1.1 412 No\r\nContent-Length: 0\r\n\r\n"};
	fault.step[2] = (struct fault_step){.kind = FAULT_RAW,
					    .raw = "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"};
	cr_assert_eq(store_run(&call), -EALREADY);
	cr_assert_str_eq(call.message, "");
	cr_assert_eq(store_run(&call), -ESTALE);
	cr_assert_eq(store_run(&call), -ENOENT);
	cr_assert_not_null(strstr(fault.request[0], "If-None-Match: \"v1\"\r\n"));
}

Test(core_driver, a_hostile_list_is_refused)
{
	struct store_call call = {
		.verb = STORE_LIST,
		.ctx = ctx,
		.scheme = "s3",
		.bucket = "media",
		.key = "",
	};

	for (int j = 0; j < FAULT_STEPS_MAX; j++)
		fault.step[j] = (struct fault_step){
			.kind = FAULT_RAW,
			.raw = "HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\n\r\n"
			       "<!DOCTYPE l [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]>"
			       "<ListBucketResult><Contents><Key>&b;</Key></Contents>"
			       "</ListBucketResult>"};
	cr_assert_eq(store_run(&call), -EIO);
	cr_assert_not_null(strstr(call.message, "not what the service gives"));
}

Test(core_driver, an_unknown_scheme_is_said)
{
	struct store_call call = get(0, 0);

	call.scheme = "ftp";
	cr_assert_eq(store_run(&call), -EINVAL);
	cr_assert_not_null(strstr(call.message, "ftp://media/a b: no back end"));
}

Test(core_driver, names_that_s3_cannot_hold)
{
	static char key[S3_KEY_BYTES + 2];
	struct store_call call = get(0, 0);

	memset(key, 'k', S3_KEY_BYTES + 1);
	call.key = key;
	cr_assert_eq(store_run(&call), -ENAMETOOLONG);
	call.key = "k";
	call.bucket = "..";
	cr_assert_eq(store_run(&call), -EINVAL);
	cr_assert_eq(fault.requests, 0u);
}

static atomic_int outstanding;

static void count_down(struct store_call *call)
{
	if (call->error == *(int *)call->arg)
		outstanding--;
	free(call);
}

static int sink_nothing(void *arg, uint64_t offset, const void *data, size_t bytes)
{
	(void)arg, (void)offset, (void)data, (void)bytes;
	return 0;
}

static void submit_many(int count, int *expected)
{
	outstanding = count;
	for (int i = 0; i < count; i++) {
		struct store_call *call = malloc(sizeof(*call));

		*call = get(0, 100);
		call->sink = (struct store_sink){.data = sink_nothing};
		call->done = count_down;
		call->arg = expected;
		cr_assert_eq(store_submit(call), 0);
	}
}

TestSuite(core_driver_crowd, .init = setup_crowd, .fini = teardown, .timeout = 60);

Test(core_driver_crowd, connections_are_shared_and_bounded)
{
	struct store_counters counters;
	int expected = 0;

	submit_many(1000, &expected);
	while (outstanding > 0)
		usleep(1000);
	store_counters(&counters);
	cr_assert_eq(counters.requests[STORE_GET], 1000u);
	cr_assert_leq(counters.connections, HTTP_LIMITS_DEFAULT.host_max);
	cr_assert_leq(fault.connections, HTTP_LIMITS_DEFAULT.host_max);
}

Test(core_driver, stopping_cancels_everything_once)
{
	int expected = -ECANCELED;
	struct store_call call = get(0, 1);

	for (int i = 0; i < FAULT_STEPS_MAX; i++)
		fault.step[i].kind = FAULT_SILENCE;
	submit_many(200, &expected);
	usleep(50000);
	store_stop();
	cr_assert_eq(outstanding, 0);
	cr_assert_eq(store_run(&call), -ECANCELED);
}

Test(core_driver, an_endpoint_that_is_down_gets_few_retries)
{
	struct store_counters counters;
	int expected = -EIO;

	fault.stopping = true; /* nobody accepts; the port is closed below */
	pthread_join(fault.thread, NULL);
	close(fault.listener);
	submit_many(500, &expected);
	while (outstanding > 0)
		usleep(1000);
	store_counters(&counters);
	cr_assert_leq(counters.retries, (uint64_t)RETRY_BUDGET_TOKENS / RETRY_COST_TOKENS);
	fault.stopping = false;
	fault.listener = socket(AF_INET, SOCK_STREAM, 0);
	pthread_create(&fault.thread, NULL, fault_accept, NULL);
}
