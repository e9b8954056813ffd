/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directories that entries of the metadata cache lie in, of whichever context: each as the last
 * part of its name, its parent, and lists of what is in it. Ids stay as long as somebody refers to
 * them. All under metaentry_lock.
 */
#ifndef FS_METADIR_H
#define FS_METADIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/metarec.h"

#define METADIR_NONE UINT32_C(0xffffff)
#define METADIR_ROOT 0u /* "" */

/* At most that many, the root included. False: there is no memory. After fs/metalog.h's and
 * fs/metaindex.h's. */
bool metadir_start(size_t most);
void metadir_stop(void);

/* Valid until something is added (fs/metalog.h). */
struct metarec_dir *metadir_at(uint32_t id);

/* The hash of its name, as metaindex_hash() goes on with. */
uint64_t metadir_hash(const struct metarec_dir *dir);

/* prefix: "" or up to a slash; hash: of it. METADIR_NONE: nothing is known below. */
uint32_t metadir_find(const char *prefix, size_t len, uint64_t hash);

/* Records that were looked at for that so far. */
uint64_t metadir_probes(void);

/* The same, made if it is new, with a reference, for metadir_put(). METADIR_NONE: there is no room.
 * Makes room, as metalog_append() does. */
uint32_t metadir_get(const char *prefix, size_t len, uint64_t hash);
void metadir_put(uint32_t id);

/* Its record has been moved there. */
void metadir_moved(uint32_t id, uint32_t ref);

/* What follows id in a walk through all that is below top and itself, top first; METADIR_NONE: that
 * was the last. */
uint32_t metadir_next(uint32_t top, uint32_t id);

/* Its whole name, into text of size bytes. */
void metadir_name(uint32_t id, char *text, size_t size);

#endif
