/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in the memory of the metadata cache: records one behind the other, each at a multiple
 * of 4 bytes and known by its number, which is 0 of none. A record moves when room is made
 * (fs/metalog.h), so whoever has a number or a pointer has it until then. Of directories the id
 * stays (fs/metadir.h).
 *
 * A listed name of 20 bytes with an ETag of S3 takes 88: the head of an entry 36, its time 8, size
 * 6, ETag 16, and the name; and four or so in the index.
 */
#ifndef FS_METAREC_H
#define FS_METAREC_H

#include <stdint.h>

#include "fs/shown.h"

#define METAREC_UNIT 4u /* bytes */

enum metarec_type { METAREC_DEAD, METAREC_ENTRY, METAREC_DIR };

struct metarec {
	uint32_t units : 11; /* that it takes, and those that it took when it was longer */
	uint32_t type : 2;
	uint32_t leaf : 13;   /* bytes of its part of the name */
	uint32_t kind : 2;    /* METAREC_ENTRY: enum meta_kind */
	uint32_t etag : 3;    /* how that is written: fs/metapack.c */
	uint32_t is_used : 1; /* told of again: it stays for another round */
	uint32_t next;	      /* in its slot of the index: a record */
};

/* All but the head's units, the links and what is shown is fs/metapack.h's. */
struct metarec_entry {
	struct metarec head;
	uint16_t ctx;	/* a number: fs/metactx.h */
	uint16_t flags; /* fs/metapack.c */
	uint32_t after, before;
	uint32_t dir : 24; /* an id */
	uint32_t extra : 8;
	struct shown shown;
	uint32_t until_low; /* times in units of 2^16 ns, rounded down */
	uint16_t until_high;
	uint16_t spare_ms; /* beyond that */
	unsigned char rest[];
};

_Static_assert(sizeof(struct metarec_entry) == 36, "of 100 bytes");

struct metarec_dir {
	struct metarec head;
	uint32_t id, parent;	/* of the root its own */
	uint32_t refs;		/* entries, directories, and who is about to add one */
	uint32_t entries;	/* the first one's record, or 0 */
	uint32_t dirs;		/* the first one's id, or METADIR_NONE */
	uint32_t after, before; /* ids of its parent's others */
	uint32_t hash[2];	/* of the whole prefix: low, high */
	char name[];		/* its last part with the slash */
};

#endif
