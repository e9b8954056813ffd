/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a system call of the program to its answer.
 *
 * A handler gets the arguments and returns the result (negative errno included), or SYS_PASS: the
 * kernel answers, on the program's own stack and with its own signal mask. Before that it may
 * replace arguments by args_replace(); the program gets its own registers back. Handlers run on the
 * thread's private stack; no code of the program, no signal handler either, runs meanwhile. They
 * decide "ours?" before they read user memory, except for path names.
 */
#ifndef INTERCEPT_DISPATCH_H
#define INTERCEPT_DISPATCH_H

#include <stdbool.h>

#include "intercept/thread.h"

#define SYS_PASS (-100000L) /* the kernel answers */
#define SYS_PASS_PATH \
	(-100001L) /* the kernel answers; if that is ENOENT, the handler is asked again */
#define SYS_PASS_GATE  (-100002L) /* the kernel answers, and does not come back (rt_sigreturn) */
#define SYS_PASS_AFTER (-100003L) /* the kernel answers; then dispatch_answered() is called */
#define SYS_AGAIN      (-100004L) /* a signal was put off that must come first: then once more */
/* The kernel is called with the replaced arguments, to wait; thread->result is the answer, also
 * when a signal comes first. */
#define SYS_PASS_COUNTED (-100005L)
#define SYS_PASS_LAST	 SYS_PASS_COUNTED

struct sys_args {
	struct thread *thread;
	struct kregs *regs; /* the program's: thread->regs */
	long nr;
	uint64_t arg[6];
	bool replaced;
};

typedef long sys_handler(struct sys_args *a);

/* What the call's handler says; SYS_PASS when it has none. */
sys_handler dispatch_handle;

/* The same, once more for each symbolic link in the clouds that the call's names lead through; a
 * holds then what the last one made of the arguments. */
sys_handler dispatch_follow;

/* TWIN_GS_CLASSES: enum sysclass by the low 16 bits of a number. */
extern const uint8_t dispatch_classes[65536];

/* Gives the kernel value instead of argument i. */
static inline void args_replace(struct sys_args *a, int i, uint64_t value)
{
	a->arg[i] = value;
	a->replaced = true;
}

/* The SIGSYS of Syscall User Dispatch: sends uc to the entry. */
void dispatch_trap(struct thread *t, const struct ksiginfo *info, struct kucontext *uc);

/* A single step (the trap flag) has ended at uc. True: within our code, of which the program takes
 * no steps; the next one it sees is behind it. */
bool dispatch_steps(struct kucontext *uc);

/* uc stands behind a call that a signal of the runtime's own has interrupted (EINTR): the call is
 * made again, if it is one that the program has passed and its number is known. */
void dispatch_repeat(struct thread *t, struct kucontext *uc);

/* If uc stands in a gate, a trampoline or on the way in or out, moves it to where the program
 * itself stands: at its syscall instruction when the call has not been made (or is to be
 * restarted), behind it when it has. A program never sees an ip of ours. False: the runtime is at
 * work on a call, which must be finished first. */
bool dispatch_program_context(struct thread *t, struct kucontext *uc);

/* After SYS_PASS_AFTER: the kernel has answered call nr, whose arguments are in r. */
void dispatch_answered(struct thread *t, long nr, const struct kregs *r, long result);

#endif
