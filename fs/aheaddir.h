/* SPDX-License-Identifier: Apache-2.0 */
/* A directory in which something is opened: its listing, as far as it is there, in the terms of
 * fs/siblings.h. Only fs/ahead.c's thread uses it. */
#ifndef FS_AHEADDIR_H
#define FS_AHEADDIR_H

#include <stdint.h>

#include "fs/names.h"
#include "fs/siblings.h"

struct context;
struct listing;

struct aheaddir {
	struct aheaddir *next; /* the caller's own */
	int64_t used_ns;
	struct context *ctx;
	struct job *job; /* who walks here: a reference, or NULL */
	char *prefix;	 /* owned: its object name */
	size_t prefix_len;
	struct listing *listing; /* a reference */
	int fd;			 /* owned: of the listing's records */
	uint64_t loaded;	 /* bytes of those that are known here */
	struct siblings files, dirs;
	uint64_t charged;      /* bytes of these, with core/memory.h */
	struct siblings names; /* of files that are asked about, not opened: empty before that */
	uint64_t named;	       /* as loaded, of names */
	int64_t opened_ns;     /* when a file here was opened last; 0: none */
	uint64_t after_ino;    /* of what came after it in its parent when that was looked up ... */
	char *after;	       /* ... and that one's object name, owned; NULL: it was not yet */
};

/* The directory of that object name, if it has been listed; NULL otherwise. */
struct aheaddir *aheaddir_new(struct context *ctx, const char *prefix,
			      struct siblings_ledger *files, struct siblings_ledger *dirs,
			      struct siblings_ledger *names);
void aheaddir_free(struct aheaddir *d);

/* Takes in what the listing has got since. file_bytes: larger files are never wanted. Returns 0 or
 * an error, after which it is of no use. */
int aheaddir_load(struct aheaddir *d, uint64_t file_bytes);

/* The same for names. */
int aheaddir_load_names(struct aheaddir *d);

/* The virtual path of an entry. 0, -ENAMETOOLONG or an error of the disk. */
int aheaddir_path(const struct aheaddir *d, const struct sibling *e, char out[WIRE_PATH_MAX]);

#endif
