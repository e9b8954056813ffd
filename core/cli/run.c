/* SPDX-License-Identifier: Apache-2.0 */
/* `skyshim run`: finds the program as a shell does, then becomes the runtime, which loads it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cli/cli.h"
#include "core/cli/handover.h"
#include "core/cli/program.h"
#include "core/cli/where.h"

static int run_natively(char **argv)
{
	execvp(argv[0], argv);
	fprintf(stderr, "skyshim: %s: %s\n", argv[0], strerror(errno));
	return errno == ENOENT ? CLI_NOT_FOUND : CLI_NOT_EXECUTABLE;
}

int cli_run(char **argv)
{
	static struct program program;
	static struct where where;
	const char *off = getenv("SKYSHIM_OFF");
	int ret;

	if (argv[0] && !strcmp(argv[0], "--"))
		argv++;
	if (!argv[0]) {
		fputs("skyshim: run what? usage: skyshim run [--] PROGRAM [ARG...]\n", stderr);
		return CLI_USAGE;
	}
	if (off && !strcmp(off, "1"))
		return run_natively(argv);
	ret = program_find(argv, &program);
	if (!ret && program.native) {
		fprintf(stderr, "skyshim: %s runs natively (%s): it does not see the clouds\n",
			program.exec, program.native);
		execv(program.found, argv);
		fprintf(stderr, "skyshim: %s: %s\n", program.found, strerror(errno));
		ret = CLI_NOT_EXECUTABLE;
	}
	if (!ret && where_find(&where))
		ret = CLI_NOT_EXECUTABLE;
	if (!ret)
		ret = handover(&where, &program);
	free(program.argv);
	free(where.cache_dir);
	return ret;
}
