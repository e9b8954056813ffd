// SPDX-License-Identifier: Apache-2.0
/* Requests go where botocore sends them: tests/golden/s3-endpoints.txt, made by
 * scripts/s3-endpoints. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/locate.h"
#include "s3/s3.h"

#define LINES_MIN 300

static const char always[] = "AWS_CONFIG_FILE=/dev/null\0AWS_SHARED_CREDENTIALS_FILE=/dev/null\0"
			     "AWS_ACCESS_KEY_ID=A\0AWS_SECRET_ACCESS_KEY=B";

/* Where we differ, on purpose: a bucket with dots stays in the path, as botocore has it over https
 * only, where no wildcard's certificate covers such a host. */
static bool differs(const char *bucket, const char *line)
{
	return strchr(bucket, '.') && strstr(line, "STYLE=virtual") && strstr(line, "=http://");
}

/* The URL of key k as a request of ours has it, or "refused". */
static void ours(const char *env, size_t env_bytes, const char *bucket, char out[1024])
{
	static struct store_site site;
	struct store_call call = {.verb = STORE_GET, .scheme = "s3", .bucket = bucket, .key = "k"};
	struct buffer target = BUFFER_INIT(STORE_TARGET_BYTES);
	char message[STORE_MESSAGE_BYTES];
	struct creds creds;
	uint8_t id[WIRE_CTX_BYTES];

	cr_assert_eq(context_register(env, env_bytes, &call.ctx, id), 0);
	strcpy(out, "refused");
	if (!locate_call(&s3_ops, &call, NULL, &site, &creds, message)) {
		cr_assert_eq(s3_site_path(&site, bucket, "k", &target), 0);
		snprintf(out, 1024, "%s%s", site.origin, buffer_text(&target));
	}
	creds_wipe(&creds);
	buffer_free(&target);
	realm_free_all();
	config_free_all();
	context_free_all();
}

/* botocore writes the port even when it is the scheme's own. */
static void drop_port(char *url)
{
	char *at = strstr(url, ":443/");

	if (at)
		memmove(at, at + 4, strlen(at + 4) + 1);
}

static void try(const char *whole)
{
	char line[1024], env[2048], got[1024];
	size_t bytes = sizeof(always);
	char *word[8];
	size_t count = 0;
	char *rest = NULL;

	snprintf(line, sizeof(line), "%s", whole);
	line[strcspn(line, "\n")] = '\0';
	memcpy(env, always, sizeof(always));
	for (char *w = strtok_r(line, " ", &rest); w && count < 8; w = strtok_r(NULL, " ", &rest))
		word[count++] = w;
	cr_assert_geq(count, 3);
	for (size_t i = 0; i < count - 2; i++)
		bytes += (size_t)sprintf(env + bytes, "%s", word[i]) + 1;
	drop_port(word[count - 1]);
	for (char *c = word[count - 2]; *c; c++)
		*c = *c == '/' ? ':' : *c; /* as a path has it */
	ours(env, bytes, word[count - 2], got);
	if (!differs(word[count - 2], whole))
		cr_expect_str_eq(got, word[count - 1], "%s%s", whole, got);
	else
		cr_assert_str_neq(got, word[count - 1], "no difference any more: %s", whole);
}

Test(s3_endpoints, as_botocore_has_them)
{
	FILE *in = fopen("tests/golden/s3-endpoints.txt", "r");
	char line[1024];
	unsigned lines = 0;

	cr_assert_not_null(in);
	while (fgets(line, sizeof(line), in)) {
		if (line[0] == '#')
			continue;
		try(line);
		lines++;
	}
	fclose(in);
	cr_assert_geq(lines, LINES_MIN);
}
