/* SPDX-License-Identifier: Apache-2.0 */
/* `skyshim run`: finds the program as a shell does, then becomes the runtime, which loads it. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/cli/cli.h"
#include "core/cli/handover.h"
#include "core/cli/program.h"
#include "core/cli/where.h"
#include "fs/names.h"

static int run_natively(char **argv)
{
	execvp(argv[0], argv);
	fprintf(stderr, "skyshim: %s: %s\n", argv[0], strerror(errno));
	return errno == ENOENT ? CLI_NOT_FOUND : CLI_NOT_EXECUTABLE;
}

/* Does this process itself run under a runtime? The root then has the inode number the daemon gives
 * it. */
static bool is_intercepted(void)
{
	char root[PATH_MAX];
	struct stat st;

	return !where_root(root) && !stat(root, &st) && st.st_ino == name_ino("", 0, true);
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
	/* the runtime that is here takes over whatever is executed, with the context it has */
	if (!ret && is_intercepted()) {
		execv(program.exec, program.argv);
		fprintf(stderr, "skyshim: %s: %s\n", program.exec, strerror(errno));
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
