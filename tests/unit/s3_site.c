// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "s3/s3.h"

static struct store_site site;
static struct creds creds;
static char message[STORE_MESSAGE_BYTES];

#define NO_FILES "AWS_CONFIG_FILE=/dev/null\0AWS_SHARED_CREDENTIALS_FILE=/dev/null\0"
#define KEY	 "AWS_ACCESS_KEY_ID=A\0AWS_SECRET_ACCESS_KEY=B\0"

static int locate(const char *env, size_t bytes, const char *bucket, const char *region)
{
	struct store_call call = {.verb = STORE_GET, .scheme = "s3", .bucket = bucket, .key = "k"};
	uint8_t id[WIRE_CTX_BYTES];

	message[0] = '\0';
	cr_assert_eq(context_register(env, bytes, &call.ctx, id), 0);
	return s3_ops.locate(&call, region, &site, &creds, message);
}

#define LOCATE(env, bucket, region) \
	locate(NO_FILES KEY env, sizeof(NO_FILES KEY env), bucket, region)

/* without a key */
#define LOCATE_AS(env, bucket, region) locate(NO_FILES env, sizeof(NO_FILES env), bucket, region)

static void drop(void)
{
	config_free_all();
	context_free_all();
}

TestSuite(s3_site, .fini = drop);

Test(s3_site, on_aws_the_bucket_is_in_the_host)
{
	cr_assert_eq(LOCATE("AWS_REGION=eu-west-1", "media", NULL), 0);
	cr_assert_str_eq(site.origin, "https://media.s3.eu-west-1.amazonaws.com");
	cr_assert_str_eq(site.host, "media.s3.eu-west-1.amazonaws.com");
	cr_assert(site.bucket_in_host);
	cr_assert_eq(LOCATE("AWS_REGION=cn-north-1", "media", NULL), 0);
	cr_assert_str_eq(site.origin, "https://media.s3.cn-north-1.amazonaws.com.cn");
}

Test(s3_site, other_kinds_of_endpoints)
{
	static const struct {
		const char *fips, *dual, *origin;
	} kinds[] = {
		{"true", "false", "https://media.s3-fips.us-west-2.amazonaws.com"},
		{"false", "true", "https://media.s3.dualstack.us-west-2.amazonaws.com"},
		{"true", "true", "https://media.s3-fips.dualstack.us-west-2.amazonaws.com"},
	};
	char env[512];

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t len = sizeof(NO_FILES KEY) - 1;

		memcpy(env, NO_FILES KEY, len);
		len += (size_t)snprintf(env + len, sizeof(env) - len,
					"AWS_REGION=us-west-2%cAWS_USE_FIPS_ENDPOINT=%s%c"
					"AWS_USE_DUALSTACK_ENDPOINT=%s",
					0, kinds[i].fips, 0, kinds[i].dual);
		cr_assert_eq(locate(env, len + 1, "media", NULL), 0, "%s", message);
		cr_assert_str_eq(site.origin, kinds[i].origin);
	}
	cr_assert_eq(LOCATE("AWS_USE_FIPS_ENDPOINT=true\0AWS_ENDPOINT_URL=http://h", "media", NULL),
		     -EIO);
	cr_assert_not_null(strstr(message, "AWS_USE_FIPS_ENDPOINT"));
	cr_assert_not_null(strstr(message, "AWS_ENDPOINT_URL"));
}

Test(s3_site, attempts_and_who_pays)
{
	cr_assert_eq(LOCATE("HOME=/h", "media", NULL), 0);
	cr_assert_eq(site.tries_max, 0);
	cr_assert_not(site.requester_pays);
	cr_assert_eq(LOCATE("AWS_MAX_ATTEMPTS=3\0AWS_REQUEST_PAYER=requester", "media", NULL), 0);
	cr_assert_eq(site.tries_max, 3);
	cr_assert(site.requester_pays);
	cr_assert_eq(LOCATE("AWS_MAX_ATTEMPTS=none", "media", NULL), 0);
	cr_assert_eq(site.tries_max, 0);
}

Test(s3_site, unless_its_name_cannot_be)
{
	static const char *const names[] = {"my.bucket", "My", "Upper", "a_b", "-ab", "ab-", "ab"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		cr_assert_eq(LOCATE("HOME=/h", names[i], NULL), 0);
		cr_assert_not(site.bucket_in_host, "%s", names[i]);
		cr_assert_str_eq(site.origin, "https://s3.us-east-1.amazonaws.com");
	}
}

Test(s3_site, elsewhere_it_is_in_the_path)
{
	cr_assert_eq(LOCATE("AWS_ENDPOINT_URL=http://localhost:9000/base/", "media", NULL), 0);
	cr_assert_str_eq(site.origin, "http://localhost:9000");
	cr_assert_str_eq(site.host, "localhost:9000");
	cr_assert_str_eq(site.base, "/base");
	cr_assert_not(site.bucket_in_host);
	cr_assert_eq(LOCATE("AWS_ENDPOINT_URL=https://h:443", "media", NULL), 0);
	cr_assert_str_eq(site.host, "h");
}

Test(s3_site, the_style_can_be_chosen)
{
	cr_assert_eq(LOCATE("AWS_ENDPOINT_URL=http://h:1\0AWS_S3_ADDRESSING_STYLE=virtual", "media",
			    NULL),
		     0);
	cr_assert_str_eq(site.origin, "http://media.h:1");
	cr_assert_eq(LOCATE("AWS_S3_ADDRESSING_STYLE=path", "media", NULL), 0);
	cr_assert_str_eq(site.origin, "https://s3.us-east-1.amazonaws.com");
}

Test(s3_site, the_variable_for_s3_goes_before_the_one_for_all)
{
	cr_assert_eq(
		LOCATE("AWS_ENDPOINT_URL=http://all\0AWS_ENDPOINT_URL_S3=http://s3", "media", NULL),
		0);
	cr_assert_str_eq(site.origin, "http://s3");
	cr_assert_str_eq(site.setting, "AWS_ENDPOINT_URL_S3 (now http://s3)");
	cr_assert_eq(LOCATE("AWS_ENDPOINT_URL=http://all\0AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true",
			    "media", NULL),
		     0);
	cr_assert_str_eq(site.origin, "https://media.s3.us-east-1.amazonaws.com");
}

Test(s3_site, a_learned_region_goes_before_all)
{
	cr_assert_eq(LOCATE("AWS_REGION=eu-west-1", "media", "eu-west-2"), 0);
	cr_assert_str_eq(site.region, "eu-west-2");
	cr_assert_str_eq(site.origin, "https://media.s3.eu-west-2.amazonaws.com");
	cr_assert_eq(LOCATE("AWS_DEFAULT_REGION=a\0AWS_REGION=b", "media", NULL), 0);
	cr_assert_str_eq(site.region, "b");
}

Test(s3_site, what_cannot_be_is_said)
{
	cr_assert_eq(LOCATE("AWS_ENDPOINT_URL=localhost:9000", "media", NULL), -EIO);
	cr_assert_str_eq(message, "AWS_ENDPOINT_URL: \"localhost:9000\" is no endpoint: write "
				  "http://host:port or https://host");
	cr_assert_eq(LOCATE("AWS_REGION=evil.com/", "media", NULL), -EIO);
	cr_assert_not_null(strstr(message, "set AWS_REGION"));
	cr_assert_eq(LOCATE_AS("AWS_EC2_METADATA_DISABLED=true", "media", NULL), -EACCES);
	cr_assert_not_null(strstr(message, "no credentials"));
	cr_assert_eq(LOCATE("AWS_PROFILE=nowhere", "media", NULL), -EACCES);
	cr_assert_not_null(strstr(message, "profile \"nowhere\" is neither"));
}

static void expect_path(bool in_host, const char *base, const char *bucket, const char *key,
			const char *expected)
{
	SCOPE_BUFFER struct buffer target = BUFFER_INIT(STORE_TARGET_BYTES);
	struct store_site at = {.bucket_in_host = in_host};

	strcpy(at.base, base);
	cr_assert_eq(s3_site_path(&at, bucket, key, &target), 0);
	cr_assert_str_eq(buffer_text(&target), expected);
}

Test(s3_site, paths)
{
	expect_path(true, "", "b", "a/b c", "/a/b%20c");
	expect_path(true, "", "b", NULL, "/");
	expect_path(false, "", "b", "a", "/b/a");
	expect_path(false, "/x", "b", "/a", "/x/b//a");
	expect_path(false, "", "b", "", "/b");
	expect_path(false, "", NULL, NULL, "/");
	expect_path(false, "", "b", "\x01\xff", "/b/%01%FF");
}

Test(s3_site, names_have_limits)
{
	SCOPE_BUFFER struct buffer target = BUFFER_INIT(STORE_TARGET_BYTES);
	struct store_site at = {0};
	char key[S3_KEY_BYTES + 2];

	memset(key, '\xff', sizeof(key));
	key[S3_KEY_BYTES + 1] = '\0';
	cr_assert_eq(s3_site_path(&at, "b", key, &target), -ENAMETOOLONG);
	key[S3_KEY_BYTES] = '\0';
	buffer_clear(&target);
	cr_assert_eq(s3_site_path(&at, "b", key, &target), 0); /* escaped, it still fits */
	cr_assert_eq(s3_site_path(&at, "", "k", &target), -EINVAL);
	cr_assert_eq(s3_site_path(&at, "a/b", "k", &target), -EINVAL);
	cr_assert_eq(s3_site_path(&at, "a\nb", "k", &target), -EINVAL);
}
