/* SPDX-License-Identifier: Apache-2.0 */
/* `skyshim daemon`: its options. */
#include <stdio.h>
#include <string.h>

#include "core/cli/cli.h"
#include "fs/daemon.h"

int cli_daemon(char **argv)
{
	struct daemon_options options = {0};

	for (; *argv; argv++) {
		if (!strcmp(*argv, "--foreground")) {
			options.foreground = true;
		} else if (!strcmp(*argv, "--autostart")) {
			options.autostart = true;
		} else if (!strcmp(*argv, "--cache-dir") && argv[1]) {
			options.cache_dir = *++argv;
		} else if (!strcmp(*argv, "--socket") && argv[1]) {
			options.sock = *++argv;
		} else {
			fprintf(stderr,
				"skyshim: daemon: '%s'? usage: skyshim daemon [--foreground] "
				"[--autostart] [--cache-dir DIR] [--socket PATH]\n",
				*argv);
			return CLI_USAGE;
		}
	}
	return daemon_run(&options);
}
