/* SPDX-License-Identifier: Apache-2.0 */
/* A HEAD before anybody asks about the name. */
#ifndef FS_HEADAHEAD_H
#define FS_HEADAHEAD_H

#include "fs/fetch.h"
#include "fs/lookup.h"

/* For the leader of meta_enter_ahead(), which ends that: returns at once. 0: landed comes once, on
 * the I/O thread, with 0 or the error; -ENOENT: it is no file any more. Otherwise a negative errno.
 */
int headahead(const struct lookup *q, fetch_landed *landed);

#endif
