/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommands. Each returns an exit status after saying on stderr what went wrong. */
#ifndef CORE_CLI_CLI_H
#define CORE_CLI_CLI_H

#define CLI_USAGE	   2   /* exit status: the command line is wrong */
#define CLI_NOT_EXECUTABLE 126 /* as a shell: found, but it cannot be started */
#define CLI_NOT_FOUND	   127

/* argv: what follows the subcommand, NULL-terminated. */
int cli_run(char **argv);
int cli_shell(char **argv);
int cli_daemon(char **argv);
int cli_stop(char **argv);
int cli_status(char **argv);
int cli_stats(char **argv);
int cli_doctor(char **argv);
int cli_recover(char **argv);
int cli_creds(char **argv);
int cli_detect(char **argv);
int cli_rewrite(char **argv);
int cli_ended(char **argv);

/* For those without arguments: 0, or CLI_USAGE after saying so. */
int cli_no_arguments(const char *command, char **argv);

#endif
