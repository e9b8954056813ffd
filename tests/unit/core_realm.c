// SPDX-License-Identifier: Apache-2.0
/* What the user's configuration makes of a bucket: where its calls go, as whom, and with what. */
#include "core/realm.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/locate.h"
#include "s3/s3.h"

static char home[] = "/tmp/skyshim-test-XXXXXX";
static char path[128];
static struct context *ctx;
static struct realm realm;
static struct store_site site;
static struct creds creds;
static char message[STORE_MESSAGE_BYTES];

static void put(const char *name, const char *text)
{
	char file[128];
	FILE *out;

	snprintf(file, sizeof(file), "%s/%s", home, name);
	out = fopen(file, "w");
	cr_assert_not_null(out);
	fputs(text, out);
	fclose(out);
}

/* Another file each time: another inode, whatever the clock's grain. */
static void configure(const char *text)
{
	char now[160];

	put("skyshim/next", text);
	snprintf(now, sizeof(now), "%s/skyshim/next", home);
	cr_assert_eq(rename(now, path), 0);
}

static void set_up(void)
{
	char dir[64], env[1024];
	uint8_t id[WIRE_CTX_BYTES];
	int len;

	cr_assert_not_null(mkdtemp(home));
	snprintf(dir, sizeof(dir), "%s/skyshim", home);
	cr_assert_eq(mkdir(dir, 0700), 0);
	snprintf(path, sizeof(path), "%s/config", dir);
	put("credentials", "[dev]\naws_access_key_id = DEVKEY\naws_secret_access_key = x\n");
	len = snprintf(env, sizeof(env),
		       "XDG_CONFIG_HOME=%s%cHOME=%s%cAWS_CONFIG_FILE=/dev/null%c"
		       "AWS_SHARED_CREDENTIALS_FILE=%s/credentials%cAWS_REGION=us-west-2%c"
		       "AWS_ACCESS_KEY_ID=ENVKEY%cAWS_SECRET_ACCESS_KEY=y",
		       home, 0, home, 0, 0, home, 0, 0, 0);
	cr_assert_eq(context_register(env, (size_t)len + 1, &ctx, id), 0);
}

static void tear_down(void)
{
	char command[64];

	creds_wipe(&creds);
	realm_free_all();
	config_free_all();
	context_free_all();
	snprintf(command, sizeof(command), "rm -rf %s", home);
	cr_assert_eq(system(command), 0);
}

TestSuite(core_realm, .init = set_up, .fini = tear_down);

static int find(const char *scheme, const char *bucket)
{
	return realm_find(ctx, scheme, bucket, &realm, message, sizeof(message));
}

static int locate(const char *bucket)
{
	struct store_call call = {
		.verb = STORE_GET, .ctx = ctx, .scheme = "s3", .bucket = bucket, .key = "k"};

	message[0] = '\0';
	return locate_call(&s3_ops, &call, NULL, &site, &creds, message);
}

Test(core_realm, without_a_file_nothing_is_set)
{
	cr_assert_eq(find("s3", "b"), 0);
	cr_assert_eq(realm.ctx, ctx);
	for (int i = 0; i < REALM_SETTINGS; i++)
		cr_assert_null(realm_get(&realm, (enum realm_setting)i));
	cr_assert_null(realm_get(NULL, REALM_REGION));
	cr_assert(realm_is(NULL, REALM_ANONYMOUS, true));
}

Test(core_realm, the_narrower_section_wins)
{
	configure("[s3://b]\nregion = eu-b\n[s3://]\nregion = eu-all\nca_bundle = ~/ca\n");
	cr_assert_eq(find("s3", "b"), 0);
	cr_assert_str_eq(realm_get(&realm, REALM_REGION), "eu-b");
	cr_assert_str_eq(realm_get(&realm, REALM_CA_BUNDLE) + strlen(home), "/ca");
	cr_assert_eq(find("s3", "bb"), 0);
	cr_assert_str_eq(realm_get(&realm, REALM_REGION), "eu-all");
	cr_assert_eq(find("s3", NULL), 0);
	cr_assert_str_eq(realm_get(&realm, REALM_REGION), "eu-all");
	cr_assert_eq(find("az", "b"), 0);
	cr_assert_null(realm_get(&realm, REALM_REGION));
}

Test(core_realm, it_is_read_again_when_it_changes)
{
	configure("[s3://b]\nregion = one\n");
	cr_assert_eq(find("s3", "b"), 0);
	cr_assert_str_eq(realm_get(&realm, REALM_REGION), "one");
	configure("[s3://b]\nregion = two\n");
	cr_assert_eq(find("s3", "b"), 0);
	cr_assert_str_eq(realm_get(&realm, REALM_REGION), "two");
	configure("[s3://b]\nregions = two\n");
	cr_assert_eq(find("s3", "b"), -EACCES);
	cr_assert_not_null(strstr(message, "config:2: regions: there is no such setting"));
	unlink(path);
	cr_assert_eq(find("s3", "b"), 0);
	cr_assert_null(realm_get(&realm, REALM_REGION));
}

/* The file is the same, and read once; a home is each one's own. */
Test(core_realm, contexts_that_share_a_file)
{
	struct context *other;
	char env[256];
	uint8_t id[WIRE_CTX_BYTES];
	int len = snprintf(env, sizeof(env), "XDG_CONFIG_HOME=%s%cHOME=/other", home, 0);

	configure("[s3://b]\nca_bundle = ~/ca\n");
	cr_assert_eq(context_register(env, (size_t)len + 1, &other, id), 0);
	cr_assert_eq(find("s3", "b"), 0);
	cr_assert_str_eq(realm_get(&realm, REALM_CA_BUNDLE) + strlen(home), "/ca");
	cr_assert_eq(realm_find(other, "s3", "b", &realm, message, sizeof(message)), 0);
	cr_assert_str_eq(realm_get(&realm, REALM_CA_BUNDLE), "/other/ca");
	configure("[/objects/s3/b]\nca_bundle = ~/ca\n");
	cr_assert_eq(find("s3", "b"), -EACCES);
	len = snprintf(env, sizeof(env), "XDG_CONFIG_HOME=%s%cHOME=%s%cSKYSHIM_ROOT=/objects", home,
		       0, home, 0);
	cr_assert_eq(context_register(env, (size_t)len + 1, &other, id), 0);
	cr_assert_eq(realm_find(other, "s3", "b", &realm, message, sizeof(message)), 0);
	cr_assert_str_eq(realm_get(&realm, REALM_CA_BUNDLE) + strlen(home), "/ca");
	cr_assert_eq(find("s3", "b"), -EACCES);
}

Test(core_realm, each_bucket_its_place_and_credential)
{
	configure("[s3://b]\nprofile = dev\nendpoint = http://h:1/base\nrequester_pays = yes\n"
		  "region = eu-b\n[s3://c]\nanonymous = yes\naddressing = path\n");
	cr_assert_eq(locate("b"), 0, "%s", message);
	cr_assert_str_eq(creds.id, "DEVKEY");
	cr_assert_str_eq(site.origin, "http://h:1");
	cr_assert_str_eq(site.base, "/base");
	cr_assert_str_eq(site.region, "eu-b");
	cr_assert(site.requester_pays);
	cr_assert_not_null(strstr(site.setting, "config:3: endpoint (now http://h:1/base)"), "%s",
			   site.setting);
	cr_assert_eq(locate("media"), 0, "%s", message);
	cr_assert_str_eq(creds.id, "ENVKEY");
	cr_assert_str_eq(site.origin, "https://media.s3.us-west-2.amazonaws.com");
	cr_assert_not(site.requester_pays);
	cr_assert_eq(locate("c"), 0, "%s", message);
	cr_assert(creds.anonymous);
	cr_assert_str_eq(site.origin, "https://s3.us-west-2.amazonaws.com");
}

Test(core_realm, on_google_other_variables)
{
	configure("[gs://b]\nendpoint = http://h:1\ncredentials = ~/adc.json\nca_bundle = /ca\n");
	cr_assert_eq(find("gs", "b"), 0, "%s", message);
	cr_assert_neq(realm.ctx, ctx);
	cr_assert_str_eq(context_env(realm.ctx, "STORAGE_EMULATOR_HOST"), "http://h:1");
	cr_assert_str_eq(context_env(realm.ctx, "AWS_CA_BUNDLE"), "/ca");
	cr_assert_str_eq(context_env(realm.ctx, "GOOGLE_APPLICATION_CREDENTIALS") + strlen(home),
			 "/adc.json");
	cr_assert_null(context_env(realm.ctx, "AWS_ENDPOINT_URL_S3"));
	cr_assert_str_eq(context_env(realm.ctx, "AWS_ACCESS_KEY_ID"), "ENVKEY");
}

Test(core_realm, who_can_copy_between_them)
{
	configure("[s3://a]\nendpoint = http://h:1\n[s3://b]\nendpoint = http://h:1\nregion = r\n"
		  "[s3://c]\nendpoint = http://h:2\n[s3://d]\nprofile = dev\n");
	cr_assert(realm_same_store(ctx, "s3", "a", "a"));
	cr_assert(realm_same_store(ctx, "s3", "a", "b"));
	cr_assert(realm_same_store(ctx, "s3", "e", "f"));
	cr_assert_not(realm_same_store(ctx, "s3", "a", "c"));
	cr_assert_not(realm_same_store(ctx, "s3", "a", "e"));
	cr_assert_not(realm_same_store(ctx, "s3", "d", "e"));
}

Test(core_realm, a_profile_that_is_not_there)
{
	configure("[s3://b]\nprofile = prod\n");
	cr_assert_eq(locate("b"), -EACCES);
	cr_assert_not_null(strstr(message, "config:2: profile: profile \"prod\" is neither in"),
			   "%s", message);
	cr_assert_eq(locate("media"), 0);
}

Test(core_realm, a_section_may_name_the_root)
{
	char env[256];
	uint8_t id[WIRE_CTX_BYTES];
	int len = snprintf(env, sizeof(env), "XDG_CONFIG_HOME=%s%cSKYSHIM_ROOT=/mnt//s3/", home, 0);

	cr_assert_eq(context_register(env, (size_t)len + 1, &ctx, id), 0);
	configure("[/mnt/s3/s3/b]\nregion = eu-b\n");
	cr_assert_eq(find("s3", "b"), 0, "%s", message);
	cr_assert_str_eq(realm_get(&realm, REALM_REGION), "eu-b");
}

/* The fields of a request of that verb, signed. */
static struct header_list fields_of(enum store_verb verb, const char *bucket)
{
	struct store_sums sums = {.has_md5 = true};
	struct store_request request = {.target = BUFFER_INIT(STORE_TARGET_BYTES),
					.body = BUFFER_INIT(1024),
					.sums = &sums};
	struct store_call call = {
		.verb = verb,
		.ctx = ctx,
		.scheme = "s3",
		.bucket = bucket,
		.key = "k",
		.part = 1,
		.upload = "u",
		.from_key = "f",
		.from_bucket = verb == STORE_COPY || verb == STORE_PART_COPY ? "plain" : NULL};

	if (verb == STORE_PART_COPY)
		call.from_bucket = "secret";
	cr_assert_eq(locate_call(&s3_ops, &call, NULL, &site, &creds, message), 0, "%s", message);
	cr_assert_eq(s3_ops.verb[verb].build(&call, &site, &request), 0);
	cr_assert_eq(s3_ops.sign(&site, &creds, 1369353600, &request), 0);
	buffer_free(&request.target);
	buffer_free(&request.body);
	return request.fields;
}

static void check(const struct header_list *fields, const char *name, const char *value)
{
	const char *got = header_get(fields, name);

	cr_assert(value ? got && !strcmp(got, value) : !got, "%s: %s, not %s", name,
		  got ? got : "none", value ? value : "none");
}

Test(core_realm, what_a_service_has_not)
{
	const char *const keys[] = {"a"};
	struct store_request request = {.target = BUFFER_INIT(STORE_TARGET_BYTES),
					.body = BUFFER_INIT(1024)};
	struct store_call call = {.ctx = ctx,
				  .scheme = "s3",
				  .bucket = "b",
				  .key = "k",
				  .keys = keys,
				  .key_count = 1,
				  .part = 1,
				  .upload = "u",
				  .from_bucket = "b",
				  .from_key = "f"};

	configure("[s3://b]\nbatch_delete = no\npart_copy = no\n");
	cr_assert_eq(locate("b"), 0);
	cr_assert_eq(s3_remove_build_many(&call, &site, &request), -EOPNOTSUPP);
	cr_assert_eq(s3_upload_build_part_copy(&call, &site, &request), -EOPNOTSUPP);
	cr_assert_eq(locate("c"), 0);
	call.bucket = "c";
	cr_assert_eq(s3_remove_build_many(&call, &site, &request), 0);
	header_clear(&request.fields);
	buffer_free(&request.target);
	buffer_free(&request.body);
}

Test(core_realm, what_a_service_is_said_to_be)
{
	configure("[s3://b]\nconditional_put = no\nconditional_delete = no\netag_quotes = "
		  "yes\n[s3://c]\nlist_v2 = no\n"
		  "conditional_put = yes\netag_quotes = no\nconditional_delete = yes\n");
	cr_assert_eq(locate("b"), 0);
	cr_assert_eq(site.quirks, (unsigned)(STORE_QUIRK_CONDITIONS | STORE_QUIRK_QUOTES |
					     STORE_QUIRK_BLIND_DELETE));
	cr_assert_eq(locate("c"), 0);
	cr_assert_eq(site.quirks, (unsigned)STORE_QUIRK_LIST_V1);
	/* what is said is not changed by what is learned */
	cr_assert((site.settled & STORE_QUIRK_CONDITIONS) && (site.settled & STORE_QUIRK_QUOTES));
	configure("[s3://b]\nlist_v2 = perhaps\n");
	cr_assert_eq(locate("b"), -EACCES);
	cr_assert_not_null(strstr(message, "config:2: list_v2 = perhaps: it is true or false"),
			   "%s", message);
}

#define SSE    "x-amz-server-side-encryption"
#define SSE_C  SSE "-customer-"
#define SOURCE "x-amz-copy-source-server-side-encryption-customer-"

Test(core_realm, encryption_by_the_service)
{
	static const enum store_verb making[] = {STORE_PUT, STORE_COPY, STORE_MULTIPART_BEGIN};
	static const enum store_verb others[] = {STORE_GET, STORE_HEAD, STORE_PART,
						 STORE_PART_COPY};
	struct header_list f;

	configure("[s3://k]\nencryption = aws:kms\nkms_key = alias/one\nbucket_key = yes\n");
	for (size_t i = 0; i < sizeof(making) / sizeof(making[0]); i++) {
		f = fields_of(making[i], "k");
		check(&f, SSE, "aws:kms");
		check(&f, SSE "-aws-kms-key-id", "alias/one");
		check(&f, SSE "-bucket-key-enabled", "true");
		header_clear(&f);
		f = fields_of(making[i], "plain");
		check(&f, SSE, NULL);
		header_clear(&f);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		f = fields_of(others[i], "k");
		check(&f, SSE, NULL);
		check(&f, SSE "-aws-kms-key-id", NULL);
		header_clear(&f);
	}
}

/* The key is 32 times '0'; md5sum and base64 say the rest. */
static void check_customer(const struct header_list *f, const char *algorithm, bool has)
{
	char name[96];

	check(f, algorithm, has ? "AES256" : NULL);
	snprintf(name, sizeof(name), "%.*skey", (int)(strlen(algorithm) - 9), algorithm);
	check(f, name, has ? "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=" : NULL);
	strcat(name, "-MD5");
	check(f, name, has ? "zZ5FnqcIqUjVwvWmyog4zw==" : NULL);
}

Test(core_realm, encryption_with_a_key_of_ones_own)
{
	static const enum store_verb with[] = {STORE_GET,  STORE_HEAD, STORE_PUT,
					       STORE_COPY, STORE_PART, STORE_MULTIPART_BEGIN};
	struct header_list f;

	put("key", "00000000000000000000000000000000");
	configure("[s3://secret]\nencryption = customer\nencryption_key_file = ~/key\n");
	for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++) {
		f = fields_of(with[i], "secret");
		check(&f, SSE, NULL);
		check_customer(&f, SSE_C "algorithm", true);
		check_customer(&f, SOURCE "algorithm", false);
		header_clear(&f);
	}
	f = fields_of(STORE_PART_COPY, "plain");
	check_customer(&f, SSE_C "algorithm", false);
	check_customer(&f, SOURCE "algorithm", true);
	header_clear(&f);
	f = fields_of(STORE_DELETE, "secret");
	check_customer(&f, SSE_C "algorithm", false);
	header_clear(&f);
}

Test(core_realm, the_forms_of_a_key)
{
	char text[CREDS_OBJECT_KEY_BYTES], file[128];

	snprintf(file, sizeof(file), "%s/key", home);
	put("key", "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=\n");
	cr_assert_null(s3_encrypt_read_key(file, text));
	cr_assert_str_eq(text, "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=");
	put("key", "3030303030303030303030303030303030303030303030303030303030303030\n");
	text[0] = '\0';
	cr_assert_null(s3_encrypt_read_key(file, text));
	cr_assert_str_eq(text, "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=");
	put("key", "too short\n");
	cr_assert_not_null(strstr(s3_encrypt_read_key(file, text), "it holds no key"));
	put("key", "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMD==\n");
	cr_assert_not_null(s3_encrypt_read_key(file, text));
	cr_assert_str_eq(s3_encrypt_read_key("/no/such", text), "No such file or directory");
	configure("[s3://b]\nencryption = customer\nencryption_key_file = /no/such\n");
	cr_assert_eq(locate("b"), -EACCES);
	cr_assert_not_null(strstr(message, "config:3: encryption_key_file: /no/such: No such"));
	put("key", "00000000000000000000000000000000");
	configure("[s3://b]\nencryption = customer\nencryption_key_file = ~/key\n"
		  "endpoint = http://127.0.0.1.example.org\n");
	cr_assert_eq(locate("b"), -EACCES);
	cr_assert_not_null(strstr(message, "encryption: a customer's key goes over https"));
}
