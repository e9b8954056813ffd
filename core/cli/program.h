/* SPDX-License-Identifier: Apache-2.0 */
/* Which file a command name means, and what has to be executed for it. */
#ifndef CORE_CLI_PROGRAM_H
#define CORE_CLI_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

#include "core/base/shebang.h"

struct program {
	char exec[PATH_MAX]; /* the ELF file to load */
	char **argv; /* its arguments; to free, the strings live in here or in the caller's */
	const char *native;   /* why it has to run natively ("set-uid", ...), or NULL */
	char found[PATH_MAX]; /* the program itself, which may be a script */
	char line[SHEBANG_DEPTH_MAX + 1][SHEBANG_BYTES]; /* #! lines, taken apart */
	char interp[SHEBANG_DEPTH_MAX + 1][PATH_MAX];
};

/* Searches argv[0] as a shell does, and follows #! lines as the kernel does. Returns 0, or the exit
 * status to end with, after a message as a shell gives. */
int program_find(char **argv, struct program *out);

#endif
