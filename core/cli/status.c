/* SPDX-License-Identifier: Apache-2.0 */
/* `skyshim status`: exit status 0 when a daemon runs, 3 when none does (as init scripts have it).
 */
#include <stdio.h>

#include "core/cli/cli.h"
#include "core/cli/report.h"

#define NOT_RUNNING 3

int cli_status(char **argv)
{
	json_t *report;
	int ret = cli_no_arguments("status", argv);

	if (ret)
		return ret;
	ret = report_get(WIRE_STATUS, 0, &report);
	if (ret > 0)
		puts("no daemon is running; `skyshim run` starts one");
	if (ret)
		return ret > 0 ? NOT_RUNNING : 1;
	report_print(report);
	json_decref(report);
	return 0;
}
