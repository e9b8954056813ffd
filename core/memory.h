/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon holds in memory, counted in one place, and how much of it there may be.
 *
 * Counted is what grows with what is asked: buffers of exchanges, answers, pieces that are
 * digested, what is known of names, files, directories and contexts. Not counted: the program
 * itself, libraries, connections, and files that are mapped (they are the disk's); for that the
 * promise leaves 64 MiB. Of these are the threads that serve programs, too: there are never more
 * than 128, and nobody is to wait for their stacks. `skyshim stats` shows them beside. Whoever can
 * wait looks at memory_fits() first; tables have a share of the cap (memory_share()) and forget
 * what is oldest beyond it. Any thread, without a lock.
 */
#ifndef CORE_MEMORY_H
#define CORE_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#define MEMORY_CAP_MIN	   (UINT64_C(16) << 20)	  /* bytes; less is taken as so much */
#define MEMORY_CAP_DEFAULT (UINT64_C(1024) << 20) /* or a quarter of what there is */

enum memory_use {
	MEMORY_EXCHANGES, /* buffers, of both ends; and of those that wait for their next one */
	MEMORY_ANSWERS,	  /* bodies that are read as a whole, such as listings */
	MEMORY_DIGESTS,
	MEMORY_NAMES,	 /* fs/meta.h */
	MEMORY_FILES,	 /* cache/cache.h */
	MEMORY_LISTINGS, /* pages that are taken apart; directories that are walked through */
	MEMORY_CONTEXTS, /* credentials' environments */
	MEMORY_USES
};

/* "exchanges" and so on: as it is shown. */
extern const char *const memory_names[MEMORY_USES];

/* 0: as it is by default, of this machine's memory and its control group's. Before all else. */
void memory_set_cap(uint64_t bytes);
uint64_t memory_cap(void);

/* 1/divisor of the cap, but at most that many bytes. */
uint64_t memory_share(unsigned divisor, uint64_t most);

/* Negative: it is freed. */
void memory_add(enum memory_use use, int64_t bytes);

uint64_t memory_of(enum memory_use use);
uint64_t memory_held(void); /* in all */
uint64_t memory_peak(void); /* the most so far, as far as it was looked at */

/* Is there room for so much? */
bool memory_fits(uint64_t bytes);

#endif
