/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals. Every handler of the program is entered through the runtime: the kernel delivers on the
 * thread's private stack with all signals blocked, the runtime moves an instruction pointer out of
 * its own code, builds the frame where the kernel would have built it (the program's stack, or the
 * alternate stack it asked for), and leaves for the handler with the mask that belongs to it.
 *
 * A signal that finds the runtime at work on a call is put off: it is kept, and everything is
 * blocked until the program's registers are complete (signals_release).
 *
 * SIGSYS, SIGSEGV and SIGBUS are always the runtime's in the kernel's eyes; the program's own
 * disposition is kept beside and acted out.
 */
#ifndef INTERCEPT_SIGNALS_H
#define INTERCEPT_SIGNALS_H

#include "intercept/thread.h"

#define SIGNALS_FAULTS	 (SIGBIT(K_SIGSEGV) | SIGBIT(K_SIGBUS))
#define SIGNALS_ARM_CODE (-0x534b) /* si_code of the SIGSYS that arms another thread */

/* Installs the runtime's own handlers. Called once, before the program runs. */
void signals_init(struct thread *t);

/* A child begins without its parent's handlers (CLONE_CLEAR_SIGHAND): for the program to see; and
 * the runtime's own again, which the kernel has dropped as well. */
void signals_default(struct proc *p);
void signals_install(void);

/* The program's own signal mask (SIGSYS apart), and setting it. While a call is answered. */
uint64_t signals_mask(struct thread *t);
long signals_set_mask(struct thread *t, uint64_t mask);

/* Until the call is over, no signal comes in but those that tell of a bad pointer: for a copy while
 * the program blocks those, and where the mask must not change. A signal that came before, in this
 * call, is told by put_off. */
void signals_hold(struct thread *t);

/* Held, and about to become another image: what is kept since the program blocks it waits for that.
 * Nothing is copied from the program any more in this call. */
void signals_hand_on(struct thread *t);

/* The call is over, but by another signal, which comes first: what was put off is sent again. */
void signals_send_kept(struct thread *t);

/* The kernel is about to wait with the mask at user: takes a copy without SIGSYS, mask_copy, which
 * is also what handlers run with that end the waiting. False: there is none to be read. */
bool signals_mask_for_kernel(struct thread *t, uint64_t user, uint64_t size);

#endif
