/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the pages of a LIST to the names of a directory. Pure: no I/O, no locks.
 *
 * Pages come in order of the keys' bytes, and what is remembered between them is one key: enough to
 * know whether a prefix "a/" meets a key "a" (then the directory is called a%~d), since between the
 * two only keys can stand that start with "a".
 */
#ifndef FS_DIRPAGE_H
#define FS_DIRPAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/store.h"
#include "fs/escape.h"

#define DIRPAGE_KEY_MAX 4096 /* bytes of a key with its NUL; longer ones are left out */
#define DIRPAGE_CHAIN	1100 /* keys that start with each other: S3 keys have 1,024 bytes */

struct dirpage {
	const char *prefix; /* of all keys, "" or up to a slash, or into a long component */
	bool is_pieces;	    /* the latter: only what goes on after a cut belongs here */
	char *chain;	    /* owned: the last key below prefix ... */
	uint16_t *lens;	    /* owned: which of its starts are keys; both only as long as need be */
	unsigned depth;
	unsigned chain_bytes, lens_count;     /* that there is room for */
	char last_piece[ESCAPE_NAME_MAX + 1]; /* so that many long keys make one directory */
	bool has_mark;			      /* the zero-byte object "prefix" itself was seen */
	int64_t mark_ns;		      /* when it was written */
};

struct dirpage_name {
	const char *name; /* as in the directory; NUL-terminated */
	const char
		*key; /* the whole key; of a directory with its slash; of a piece up to the cut */
	bool is_dir;
	bool has_twin; /* a directory beside a key of its name */
	bool is_piece;
	const struct store_object *object; /* NULL for a directory */
};

void dirpage_init(struct dirpage *d, const char *prefix, bool is_pieces);
void dirpage_free(struct dirpage *d);

/* Bytes that it has allocated. */
size_t dirpage_bytes(const struct dirpage *d);

/* Calls emit for each name of the page, in order; its non-zero result ends and is returned. Also
 * -ENOMEM. */
int dirpage_add(struct dirpage *d, const struct store_list *page,
		int (*emit)(void *arg, const struct dirpage_name *name), void *arg);

#endif
