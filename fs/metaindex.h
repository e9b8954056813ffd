/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds records of the metadata cache by a hash: slots, each with a chain of records, as many slots
 * as there is room for entries of 96 bytes, so that a chain has hardly more than one. All under
 * metaentry_lock.
 */
#ifndef FS_METAINDEX_H
#define FS_METAINDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* For a cache of that many bytes in all. False: there is no memory. */
bool metaindex_start(size_t bytes);
void metaindex_stop(void);

size_t metaindex_slots(void);

/* The first record of that slot, 0: none; the others follow by metarec.next. */
uint32_t metaindex_first(uint64_t hash);

void metaindex_add(uint64_t hash, uint32_t ref);

/* It is there under that hash. to 0: it goes; or the number of its copy, with the same next. */
void metaindex_replace(uint64_t hash, uint32_t ref, uint32_t to);

/* Over more bytes of a name, from metaindex_basis() on, which is random: whoever chooses names does
 * not know which of them share a slot. */
uint64_t metaindex_hash(uint64_t state, const char *text, size_t len);
uint64_t metaindex_basis(void);

/* MurmurHash3's finaliser: every bit depends on every one. */
uint64_t metaindex_mix(uint64_t state);

#endif
