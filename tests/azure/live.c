// SPDX-License-Identifier: Apache-2.0
/*
 * The verbs on a live Azure Blob Storage: the account of AZURE_STORAGE_CONNECTION_STRING, of
 * which Azurite's is one (scripts/azurite), in the container that SKYSHIM_TEST_CONTAINER names.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "azure/azure.h"
#include "core/context.h"
#include "core/driver.h"
#include "core/log.h"
#include "core/pairs.h"

#define MIB UINT64_C(1048576)

static struct context *ctx;
static char bucket[128];
static char prefix[64]; /* of this test's keys */

static void start(void)
{
	const char *connection = getenv("AZURE_STORAGE_CONNECTION_STRING");
	const char *container = getenv("SKYSHIM_TEST_CONTAINER");
	struct store_list accounts = {0};
	struct http_limits limits = HTTP_LIMITS_DEFAULT;
	char env[2048], message[STORE_MESSAGE_BYTES];
	uint8_t id[WIRE_CTX_BYTES];
	int len;

	cr_assert(connection && container, "set both, as scripts/test does");
	len = snprintf(env, sizeof(env), "AZURE_STORAGE_CONNECTION_STRING=%s", connection);
	cr_assert_eq(context_register(env, (size_t)len + 1, &ctx, id), 0);
	cr_assert_eq(azure_account_list(ctx, &accounts, message), 0, "%s", message);
	snprintf(bucket, sizeof(bucket), "%s/%s", accounts.entries[0].name, container);
	snprintf(prefix, sizeof(prefix), "live-%d/", (int)getpid());
	free(accounts.entries[0].name);
	free(accounts.entries);
	cr_assert_eq(store_register(&azure_ops), 0);
	/* a busy machine is no fault of the server's */
	limits.connect_ms = 20000;
	limits.first_byte_ms = limits.stall_ms = 30000;
	driver_set_limits(&limits, NULL);
	log_open("error");
	cr_assert_eq(store_start(0), 0);
}

static void stop(void)
{
	store_stop();
	context_free_all();
}

TestSuite(azure_live, .init = start, .fini = stop, .timeout = 120);

static char key_text[8][AZURE_KEY_BYTES + 1];
static unsigned key_next;

/* A key of this test's; good for seven more. */
static const char *key(const char *name)
{
	char *out = key_text[key_next++ % 8];

	snprintf(out, sizeof(key_text[0]), "%s%s", prefix, name);
	return out;
}

static struct store_call about(enum store_verb verb, const char *whole_key)
{
	return (struct store_call){
		.verb = verb, .ctx = ctx, .scheme = "az", .bucket = bucket, .key = whole_key};
}

static unsigned char byte_at(uint64_t i)
{
	return (unsigned char)(i * 2654435761u >> 13);
}

/* arg: where in the endless pattern the source begins. */
static int read_pattern(void *arg, uint64_t offset, void *buf, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		((unsigned char *)buf)[i] = byte_at(*(uint64_t *)arg + offset + i);
	return 0;
}

static struct {
	uint64_t bytes;
	bool wrong;
} seen;

static int see(void *arg, uint64_t offset, const void *data, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		seen.wrong |= ((const unsigned char *)data)[i] !=
			      byte_at(*(uint64_t *)arg + offset + i);
	seen.bytes += bytes;
	return 0;
}

static void expect_range(const char *k, uint64_t offset, uint64_t length, uint64_t size)
{
	struct store_call call = about(STORE_GET, k);
	uint64_t zero = 0;

	seen.bytes = 0;
	seen.wrong = false;
	call.offset = offset;
	call.length = length;
	call.sink = (struct store_sink){.data = see, .arg = &zero};
	cr_assert_eq(store_run(&call), 0, "%s: %d %s", k, call.error, call.message);
	cr_assert_eq(call.object.size, size, "%s", k);
	cr_assert_eq(seen.bytes, length ? length : size - offset, "%s", k);
	cr_assert_not(seen.wrong, "%s", k);
	store_call_reset(&call);
}

static int put_with(const char *k, uint64_t bytes, const char *match, const char *none_match,
		    struct store_object *out)
{
	struct store_call call = about(STORE_PUT, k);
	uint64_t zero = 0;

	call.source = (struct store_source){.read = read_pattern, .arg = &zero, .bytes = bytes};
	call.if_match = match;
	call.if_none_match = none_match;
	store_run(&call);
	if (out)
		*out = call.object;
	return call.error;
}

static struct store_object put(const char *k, uint64_t bytes)
{
	struct store_object object;

	cr_assert_eq(put_with(k, bytes, NULL, NULL, &object), 0, "%s", k);
	return object;
}

static int head(const char *k, struct store_object *out)
{
	struct store_call call = about(STORE_HEAD, k);
	int ret = store_run(&call);

	if (out)
		*out = call.object;
	store_call_reset(&call);
	return ret;
}

static int delete_key(const char *k, const char *match)
{
	struct store_call call = about(STORE_DELETE, k);

	call.if_match = match;
	return store_run(&call);
}

Test(azure_live, bytes_of_every_size_come_back)
{
	static const uint64_t sizes[] = {0, 1, 4096, 100001, 3 * MIB + 7};
	struct store_object written, there;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		written = put(key("k \xc3\xa9+&?#%/x"), sizes[i]);
		cr_assert_eq(head(key("k \xc3\xa9+&?#%/x"), &there), 0);
		cr_assert_eq(there.size, sizes[i]);
		cr_assert_str_eq(there.etag, written.etag);
		cr_assert_gt(there.mtime_ns, 0);
		expect_range(key("k \xc3\xa9+&?#%/x"), 0, 0, sizes[i]);
	}
	expect_range(key("k \xc3\xa9+&?#%/x"), MIB, 100, sizes[4]);
	expect_range(key("k \xc3\xa9+&?#%/x"), 3 * MIB, 7, sizes[4]);
	cr_assert_eq(head(key("missing"), NULL), -ENOENT);
}

Test(azure_live, conditions)
{
	struct store_call get = about(STORE_GET, key("k"));
	struct store_object first, second;

	cr_assert_eq(put_with(key("k"), 5, "\"0x1\"", NULL, NULL), -ESTALE, "there is none");
	cr_assert_eq(put_with(key("k"), 5, NULL, "*", &first), 0);
	cr_assert_eq(put_with(key("k"), 5, NULL, "*", NULL), -ESTALE);
	cr_assert_eq(put_with(key("k"), 6, first.etag, NULL, &second), 0);
	cr_assert_eq(put_with(key("k"), 7, first.etag, NULL, NULL), -ESTALE);
	get.if_none_match = second.etag;
	cr_assert_eq(store_run(&get), -EALREADY);
	get.if_none_match = NULL;
	get.if_match = first.etag;
	cr_assert_eq(store_run(&get), -ESTALE);
	cr_assert_eq(delete_key(key("k"), first.etag), -ESTALE);
	cr_assert_eq(delete_key(key("k"), second.etag), 0);
	cr_assert_eq(delete_key(key("k"), NULL), 0, "that there is none is a success");
	cr_assert_eq(head(key("k"), NULL), -ENOENT);
}

Test(azure_live, only_these_versions_of_many_are_deleted)
{
	const char *const keys[] = {key("kept"), key("goes"), key("went"), key("any")};
	const char *etags[4] = {NULL};
	struct store_object old, goes, went;
	struct store_call many = about(STORE_DELETE_MANY, NULL);

	cr_assert_eq(put_with(keys[0], 5, NULL, NULL, &old), 0);
	cr_assert_eq(put_with(keys[0], 6, NULL, NULL, NULL), 0);
	cr_assert_eq(put_with(keys[1], 5, NULL, NULL, &goes), 0);
	cr_assert_eq(put_with(keys[2], 5, NULL, NULL, &went), 0);
	cr_assert_eq(delete_key(keys[2], NULL), 0);
	cr_assert_eq(put_with(keys[3], 5, NULL, NULL, NULL), 0);
	etags[0] = old.etag;
	etags[1] = goes.etag;
	etags[2] = went.etag;
	many.keys = keys;
	many.key_count = 4;
	many.key_etags = etags;
	cr_assert_eq(store_run(&many), -ESTALE, "%d %s", many.error, many.message);
	cr_assert_not_null(many.key_errors);
	cr_assert_eq(many.key_errors[0], -ESTALE);
	for (int i = 1; i < 4; i++) {
		/* Azurite says of one that went what it says of another version */
		cr_assert(!many.key_errors[i] || (i == 2 && many.key_errors[i] == -ESTALE), "%s",
			  keys[i]);
		cr_assert_eq(head(keys[i], NULL), -ENOENT);
	}
	expect_range(keys[0], 0, 0, 6);
	store_call_reset(&many);
	cr_assert_eq(delete_key(keys[0], NULL), 0);
}

Test(azure_live, what_is_kept_with_it)
{
	struct store_call call = about(STORE_PUT, key("k"));
	struct store_pairs user = {0}, fields = {0};
	uint64_t zero = 0;

	pairs_add(&user, "mode", "33188");
	pairs_add(&user, "odd-name.x", "a b");
	pairs_add(&fields, "Content-Type", "text/x-odd");
	call.set_user = &user;
	call.set_fields = &fields;
	call.source = (struct store_source){read_pattern, &zero, 3};
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	call = about(STORE_HEAD, key("k"));
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_str_eq(pairs_get(&call.user, "mode"), "33188");
	cr_assert_str_eq(pairs_get(&call.user, "odd-name.x"), "a b");
	cr_assert_str_eq(pairs_get(&call.fields, "Content-Type"), "text/x-odd");
	store_call_reset(&call);

	/* onto itself: the metadata alone, all of it */
	pairs_free(&user);
	pairs_add(&user, "mode", "33261");
	call = about(STORE_COPY, key("k"));
	call.from_bucket = bucket;
	call.from_key = key("k");
	call.set_user = &user;
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	call = about(STORE_HEAD, key("k"));
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_str_eq(pairs_get(&call.user, "mode"), "33261");
	cr_assert_null(pairs_get(&call.user, "odd-name.x"));
	cr_assert_str_eq(pairs_get(&call.fields, "Content-Type"), "text/x-odd");
	store_call_reset(&call);
	pairs_free(&user);
	pairs_free(&fields);
}

Test(azure_live, copies)
{
	struct store_object from = put(key("from \xc3\xa9?&+"), 100000);
	struct store_call call = about(STORE_COPY, key("to"));

	call.from_bucket = bucket;
	call.from_key = key("from \xc3\xa9?&+");
	call.from_etag = from.etag;
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	expect_range(key("to"), 0, 0, 100000);
	call.from_etag = "\"0x1\"";
	cr_assert_eq(store_run(&call), -ESTALE, "%d %s", call.error, call.message);
	call.from_etag = NULL;
	call.if_none_match = "*";
	cr_assert_eq(store_run(&call), -ESTALE, "%d %s", call.error, call.message);
	call.if_none_match = NULL;
	call.from_key = key("missing");
	cr_assert_eq(store_run(&call), -ENOENT, "%d %s", call.error, call.message);
	call.from_bucket = "other/c";
	cr_assert_eq(store_run(&call), -EOPNOTSUPP);
}

/* An upload of k in parts of 1 MiB but the last, of `bytes`. Returns the commit's error. */
static int upload(const char *k, uint64_t bytes, const char *match)
{
	struct store_call call = about(STORE_MULTIPART_BEGIN, k);
	char ids[8][STORE_ETAG_BYTES];
	struct store_part parts[8];
	char *id;
	size_t count = 0;
	int ret;

	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	id = strdup(call.upload_id);
	store_call_reset(&call);
	for (uint64_t at = 0; at < bytes; at += MIB, count++) {
		call = about(STORE_PART, k);
		call.upload = id;
		call.part = (unsigned)count + 1;
		call.source = (struct store_source){read_pattern, &at,
						    bytes - at < MIB ? bytes - at : MIB};
		cr_assert_eq(store_run(&call), 0, "%s", call.message);
		strcpy(ids[count], call.object.etag);
		parts[count] = (struct store_part){(unsigned)count + 1, ids[count]};
	}
	call = about(STORE_COMPLETE, k);
	call.upload = id;
	call.parts = parts;
	call.part_count = count;
	call.if_match = match;
	ret = store_run(&call);
	free(id);
	return ret;
}

static struct store_call keep(const char *k, uint64_t offset, uint64_t length, const char *etag)
{
	struct store_call call = about(STORE_PART_COPY, k);

	call.upload = "0123456789abcdef";
	call.part = 1;
	call.from_bucket = bucket;
	call.from_key = k;
	call.from_etag = etag;
	call.offset = offset;
	call.length = length;
	store_run(&call);
	return call;
}

Test(azure_live, a_blob_in_blocks)
{
	const char *k = key("blocks");
	struct store_object object;
	struct store_call kept, call;
	struct store_part part;

	cr_assert_eq(upload(k, 3 * MIB + 5, NULL), 0);
	expect_range(k, 0, 0, 3 * MIB + 5);
	cr_assert_eq(head(k, &object), 0);
	cr_assert_eq(upload(k, 2 * MIB, "\"0x1\""), -ESTALE);
	expect_range(k, 0, 0, 3 * MIB + 5);

	/* its first two blocks are all that is left */
	kept = keep(k, 0, 2 * MIB, object.etag);
	cr_assert_eq(kept.error, 0, "%s", kept.message);
	part = (struct store_part){1, kept.part_id};
	call = about(STORE_COMPLETE, k);
	call.upload = "0123456789abcdef";
	call.parts = &part;
	call.part_count = 1;
	call.if_match = object.etag;
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	expect_range(k, 0, 0, 2 * MIB);
	store_call_reset(&kept);

	cr_assert_eq(keep(k, 0, MIB, object.etag).error, -ESTALE, "it is another by now");
	cr_assert_eq(keep(k, 1, MIB, NULL).error, -EOPNOTSUPP);
	part.etag = "bm9zdWNoYmxvY2tub3N1Y2hibG9jay4u";
	call.if_match = NULL;
	cr_assert_eq(store_run(&call), -EINVAL, "%d %s", call.error, call.message);
	put(key("whole"), 2 * MIB);
	cr_assert_eq(keep(key("whole"), 0, MIB, NULL).error, -EOPNOTSUPP);
}

Test(azure_live, an_upload_that_is_given_up_leaves_nothing)
{
	struct store_call call = about(STORE_PART, key("half"));
	uint64_t zero = 0;

	call.upload = "fedcba9876543210";
	call.part = 1;
	call.source = (struct store_source){read_pattern, &zero, 10};
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	call = about(STORE_ABORT, key("half"));
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_eq(head(key("half"), NULL), -ENOENT);
	call = about(STORE_UPLOADS, prefix);
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	cr_assert_eq(call.list.count, 0u);
}

/* One page after the other; names without the prefix, each with a blank. Returns how many pages. */
static unsigned list(char delimiter, unsigned max, char out[512])
{
	char *token = NULL;
	unsigned pages = 0;

	out[0] = '\0';
	do {
		struct store_call call = about(STORE_LIST, prefix);

		call.delimiter = delimiter;
		call.max_entries = max;
		call.token = token;
		cr_assert_eq(store_run(&call), 0, "%s", call.message);
		cr_assert_leq(call.list.count, max);
		for (size_t i = 0; i < call.list.count; i++) {
			const struct store_entry *e = &call.list.entries[i];

			strcat(out, e->name + strlen(prefix));
			strcat(out, " ");
			cr_assert(e->is_prefix ||
				  (e->object.size == 3 && e->object.etag[0] == '"'));
		}
		free(token);
		token = call.list.next_token ? strdup(call.list.next_token) : NULL;
		store_call_reset(&call);
		pages++;
	} while (token);
	return pages;
}

Test(azure_live, names_are_listed_page_by_page)
{
	static const char *const names[] = {"a&<b>", "d/1", "d/2", "e\xc3\xa9+%41", "z"};
	struct store_object there;
	char text[512];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		there = put(key(names[i]), 3);
	cr_assert_gt(list(0, 2, text), 2u);
	cr_assert_str_eq(text, "a&<b> d/1 d/2 e\xc3\xa9+%41 z ");
	list('/', 1000, text);
	cr_assert_not_null(strstr(text, "d/ "));
	cr_assert_null(strstr(text, "d/1"));
	cr_assert_not_null(strstr(text, "z "));
	cr_assert_eq(head(key("z"), &there), 0);
}

Test(azure_live, containers_are_listed)
{
	struct store_call call = about(STORE_BUCKETS, NULL);
	char account[64];
	bool found = false;

	snprintf(account, sizeof(account), "%.*s", (int)strcspn(bucket, "/"), bucket);
	call.bucket = account;
	cr_assert_eq(store_run(&call), 0, "%s", call.message);
	for (size_t i = 0; i < call.list.count; i++)
		found |= !strcmp(call.list.entries[i].name, strchr(bucket, '/') + 1);
	cr_assert(found);
	store_call_reset(&call);
}

Test(azure_live, a_container_that_is_missing)
{
	struct store_call call = about(STORE_HEAD, "k");
	char other[128];

	snprintf(other, sizeof(other), "%.*s/no-such-container", (int)strcspn(bucket, "/"), bucket);
	strcpy(bucket, other);
	cr_assert_eq(store_run(&call), -ENOENT, "%d %s", call.error, call.message);
	call = about(STORE_LIST, "");
	cr_assert_eq(store_run(&call), -ENOENT, "%d %s", call.error, call.message);
	cr_assert_eq(put_with("k", 3 * MIB, NULL, NULL, NULL), -ENOENT);
}

Test(azure_live, a_wrong_key_is_denied)
{
	char env[512],
		*endpoint = strstr(getenv("AZURE_STORAGE_CONNECTION_STRING"), "BlobEndpoint=");
	struct store_call call = about(STORE_HEAD, "k");
	uint8_t id[WIRE_CTX_BYTES];
	int len;

	cr_assert_not_null(endpoint);
	len = snprintf(env, sizeof(env),
		       "AZURE_STORAGE_CONNECTION_STRING=AccountName=%.*s;%.*s;AccountKey=c2VjcmV0",
		       (int)strcspn(bucket, "/"), bucket, (int)strcspn(endpoint, ";"), endpoint);
	cr_assert_eq(context_register(env, (size_t)len + 1, &call.ctx, id), 0);
	cr_assert_eq(store_run(&call), -EACCES, "%d %s", call.error, call.message);
	cr_assert_not_null(strstr(call.message, "account key"), "%s", call.message);
	cr_assert_null(strstr(call.message, "c2VjcmV0"));
}
