/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far the uploads under way are, for whoever shows it to a user: what the store has taken of a
 * file, in whole parts. Any thread; its lock is taken after all others.
 */
#ifndef FS_SENT_H
#define FS_SENT_H

#include <stdint.h>

#include "cache/cache.h"

/* One upload of a file, the caller's while it lasts. */
struct sent {
	struct sent *next;
	const struct cache_file *file;
	uint64_t bytes;
};

void sent_begin(struct sent *s, const struct cache_file *file);
void sent_end(struct sent *s);

/* So many bytes more of it. Nothing if no upload of it is under way: what goes ahead counts when
 * there is one. */
void sent_add(const struct cache_file *file, uint64_t bytes);

/* Bytes; 0: nothing of it, or no upload is under way. */
uint64_t sent_bytes(const struct cache_file *file);

#endif
