// SPDX-License-Identifier: Apache-2.0
/* `skyshim detect`: what the service of a bucket can do, and what to configure. */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/cli/cli.h"
#include "core/cli/inquire.h"

static const char help[] =
	"skyshim detect: what the service of a bucket can do\n"
	"\n"
	"  skyshim detect [--json] URI|PATH\n"
	"\n"
	"URI|PATH: s3://BUCKET[/FOLDER], az://ACCOUNT/CONTAINER, gs://BUCKET, or a path below "
	"/cloud.\n"
	"A few small objects are written, read and deleted there, under a name of their own\n"
	"(.skyshim-detect-...); nothing of it stays, also after Ctrl-C: the daemon goes on to "
	"clear\n"
	"it away. What the service lacks is told with the lines for the configuration that say "
	"so;\n"
	"without them most of it is found out each time the daemon starts.\n"
	"\n"
	"Exit status: 0 it was found out, 1 not: there is no such bucket, or one may not write "
	"there.\n"
	"\n"
	"Examples:\n"
	"  skyshim detect s3://bucket\n"
	"  AWS_ENDPOINT_URL_S3=http://127.0.0.1:9000 skyshim detect --json s3://bucket/scratch\n";

static void print_settings(const json_t *root)
{
	const json_t *one;
	size_t i;

	if (!json_array_size(json_object_get(root, "settings"))) {
		puts("\nNothing need be configured for this service.");
		return;
	}
	printf("\nFor ~/.config/skyshim/config (`man skyshim`, docs/configuration.md):\n\n    %s\n",
	       inquire_text(root, "section"));
	json_array_foreach(json_object_get(root, "settings"), i, one)
	{
		printf("    %s\n", json_string_value(one));
	}
}

static void print_all(const json_t *root)
{
	const json_t *one;
	size_t i;

	printf("%s://%s at %s\n\n", inquire_text(root, "scheme"), inquire_text(root, "bucket"),
	       inquire_text(root, "endpoint"));
	json_array_foreach(json_object_get(root, "capabilities"), i, one)
	{
		const json_t *has = json_object_get(one, "has");

		printf("%-26s %-4s %s\n", inquire_text(one, "name"),
		       json_is_null(has)   ? "-"
		       : json_is_true(has) ? "yes"
					   : "no",
		       inquire_text(one, "how"));
	}
	print_settings(root);
}

int cli_detect(char **argv)
{
	static struct vpath vp;
	struct wire_request request = {.op = WIRE_DETECT};
	bool json = argv[0] && !strcmp(argv[0], "--json");
	const char *name = argv[json];
	json_t *root;
	int ret;

	if (name && !strcmp(name, "--help") && !argv[1])
		return fputs(help, stdout) < 0;
	if (!name || *name == '-' || !*name || argv[json + 1]) {
		fputs(help, stderr);
		return CLI_USAGE;
	}
	ret = inquire_resolve("detect", name, &vp);
	if (!ret)
		ret = inquire("detect", &request, &vp, name, &root);
	if (ret)
		return ret;
	if (json)
		ret = json_dumpf(root, stdout, JSON_INDENT(2)) || puts("") < 0;
	else if (!*inquire_text(root, "error"))
		print_all(root);
	if (*inquire_text(root, "error")) {
		fprintf(stderr, "skyshim: detect: %s\n", inquire_text(root, "error"));
		ret = 1;
	}
	if (json_integer_value(json_object_get(root, "left"))) {
		fprintf(stderr, "skyshim: detect: not all could be removed below %s\n",
			inquire_text(root, "scratch"));
		ret = 1;
	}
	json_decref(root);
	return ret;
}
