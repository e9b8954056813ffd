// SPDX-License-Identifier: Apache-2.0
/* Google Cloud Storage's build and parse functions, by the files of tests/golden/gcs, what its
 * signer adds, and which requests it takes to compose an object of many parts. */
#include "core/pairs.h"
#include "gcs/gcs.h"
#include "tests/unit/golden_ops.h"

static const char unsigned_env[] = "CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true";

Test(gcs_ops, golden_files)
{
	golden.ops = &gcs_ops;
	golden.env = unsigned_env;
	golden.env_bytes = sizeof(unsigned_env);
	golden_run("tests/golden/gcs/*.txt");
}

Test(gcs_ops, a_token_goes_with_every_request)
{
	const struct creds creds = {.token = "ya29.x"};
	const struct store_site site = {.host = "h"};
	struct store_request request = {.target = BUFFER_INIT(256)};

	cr_assert_eq(gcs_ops.sign(&site, &creds, 0, &request), 0);
	cr_assert_str_eq(header_get(&request.fields, "Authorization"), "Bearer ya29.x");
	header_clear(&request.fields);
}

Test(gcs_ops, versions)
{
	struct gcs_version v;
	char etag[STORE_ETAG_BYTES] = "";

	cr_assert_eq(gcs_version_write("1700000000000001", "2", etag), 0);
	cr_assert_str_eq(etag, "\"1700000000000001.2\"");
	cr_assert_eq(gcs_version_read(etag, &v), 0);
	cr_assert_str_eq(v.generation, "1700000000000001");
	cr_assert_str_eq(v.metageneration, "2");
	for (const char *bad =
		     "\0x\0\"1\"\0\"1.\"\0\".1\"\0\"1.2\0\"1.2\"x\0\"1.2x\"\0-1.2\0*\0end";
	     ; bad += strlen(bad) + 1) {
		if (!strcmp(bad, "end"))
			break;
		cr_assert_eq(gcs_version_read(bad, &v), -EINVAL, "%s", bad);
	}
	cr_assert_eq(gcs_version_write("", "1", etag), -EBADMSG);
	cr_assert_eq(gcs_version_write("1&x=2", "1", etag), -EBADMSG);
	cr_assert_eq(gcs_version_write("123456789012345678901234567890", "1", etag), -EBADMSG);
}

static const char answer_fields[] = "multipart/mixed; boundary=b";

/* Answers a request of a completion as the service would. Returns what parse makes of it. */
static int answer_it(struct store_call *call, const struct store_request *request)
{
	struct buffer body = BUFFER_INIT(1 << 20);
	struct header_list fields = {0};
	struct store_check check = {0};
	struct store_answer answer = {.status = 200, .fields = &fields};
	int ret;

	header_add(&fields, "Content-Type", answer_fields);
	if (strstr(buffer_text(&request->target), "/batch/")) {
		for (const char *at = request->body.data; (at = strstr(at, "\nDELETE ")); at++)
			buffer_add_text(&body, "--b\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n");
		buffer_add_text(&body, "--b--");
	} else {
		buffer_addf(&body,
			    "{\"size\":\"9\",\"generation\":\"%u\",\"metageneration\":\"1\"}",
			    1000 + call->step);
	}
	answer.body = body.data;
	answer.body_bytes = body.len;
	ret = gcs_ops.verb[STORE_COMPLETE].parse(call, &answer, &check);
	buffer_free(&body);
	header_clear(&fields);
	return ret;
}

struct tally {
	unsigned requests, composes, sources, deletions;
	bool made_last; /* the last composition was of the object itself */
};

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;

	for (; text && (text = strstr(text, what)); text++)
		n++;
	return n;
}

/* Drives a completion as the driver does. */
static struct tally complete(size_t parts)
{
	struct store_part *part = calloc(parts, sizeof(*part));
	struct store_call call = {.verb = STORE_COMPLETE,
				  .bucket = "media",
				  .key = "k",
				  .upload = "0123456789abcdef",
				  .parts = part,
				  .part_count = parts};
	const struct store_site site = {.origin = "https://h"};
	struct tally t = {0};
	int ret = -EINPROGRESS;

	for (size_t i = 0; i < parts; i++)
		part[i] = (struct store_part){(unsigned)i + 1, "\"7.1\""};
	for (char *carry = NULL; ret == -EINPROGRESS; call.step++) {
		struct store_request request = {.target = BUFFER_INIT(8192),
						.body = BUFFER_INIT(STORE_BODY_BYTES)};
		unsigned n;

		call.carry = carry;
		cr_assert_eq(gcs_ops.verb[STORE_COMPLETE].build(&call, &site, &request), 0);
		t.requests++;
		n = count(request.body.data, "\nDELETE ");
		cr_assert_leq(n, (unsigned)GCS_BATCH_MAX);
		t.deletions += n;
		n = count(request.body.data, "\"generation\"");
		cr_assert_leq(n, (unsigned)GCS_COMPOSE_MAX);
		t.sources += n;
		if (strstr(buffer_text(&request.target), "/compose")) {
			t.composes++;
			t.made_last = strstr(buffer_text(&request.target), "/o/k/compose");
		}
		ret = answer_it(&call, &request);
		free(carry);
		carry = call.carry_out;
		call.carry_out = NULL;
		buffer_free(&request.target);
		buffer_free(&request.body);
		header_clear(&request.fields);
	}
	cr_assert_eq(ret, 0);
	cr_assert(call.is_made);
	free(part);
	return t;
}

Test(gcs_ops, every_part_is_composed_once_and_all_that_is_hidden_deleted)
{
	static const struct {
		size_t parts;
		unsigned composes;
	} cases[] = {{1, 1}, {2, 1}, {32, 1}, {33, 2}, {63, 2}, {64, 3}, {100, 4}, {10000, 323}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tally t = complete(cases[i].parts);
		unsigned hidden = (unsigned)cases[i].parts + t.composes - 1;

		cr_assert_eq(t.composes, cases[i].composes, "%zu: %u", cases[i].parts, t.composes);
		cr_assert_eq(t.sources, (unsigned)cases[i].parts + t.composes - 1);
		cr_assert(t.made_last);
		cr_assert_eq(t.deletions, hidden, "%zu: %u", cases[i].parts, t.deletions);
		cr_assert_eq(t.requests, t.composes + (hidden + 99) / 100);
	}
}

/* After a lost answer to new metadata: the generation says that the bytes are the same ones. */
static int patched(const char *resource)
{
	struct store_pair pair = {.name = (char *)"mode", .value = (char *)"33188"};
	const struct store_pairs user = {.pair = &pair, .count = 1};
	struct store_call call = {.bucket = "b",
				  .key = "k",
				  .from_bucket = "b",
				  .from_key = "k",
				  .from_etag = "\"7.1\"",
				  .set_user = &user};
	struct header_list fields = {0};
	struct store_answer answer = {
		.status = 200, .fields = &fields, .body = resource, .body_bytes = strlen(resource)};
	int ret = gcs_copy_made(&call, &answer);

	store_call_reset(&call);
	return ret;
}

#define RESOURCE(generation, mode)                                              \
	"{\"name\":\"k\",\"size\":\"3\",\"generation\":\"" generation           \
	"\",\"metageneration\":\"2\",\"updated\":\"2026-01-02T03:04:05.000Z\"," \
	"\"metadata\":{\"mode\":\"" mode "\"}}"

Test(gcs_ops, a_generation_shows_who_has_made_new_metadata)
{
	cr_expect_eq(patched(RESOURCE("7", "33188")), 0);
	cr_expect_eq(patched(RESOURCE("8", "33188")), -ESTALE);
	cr_expect_eq(patched(RESOURCE("7", "33261")), -ESTALE);
	cr_expect_eq(patched("{"), -EBADMSG);
}

#define OBJECT(version, crc, size, mode)                                  \
	"{\"name\":\"n\",\"size\":\"" size "\",\"generation\":\"" version \
	"\",\"metageneration\":\"1\",\"crc32c\":\"" crc "\",\"metadata\":{\"mode\":\"" mode "\"}}"
#define PART(status, json)                                                     \
	"--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 " status "\r\n" \
	"Content-Type: application/json\r\n\r\n" json "\r\n"

/* After a lost answer: what does the look say that verb has made? */
static int made(enum store_verb verb, struct store_call *call, const char *body)
{
	struct header_list fields = {0};
	struct store_answer answer = {
		.status = 200, .fields = &fields, .body = body, .body_bytes = strlen(body)};
	int ret;

	header_add(&fields, "Content-Type", answer_fields);
	ret = gcs_ops.verb[verb].made(call, &answer);
	pairs_free(&call->user);
	pairs_free(&call->fields);
	free(call->carry_out);
	call->carry_out = NULL;
	header_clear(&fields);
	return ret;
}

Test(gcs_ops, a_copy_is_known_by_bytes_and_metadata)
{
	struct store_call call = {.bucket = "b",
				  .key = "to",
				  .from_bucket = "b",
				  .from_key = "from",
				  .from_etag = "\"7.1\"",
				  .if_match = "\"5.1\""};
	static const char from[] = PART("200 OK", OBJECT("7", "Nks/tw==", "3", "1")) "--b--";
	char body[2048];
	static const struct {
		const char *to;
		int ret;
	} cases[] = {
		{PART("200 OK", OBJECT("9", "Nks/tw==", "3", "1")), 0},
		{PART("200 OK", OBJECT("9", "Nks/tQ==", "3", "1")), -ESTALE},
		{PART("200 OK", OBJECT("9", "Nks/tw==", "4", "1")), -ESTALE},
		{PART("200 OK", OBJECT("9", "Nks/tw==", "3", "2")), -ESTALE},
		{PART("200 OK", OBJECT("9", "", "3", "1")), -ESTALE},
		{PART("200 OK", OBJECT("5", "Nks/tw==", "3", "1")), -ESTALE}, /* as before */
		{PART("404 Not Found", "{}"), -ESTALE},
		{PART("503 Busy", "{}"), -ENOENT},
		{PART("200 OK", "nonsense"), -EBADMSG},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(body, sizeof(body), "%s%s", cases[i].to, from);
		cr_expect_eq(made(STORE_COPY, &call, body), cases[i].ret, "%zu", i);
	}
	snprintf(body, sizeof(body), "%s%s--b--", cases[0].to,
		 PART("412 Precondition Failed", "{}"));
	cr_expect_eq(made(STORE_COPY, &call, body), -ENOENT, "what it was made of has changed");
}

/* "abc" and "abc" again: what both are together is known by the sums of each. */
Test(gcs_ops, what_is_composed_is_known_by_its_parts)
{
	struct store_part parts[] = {{1, "\"7.1\"Nks/tw==,3,"}, {2, "\"8.1\"Nks/tw==,3,old"}};
	struct store_call call = {.bucket = "b",
				  .key = "k",
				  .if_match = "\"5.1\"",
				  .upload = "0123456789abcdef",
				  .parts = parts,
				  .part_count = 2};
	uint8_t raw[DIGEST_MAX_BYTES];
	char sum[DIGEST_BASE64_BYTES], body[512];
	struct digest_run run = {0};

	digest_run_start(&run, DIGEST_CRC32C);
	digest_run_add(&run, "abcabc", 6);
	cr_assert_eq(digest_run_end(&run, raw), DIGEST_CRC_BYTES);
	digest_base64(raw, DIGEST_CRC_BYTES, sum);
	snprintf(body, sizeof(body),
		 "{\"size\":\"6\",\"generation\":\"9\",\"metageneration\":\"1\",\"crc32c\":\"%s\"}",
		 sum);
	cr_expect_eq(made(STORE_COMPLETE, &call, body), -EINPROGRESS, "made, and to be tidied");
	cr_expect(call.is_made);
	call.if_match = "\"9.1\"";
	cr_expect_eq(made(STORE_COMPLETE, &call, body), -ESTALE, "as before");
	call.if_match = NULL;
	cr_expect_eq(made(STORE_COMPLETE, &call, OBJECT("9", "Nks/tw==", "6", "1")), -ESTALE);
	parts[0].etag = "\"7.1\"";
	cr_expect_eq(made(STORE_COMPLETE, &call, body), -ENOENT, "a part of which no sum is known");
}
