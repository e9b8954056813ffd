// SPDX-License-Identifier: Apache-2.0
/* `skyshim creds`: which credential a bucket is asked for with, and whether it is good. */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/cli/cli.h"
#include "core/cli/inquire.h"

static const char help[] =
	"skyshim creds: which credential is used, and whether it is good\n"
	"\n"
	"  skyshim creds [--json] [URI|PATH]        the source that was chosen for a bucket, when\n"
	"                                           it expires, and what was tried\n"
	"  skyshim creds test [--json] URI|PATH     makes one request and explains the answer\n"
	"\n"
	"URI|PATH: s3://BUCKET[/KEY], az://ACCOUNT/CONTAINER, or a path below /cloud; none: S3 as\n"
	"such. Secrets are never shown. Exit status: 0 there is a credential (test: the request\n"
	"succeeded), 1 not.\n"
	"\n"
	"Examples:\n"
	"  skyshim creds s3://bucket\n"
	"  AWS_PROFILE=dev skyshim creds test s3://bucket/key\n";

struct options {
	bool test, json;
	const char *name; /* NULL: none */
};

static int usage(void)
{
	fputs(help, stderr);
	return CLI_USAGE;
}

/* Returns false when the command line is wrong. */
static bool parse(char **argv, struct options *o)
{
	*o = (struct options){0};
	if (*argv && !strcmp(*argv, "test")) {
		o->test = true;
		argv++;
	}
	for (; *argv; argv++) {
		if (!strcmp(*argv, "--json"))
			o->json = true;
		else if (o->name || **argv == '-' || !**argv)
			return false;
		else
			o->name = *argv;
	}
	return !o->test || o->name;
}

static void print(const char *name, const char *text)
{
	if (*text)
		printf("%-12s %s\n", name, text);
}

static void print_expiry(const json_t *root)
{
	const json_t *value = json_object_get(root, "expires");
	long long left_s = json_integer_value(json_object_get(root, "expires_in_s"));
	time_t when = (time_t)json_integer_value(value);
	char text[64];
	struct tm tm;

	if (!json_is_integer(value) || !gmtime_r(&when, &tm))
		return;
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm);
	printf("%-12s %s (in %lld min %lld s)\n", "expires", text, left_s / 60, left_s % 60);
}

static void print_all(const json_t *root)
{
	const char *region = inquire_text(root, "bucket_region");
	const json_t *test = json_object_get(root, "test");
	const json_t *one;
	size_t i;

	printf("%-12s %s://%s%s%s\n", "name", inquire_text(root, "scheme"),
	       inquire_text(root, "bucket"), *inquire_text(root, "key") ? "/" : "",
	       inquire_text(root, "key"));
	print("endpoint", inquire_text(root, "endpoint"));
	print("", inquire_text(root, "endpoint_from"));
	print("region", *region ? region : inquire_text(root, "region"));
	print("quirks", inquire_text(root, "quirks"));
	json_array_foreach(json_object_get(root, "settings"), i, one)
	{
		printf("%-12s %s = %s (%s)\n", i ? "" : "settings", inquire_text(one, "name"),
		       inquire_text(one, "value"), inquire_text(one, "from"));
	}
	print("credentials",
	      *inquire_text(root, "credentials") ? inquire_text(root, "credentials") : "none");
	print_expiry(root);
	json_array_foreach(json_object_get(root, "tried"), i, one)
	{
		printf("%-12s %-20s %s\n", i ? "" : "tried", inquire_text(one, "source"),
		       inquire_text(one, "result"));
	}
	print("error", inquire_text(root, "error"));
	if (!test)
		return;
	printf("%-12s %s: %s\n", "test", inquire_text(test, "request"),
	       inquire_text(test, "means"));
	print("", inquire_text(test, "says"));
	print("advice", inquire_text(root, "advice"));
}

int cli_creds(char **argv)
{
	static struct vpath vp;
	struct wire_request request = {.op = WIRE_CREDS};
	struct options o;
	json_t *root;
	int ret;

	if (argv[0] && !strcmp(argv[0], "--help") && !argv[1])
		return fputs(help, stdout) < 0;
	if (!parse(argv, &o))
		return usage();
	request.flags = o.test ? WIRE_CREDS_TEST : 0;
	ret = inquire_resolve("creds", o.name, &vp);
	if (!ret)
		ret = inquire("creds", &request, &vp, o.name, &root);
	if (ret)
		return ret;
	if (o.json)
		ret = json_dumpf(root, stdout, JSON_INDENT(2)) || puts("") < 0;
	else
		print_all(root);
	if (!ret)
		ret = o.test ? !json_is_true(json_object_get(json_object_get(root, "test"), "good"))
			     : !*inquire_text(root, "credentials");
	json_decref(root);
	return ret;
}
