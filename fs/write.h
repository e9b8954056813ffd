/* SPDX-License-Identifier: Apache-2.0 */
/* Opening for writing. */
#ifndef FS_WRITE_H
#define FS_WRITE_H

#include "fs/lookup.h"
#include "fs/open.h"

/* The draft that q's name becomes, its flags as of open(2) applied. mode: permission bits of a file
 * that is made. A file whose content goes (O_TRUNC) costs no request; one that is made, those that
 * find out that it is not there. Returns 0 with out->file set, or an error of open(2) with
 * q->message.
 */
int write_open(struct lookup *q, unsigned flags, uint32_t mode, struct opened *out);

#endif
