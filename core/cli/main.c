/* SPDX-License-Identifier: Apache-2.0 */
/* The command line. The top layer: it may include everything, nothing includes it. */
#include <stdio.h>
#include <string.h>

#include "core/cli/cli.h"

static const char usage[] =
	"skyshim: programs work on object storage as if it were a local disk\n"
	"\n"
	"  skyshim run [--] PROGRAM [ARG...]   run PROGRAM with its system calls intercepted\n"
	"  skyshim --help | --version\n"
	"\n"
	"Examples:\n"
	"  skyshim run ls -l /usr\n"
	"  skyshim run sh -c 'find . -name \"*.c\" | xargs grep main'\n"
	"\n"
	"run: the exit status, or the fatal signal, is PROGRAM's; 127 when it is not found, 126 "
	"when it\n"
	"cannot be executed. SKYSHIM_OFF=1 runs PROGRAM natively. SKYSHIM_ROOT (/cloud) is where "
	"the\n"
	"clouds appear.\n";

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";

	if (!strcmp(command, "run"))
		return cli_run(argv + 2);
	if (!strcmp(command, "--version")) {
		puts("skyshim " SKYSHIM_VERSION);
		return 0;
	}
	if (!strcmp(command, "--help") || !strcmp(command, "help")) {
		fputs(usage, stdout);
		return 0;
	}
	fprintf(stderr, "skyshim: %s%s; see `skyshim --help`\n",
		*command ? "unknown command " : "a command is missing", command);
	return 2;
}
