/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals. Every handler of the program is entered through the runtime: the kernel delivers on the
 * thread's private stack with all signals blocked, the runtime moves an instruction pointer out of
 * its own code, builds the frame where the kernel would have built it (the program's stack, or the
 * alternate stack it asked for), and leaves for the handler with the mask that belongs to it.
 *
 * SIGSYS, SIGSEGV and SIGBUS are always the runtime's in the kernel's eyes; the program's own
 * disposition is kept beside and acted out.
 */
#ifndef INTERCEPT_SIGNALS_H
#define INTERCEPT_SIGNALS_H

#include "intercept/thread.h"

/* Installs the runtime's own handlers. Called once, before the program runs. */
void signals_init(struct thread *t);

/* A copy of the trap frame uc on child's private stack, so that the child can leave by
 * rt_sigreturn_at() with the return value 0 and, unless it is 0, the stack pointer sp. Returns the
 * address for that. */
uintptr_t signals_child_frame(struct thread *child, const struct kucontext *uc, uintptr_t sp);

/* Replaces a mask the kernel is about to read by a copy without SIGSYS. user: the program's
 * pointer; returns the pointer to pass on (user itself when nothing needs changing). */
uint64_t signals_mask_for_kernel(struct thread *t, uint64_t user, uint64_t size);

#endif
