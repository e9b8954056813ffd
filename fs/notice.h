/* SPDX-License-Identifier: Apache-2.0 */
/* Which errors are worth a line to the user: the first of its kind in a while. */
#ifndef FS_NOTICE_H
#define FS_NOTICE_H

#include <stdbool.h>
#include <stdint.h>

#define NOTICE_QUIET_S 10  /* the same is not said again for so long */
#define NOTICE_MAX     256 /* kinds remembered */

/* Should an error in this bucket ("" for none) be said now, in this context? */
bool notice_due(const uint8_t *ctx, const char *bucket, int error);

#endif
