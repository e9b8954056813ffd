/* SPDX-License-Identifier: Apache-2.0 */
/* Which errors are worth a line to the user: the first of its kind in a while. */
#ifndef FS_NOTICE_H
#define FS_NOTICE_H

#include <stdbool.h>
#include <stdint.h>

#define NOTICE_QUIET_S	  10  /* the same is not said again for so long */
#define NOTICE_MAX	  256 /* kinds remembered */
#define NOTICE_CAUSES_MAX 4   /* of one errno in one bucket that are said in that time */

/* Should this line about an error in this bucket ("" for none) be said now, in this context?
 * Another cause is another kind, though its errno be the same; another file, request id or number
 * of tries is not. */
bool notice_due(const uint8_t *ctx, const char *bucket, int error, const char *line);

#endif
