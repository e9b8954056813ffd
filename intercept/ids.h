/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The effective user and group, which own everything in the clouds: as they were at the start of
 * this image, until something may have changed them; from then on the kernel is asked.
 */
#ifndef INTERCEPT_IDS_H
#define INTERCEPT_IDS_H

#include <stdint.h>

/* From the auxiliary vector of this image. */
void ids_init(const uint64_t *auxv);

/* They may change: set*id, or another user namespace. Async-signal-safe; stays so in children. */
void ids_unsettle(void);

uint32_t ids_user(void);
uint32_t ids_group(void);

#endif
