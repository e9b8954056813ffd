/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other names of a draft on disk, NAME.l beside its notes (cache/notes.h): there only when it
 * has more than the one that stands in its journal. Written through a map, so that whatever daemon
 * comes next finds what the last one did before it was killed.
 */
#ifndef CACHE_LINKFILE_H
#define CACHE_LINKFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/cache.h"

#define LINKFILE_MAX  4096	  /* names in one */
#define LINKFILE_USED 0x4c4c4b53u /* "SKLL" */

/* flags */
#define LINKFILE_KNOWN 1u /* size, mtime and etag say what is in the bucket under this name */
#define LINKFILE_SENT  4u /* sent_* is or was on its way there: not known how it ended */
#define LINKFILE_SENT_SIZE \
	2u /* the same, as daemons said it whose uploads had no mark: sent_mark is the size */

struct linkfile_slot {
	uint32_t is_used; /* LINKFILE_USED or 0: set last, taken away first */
	uint32_t flags;
	uint64_t ino; /* that goes by the name */
	uint64_t size;
	int64_t mtime_ns;
	uint64_t sent_mark;
	int64_t sent_mtime_ns;
	char etag[STORE_ETAG_BYTES];
	char object[CACHE_OBJECT_MAX];
};

struct linkfile {
	struct linkfile_slot *slots;
	size_t count; /* 0: there is no such file, or it is not open */
};

/* Opens the file if there is one: 0 with or without slots. -EBADF: it makes no sense. */
int linkfile_open(int files_fd, const char *name, struct linkfile *out);

/* Finds a slot without a name, making room for it on disk, and the file. Slots may move. Its index,
 * -EMLINK, or an error of the disk. */
long linkfile_room(int files_fd, const char *name, struct linkfile *lf);

/* The slot holds a name from now on: everything else of it must be there. Or none any more. */
void linkfile_use(struct linkfile_slot *slot, bool is_used);

bool linkfile_is_used(const struct linkfile_slot *slot);

/* Its version. The flag that says how far it can be trusted goes last. */
void linkfile_set_version(struct linkfile_slot *slot, const struct store_object *version);

void linkfile_close(struct linkfile *lf);
void linkfile_remove(int files_fd, const char *name);

#endif
