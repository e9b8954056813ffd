// SPDX-License-Identifier: Apache-2.0
#include "core/config.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char home[] = "/tmp/skyshim-home-XXXXXX";
static char message[512];
static struct config config;

static void put_file(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/.aws/%s", home, name);
	file = fopen(path, "we");
	cr_assert_not_null(file);
	fputs(text, file);
	fclose(file);
}

static void setup(void)
{
	char path[128];

	cr_assert_not_null(mkdtemp(home));
	snprintf(path, sizeof(path), "%s/.aws", home);
	mkdir(path, 0700);
}

static void teardown(void)
{
	char command[128];

	config_free_all();
	context_free_all();
	snprintf(command, sizeof(command), "rm -rf %s", home);
	cr_assert_eq(system(command), 0);
}

TestSuite(core_config, .init = setup, .fini = teardown);

/* more: further entries, each with NUL, or NULL */
static int read_config(const char *more, size_t more_bytes)
{
	char text[4096];
	uint8_t id[WIRE_CTX_BYTES];
	struct context *ctx;
	size_t len = (size_t)snprintf(text, sizeof(text), "HOME=%s", home) + 1;

	if (more)
		memcpy(text + len, more, more_bytes);
	cr_assert_eq(context_register(text, len + more_bytes, &ctx, id), 0);
	return config_read(ctx, &config, message, sizeof(message));
}

#define WITH(text) read_config(text, sizeof(text))

Test(core_config, nothing_there_is_nothing_said)
{
	cr_assert_eq(read_config(NULL, 0), 0);
	cr_assert_str_eq(config.profile, "default");
	cr_assert_not(config.profile_found);
	cr_assert_str_eq(config.region, "");
	cr_assert_null(config.key_file);
}

Test(core_config, reads_the_default_profile)
{
	put_file("config",
		 "[default]\nregion = eu-west-1\ns3 =\n  addressing_style = virtual\n"
		 "ca_bundle = /ca.pem\nendpoint_url = http://h:1\n[profile x]\nregion = no\n");
	put_file("credentials", "[default]\naws_access_key_id = AK\naws_secret_access_key = SK\n"
				"aws_session_token = ST\n[x]\naws_access_key_id = no\n");
	cr_assert_eq(read_config(NULL, 0), 0, "%s", message);
	cr_assert_str_eq(config.region, "eu-west-1");
	cr_assert_str_eq(config.s3_addressing_style, "virtual");
	cr_assert_str_eq(config.endpoint_url, "http://h:1");
	cr_assert_str_eq(config.ca_bundle, "/ca.pem");
	cr_assert_str_eq(config.key_id, "AK");
	cr_assert_str_eq(config.secret, "SK");
	cr_assert_str_eq(config.token, "ST");
	cr_assert_eq(config.key_file, config.credentials_path);
}

Test(core_config, reads_a_named_profile_and_its_services)
{
	put_file("config", "[services local]\ndynamodb =\n  endpoint_url = http://no\ns3 =\n"
			   "  endpoint_url = http://s3:9000\n[services other]\ns3 =\n"
			   "  endpoint_url = http://other\n[profile \"my dev\"]\nservices = local\n"
			   "region=r\naws_access_key_id = AK\naws_secret_access_key = SK\n"
			   "ignore_configured_endpoint_urls = true\n");
	cr_assert_eq(WITH("AWS_PROFILE=my dev"), 0, "%s", message);
	cr_assert_str_eq(config.region, "r");
	cr_assert_str_eq(config.s3_endpoint_url, "http://s3:9000");
	cr_assert(config.ignore_endpoints);
	cr_assert_eq(config.key_file, config.config_path);
	cr_assert_eq(WITH("AWS_DEFAULT_PROFILE=my dev"), 0);
	cr_assert_str_eq(config.region, "r");
}

Test(core_config, reads_what_leads_to_a_credential)
{
	put_file("config",
		 "[profile role]\nrole_arn = arn:1\nsource_profile = base\nexternal_id = x\n"
		 "services = s\nuse_fips_endpoint = true\nmax_attempts = 3\n"
		 "[services s]\nsts =\n  endpoint_url = http://sts\nsso =\n"
		 "  endpoint_url = http://sso\n"
		 "[profile login]\nsso_session = corp\nsso_account_id = 1\nsso_role_name = r\n"
		 "sso_region = overridden\n[sso-session corp]\nsso_start_url = https://c\n"
		 "sso_region = eu-west-1\n[sso-session other]\nsso_region = no\n");
	cr_assert_eq(WITH("AWS_PROFILE=role"), 0, "%s", message);
	cr_assert_str_eq(config.role_arn, "arn:1");
	cr_assert_str_eq(config.source_profile, "base");
	cr_assert_str_eq(config.external_id, "x");
	cr_assert_str_eq(config.use_fips, "true");
	cr_assert_str_eq(config.max_attempts, "3");
	cr_assert_str_eq(config.sts_endpoint_url, "http://sts");
	cr_assert_str_eq(config.sso_endpoint_url, "http://sso");
	cr_assert_str_eq(config.s3_endpoint_url, "");
	cr_assert_eq(WITH("AWS_PROFILE=login"), 0, "%s", message);
	cr_assert_str_eq(config.sso_start_url, "https://c");
	cr_assert_str_eq(config.sso_region, "eu-west-1");
	cr_assert_str_eq(config.role_arn, "");
}

Test(core_config, the_stamp_changes_with_the_files)
{
	uint64_t stamp;

	put_file("config", "[default]\nregion = one\n");
	cr_assert_eq(read_config(NULL, 0), 0);
	stamp = config.stamp;
	cr_assert_eq(read_config(NULL, 0), 0);
	cr_assert_eq(config.stamp, stamp);
	put_file("credentials", "[default]\nrole_arn = x\n");
	cr_assert_eq(read_config(NULL, 0), 0);
	cr_assert_neq(config.stamp, stamp);
}

Test(core_config, another_profile_of_the_same_files)
{
	char text[128];
	uint8_t id[WIRE_CTX_BYTES];
	struct context *ctx;
	int len = snprintf(text, sizeof(text), "HOME=%s", home);

	put_file("config", "[profile two]\nregion = two\n");
	cr_assert_eq(context_register(text, (size_t)len + 1, &ctx, id), 0);
	cr_assert_eq(config_read_profile(ctx, "two", &config, message, sizeof(message)), 0);
	cr_assert_str_eq(config.region, "two");
	cr_assert_eq(config_read_profile(ctx, "three", &config, message, sizeof(message)), -EINVAL);
	cr_assert_not_null(strstr(message, "profile \"three\" is neither in"), "%s", message);
}

Test(core_config, keys_of_two_files_are_never_mixed)
{
	put_file("config", "[default]\naws_access_key_id = A\naws_secret_access_key = B\n"
			   "aws_session_token = C\n");
	put_file("credentials", "[default]\naws_access_key_id = X\naws_secret_access_key = Y\n");
	cr_assert_eq(read_config(NULL, 0), 0);
	cr_assert_str_eq(config.key_id, "X");
	cr_assert_str_eq(config.secret, "Y");
	cr_assert_str_eq(config.token, "");
}

Test(core_config, a_file_that_changes_is_read_again)
{
	put_file("config", "[default]\nregion = one\n");
	cr_assert_eq(read_config(NULL, 0), 0);
	cr_assert_str_eq(config.region, "one");
	put_file("config", "[default]\nregion = other\n");
	cr_assert_eq(read_config(NULL, 0), 0);
	cr_assert_str_eq(config.region, "other");
	put_file("config", "[default]\nbroken\n");
	cr_assert_eq(read_config(NULL, 0), -EINVAL);
	put_file("config", "");
	cr_assert_eq(read_config(NULL, 0), 0);
	cr_assert_str_eq(config.region, "");
}

Test(core_config, errors_name_file_and_line)
{
	char expected[256];

	put_file("config", "[default]\nregion = x\nwhat is this\n");
	cr_assert_eq(read_config(NULL, 0), -EINVAL);
	snprintf(expected, sizeof(expected), "%s/.aws/config:3: expected NAME = VALUE or [SECTION]",
		 home);
	cr_assert_str_eq(message, expected);
}

Test(core_config, a_value_too_long_is_named)
{
	char text[2048] = "[default]\nregion = ";

	memset(text + strlen(text), 'r', 1000);
	put_file("config", text);
	cr_assert_eq(read_config(NULL, 0), -EINVAL);
	cr_assert_not_null(strstr(message, "config:2: region is longer than 511 bytes"));
}

Test(core_config, a_profile_that_is_nowhere_is_an_error)
{
	put_file("config", "[profile dev]\nregion = x\n");
	cr_assert_eq(WITH("AWS_PROFILE=prod"), -EINVAL);
	cr_assert_not_null(strstr(message, "profile \"prod\" is neither in"));
	cr_assert_eq(WITH("AWS_PROFILE=dev"), 0);
	/* in the config file the name needs its word */
	put_file("config", "[dev]\nregion = x\n");
	cr_assert_eq(WITH("AWS_PROFILE=dev"), -EINVAL);
}

Test(core_config, other_paths)
{
	char more[256];
	int len;

	put_file("c2", "[default]\nregion = two\n");
	len = snprintf(more, sizeof(more), "AWS_CONFIG_FILE=%s/.aws/c2", home);
	cr_assert_eq(read_config(more, (size_t)len + 1), 0);
	cr_assert_str_eq(config.region, "two");
	cr_assert_eq(WITH("AWS_CONFIG_FILE=~/.aws/c2"), 0);
	cr_assert_str_eq(config.region, "two");
	cr_assert_eq(WITH("AWS_CONFIG_FILE=/dev/null\0AWS_SHARED_CREDENTIALS_FILE=/dev/null"), 0);
	cr_assert_eq(WITH("AWS_CONFIG_FILE=relative"), -EINVAL);
	cr_assert_not_null(
		strstr(message, "AWS_CONFIG_FILE: \"relative\" is not an absolute path"));
}

Test(core_config, what_cannot_be_read_is_said)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/.aws/config", home);
	cr_assert_eq(mkfifo(path, 0600), 0); /* must not hang either */
	cr_assert_eq(read_config(NULL, 0), -EINVAL);
	cr_assert_not_null(strstr(message, "cannot be read"));
}

Test(core_config, a_huge_file_is_refused)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/.aws/config", home);
	put_file("config", "");
	cr_assert_eq(truncate(path, CONFIG_FILE_BYTES + 1), 0);
	cr_assert_eq(read_config(NULL, 0), -EINVAL);
	cr_assert_not_null(strstr(message, "cannot be read: File too large"));
}

/* More contexts than are kept: each gets its own, however often it is its turn. */
Test(core_config, many_contexts)
{
	char text[20000] = "";

	for (int i = 0; i < 200; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "[p%d]\naws_access_key_id = key-%d\naws_secret_access_key = s\n", i, i);
	put_file("credentials", text);
	for (int i = 0; i < 600; i++) {
		char more[32];
		char key[32];
		int len = snprintf(more, sizeof(more), "AWS_PROFILE=p%d", i % 200);

		cr_assert_eq(read_config(more, (size_t)len + 1), 0, "%s", message);
		snprintf(key, sizeof(key), "key-%d", i % 200);
		cr_assert_str_eq(config.key_id, key);
	}
}
