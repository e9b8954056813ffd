/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal of directories that get other names (fs/movedir.h): a file for each, in the cache
 * directory, that says what was copied and how far it is, so that the next daemon can go on with
 * it. It is there before anything is done in the bucket.
 */
#ifndef FS_MOVELOG_H
#define FS_MOVELOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/wire.h"
#include "fs/names.h"

/* Of one object, as an earlier daemon has noted it. */
struct movelog_copy {
	char *key;	       /* the old one */
	const char *was, *now; /* ETags: of what was copied, of its copy; behind key */
};

struct movelog {
	uint8_t ctx[WIRE_CTX_BYTES];
	char from[NAME_OBJECT_MAX], to[NAME_OBJECT_MAX]; /* prefixes, as object names */
	bool is_resumed;	     /* an earlier daemon, or an earlier try, has begun it */
	bool deletes;		     /* all is copied, the old ones are deleted */
	bool undoes;		     /* it has failed, the copies are deleted */
	struct movelog_copy *copies; /* by key */
	size_t count;

	/* The log's own, under its lock. */
	struct movelog *next;
	char name[24];
	int fd;
	bool is_active;
	int64_t due_ns;
	size_t cap;
};

/* Reads what an earlier daemon left. dir_fd: the cache directory. 0 or an error. */
int movelog_start(int dir_fd);
void movelog_stop(void);

/* Notes that it is begun; of one that was begun before, goes on with that, when nobody else does
 * any more. 0 with *out; 1: somebody else has gone on with it, and ended it; -ENOENT: somebody else
 * has done the same; or an error of the disk. */
int movelog_begin(const uint8_t *ctx, const char *from, const char *to, struct movelog **out);

/* One that nobody goes on with, whose credentials are known and that was not tried just now; NULL:
 * none. at: below or above this prefix, tried just now or not; NULL: any. */
struct movelog *movelog_take(const char *at);

/* Is there one for movelog_take(NULL)? */
bool movelog_pending(void);

/* Frees it. is_done: there is nothing left to do; otherwise it is tried again later. */
void movelog_end(struct movelog *log, bool is_done);

#endif
