// SPDX-License-Identifier: Apache-2.0
/* `skyshim ended JOB`: what a job has asked of stores, on stderr, for `run --stats`. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/cli/cli.h"
#include "core/cli/report.h"
#include "core/cli/statsview.h"

#define LOOKS 100 /* for so many times 10 ms: what was read ahead in vain may take longer */

/* The program may have its bytes a moment before their request is counted. */
static int get_all(uint32_t job, json_t **root)
{
	const struct timespec rest = {.tv_nsec = 10000000};
	int ret = report_get(WIRE_STATS, job, root);

	for (int i = 0; i < LOOKS && !ret && stats_number(*root, "requests_under_way"); i++) {
		json_decref(*root);
		*root = NULL;
		nanosleep(&rest, NULL);
		ret = report_get(WIRE_STATS, job, root);
	}
	return ret;
}

static void tell(uint32_t job)
{
	json_t *root = NULL;
	int ret = get_all(job, &root);

	if (ret == 1)
		fputs("skyshim: run: --stats: the daemon has ended\n", stderr);
	if (ret == 2)
		fputs("skyshim: run: --stats: the daemon does not know the job any more\n", stderr);
	if (!ret)
		statstext_print(stderr, root, true);
	json_decref(root);
}

int cli_ended(char **argv)
{
	if (!argv[0])
		return CLI_USAGE;
	tell((uint32_t)strtoul(argv[0], NULL, 16));
	return 0;
}
