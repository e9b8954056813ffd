/* SPDX-License-Identifier: Apache-2.0 */
/* A link that comes again (WIRE_AGAIN), and meets a file. */
#ifndef FS_LINKAGAIN_H
#define FS_LINKAGAIN_H

#include "cache/cache.h"
#include "fs/lookup.h"

/* Both are names in one store. file: what from's name is known to be a name of, or NULL. 0: they
 * are one file here, or to is the copy that it would have been; -EEXIST: it is another file, or
 * nobody knows; or an error, with from->message. */
int link_again(struct lookup *from, struct lookup *to, struct cache_file *file);

/* Is to's object for certain a copy of what from's is now? */
bool linkagain_is_copy(struct lookup *from, struct lookup *to);

/* fs/link.c: the file of that version, with a reference. NULL: it is only copied. */
struct cache_file *link_file_of(struct lookup *from, const char *object,
				const struct meta_fact *fact);

#endif
