// SPDX-License-Identifier: Apache-2.0
/* Whose account, where, and by which proof: the variables that Azure's own tools read. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "azure/azure.h"
#include "core/context.h"
#include "core/entries.h"

static struct store_site site;
static struct creds creds;
static struct context *ctx;
static char message[STORE_MESSAGE_BYTES];

static int locate_in(const char *env, size_t env_bytes, const char *bucket)
{
	struct store_call call = {.verb = STORE_HEAD, .scheme = "az", .bucket = bucket};
	uint8_t id[WIRE_CTX_BYTES];

	message[0] = '\0';
	cr_assert_eq(context_register(env, env_bytes, &ctx, id), 0);
	call.ctx = ctx;
	return azure_site_locate(&call, NULL, &site, &creds, message);
}

/* What the environment says by itself, before anybody is asked for a token. */
static int find_in(const char *env, size_t env_bytes, const char *name)
{
	static struct azure_account account;
	uint8_t id[WIRE_CTX_BYTES];

	message[0] = '\0';
	cr_assert_eq(context_register(env, env_bytes, &ctx, id), 0);
	return azure_account_find(ctx, name, &account, message);
}

#define FIND(env, name)	    find_in(env, sizeof(env), name)
#define LOCATE(env, bucket) locate_in(env, sizeof(env), bucket)

Test(azure_account, a_name_and_a_key)
{
	cr_assert_eq(LOCATE("AZURE_STORAGE_ACCOUNT=acct\0AZURE_STORAGE_KEY=AAAA", "acct/c"), 0);
	cr_assert_str_eq(site.origin, "https://acct.blob.core.windows.net");
	cr_assert_str_eq(site.host, "acct.blob.core.windows.net");
	cr_assert_str_empty(site.base);
	cr_assert_str_eq(creds.id, "acct");
	cr_assert_str_eq(creds.secret, "AAAA");
	cr_assert_not(creds.anonymous);
	cr_assert_str_eq(creds.source, "account acct (account key)");
	cr_assert_null(strstr(site.setting, "AAAA"));
}

Test(azure_account, a_key_that_is_none)
{
	static const char *const keys[] = {"...", "AAAAB", "=", "not base64!!"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		char env[128];
		int len = snprintf(env, sizeof(env),
				   "AZURE_STORAGE_KEY=%s%cAZURE_STORAGE_ACCOUNT=acct", keys[i], 0);

		cr_assert_eq(locate_in(env, (size_t)len + 1, "acct/c"), -EACCES, "%s", keys[i]);
		cr_assert_not_null(strstr(message, "AZURE_STORAGE_KEY"), "%s", message);
		cr_assert_null(strstr(message, keys[i][1] ? keys[i] : "=="), "%s", message);
	}
}

Test(azure_account, a_shared_access_signature)
{
	cr_assert_eq(
		LOCATE("AZURE_STORAGE_ACCOUNT=acct\0AZURE_STORAGE_SAS_TOKEN=?sv=1&sig=x", "acct/c"),
		0);
	cr_assert_str_eq(creds.token, "sv=1&sig=x");
	cr_assert_str_empty(creds.secret);
	cr_assert_str_eq(creds.source, "account acct (SAS)");
}

Test(azure_account, a_connection_string)
{
	cr_assert_eq(LOCATE("AZURE_STORAGE_CONNECTION_STRING=DefaultEndpointsProtocol=https;"
			    "AccountName=acct;AccountKey=AA==;EndpointSuffix=core.chinacloudapi.cn",
			    "acct/c"),
		     0);
	cr_assert_str_eq(site.origin, "https://acct.blob.core.chinacloudapi.cn");
	cr_assert_str_eq(creds.secret, "AA==");
	cr_assert_eq(
		LOCATE("AZURE_STORAGE_CONNECTION_STRING=BlobEndpoint="
		       "https://acct.blob.core.windows.net/;SharedAccessSignature=sv=1&sig=a%3D;",
		       "acct/c"),
		0);
	cr_assert_str_eq(site.origin, "https://acct.blob.core.windows.net");
	cr_assert_str_eq(creds.id, "acct");
	cr_assert_str_eq(creds.token, "sv=1&sig=a%3D");
}

Test(azure_account, the_emulator)
{
	cr_assert_eq(LOCATE("AZURE_STORAGE_CONNECTION_STRING=UseDevelopmentStorage=true",
			    "devstoreaccount1/c"),
		     0);
	cr_assert_str_eq(site.origin, "http://127.0.0.1:10000");
	cr_assert_str_eq(site.base, "/devstoreaccount1");
	cr_assert_eq(strlen(creds.secret), 88u);
	cr_assert_eq(LOCATE("AZURE_STORAGE_SERVICE_ENDPOINT=http://127.0.0.1:10/acct/\0"
			    "AZURE_STORAGE_KEY=AAAA",
			    "acct/c"),
		     0);
	cr_assert_str_eq(site.host, "127.0.0.1:10");
	cr_assert_str_eq(site.base, "/acct");
	cr_assert_not_null(strstr(site.setting, "AZURE_STORAGE_SERVICE_ENDPOINT"));
}

Test(azure_account, sovereign_clouds)
{
	cr_assert_eq(LOCATE("AZURE_STORAGE_ACCOUNT=acct\0AZURE_STORAGE_KEY=AAAA\0"
			    "AZURE_AUTHORITY_HOST=https://login.microsoftonline.us",
			    "acct/c"),
		     0);
	cr_assert_str_eq(site.host, "acct.blob.core.usgovcloudapi.net");
}

Test(azure_account, names_of_other_tools)
{
	cr_assert_eq(
		LOCATE("AZURE_STORAGE_ACCOUNT_NAME=acct\0AZURE_STORAGE_ACCESS_KEY=AAAA", "acct/c"),
		0);
	cr_assert_str_eq(creds.secret, "AAAA");
}

Test(azure_account, nobody)
{
	cr_assert_eq(LOCATE("AZURE_STORAGE_ANON=true", "public/c"), 0);
	cr_assert(creds.anonymous);
	cr_assert_str_eq(site.host, "public.blob.core.windows.net");
	cr_assert_eq(LOCATE("AZURE_STORAGE_ANON=true", "evil.example#/c"), -ENOENT);
}

Test(azure_account, what_is_missing_is_said)
{
	cr_assert_eq(FIND("HOME=/h", "acct"), -EACCES);
	cr_assert_not_null(strstr(message, "AZURE_STORAGE_ACCOUNT=acct"), "%s", message);
	cr_assert_eq(FIND("AZURE_STORAGE_ACCOUNT=acct", "acct"), -EACCES);
	cr_assert_not_null(strstr(message, "AZURE_STORAGE_KEY"), "%s", message);
	cr_assert_eq(FIND("AZURE_STORAGE_ACCOUNT=acct\0AZURE_STORAGE_KEY=AAAA", "other"), -EACCES);
	cr_assert_not_null(strstr(message, "no credentials for account other"), "%s", message);
	cr_assert_eq(LOCATE("AZURE_STORAGE_ACCOUNT=acct\0AZURE_STORAGE_KEY=AAAA", "package.json"),
		     -ENOENT, "that is no account's name: who looks for it need not be told");
	cr_assert_eq(LOCATE("AZURE_STORAGE_CONNECTION_STRING=secret", "acct/c"), -EACCES);
	cr_assert_not_null(strstr(message, "AZURE_STORAGE_CONNECTION_STRING"), "%s", message);
	cr_assert_null(strstr(message, "secret"));
	cr_assert_eq(LOCATE("AZURE_STORAGE_CONNECTION_STRING=AccountKey=AA==", "acct/c"), -EACCES);
	cr_assert_eq(LOCATE("AZURE_STORAGE_ACCOUNT=acct\0AZURE_STORAGE_KEY=AAAA\0"
			    "AZURE_STORAGE_SERVICE_ENDPOINT=ftp://h",
			    "acct/c"),
		     -EIO);
	cr_assert_not_null(strstr(message, "is no endpoint"), "%s", message);
}

Test(azure_account, both_that_are_named_are_listed)
{
	struct store_list list = {0};

	(void)LOCATE("AZURE_STORAGE_CONNECTION_STRING=AccountName=one;AccountKey=AA==\0"
		     "AZURE_STORAGE_ACCOUNT=two\0AZURE_STORAGE_KEY=AAAA",
		     "two/c");
	cr_assert_str_eq(creds.id, "two");
	cr_assert_eq(azure_account_list(ctx, &list, message), 0);
	cr_assert_eq(list.count, 2u);
	cr_assert_str_eq(list.entries[0].name, "one");
	cr_assert_str_eq(list.entries[1].name, "two");
	cr_assert(list.entries[0].is_prefix);
	entries_free(&list);
	(void)LOCATE("AZURE_STORAGE_ACCOUNT=one\0AZURE_STORAGE_CONNECTION_STRING=AccountName=one;"
		     "AccountKey=AA==",
		     "one/c");
	cr_assert_eq(azure_account_list(ctx, &list, message), 0);
	cr_assert_eq(list.count, 1u);
	entries_free(&list);
	(void)LOCATE("HOME=/", "one/c");
	cr_assert_eq(azure_account_list(ctx, &list, message), 0);
	cr_assert_eq(list.count, 0u);
}

Test(azure_account, paths)
{
	SCOPE_BUFFER struct buffer target = BUFFER_INIT(8192);
	const struct store_site emulator = {.base = "/acct"};
	char key[AZURE_KEY_BYTES + 2];

	cr_assert_eq(azure_site_path(&emulator, "acct/c", "a b/\xc3\xa9", &target), 0);
	cr_assert_str_eq(buffer_text(&target), "/acct/c/a%20b/%C3%A9");
	buffer_clear(&target);
	cr_assert_eq(azure_site_path(&emulator, "acct", NULL, &target), 0);
	cr_assert_str_eq(buffer_text(&target), "/acct/");
	memset(key, 'k', sizeof(key));
	key[AZURE_KEY_BYTES] = '\0';
	cr_assert_eq(azure_site_path(&emulator, "acct/c", key, &target), 0);
	key[AZURE_KEY_BYTES] = 'k';
	key[AZURE_KEY_BYTES + 1] = '\0';
	cr_assert_eq(azure_site_path(&emulator, "acct/c", key, &target), -ENAMETOOLONG);
	cr_assert_eq(azure_site_path(&emulator, "acct/c/d", "k", &target), -ENOENT);
	cr_assert_eq(azure_site_path(&emulator, "acct/", "k", &target), -ENOENT);
}
