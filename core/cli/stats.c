/* SPDX-License-Identifier: Apache-2.0 */
/* `skyshim stats`: the daemon's counters, for people or (--json) for programs. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cli/cli.h"
#include "core/cli/report.h"

int cli_stats(char **argv)
{
	bool json = argv[0] && !strcmp(argv[0], "--json");
	char *text = NULL;
	int ret;

	if (cli_no_arguments("stats", argv + json))
		return CLI_USAGE;
	ret = report_get(WIRE_STATS, &text);
	if (ret > 0)
		fputs("skyshim: no daemon is running\n", stderr);
	if (ret)
		return ret > 0 ? 3 : 1;
	if (json)
		ret = puts(text) < 0;
	else
		ret = report_print(text) ? 1 : 0;
	free(text);
	return ret;
}
