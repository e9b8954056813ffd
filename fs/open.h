/* SPDX-License-Identifier: Apache-2.0 */
/* Opening: a name to a file in the cache or a listing. */
#ifndef FS_OPEN_H
#define FS_OPEN_H

#include "cache/cache.h"
#include "fs/lookup.h"

/* One of both is set, with a reference. */
struct opened {
	struct cache_file *file;
	struct listing *dir;
};

/* flags: open(2)'s O_DIRECTORY and O_PATH are looked at. A cold file costs exactly one GET, which
 * is also the lookup; a cached one whose facts are too old one conditional GET. Returns 0, -ENOENT,
 * -ENOTDIR, or an error with q->message. */
int open_name(struct lookup *q, int flags, struct opened *out);

/* The file of a fact about a file, with a reference; where the cache has none, one of which no byte
 * is there yet. NULL: there is no room for it. */
struct cache_file *open_version(struct lookup *q, const char *object, const struct meta_fact *fact);

#endif
