/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trap where there is no Syscall User Dispatch (Linux before 5.11, or a sandbox that refuses
 * it): a seccomp filter. It traps every system call (SIGSYS) but those made from one megabyte of
 * address space, the home, which is chosen at random once for a tree of processes (handoff.home):
 * a filter cannot be changed or taken away, and goes on through fork and execve, so the runtime of
 * every image of the tree stands at its home before it makes its first call.
 *
 * What follows from it: no_new_privs, so set-uid programs have no more rights than others; a
 * program that would run natively (a 32-bit one) cannot, once the filter is set.
 */
#ifndef INTERCEPT_FILTER_H
#define INTERCEPT_FILTER_H

#include <linux/elf.h>
#include <stdbool.h>
#include <stdint.h>

#include "intercept/kernel.h"

/* Is the filter this tree's trap, if it needs one? */
bool filter_wanted(void);

/* Sets it in the calling thread, or in all threads of this process. 0 or a negative errno; of all:
 * -EAGAIN when a thread has a filter of its own that the others have not. */
int filter_set(bool all_threads);

/* Is this SIGSYS the filter's? */
bool filter_is_trap(const struct ksiginfo *info);

/* Called before anything else, in the image at base: if the handoff in the environment names a home
 * and this is not it, goes on at again(sp, home) in a copy of this image there, and does not
 * return. */
void filter_go_home(uint64_t *sp, char *base, void (*again)(uint64_t *sp, char *base));

#endif
