/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory that the metadata cache's records stand in: of a fixed size, in segments that are
 * filled one after the other. When all are full, one is emptied: what is to stay is moved to where
 * records are added. That is the oldest segment; or, while more than an eighth of all is of records
 * that are dead, the one with most of these, and all others of it stay. So nothing that is freed
 * here or there is ever lost, and none has to be of a certain length.
 *
 * All under metaentry_lock.
 */
#ifndef FS_METALOG_H
#define FS_METALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define METALOG_SEGMENT 32768u /* bytes; no record is longer than a sixth of it */

enum metalog_mode {
	METALOG_ALL,	/* everything stays */
	METALOG_WANTED, /* entries that nobody wants may go */
	METALOG_NONE	/* all entries go */
};

/* What becomes of a record: calls either metalog_move() or metalog_free(), and adds nothing. */
typedef void metalog_visit(uint32_t ref, enum metalog_mode mode);

/* Returns false: there is no memory. bytes: three segments at least. */
bool metalog_start(size_t bytes, metalog_visit *visit);
void metalog_stop(void);
bool metalog_is_started(void);

/* ref: not 0. */
void *metalog_at(uint32_t ref);

/* Adds a record, a copy of that. May make room first: all other numbers may be of others, or of
 * none, afterwards. 0: there is no room. */
uint32_t metalog_append(const void *rec);

void metalog_free(uint32_t ref);

/* Of a record that is visited: its new number. */
uint32_t metalog_move(uint32_t ref);

/* Empties one segment. tries: how often that has been of no use before; from some number on, nobody
 * is spared. False: there is nothing more to be had. */
bool metalog_clean(unsigned tries);

/* All that are alive. METALOG_NONE is handed on; it may free any. */
void metalog_each(metalog_visit *visit);

/* Bytes that the cache takes, here and elsewhere; counted as MEMORY_NAMES. */
void metalog_charge(int64_t bytes);
uint64_t metalog_charged(void);

#endif
