// SPDX-License-Identifier: Apache-2.0
/* The chain without anybody to ask, dates and JSON. */
#include "s3/creds/creds.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/keeper.h"

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
	ret = aws_creds_get(ctx, config, &creds, message, sizeof(message));
	context_free_all();
	return ret;
}

#define ALONE		  "AWS_EC2_METADATA_DISABLED=true\0"
#define FIND(env, config) find(ALONE env, sizeof(ALONE env), config)

static const struct config nothing = {.profile = "default",
				      .credentials_path = "/h/.aws/credentials",
				      .config_path = "/h/.aws/config"};

static struct config profile(const char *id, const char *secret)
{
	struct config config = nothing;

	strcpy(config.profile, "dev");
	strcpy(config.key_id, id);
	strcpy(config.secret, secret);
	return config;
}

Test(s3_creds, the_environment_goes_first)
{
	struct config config = profile("AKIDPROFILEPROFILE", "s2");

	config.key_file = config.credentials_path;
	strcpy(config.role_arn, "arn:aws:iam::1:role/r");
	strcpy(config.source_profile, "dev");
	cr_assert_eq(FIND("AWS_ACCESS_KEY_ID=" ID "\0AWS_SECRET_ACCESS_KEY=s\0AWS_SESSION_TOKEN=t",
			  &config),
		     0);
	cr_assert_str_eq(creds.id, ID);
	cr_assert_str_eq(creds.secret, "s");
	cr_assert_str_eq(creds.token, "t");
	cr_assert_str_eq(creds.source, "environment (key AKIA...MPLE)");
	cr_assert_str_eq(creds.tried, "environment\tused\n");
	cr_assert_null(creds.entry);
}

Test(s3_creds, then_the_profile)
{
	struct config config = profile(ID, "s2");

	config.key_file = config.credentials_path;
	cr_assert_eq(FIND("HOME=/h", &config), 0);
	cr_assert_str_eq(creds.secret, "s2");
	cr_assert_str_eq(creds.source, "profile dev in /h/.aws/credentials (key AKIA...MPLE)");
	cr_assert_not_null(strstr(creds.tried, "environment\tno AWS_ACCESS_KEY_ID\n"));
	cr_assert_not_null(strstr(creds.tried, "credentials file\tused\n"));
	config.key_file = config.config_path;
	cr_assert_eq(FIND("HOME=/h", &config), 0);
	cr_assert_str_eq(creds.source, "profile dev in /h/.aws/config (key AKIA...MPLE)");
}

Test(s3_creds, anonymous_when_told)
{
	struct config config = profile(ID, "s2");

	cr_assert_eq(FIND("AWS_NO_SIGN_REQUEST=true\0AWS_ACCESS_KEY_ID=a", &config), 0);
	cr_assert(creds.anonymous);
	cr_assert_eq(FIND("AWS_NO_SIGN_REQUEST=1", &nothing), 0);
	cr_assert(creds.anonymous);
	cr_assert_eq(FIND("AWS_NO_SIGN_REQUEST=false\0AWS_ACCESS_KEY_ID=a\0AWS_SECRET_ACCESS_KEY=b",
			  &nothing),
		     0);
	cr_assert_not(creds.anonymous);
}

Test(s3_creds, half_a_key_is_an_error)
{
	struct config config = profile(ID, "");

	cr_assert_eq(FIND("AWS_ACCESS_KEY_ID=a", &nothing), -EACCES);
	cr_assert_str_eq(message, "no credentials: environment: AWS_ACCESS_KEY_ID is set but "
				  "AWS_SECRET_ACCESS_KEY is not: set both");
	config.key_file = config.credentials_path;
	cr_assert_eq(FIND("HOME=/h", &config), -EACCES);
	cr_assert_not_null(strstr(message, "profile dev in /h/.aws/credentials has no "
					   "aws_secret_access_key: add it"));
}

Test(s3_creds, nothing_found_says_where_it_looked)
{
	struct config config = profile("", "");

	cr_assert_eq(FIND("HOME=/h", &config), -EACCES);
	cr_assert_not_null(strstr(message, "AWS_ACCESS_KEY_ID"));
	cr_assert_not_null(strstr(message, "profile dev in /h/.aws/credentials or /h/.aws/config"));
	cr_assert_not_null(strstr(message, "AWS_NO_SIGN_REQUEST=true"));
	cr_assert_null(strchr(message, '\n'));
	for (const char *source = "environment\0role\0web identity\0SSO\0credentials file\0"
				  "credential process\0config file\0container\0instance metadata\0";
	     *source; source += strlen(source) + 1)
		cr_assert_not_null(strstr(creds.tried, source), "%s is missing in:\n%s", source,
				   creds.tried);
}

Test(s3_creds, a_profile_that_contradicts_itself_is_named)
{
	static const struct {
		const char *role, *source_profile, *credential_source, *mfa, *account, *said;
	} wrong[] = {
		{"arn", "", "", "", "", "neither source_profile nor credential_source"},
		{"arn", "a", "Environment", "", "", "both source_profile and credential_source"},
		{"arn", "a", "", "arn:mfa", "", "mfa_serial"},
		{"", "", "", "", "123", "lacks sso_role_name"},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct config config = profile("", "");

		strcpy(config.role_arn, wrong[i].role);
		strcpy(config.source_profile, wrong[i].source_profile);
		strcpy(config.credential_source, wrong[i].credential_source);
		strcpy(config.mfa_serial, wrong[i].mfa);
		strcpy(config.sso_account_id, wrong[i].account);
		cr_assert_eq(FIND("HOME=/h", &config), -EACCES);
		cr_assert_not_null(strstr(message, wrong[i].said), "%s", message);
		cr_assert_not_null(strstr(message, "profile dev"), "%s", message);
	}
}

Test(s3_creds, a_container_s_token_goes_to_few_hosts)
{
	static const char *const refused[] = {
		"http://169.254.170.3/x",   "http://evil.example/x", "http://127.0.0.1@evil/x",
		"http://localhost.evil/x",  "http://1270.0.0.1/x",   "ftp://localhost/x",
		"http://127.0.0.1\\@evil/", "localhost/x",	     "http://0x7f000001/",
	};
	struct config config = profile("", "");
	char env[256];

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		int len = snprintf(env, sizeof(env), "AWS_CONTAINER_CREDENTIALS_FULL_URI=%s",
				   refused[i]);

		cr_assert_eq(find(env, (size_t)len + 1, &config), -EACCES, "%s", refused[i]);
		cr_assert_not_null(strstr(message, "AWS_CONTAINER_CREDENTIALS_FULL_URI"), "%s",
				   message);
	}
	cr_assert_eq(FIND("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=.evil/x", &config), -EACCES);
	cr_assert_not_null(strstr(message, "does not begin with /"), "%s", message);
}

Test(s3_creds, dates_as_the_sources_write_them)
{
	static const struct {
		const char *text;
		int64_t s; /* -1: refused */
	} dates[] = {
		{"2030-01-02T03:04:05Z", 1893553445},
		{"2030-01-02T03:04:05.678Z", 1893553445},
		{"2030-01-02T03:04:05UTC", 1893553445},
		{"2030-01-02T03:04:05+00:00", 1893553445},
		{"2030-01-02T05:34:05+02:30", 1893553445},
		{"2030-01-02T02:04:05-01:00", 1893553445},
		{"2030-01-02T03:04:05", -1},
		{"2030-01-02T03:04:05+", -1},
		{"2030-01-02T03:04:05Zx", -1},
		{"2030-01-02", -1},
		{"never", -1},
		{"", -1},
	};

	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
		int64_t s = -1;

		cr_assert_eq(aws_read_date(dates[i].text, &s), dates[i].s < 0 ? -EINVAL : 0, "%s",
			     dates[i].text);
		cr_assert_eq(s, dates[i].s, "%s", dates[i].text);
	}
}

static const char *read_json(const char *text, const char *inner)
{
	static const struct aws_names names = {"Id", "Secret", "Token", "Until"};

	memset(&creds, 0, sizeof(creds));
	return aws_read_json(text, strlen(text), inner, &names, &creds);
}

Test(s3_creds, json_is_read_and_garbage_refused)
{
	static const char *const garbage[] = {
		"",
		"<html>",
		"[]",
		"{}",
		"null",
		"{\"Id\":\"a\"}",
		"{\"Id\":1,\"Secret\":\"b\"}",
		"{\"Id\":\"a\",\"Secret\":\"\"}",
		"{\"Id\":\"a\",\"Secret\":\"b\",\"Until\":\"soon\"}",
		"{\"Id\":\"a\",\"Id\":\"c\",\"Secret\":\"b\"}",
		"{\"Id\":\"a\",\"Secret\":\"b\"} and more",
	};

	cr_assert_null(read_json("{\"Id\":\"a\",\"Secret\":\"b\",\"Token\":\"c\",\"Until\":"
				 "\"2030-01-02T03:04:05Z\",\"x\":[]}",
				 NULL));
	cr_assert_str_eq(creds.id, "a");
	cr_assert_str_eq(creds.secret, "b");
	cr_assert_str_eq(creds.token, "c");
	cr_assert_eq(creds.expires_s, 1893553445);
	cr_assert_null(read_json("{\"in\":{\"Id\":\"a\",\"Secret\":\"b\",\"Until\":1893553445678}}",
				 "in"));
	cr_assert_eq(creds.expires_s, 1893553445);
	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++)
		cr_assert_not_null(read_json(garbage[i], NULL), "%s", garbage[i]);
	cr_assert_not_null(read_json("{\"Id\":\"a\",\"Secret\":\"b\"}", "in"));
}

Test(s3_creds, json_that_nests_for_ever_is_refused)
{
	static char text[200001];

	memset(text, '[', sizeof(text) - 1);
	cr_assert_not_null(read_json(text, NULL));
}
