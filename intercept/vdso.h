/* SPDX-License-Identifier: Apache-2.0 */
/* The time without a system call, from the object that the kernel maps into each process: vdso(7).
 */
#ifndef INTERCEPT_VDSO_H
#define INTERCEPT_VDSO_H

#include <stdint.h>

/* Looks at the auxiliary vector of this image. Before a filter traps system calls. */
void vdso_init(const uint64_t *auxv);

/* CLOCK_MONOTONIC_COARSE in nanoseconds, or 0 when it cannot be had without a system call. Uses
 * general registers only. On a private stack. */
int64_t vdso_coarse_ns(void);

#endif
