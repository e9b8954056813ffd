// SPDX-License-Identifier: Apache-2.0
/*
 * The verbs that write, on a live store (live_rig.h). What RADOS Gateway 16 does not know
 * (conditions on copies, deletions and completions) is asked of the embedded store alone.
 */
#include <errno.h>

#include "core/pairs.h"
#include "tests/unit/live_rig.h"

#define MIB	  (UINT64_C(1) << 20)
#define PART_SIZE (5 * MIB) /* the smallest but for the last */

TestSuite(live_verbs, .init = live_setup, .fini = live_teardown, .timeout = 120);

static unsigned char byte_at(uint64_t i)
{
	return (unsigned char)(i * 2654435761u >> 13);
}

/* arg: where in the endless pattern the source begins. */
static int read_pattern(void *arg, uint64_t offset, void *buf, size_t bytes)
{
	unsigned char *out = buf;

	for (size_t i = 0; i < bytes; i++)
		out[i] = byte_at(*(uint64_t *)arg + offset + i);
	return 0;
}

static uint64_t from_zero;

static struct store_source pattern(uint64_t *start, uint64_t bytes)
{
	return (struct store_source){.read = read_pattern, .arg = start, .bytes = bytes};
}

static struct {
	uint64_t bytes;
	bool wrong;
} seen;

static int see(void *arg, uint64_t offset, const void *data, size_t bytes)
{
	const unsigned char *from = data;

	for (size_t i = 0; i < bytes; i++)
		seen.wrong |= from[i] != byte_at(*(uint64_t *)arg + offset + i);
	seen.bytes += bytes;
	return 0;
}

/* The object holds so many bytes of the pattern from start on. */
static void expect_object(const char *key, uint64_t start, uint64_t bytes)
{
	struct store_call call = live_call(STORE_GET, key);

	seen.bytes = 0;
	seen.wrong = false;
	call.sink = (struct store_sink){.data = see, .arg = &start};
	cr_assert_eq(store_run(&call), 0, "%s: %d %s", key, call.error, call.message);
	cr_assert_eq(call.object.size, bytes, "%s", key);
	cr_assert_eq(seen.bytes, bytes, "%s", key);
	cr_assert_not(seen.wrong, "%s", key);
	store_call_reset(&call);
}

static int head(const char *key, struct store_object *out)
{
	struct store_call call = live_call(STORE_HEAD, key);
	int ret = store_run(&call);

	if (out)
		*out = call.object;
	store_call_reset(&call);
	return ret;
}

static struct store_object put(const char *key, uint64_t bytes)
{
	struct store_call call = live_call(STORE_PUT, key);

	call.source = pattern(&from_zero, bytes);
	cr_assert_eq(store_run(&call), 0, "%s: %d %s", key, call.error, call.message);
	return call.object;
}

static uint64_t requests(enum store_verb verb)
{
	struct store_counters counters;

	store_counters(&counters);
	return counters.requests[verb];
}

Test(live_verbs, bytes_of_every_size_come_back)
{
	static const uint64_t sizes[] = {0, 1, 65536, 65537, 3 * MIB + 1, 20 * MIB};
	struct store_object object;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		object = put("a b/\xc3\xa9+%&?", sizes[i]);
		expect_object("a b/\xc3\xa9+%&?", 0, sizes[i]);
		cr_assert_eq(object.size, sizes[i]);
		cr_assert_neq(object.etag[0], '\0');
	}
}

Test(live_verbs, another_client_sees_what_was_written)
{
	SCOPE_BUFFER struct buffer out = BUFFER_INIT(65536);
	struct store_pairs user = {0}, fields = {0};
	struct store_call call = live_call(STORE_PUT, "k");
	char path[80];

	pairs_add(&user, "mode", "33188");
	pairs_add(&user, "symlink-target", "a  b");
	pairs_add(&fields, "Content-Type", "text/x-c");
	pairs_add(&fields, "Cache-Control", "no-cache");
	call.source = pattern(&from_zero, 3);
	call.set_user = &user;
	call.set_fields = &fields;
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	snprintf(path, sizeof(path), "/%s/k", live.bucket);
	cr_assert_eq(live_curl("GET", path, NULL, &out), 200);
	cr_assert_not_null(strcasestr(out.data, "\r\nx-amz-meta-mode: 33188\r\n"), "%s", out.data);
	cr_assert_not_null(strcasestr(out.data, "\r\ncontent-type: text/x-c\r\n"), "%s", out.data);
	cr_assert_not_null(strcasestr(out.data, "\r\ncontent-length: 3\r\n"), "%s", out.data);
	cr_assert_not_null(strstr(out.data, call.object.etag), "%s", out.data);
	pairs_free(&user);
	pairs_free(&fields);

	call = live_call(STORE_HEAD, "k");
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_str_eq(pairs_get(&call.user, "mode"), "33188");
	cr_assert_str_eq(pairs_get(&call.user, "symlink-target"), "a  b");
	cr_assert_eq(call.user.count, 2u);
	store_call_reset(&call);
}

Test(live_verbs, conditions_on_a_put)
{
	struct store_call call = live_call(STORE_PUT, "k");
	struct store_object first;

	call.source = pattern(&from_zero, 10);
	call.if_none_match = "*";
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	first = call.object;
	cr_assert_eq(store_run(&call), -ESTALE, "%d %s", call.error, call.message);
	call.if_none_match = NULL;
	call.if_match = first.etag;
	call.source.bytes = 20;
	cr_assert_eq(store_run(&call), 0, "%d %s", call.error, call.message);
	cr_assert_eq(store_run(&call), -ESTALE, "%d %s", call.error, call.message);
	cr_assert_eq(requests(STORE_HEAD), 0u);
	expect_object("k", 0, 20);
}

Test(live_verbs, a_bucket_that_is_missing)
{
	struct store_call call = live_call(STORE_PUT, "k");

	call.bucket = "no-such-bucket-anywhere";
	call.source = pattern(&from_zero, 3 * MIB);
	cr_assert_eq(store_run(&call), -ENOENT, "%d %s", call.error, call.message);
}

static int fail_late(void *arg, uint64_t offset, void *buf, size_t bytes)
{
	unsigned *reads = arg;

	memset(buf, 'x', bytes);
	return !offset && ++*reads == 2 ? 0 : *reads == 2 && offset > MIB ? -ENOSPC : 0;
}

Test(live_verbs, half_an_object_is_none)
{
	struct store_call call = live_call(STORE_PUT, "k");
	unsigned reads = 0;

	call.source = (struct store_source){.read = fail_late, .arg = &reads, .bytes = 3 * MIB};
	cr_assert_eq(store_run(&call), -ENOSPC, "%d %s", call.error, call.message);
	cr_assert_eq(head("k", NULL), -ENOENT);
}

Test(live_verbs, deletions)
{
	static const char *const keys[] = {"a&<b>", "\xc3\xa9 +%2F", "c/d", "missing"};
	struct store_call call = live_call(STORE_DELETE, "k");

	put("k", 1);
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_eq(head("k", NULL), -ENOENT);
	cr_assert_eq(store_run(&call), 0, "%s", call.message);

	for (int i = 0; i < 3; i++)
		put(keys[i], 1);
	call = live_call(STORE_DELETE_MANY, NULL);
	call.keys = keys;
	call.key_count = 4;
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	for (int i = 0; i < 4; i++) {
		cr_assert_eq(call.key_errors[i], 0);
		cr_assert_eq(head(keys[i], NULL), -ENOENT);
	}
	store_call_reset(&call);
	call.bucket = "no-such-bucket-anywhere";
	cr_assert_eq(store_run(&call), -ENOENT, "%d %s", call.error, call.message);
}

Test(live_verbs, a_thousand_are_deleted_at_once)
{
	static char names[STORE_LIST_MAX][32];
	static const char *keys[STORE_LIST_MAX];
	struct store_call call = live_call(STORE_DELETE_MANY, NULL);

	for (int i = 0; i < STORE_LIST_MAX; i++) {
		snprintf(names[i], sizeof(names[i]), "many/%04d", i);
		keys[i] = names[i];
	}
	put(names[0], 1);
	put(names[999], 1);
	call.keys = keys;
	call.key_count = STORE_LIST_MAX;
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_eq(head(names[999], NULL), -ENOENT);
	store_call_reset(&call);
}

Test(live_verbs, copies)
{
	struct store_pairs user = {0};
	struct store_call call = live_call(STORE_COPY, "to");
	struct store_object from = put("from \xc3\xa9?&+", 100000);
	struct store_object to;

	call.from_bucket = live.bucket;
	call.from_key = "from \xc3\xa9?&+";
	call.from_etag = from.etag;
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_str_eq(call.object.etag, from.etag);
	expect_object("to", 0, 100000);
	cr_assert_eq(head("to", &to), 0);
	cr_assert_eq(to.mtime_ns, call.object.mtime_ns);

	call.from_etag = "\"00000000000000000000000000000000\"";
	cr_assert_eq(store_run(&call), -ESTALE, "%d %s", call.error, call.message);
	call.from_etag = NULL;

	/* onto itself, to change its metadata */
	pairs_add(&user, "mode", "33261");
	call.from_key = "to";
	call.set_user = &user;
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	pairs_free(&user);
	call = live_call(STORE_HEAD, "to");
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_str_eq(pairs_get(&call.user, "mode"), "33261");
	store_call_reset(&call);
	expect_object("to", 0, 100000);

	call = live_call(STORE_COPY, "to");
	call.from_bucket = live.bucket;
	call.from_key = "missing";
	cr_assert_eq(store_run(&call), -ENOENT, "%d %s", call.error, call.message);
}

/* Begins an upload of key; the id is the caller's to free. */
static char *begin(const char *key)
{
	struct store_call call = live_call(STORE_MULTIPART_BEGIN, key);
	struct store_pairs user = {0};
	char *id;

	pairs_add(&user, "mode", "33152");
	call.set_user = &user;
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	pairs_free(&user);
	id = strdup(call.upload_id);
	store_call_reset(&call);
	return id;
}

static void send_part(const char *key, const char *id, unsigned number, uint64_t start,
		      uint64_t bytes, char etag[STORE_ETAG_BYTES])
{
	struct store_call call = live_call(STORE_PART, key);

	call.upload = id;
	call.part = number;
	call.source = pattern(&start, bytes);
	cr_assert_eq(store_run(&call), 0, "%d %s", call.error, call.message);
	strcpy(etag, call.object.etag);
}

/* Three parts of key: two that are sent, and between them one that is copied from "source". */
static struct store_call prepare(const char *key, const char *id, struct store_part parts[3],
				 char etags[3][STORE_ETAG_BYTES])
{
	struct store_call call = live_call(STORE_PART_COPY, key);
	struct store_object source = put("source", 3 * PART_SIZE);

	send_part(key, id, 1, 0, PART_SIZE, etags[0]);
	send_part(key, id, 9, 2 * PART_SIZE, 1000, etags[2]);
	call.upload = id;
	call.part = 4;
	call.from_bucket = live.bucket;
	call.from_key = "source";
	call.from_etag = source.etag;
	call.offset = PART_SIZE;
	call.length = PART_SIZE;
	cr_assert_eq(store_run(&call), 0, "%d %s", call.error, call.message);
	strcpy(etags[1], call.object.etag);
	for (int i = 0; i < 3; i++)
		parts[i] = (struct store_part){(const unsigned[]){1, 4, 9}[i], etags[i]};

	call = live_call(STORE_COMPLETE, key);
	call.upload = id;
	call.parts = parts;
	call.part_count = 3;
	return call;
}

Test(live_verbs, an_object_in_parts)
{
	char *id = begin("whole \xc3\xa9");
	char etags[3][STORE_ETAG_BYTES];
	char expected[STORE_ETAG_BYTES];
	struct store_part parts[3];
	struct store_call call = prepare("whole \xc3\xa9", id, parts, etags);

	cr_assert_eq(store_run(&call), 0, "%d %s", call.error, call.message);
	expect_object("whole \xc3\xa9", 0, 2 * PART_SIZE + 1000);
	/* what a lost answer would be compared with */
	cr_assert_eq(s3_upload_expect(&call, NULL, expected), 0);
	cr_assert_str_eq(call.object.etag, expected);
	free(id);
	call = live_call(STORE_HEAD, "whole \xc3\xa9");
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_str_eq(call.object.etag, expected);
	cr_assert_str_eq(pairs_get(&call.user, "mode"), "33152");
	store_call_reset(&call);
}

Test(live_verbs, an_upload_that_is_aborted)
{
	char *id = begin("k");
	char etag[STORE_ETAG_BYTES];
	struct store_part part = {1, etag};
	struct store_call call = live_call(STORE_ABORT, "k");

	send_part("k", id, 1, 0, 10, etag);
	call.upload = id;
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	call = live_call(STORE_COMPLETE, "k");
	call.upload = id;
	call.parts = &part;
	call.part_count = 1;
	store_run(&call);
	/* RADOS Gateway 16: 500, "This multipart completion is already in progress" */
	cr_assert(call.error == -ENOENT || (!live.embedded && call.error == -EIO), "%d %s",
		  call.error, call.message);
	call.verb = STORE_PART;
	call.part = 2;
	call.source = pattern(&from_zero, 10);
	cr_assert_eq(store_run(&call), -ENOENT, "%d %s", call.error, call.message);
	cr_assert_eq(head("k", NULL), -ENOENT);
	free(id);
}

Test(live_verbs, uploads_are_listed_page_by_page)
{
	static const char *const keys[] = {"p/a \xc3\xa9", "p/b&+", "p/c"};
	struct store_call call = live_call(STORE_UPLOADS, "p/");
	char *other = begin("q");
	char *token = NULL;
	char *ids[3];

	for (int i = 0; i < 3; i++)
		ids[i] = begin(keys[i]);
	call.max_entries = 1;
	for (int i = 0; i < 3; i++) {
		call.token = token;
		cr_assert_eq(store_run(&call), 0, "%d %s", call.error, call.message);
		cr_assert_eq(call.list.count, 1u);
		cr_assert_str_eq(call.list.entries[0].name, keys[i]);
		cr_assert_str_eq(call.list.entries[0].upload, ids[i]);
		cr_assert_eq(call.list.next_token == NULL, i == 2);
		free(token);
		token = call.list.next_token ? strdup(call.list.next_token) : NULL;
		store_call_reset(&call);
		free(ids[i]);
	}
	free(other);
}

Test(live_verbs, an_upload_tells_whether_it_has_parts)
{
	struct store_call call = live_call(STORE_UPLOADS, "k");
	char etag[STORE_ETAG_BYTES];
	char *id = begin("k");

	call.upload = id;
	call.max_entries = 1;
	cr_assert_eq(store_run(&call), 0, "%d %s", call.error, call.message);
	cr_assert_eq(call.list.count, 0u);
	store_call_reset(&call);
	send_part("k", id, 3, 0, 10, etag);
	send_part("k", id, 7, 0, 10, etag);
	cr_assert_eq(store_run(&call), 0, "%d %s", call.error, call.message);
	cr_assert_eq(call.list.count, 1u);
	cr_assert_str_eq(call.list.entries[0].name, "3");
	store_call_reset(&call);
	free(id);
}

Test(live_verbs, parts_that_are_too_small_are_refused)
{
	char *id = begin("k");
	char etags[2][STORE_ETAG_BYTES];
	struct store_part parts[2] = {{1, etags[0]}, {2, etags[1]}};
	struct store_call call = live_call(STORE_COMPLETE, "k");

	send_part("k", id, 1, 0, 10, etags[0]);
	send_part("k", id, 2, 10, 10, etags[1]);
	call.upload = id;
	call.parts = parts;
	call.part_count = 2;
	cr_assert_eq(store_run(&call), -EINVAL, "%d %s", call.error, call.message);
	free(id);
}

/* --- the embedded store alone */

Test(live_verbs, conditions_that_only_some_services_know)
{
	struct store_call call = live_call(STORE_DELETE, "k");

	put("k", 1);
	if (!live.embedded)
		return;
	call.if_match = "\"00000000000000000000000000000000\"";
	cr_assert_eq(store_run(&call), -ESTALE, "%d", call.error);
	call = live_call(STORE_COPY, "to");
	call.from_bucket = live.bucket;
	call.from_key = "k";
	call.if_none_match = "*";
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_eq(store_run(&call), -ESTALE, "%d", call.error);
}

Test(live_verbs, lost_answers_are_successes)
{
	char *id;
	char etags[3][STORE_ETAG_BYTES];
	struct store_part parts[3];
	struct store_call call = live_call(STORE_PUT, "k");
	struct store_object object;

	if (!live.embedded)
		return;
	live_fault("reset,at=0,count=1,verb=PutObject");
	call.source = pattern(&from_zero, 3 * MIB);
	call.if_none_match = "*";
	cr_assert_eq(store_run(&call), 0, "%d %s", call.error, call.message);
	cr_assert_eq(requests(STORE_PUT), 2u);
	cr_assert_eq(requests(STORE_HEAD), 1u);
	object = call.object;
	store_call_reset(&call);

	live_fault("truncate,at=5,count=1,verb=CopyObject");
	call = live_call(STORE_COPY, "copy");
	call.from_bucket = live.bucket;
	call.from_key = "k";
	call.from_etag = object.etag;
	call.if_none_match = "*";
	cr_assert_eq(store_run(&call), 0, "%d %s", call.error, call.message);
	cr_assert_eq(requests(STORE_COPY), 2u);
	cr_assert_eq(requests(STORE_HEAD), 2u);
	store_call_reset(&call);

	id = begin("whole");
	call = prepare("whole", id, parts, etags);
	call.if_none_match = "*";
	live_fault("reset,at=0,count=1,verb=CompleteMultipartUpload");
	cr_assert_eq(store_run(&call), 0, "%d %s", call.error, call.message);
	cr_assert_eq(requests(STORE_COMPLETE), 2u);
	expect_object("whole", 0, 2 * PART_SIZE + 1000);
	store_call_reset(&call);
	free(id);
}

Test(live_verbs, errors_under_200_are_tried_again)
{
	char *id;
	char etags[3][STORE_ETAG_BYTES];
	struct store_part parts[3];
	struct store_call call = live_call(STORE_COPY, "to");

	if (!live.embedded)
		return;
	put("k", 1000);
	live_fault("ok-error,count=2,verb=CopyObject");
	call.from_bucket = live.bucket;
	call.from_key = "k";
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_eq(requests(STORE_COPY), 3u);
	expect_object("to", 0, 1000);

	id = begin("whole");
	call = prepare("whole", id, parts, etags);
	live_fault("ok-error,count=1,verb=CompleteMultipartUpload");
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_eq(requests(STORE_COMPLETE), 2u);
	expect_object("whole", 0, 2 * PART_SIZE + 1000);
	free(id);
}

Test(live_verbs, a_storm_loses_nothing)
{
	char key[32];

	if (!live.embedded)
		return;
	live_fault("slowdown,rate=0.3,seed=7");
	live_fault("reset,rate=0.2,seed=8,verb=PutObject");
	live_fault("reset,at=0,rate=0.2,seed=9,verb=PutObject");
	for (int i = 0; i < 60; i++) {
		struct store_call call = live_call(STORE_PUT, key);

		snprintf(key, sizeof(key), "storm/%d", i);
		call.source = pattern(&from_zero, (uint64_t)i * 7919);
		call.if_none_match = "*";
		cr_assert_eq(store_run(&call), 0, "%s: %d %s", key, call.error, call.message);
		store_call_reset(&call);
	}
	live_fault("none");
	for (int i = 0; i < 60; i++) {
		snprintf(key, sizeof(key), "storm/%d", i);
		expect_object(key, 0, (uint64_t)i * 7919);
	}
	cr_assert_gt(requests(STORE_PUT), 70u);
	cr_assert_gt(requests(STORE_HEAD), 0u);
}

/* --- TLS */

static char cert[96], cert_key[96];

static void setup_tls(void)
{
	const char *extra[] = {"--tls-cert", cert, "--tls-key", cert_key, NULL};
	char command[512], env[160];

	strcpy(live.folder, "/tmp/skyshim-live.XXXXXX");
	cr_assert_not_null(mkdtemp(live.folder));
	snprintf(cert, sizeof(cert), "%s/cert", live.folder);
	snprintf(cert_key, sizeof(cert_key), "%s/key", live.folder);
	snprintf(command, sizeof(command),
		 "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
		 "-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -keyout %s -out %s "
		 ">/dev/null 2>&1",
		 cert_key, cert);
	cr_assert_eq(system(command), 0, "%s", command);
	live.scheme = "https";
	live.embedded = true;
	snprintf(live.bucket, sizeof(live.bucket), "live-%d", (int)getpid());
	live_start_store(extra);
	snprintf(env, sizeof(env), "AWS_CA_BUNDLE=%s", cert);
	live_start_driver(env);
}

static void teardown_tls(void)
{
	unlink(cert);
	unlink(cert_key);
	live_teardown();
}

TestSuite(live_verbs_tls, .init = setup_tls, .fini = teardown_tls, .timeout = 120);

/* The body is not signed there, and checked by its MD5. */
Test(live_verbs_tls, bytes_come_back)
{
	put("small", 1000);
	put("large", 3 * MIB);
	expect_object("small", 0, 1000);
	expect_object("large", 0, 3 * MIB);
	cr_assert_eq(requests(STORE_PUT), 2u);
}
