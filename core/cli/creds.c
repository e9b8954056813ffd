// SPDX-License-Identifier: Apache-2.0
/* `skyshim creds`: which credential a bucket is asked for with, and whether it is good. */
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/vpath.h"
#include "core/cli/cli.h"
#include "core/cli/handover.h"
#include "core/cli/where.h"
#include "fs/ask.h"

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

/* The virtual path of a name. Returns 0, or an exit status after saying why. */
static int resolve(const char *name, struct vpath *vp)
{
	char root[PATH_MAX];
	char cwd[PATH_MAX];
	int ret;

	vp->text[0] = '\0';
	vp->len = 0;
	if (!name)
		return 0;
	if (where_root(root))
		return 1;
	ret = vpath_resolve(root, NULL, name, vp);
	/* under a runtime of ours it may be relative to a directory of the clouds */
	if (!ret && *name != '/' && getcwd(cwd, sizeof(cwd)) &&
	    vpath_resolve(root, NULL, cwd, vp) == 1) {
		char dir[WIRE_PATH_MAX];

		memcpy(dir, vp->text, vp->len + 1);
		ret = vpath_resolve(root, dir, name, vp);
	}
	if (ret == 1)
		return 0;
	fprintf(stderr,
		"skyshim: creds: '%s' is nothing in the clouds: write s3://BUCKET, or a path "
		"below %s\n",
		name, root);
	return CLI_USAGE;
}

static int question(const struct options *o, const struct vpath *vp, json_t **out)
{
	struct wire_request request = {.op = WIRE_CREDS, .flags = o->test ? WIRE_CREDS_TEST : 0};
	struct ask_reply reply;
	struct where w;
	int ret;

	if (where_find(&w))
		return 1;
	ret = handover_context(&w, request.ctx);
	if (ret) {
		free(w.cache_dir);
		return 1;
	}
	ret = ask(w.sock, &request, vp->text, vp->len, &reply);
	free(w.cache_dir);
	if (ret) {
		fprintf(stderr, "skyshim: the daemon does not answer: %s\n", ask_error(ret));
		return 1;
	}
	*out = reply.head.error ? NULL : json_loads(reply.text ? reply.text : "", 0, NULL);
	ret = reply.head.error;
	ask_free(&reply);
	if (*out)
		return 0;
	fprintf(stderr, "skyshim: creds: %s: %s\n", o->name ? o->name : "",
		ret == -EINVAL ? "no store of this kind"
		: ret	       ? strerror(-ret)
			       : "the daemon's answer makes no sense");
	return 1;
}

static const char *text_of(const json_t *root, const char *name)
{
	const char *text = json_string_value(json_object_get(root, name));

	return text ? text : "";
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
	const char *region = text_of(root, "bucket_region");
	const json_t *test = json_object_get(root, "test");
	const json_t *one;
	size_t i;

	printf("%-12s %s://%s%s%s\n", "name", text_of(root, "scheme"), text_of(root, "bucket"),
	       *text_of(root, "key") ? "/" : "", text_of(root, "key"));
	print("endpoint", text_of(root, "endpoint"));
	print("", text_of(root, "endpoint_from"));
	print("region", *region ? region : text_of(root, "region"));
	json_array_foreach(json_object_get(root, "settings"), i, one)
	{
		printf("%-12s %s = %s (%s)\n", i ? "" : "settings", text_of(one, "name"),
		       text_of(one, "value"), text_of(one, "from"));
	}
	print("credentials", *text_of(root, "credentials") ? text_of(root, "credentials") : "none");
	print_expiry(root);
	json_array_foreach(json_object_get(root, "tried"), i, one)
	{
		printf("%-12s %-20s %s\n", i ? "" : "tried", text_of(one, "source"),
		       text_of(one, "result"));
	}
	print("error", text_of(root, "error"));
	if (!test)
		return;
	printf("%-12s %s: %s\n", "test", text_of(test, "request"), text_of(test, "means"));
	print("", text_of(test, "says"));
	print("advice", text_of(root, "advice"));
}

int cli_creds(char **argv)
{
	static struct vpath vp;
	struct options o;
	json_t *root;
	int ret;

	if (argv[0] && !strcmp(argv[0], "--help") && !argv[1])
		return fputs(help, stdout) < 0;
	if (!parse(argv, &o))
		return usage();
	ret = resolve(o.name, &vp);
	if (!ret)
		ret = question(&o, &vp, &root);
	if (ret)
		return ret;
	if (o.json)
		ret = json_dumpf(root, stdout, JSON_INDENT(2)) || puts("") < 0;
	else
		print_all(root);
	if (!ret)
		ret = o.test ? !json_is_true(json_object_get(json_object_get(root, "test"), "good"))
			     : !*text_of(root, "credentials");
	json_decref(root);
	return ret;
}
