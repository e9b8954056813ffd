/* SPDX-License-Identifier: Apache-2.0 */
/* What an execve(2) is about to execute: the file, or an interpreter that its #! lines lead to. */
#ifndef INTERCEPT_EXECPLAN_H
#define INTERCEPT_EXECPLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/handoff.h"
#include "core/base/shebang.h"
#include "intercept/elf.h"
#include "intercept/load.h"

#define EXECPLAN_NOTE "skyshim runtime" /* the name of the runtime's note: 16 bytes with its NUL */

/* One execve under way; lives in a mapping, since it is too big for a private stack. What is always
 * used stands first: a page touched is a fault. */
struct exec_plan {
	char mask[20];
	char fd[12];   /* the new image loads from this descriptor, and closes it; "": by path */
	bool is_cloud; /* what fd is of: path is its name for others, and its mode was looked at */
	const char *front[2 * SHEBANG_DEPTH_MAX]; /* of each level: interpreter, argument or NULL */
	struct load_front head;			  /* of the file that is looked at */
	char line[SHEBANG_DEPTH_MAX][SHEBANG_BYTES];
	struct elf_info elf;
	char path[WIRE_PATH_MAX];   /* the file to load */
	char script[WIRE_PATH_MAX]; /* the script's own name, for its interpreter */
	char handoff[HANDOFF_BYTES];
	uint64_t pointers[];
};

/* Looks at what p->path names, and follows #! lines: p->path is the file to load then; p->front,
 * p->script and *depth_out, how many lines there were, tell what its arguments begin with. 0 (the
 * runtime loads it), one of these, or the error that the kernel would have for it. */
#define EXECPLAN_NATIVE \
	1 /* the kernel executes it: set-uid, 32-bit, of binfmt_misc, not readable */
#define EXECPLAN_RUNTIME \
	2 /* it is a runtime itself, this one's file or another's: it starts anew */
int execplan_follow(struct exec_plan *p, unsigned *depth_out);

#endif
