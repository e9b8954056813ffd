/* SPDX-License-Identifier: Apache-2.0 */
/* The 32-bit entry (int $0x80) of a 64-bit program. */
#ifndef INTERCEPT_INT80_H
#define INTERCEPT_INT80_H

#include <stdint.h>

#include "intercept/kernel.h"

/* The 64-bit number of the call that r asks for, and its arguments, when both entries mean the same
 * by them; -1 when they do not: the kernel answers, and knows nothing of the clouds. */
long int80_translate(const struct kregs *r, uint64_t arg[6]);

#endif
