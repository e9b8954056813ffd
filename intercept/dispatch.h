/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a trapped system call to its answer.
 *
 * A handler gets the arguments and returns the result (negative errno included), or SYS_PASS: the
 * kernel answers, on the program's own stack and with its own signal mask. Before that it may
 * replace arguments by args_replace(); the program gets its own registers back. Handlers run on the
 * thread's private stack with all signals blocked. They decide "ours?" before they read user
 * memory, except for path names.
 */
#ifndef INTERCEPT_DISPATCH_H
#define INTERCEPT_DISPATCH_H

#include <stdbool.h>

#include "intercept/thread.h"

#define SYS_PASS (-100000L) /* the kernel answers */
#define SYS_PASS_PATH \
	(-100001L) /* the kernel answers; if that is ENOENT, the handler is asked again */
#define SYS_CONTEXT (-100002L) /* the handler has set the registers itself */

struct sys_args {
	struct thread *thread;
	struct kucontext *uc;
	long nr;
	uint64_t arg[6];
	bool replaced;
};

typedef long sys_handler(struct sys_args *a);

/* The handler of a system call, or NULL when the kernel answers it. */
sys_handler *dispatch_handler(long nr);

/* Gives the kernel value instead of argument i. */
static inline void args_replace(struct sys_args *a, int i, uint64_t value)
{
	a->arg[i] = value;
	a->replaced = true;
}

/* The SIGSYS of Syscall User Dispatch. */
void dispatch_trap(struct thread *t, const struct ksiginfo *info, struct kucontext *uc);

/* If uc stands inside a gate, moves it out: to the program's syscall instruction when the call has
 * not been made (or is to be restarted), behind it when it has. A program never sees an ip of ours.
 */
void gate_leave(const struct thread *t, struct kucontext *uc);

#endif
