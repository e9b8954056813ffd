/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that were written to, found by a daemon at its start, that it cannot go on with: their
 * notes or names make no sense, or are another version's. They are left as they are, and
 * `skyshim recover` lists them, so that the user can take out what is in them.
 *
 * Functions as in cache/cache.h.
 */
#ifndef CACHE_STRAYS_H
#define CACHE_STRAYS_H

#include <stdint.h>

#include "cache/cache.h"

#define STRAYS_MAX 4096 /* that are listed: what is beyond stays as well, and is in the log */

struct stray {
	uint64_t id;		       /* not 0, and a number for JSON: below 2^63 */
	char name[256];		       /* of its files: NAME.d is what was written */
	char object[CACHE_OBJECT_MAX]; /* "" if it is not known */
	int error;		       /* why: a negative errno */
	uint64_t bytes;
	int64_t mtime_ns;
};

/* While the cache starts: files_fd has NAME.d. The other: at its end. */
void strays_add(const char *name, int error);
void strays_free(void);

/* Calls each with every one; a result other than 0 ends, and is returned. */
int strays_each(int (*each)(void *arg, const struct stray *s), void *arg);

/* A fresh descriptor to read what was written, for the caller to close; -ENOENT: there is none of
 * that id; or an error of the disk. Bytes that were not changed, and not fetched, read as zeros. */
int strays_open(uint64_t id);

/* Removes all its files. 0 or -ENOENT. */
int strays_discard(uint64_t id);

#endif
