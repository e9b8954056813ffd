// SPDX-License-Identifier: Apache-2.0
/* The daemon's program, with all commands that need more than a C library. The top layer: it may
 * include everything, nothing includes it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "core/cli/cli.h"
#include "core/cli/standing.h"

static const struct {
	const char *name;
	int (*run)(char **argv);
} commands[] = {
	{"daemon", cli_daemon},	  {"stop", cli_stop},	  {"status", cli_status},
	{"stats", cli_stats},	  {"creds", cli_creds},	  {"doctor", cli_doctor},
	{"recover", cli_recover}, {"detect", cli_detect}, {"rewrite", cli_rewrite},
	{"ended", cli_ended},
};

int cli_no_arguments(const char *command, char **argv)
{
	if (!argv[0])
		return 0;
	fprintf(stderr, "skyshim: %s takes no '%s'; see `skyshim --help`\n", command, argv[0]);
	return CLI_USAGE;
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";

	standing_hold();
	/* ignored, as whoever started this may do, it hides how a child has ended (wait(2)) */
	signal(SIGCHLD, SIG_DFL);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(command, commands[i].name))
			return commands[i].run(argv + 2);
	}
	fprintf(stderr, "skyshim: unknown command %s; see `skyshim --help`\n", command);
	return CLI_USAGE;
}
