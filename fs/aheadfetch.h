/* SPDX-License-Identifier: Apache-2.0 */
/* What an entry that comes next is fetched by: a GET, a HEAD, or the first page of its listing. */
#ifndef FS_AHEADFETCH_H
#define FS_AHEADFETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/aheaddir.h"
#include "fs/fetch.h"

/* Who is told, once each, on the I/O thread, when it is there or has failed. */
struct aheadfetch_landed {
	fetch_landed *file, *name;
	listing_landed *listing;
};

/* The question about an entry, to free; NULL when it can be none. */
struct lookup *aheadfetch_lookup(const struct aheaddir *d, const struct sibling *e);

/* Each returns whether something is on its way now; not if it is known, about to change, or not
 * worth it. index: in d->files, d->names and d->dirs. */
typedef bool aheadfetch(struct aheaddir *d, uint32_t index, const struct aheadfetch_landed *landed);
aheadfetch aheadfetch_file, aheadfetch_name, aheadfetch_listing;

#endif
