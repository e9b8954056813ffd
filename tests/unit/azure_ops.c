// SPDX-License-Identifier: Apache-2.0
/* Azure's build and parse functions, by the files of tests/golden/azure, and what its signer adds.
 */
#include "azure/azure.h"
#include "core/pairs.h"
#include "tests/unit/golden_ops.h"

static const char unsigned_env[] = "AZURE_STORAGE_ANON=true";

Test(azure_ops, golden_files)
{
	golden.ops = &azure_ops;
	golden.env = unsigned_env;
	golden.env_bytes = sizeof(unsigned_env);
	golden_run("tests/golden/azure/*.txt");
}

static struct store_request request;

/* Signs a request with a copy's source in it. */
static void sign_with(const struct creds *creds, const char *target)
{
	const struct store_site site = {.host = "h"};

	request = (struct store_request){.method = "PUT", .target = BUFFER_INIT(256)};
	cr_assert_eq(buffer_add_text(&request.target, target), 0);
	cr_assert_eq(header_add(&request.fields, "x-ms-copy-source", "https://h/c/k"), 0);
	cr_assert_eq(azure_ops.sign(&site, creds, 1369353600, &request), 0);
}

static void drop_request(void)
{
	header_clear(&request.fields);
	buffer_free(&request.target);
}

Test(azure_ops, a_key_signs)
{
	const struct creds creds = {.id = "acct", .secret = "AAAA"};

	sign_with(&creds, "/c/k");
	cr_assert_str_eq(buffer_text(&request.target), "/c/k");
	cr_assert_str_eq(header_get(&request.fields, "x-ms-date"), "Fri, 24 May 2013 00:00:00 GMT");
	cr_assert_eq(strncmp(header_get(&request.fields, "Authorization"), "SharedKey acct:", 15),
		     0);
	cr_assert_str_eq(header_get(&request.fields, "x-ms-copy-source"), "https://h/c/k");
	drop_request();
}

Test(azure_ops, a_token_goes_in_a_field)
{
	const struct creds creds = {.token = "ey.tok.en"};

	sign_with(&creds, "/c/k");
	cr_assert_str_eq(buffer_text(&request.target), "/c/k");
	cr_assert_str_eq(header_get(&request.fields, "x-ms-date"), "Fri, 24 May 2013 00:00:00 GMT");
	cr_assert_str_eq(header_get(&request.fields, "Authorization"), "Bearer ey.tok.en");
	cr_assert_str_eq(header_get(&request.fields, "x-ms-copy-source"), "https://h/c/k");
	drop_request();
}

Test(azure_ops, a_shared_access_signature_goes_with_every_address)
{
	const struct creds creds = {.id = "acct", .token = "sv=1&sig=a%3D"};

	sign_with(&creds, "/c/k");
	cr_assert_str_eq(buffer_text(&request.target), "/c/k?sv=1&sig=a%3D");
	cr_assert_str_eq(header_get(&request.fields, "x-ms-copy-source"),
			 "https://h/c/k?sv=1&sig=a%3D");
	cr_assert_null(header_get(&request.fields, "Authorization"));
	drop_request();
	sign_with(&creds, "/c/k?comp=block");
	cr_assert_str_eq(buffer_text(&request.target), "/c/k?comp=block&sv=1&sig=a%3D");
	drop_request();
}

Test(azure_ops, what_is_renamed_proves_itself)
{
	const struct creds key = {.id = "acct", .secret = "a2V5"}, token = {.token = "ey.tok.en"};
	const struct creds sas = {.id = "acct", .token = "sv=1&sig=a%3D"};
	const struct creds *const all[] = {&key, &token, &sas};
	const struct store_site site = {.host = "h"};

	for (size_t i = 0; i < 3; i++) {
		request = (struct store_request){.method = "PUT", .target = BUFFER_INIT(256)};
		cr_assert_eq(buffer_add_text(&request.target, "/c/to?mode=posix"), 0);
		cr_assert_eq(header_add(&request.fields, "x-ms-rename-source", "/c/k"), 0);
		cr_assert_eq(azure_ops.sign(&site, all[i], 1369353600, &request), 0);
		cr_assert_str_eq(header_get(&request.fields, "x-ms-rename-source"),
				 all[i] == &sas ? "/c/k?sv=1&sig=a%3D" : "/c/k");
		cr_assert_str_eq(buffer_text(&request.target),
				 all[i] == &sas ? "/c/to?mode=posix&sv=1&sig=a%3D"
						: "/c/to?mode=posix");
		drop_request();
	}
}

/* A block that the service is to fetch: there the account's key is no proof. */
static void expect_source(const struct creds *creds, const char *source)
{
	sign_with(creds, "/c/k?comp=block&blockid=AAAA");
	cr_assert_str_eq(header_get(&request.fields, "x-ms-copy-source"), source);
}

Test(azure_ops, an_address_to_fetch_from_proves_itself)
{
	const struct creds key = {.id = "acct", .secret = "a2V5"}, token = {.token = "ey.tok.en"};
	const struct creds sas = {.id = "acct", .token = "sv=1&sig=a%3D"};

	/* printf 'r\n\n2013-05-24T01:00:00Z\n/blob/acct/c/k\n\n\n\n2020-12-06\nb\n\n\n\n\n\n\n' |
	 * openssl dgst -sha256 -hmac key -binary | base64 */
	expect_source(&key, "https://h/c/k?sv=2020-12-06&sr=b&sp=r&se=2013-05-24T01:00:00Z&sig="
			    "PlXoQLFNSZvoalvE4afv1RqoT%2FSTOY6GDFYzapsVioI%3D");
	drop_request();
	expect_source(&sas, "https://h/c/k?sv=1&sig=a%3D");
	drop_request();
	expect_source(&token, "https://h/c/k");
	cr_assert_str_eq(header_get(&request.fields, "x-ms-copy-source-authorization"),
			 "Bearer ey.tok.en");
	drop_request();
}

/* What the proof of a batch looks like, once with each kind. */
static const char *condition;
static const char *signed_batch(const struct creds *creds)
{
	const char *const keys[] = {"a", "b c"};
	const char *const etags[] = {condition, NULL};
	const struct store_call call = {
		.bucket = "acct/c", .keys = keys, .key_count = 2, .key_etags = etags};
	const struct store_site site = {.host = "h"};

	request = (struct store_request){.target = BUFFER_INIT(256),
					 .body = BUFFER_INIT(STORE_BODY_BYTES)};
	cr_assert_eq(azure_remove_build_many(&call, &site, &request), 0);
	cr_assert_eq(azure_ops.sign(&site, creds, 1369353600, &request), 0);
	return buffer_text(&request.body);
}

static void expect_within(const char *text, const char *first, const char *second)
{
	const char *at = strstr(text, first);

	cr_assert(at && strstr(at, second), "%s", text);
	cr_assert(!strcmp(text + strlen(text) - 4, "--\r\n"), "%s", text);
	buffer_free(&request.body);
	drop_request();
}

Test(azure_ops, each_deletion_of_a_batch_proves_itself)
{
	const struct creds key = {.id = "acct", .secret = "AAAA"}, token = {.token = "ey.tok.en"};
	const struct creds sas = {.id = "acct", .token = "sv=1&sig=a%3D"};

	expect_within(signed_batch(&key),
		      "DELETE /c/a HTTP/1.1\r\nx-ms-date: Fri, 24 May 2013 00:00:00 GMT\r\n"
		      "Authorization: SharedKey acct:",
		      "DELETE /c/b%20c HTTP/1.1\r\nx-ms-date: ");
	expect_within(signed_batch(&token),
		      "DELETE /c/a HTTP/1.1\r\nx-ms-date: Fri, 24 May 2013 00:00:00 GMT\r\n"
		      "Authorization: Bearer ey.tok.en\r\nContent-Length: 0\r\n\r\n",
		      "DELETE /c/b%20c HTTP/1.1\r\nx-ms-date: ");
	expect_within(signed_batch(&sas),
		      "DELETE /c/a?sv=1&sig=a%3D HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
		      "DELETE /c/b%20c?sv=1&sig=a%3D HTTP/1.1\r\n");
}

static void signature(const char *text, char out[64])
{
	const char *at = strstr(text, "SharedKey acct:");

	cr_assert_not_null(at, "%s", text);
	snprintf(out, 64, "%.*s", (int)strcspn(at, "\r"), at);
}

/* ... and the version that is to go: the proof is of that, too (the service refuses it else). */
Test(azure_ops, a_condition_in_a_batch_is_proven)
{
	const struct creds key = {.id = "acct", .secret = "AAAA"}, token = {.token = "ey.tok.en"};
	struct sharedkey_subject subject = {.method = "DELETE", .target = "/c/a"};
	struct header_list fields = {0};
	char with[64];

	condition = "\"0x8D1\"";
	signature(signed_batch(&key), with);
	cr_assert_eq(header_add(&fields, "If-Match", condition), 0);
	cr_assert_eq(sharedkey_sign("acct", "AAAA", &subject, 1369353600, &fields), 0);
	cr_assert_str_eq(with, header_get(&fields, "Authorization"));
	header_clear(&fields);
	expect_within(buffer_text(&request.body),
		      "DELETE /c/a HTTP/1.1\r\nIf-Match: \"0x8D1\"\r\nx-ms-date: ",
		      "\r\nContent-Length: 0\r\n\r\n");
	expect_within(signed_batch(&token),
		      "DELETE /c/a HTTP/1.1\r\nIf-Match: \"0x8D1\"\r\nx-ms-date: ",
		      "DELETE /c/b%20c HTTP/1.1\r\nx-ms-date: ");
	condition = NULL;
}

/* After a lost answer: is what is there made of just the blocks that were listed? */
static int made_of(const char *blocks, size_t part_count)
{
	const struct store_part parts[] = {{.number = 1, .etag = "=a= b="},
					   {.number = 2, .etag = "c="}};
	struct store_call call = {.parts = parts, .part_count = part_count};
	SCOPE_BUFFER struct buffer body = BUFFER_INIT(4096);
	struct header_list fields = {0};
	struct store_answer answer = {.status = 200, .fields = &fields};
	int ret;

	cr_assert_eq(header_add(&fields, "ETag", "\"0x8D1\""), 0);
	cr_assert_eq(buffer_addf(&body,
				 "<BlockList><CommittedBlocks>%s</CommittedBlocks></BlockList>",
				 blocks),
		     0);
	answer.body = buffer_text(&body);
	answer.body_bytes = body.len;
	ret = azure_blocks_made(&call, &answer);
	cr_expect_str_eq(call.object.etag, ret ? "" : "\"0x8D1\"");
	header_clear(&fields);
	return ret;
}

#define BLOCK(name) "<Block><Name>" name "</Name><Size>1</Size></Block>"

Test(azure_ops, blocks_of_its_own_show_who_has_made_a_blob)
{
	cr_expect_eq(made_of(BLOCK("a=") BLOCK("b=") BLOCK("c="), 2), 0);
	cr_expect_eq(made_of(BLOCK("a=") BLOCK("c=") BLOCK("b="), 2), -ESTALE);
	cr_expect_eq(made_of(BLOCK("a=") BLOCK("b="), 2), -ESTALE);
	cr_expect_eq(made_of(BLOCK("a=") BLOCK("b=") BLOCK("c=") BLOCK("d="), 2), -ESTALE);
	cr_expect_eq(made_of(BLOCK("a=") BLOCK("b=") BLOCK("c"), 2), -ESTALE);
	cr_expect_eq(made_of("", 2), -ESTALE);
	/* none is its own: another's list may be the same */
	cr_expect_eq(made_of(BLOCK("a=") BLOCK("b="), 1), -ESTALE);
}

/* The same of a copy: is it one of acct/c/from, and not what was there before? */
static int copied(const char *source, const char *status, const char *etag)
{
	struct store_pair pair = {(char *)"mode", (char *)"1"};
	const struct store_pairs user = {&pair, 1};
	struct store_call call = {
		.bucket = "acct/c",
		.key = "to",
		.from_bucket = "acct/c",
		.from_key = "a b",
		.if_match = "\"before\"",
		.set_user = &user,
	};
	struct header_list fields = {0};
	struct store_answer answer = {.status = 200, .fields = &fields, .body = ""};
	int ret;

	header_add(&fields, "ETag", etag);
	header_add(&fields, "Content-Length", "7");
	header_add(&fields, "x-ms-meta-mode", strcmp(status, "other") ? "1" : "2");
	if (source)
		header_add(&fields, "x-ms-copy-source", source);
	header_add(&fields, "x-ms-copy-status", strcmp(status, "other") ? status : "success");
	ret = azure_copy_made(&call, &answer);
	pairs_free(&call.user);
	pairs_free(&call.fields);
	header_clear(&fields);
	return ret;
}

Test(azure_ops, a_copy_says_what_it_was_made_of)
{
	static const char here[] = "https://acct.blob.core.windows.net/c/a%20b";

	cr_expect_eq(copied(here, "success", "\"new\""), 0);
	cr_expect_eq(copied(here, "pending", "\"new\""), 0);
	cr_expect_eq(copied("https://acct.blob.core.windows.net/c/a%20b?sv=1&sig=x", "success",
			    "\"new\""),
		     0);
	cr_expect_eq(copied("http://127.0.0.1:10000/acct/c/a%20b", "success", "\"new\""), 0);
	cr_expect_eq(copied(here, "failed", "\"new\""), -ESTALE);
	cr_expect_eq(copied(here, "success", "\"before\""), -ESTALE, "nothing has changed");
	cr_expect_eq(copied(here, "other", "\"new\""), -ESTALE, "other metadata");
	cr_expect_eq(copied("https://acct.blob.core.windows.net/c/a", "success", "\"new\""),
		     -ESTALE);
	cr_expect_eq(copied(NULL, "success", "\"new\""), -ESTALE);
	cr_expect_eq(copied("nonsense", "success", "\"new\""), -ESTALE);
	/* under a name of its own the account cannot be told */
	cr_expect_eq(copied("https://blobs.example.org/c/a%20b", "success", "\"new\""), -ENOENT);
	cr_expect_eq(copied("https://acct2.blob.core.windows.net/c/a%20b", "success", "\"new\""),
		     -ENOENT);
}
