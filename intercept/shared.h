/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's shared tables (core/base/attrs.h, opens.h), as a program has them. */
#ifndef INTERCEPT_SHARED_H
#define INTERCEPT_SHARED_H

#include <stdint.h>

#include "core/base/attrs.h"

/* What there is to map. */
struct shared_file {
	char name[8];	     /* in the cache directory */
	uint64_t bytes;	     /* of the whole file */
	uint64_t read_bytes; /* of these the first, at a page: the daemon's alone */
};

/* All zero at first. */
struct shared {
	const union attrs_line *lines; /* atomic; NULL: not mapped */
	uint32_t refused;	       /* atomic; it cannot be had: nothing is tried again */
};

/* The table, mapped at the first question and for good, or NULL. Whoever reads it, and writes to
 * what is its own to write, does so by what survives a fault (usercopy.h). */
const union attrs_line *shared_map(struct shared *shared, const struct shared_file *file);

#endif
