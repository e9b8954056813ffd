/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommands. */
#ifndef CORE_CLI_CLI_H
#define CORE_CLI_CLI_H

/* `skyshim run`: argv holds what follows "run", NULL-terminated. Returns only when nothing could be
 * started: the exit status, after saying why on stderr. */
int cli_run(char **argv);

#endif
