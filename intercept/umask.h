/* SPDX-License-Identifier: Apache-2.0 */
/* The permission bits that this program takes off every file it makes. */
#ifndef INTERCEPT_UMASK_H
#define INTERCEPT_UMASK_H

#include <stdint.h>

/* On a private stack. */
uint32_t umask_now(void);

#endif
