/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is only appended to, where the service copies no ranges but can put whole objects one after
 * the other (store_ops.keeps_whole): the old object is kept as one part, and only what is new is
 * sent.
 */
#ifndef FS_MULTIAPPEND_H
#define FS_MULTIAPPEND_H

#include "fs/multipart.h"

/* Can it go so, with m? Of the last block of the old version, which what is new has made dirty, the
 * store is asked; of what was written here m->keep_sum is to be compared. May wait: not on the I/O
 * thread. */
bool multiappend_may(struct multipart *m, struct cache_file *file, const struct upload *up);

/* The plan for it, as multipart_plan(): the first part is [0, base), the rest is cut on the grid,
 * but that the second part begins at base. base: not in the first part of the grid; bytes: more. */
long multiappend_plan(uint64_t bytes, uint64_t base, struct multipart_part **out);

/* It did not go so: what was sent of these parts counts no more. */
void multiappend_undo(struct multipart *m, const struct multipart_part *parts, size_t count);

#endif
