/* SPDX-License-Identifier: Apache-2.0 */
/* `skyshim stats`: the daemon's counters, for people, for programs (--json), or for Prometheus. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cli/cli.h"
#include "core/cli/report.h"
#include "core/cli/statsview.h"

#define NO_DAEMON 3 /* exit status, as of `skyshim status` */

struct options {
	bool json, prometheus;
	uint32_t job;
};

static int take_job(const char *text, uint32_t *out)
{
	char *end;
	unsigned long id = strtoul(text, &end, 16);

	if (*end || end == text || !id || id > UINT32_MAX) {
		fprintf(stderr, "skyshim: stats: --job=%s is none; `skyshim stats` lists them\n",
			text);
		return CLI_USAGE;
	}
	*out = (uint32_t)id;
	return 0;
}

static int take_options(char **argv, struct options *o)
{
	for (; *argv; argv++) {
		int ret = 0;

		if (!strcmp(*argv, "--json"))
			o->json = true;
		else if (!strcmp(*argv, "--prometheus"))
			o->prometheus = true;
		else if (!strncmp(*argv, "--job=", 6))
			ret = take_job(*argv + 6, &o->job);
		else
			ret = cli_no_arguments("stats", argv);
		if (ret)
			return ret;
	}
	if (o->json && o->prometheus) {
		fputs("skyshim: stats: --json or --prometheus, not both\n", stderr);
		return CLI_USAGE;
	}
	return 0;
}

int cli_stats(char **argv)
{
	struct options o = {0};
	json_t *root = NULL;
	int ret = take_options(argv, &o);

	if (ret)
		return ret;
	ret = report_get(WIRE_STATS, o.job, &root);
	if (ret == 1)
		fputs("skyshim: no daemon is running\n", stderr);
	if (ret == 2)
		fprintf(stderr, "skyshim: there is no job %08x (any more)\n", o.job);
	if (ret)
		return ret == 1 ? NO_DAEMON : 1;
	if (o.json) {
		json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
		putchar('\n');
	} else if (o.prometheus) {
		prometheus_print(stdout, root, o.job);
	} else {
		statstext_print(stdout, root, o.job);
	}
	json_decref(root);
	if (fflush(stdout)) {
		perror("skyshim: stats");
		return 1;
	}
	return 0;
}
