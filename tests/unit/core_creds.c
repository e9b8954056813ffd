// SPDX-License-Identifier: Apache-2.0
#include "core/creds.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ID "AKIAIOSFODNN7EXAMPLE"

static struct creds creds;
static char message[512];

static int find(const char *env, size_t bytes, const struct config *config)
{
	uint8_t id[WIRE_CTX_BYTES];
	struct context *ctx;
	int ret;

	cr_assert_eq(context_register(env, bytes, &ctx, id), 0);
	message[0] = '\0';
	ret = creds_find(ctx, config, &creds, message, sizeof(message));
	context_free_all();
	return ret;
}

#define FIND(env, config) find(env, sizeof(env), config)

static struct config profile(const char *id, const char *secret)
{
	struct config config = {.profile = "dev",
				.credentials_path = "/h/.aws/credentials",
				.config_path = "/h/.aws/config"};

	strcpy(config.key_id, id);
	strcpy(config.secret, secret);
	return config;
}

Test(core_creds, the_environment_goes_first)
{
	struct config config = profile("AKIDPROFILEPROFILE", "s2");

	config.key_file = config.credentials_path;
	cr_assert_eq(FIND("AWS_ACCESS_KEY_ID=" ID "\0AWS_SECRET_ACCESS_KEY=s\0AWS_SESSION_TOKEN=t",
			  &config),
		     0);
	cr_assert_str_eq(creds.id, ID);
	cr_assert_str_eq(creds.secret, "s");
	cr_assert_str_eq(creds.token, "t");
	cr_assert_str_eq(creds.source, "environment (key AKIA...MPLE)");
}

Test(core_creds, then_the_profile)
{
	struct config config = profile(ID, "s2");

	config.key_file = config.credentials_path;
	cr_assert_eq(FIND("HOME=/h", &config), 0);
	cr_assert_str_eq(creds.secret, "s2");
	cr_assert_str_eq(creds.source, "profile dev in /h/.aws/credentials (key AKIA...MPLE)");
}

Test(core_creds, a_short_key_id_stays_mostly_hidden)
{
	cr_assert_eq(FIND("AWS_ACCESS_KEY_ID=minio\0AWS_SECRET_ACCESS_KEY=s", NULL), 0);
	cr_assert_str_eq(creds.source, "environment (key mi...)");
}

Test(core_creds, anonymous_when_told)
{
	struct config config = profile(ID, "s2");

	cr_assert_eq(FIND("AWS_NO_SIGN_REQUEST=true\0AWS_ACCESS_KEY_ID=a", &config), 0);
	cr_assert(creds.anonymous);
	cr_assert_eq(FIND("AWS_NO_SIGN_REQUEST=1", NULL), 0);
	cr_assert(creds.anonymous);
	cr_assert_eq(FIND("AWS_NO_SIGN_REQUEST=false\0AWS_ACCESS_KEY_ID=a\0AWS_SECRET_ACCESS_KEY=b",
			  NULL),
		     0);
	cr_assert_not(creds.anonymous);
}

Test(core_creds, half_a_key_is_an_error)
{
	struct config config = profile(ID, "");

	cr_assert_eq(FIND("AWS_ACCESS_KEY_ID=a", NULL), -EACCES);
	cr_assert_str_eq(message, "AWS_ACCESS_KEY_ID is set but AWS_SECRET_ACCESS_KEY is not: "
				  "set both");
	config.key_file = config.credentials_path;
	cr_assert_eq(FIND("HOME=/h", &config), -EACCES);
	cr_assert_str_eq(message, "profile dev in /h/.aws/credentials has no "
				  "aws_secret_access_key: add it");
}

Test(core_creds, nothing_found_says_where_it_looked)
{
	struct config config = profile("", "");

	cr_assert_eq(FIND("HOME=/h", &config), -EACCES);
	cr_assert_not_null(strstr(message, "AWS_ACCESS_KEY_ID"));
	cr_assert_not_null(strstr(message, "profile dev in /h/.aws/credentials or /h/.aws/config"));
	cr_assert_not_null(strstr(message, "AWS_NO_SIGN_REQUEST=true"));
	cr_assert_null(strchr(message, '\n'));
	strcpy(config.other_way, "sso_session");
	cr_assert_eq(FIND("HOME=/h", &config), -EACCES);
	cr_assert_not_null(strstr(message, "profile dev uses sso_session"));
}

Test(core_creds, secrets_are_wiped)
{
	static const struct creds zero;

	cr_assert_eq(
		FIND("AWS_ACCESS_KEY_ID=a\0AWS_SECRET_ACCESS_KEY=b\0AWS_SESSION_TOKEN=c", NULL), 0);
	creds_wipe(&creds);
	cr_assert_eq(memcmp(creds.secret, zero.secret, sizeof(creds.secret)), 0);
	cr_assert_eq(memcmp(creds.token, zero.token, sizeof(creds.token)), 0);
}
