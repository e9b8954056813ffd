/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `skyshim shell`: the user's shell under the runtime, with a mark in its prompt. Start-up files
 * set prompts anew, so bash gets one of ours that reads the user's first; other shells take PS1 or
 * PROMPT as it is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/cli/cli.h"

#define MARK	 "(cloud) "
#define ARGS_MAX 256 /* arguments passed on */

/* A start-up file without a name; bash has read all of it before it closes the descriptor. */
static int make_start_file(char *path, size_t bytes)
{
	int fd = memfd_create("skyshim-shell", 0);

	if (fd < 0 || dprintf(fd, "exec %d<&-\n[ -f ~/.bashrc ] && . ~/.bashrc\nPS1='%s'\"$PS1\"\n",
			      fd, MARK) < 0)
		return -1;
	snprintf(path, bytes, "/proc/self/fd/%d", fd);
	return 0;
}

static void mark_prompt(const char *variable, const char *usual)
{
	const char *now = getenv(variable);
	char *text;

	if (now && !strncmp(now, MARK, strlen(MARK)))
		return;
	if (asprintf(&text, "%s%s", MARK, now ? now : usual) < 0)
		return;
	setenv(variable, text, 1);
	free(text);
}

int cli_shell(char **argv)
{
	const char *shell = getenv("SHELL");
	const char *base;
	char start[64];
	char *out[ARGS_MAX + 4];
	size_t n = 0;

	if (!shell || !*shell)
		shell = "/bin/sh";
	base = strrchr(shell, '/');
	base = base ? base + 1 : shell;
	out[n++] = (char *)shell;
	if (!strcmp(base, "bash") && !argv[0] && !make_start_file(start, sizeof(start))) {
		out[n++] = (char *)"--rcfile";
		out[n++] = start;
	}
	mark_prompt("PS1", "\\$ ");
	if (!strcmp(base, "zsh"))
		mark_prompt("PROMPT", "%# ");
	for (size_t i = 0; argv[i]; i++) {
		if (i == ARGS_MAX) {
			fputs("skyshim: shell: too many arguments\n", stderr);
			return CLI_USAGE;
		}
		out[n++] = argv[i];
	}
	out[n] = NULL;
	return cli_run(out);
}
