/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directories that fs/told.c remembers as empty, in the order of their names, so that those
 * below one are found without a look at the others. All under that file's lock.
 */
#ifndef FS_EMPTYDIRS_H
#define FS_EMPTYDIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/wire.h"

struct emptydir {
	struct emptydir *older, *newer;
	uint8_t ctx[WIRE_CTX_BYTES];
	bool is_made;	    /* by mkdir or a rename, not by what went */
	bool has_mark;	    /* it was made by one */
	int64_t ours_ns;    /* up to here told_has_none(); 0: others write in it */
	uint64_t evictions; /* of the metadata cache, when it was made: none since */
	char prefix[];
};

/* NULL: it is none. */
struct emptydir *emptydirs_find(const uint8_t *ctx, const char *prefix);

/* One that is not there yet. When there are more than TOLD_EMPTY_MAX the oldest goes. NULL: no
 * memory. */
struct emptydir *emptydirs_add(const uint8_t *ctx, const char *prefix);

void emptydirs_drop(struct emptydir *e);

/* The place of the first one whose name begins with that, of whatever context; first of all those
 * of that very name. */
size_t emptydirs_first(const char *start);

/* What stands there, if its name begins so, or NULL. */
struct emptydir *emptydirs_at(size_t place, const char *start);

#endif
