/* SPDX-License-Identifier: Apache-2.0 */
/* Code that no twin proves: when to set the trap, and what trapped. */
#ifndef INTERCEPT_TRAPPED_H
#define INTERCEPT_TRAPPED_H

#include <stdint.h>

/* Executable memory exists that no twin proves: the trap is needed from now on. why: for the
 * report. 0, or a negative errno when the program must not have that memory (--strict, and the
 * kernel cannot trap). */
int trapped_expect(const char *why);

/* The syscall instruction at site trapped: if it stands in a file, that file's next twin replaces
 * it. */
void trapped_note(uint64_t site);

#endif
