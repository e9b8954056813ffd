/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The drafts in a directory that is being listed: which stood there before the store was asked. Any
 * of them may get into the bucket after the store has looked and before the answer is here; then it
 * is in no page, and dirty no more.
 *
 * Of one listing, by the one thread that is loading it.
 */
#ifndef FS_LISTDRAFTS_H
#define FS_LISTDRAFTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/store.h"

struct listdraft {
	char *name; /* owned: of the object, without the prefix */
	uint64_t ino, size;
	int64_t mtime_ns;
	bool is_listed;
};

/* Zeroed at first. */
struct listdrafts {
	const uint8_t *ctx;
	const char *prefix;   /* object name of the directory */
	struct listdraft *of; /* by name, once all are there */
	size_t count, room;
};

/* Before anything is asked: takes down those of now. ctx and prefix must stay. Returns 0 or
 * -ENOMEM. */
int listdrafts_take(struct listdrafts *d, const uint8_t *ctx, const char *prefix);

/* A page had this object. */
void listdrafts_listed(struct listdrafts *d, const char *object);

/* After the last page: calls add for each that is there, and in no page. A result
 * other than 0 ends, and is returned. What was made since is there too, if nothing of it can be
 * in a page; what was removed since is not. name: of the object, without the prefix. */
typedef int listdrafts_add(void *arg, const char *name, uint64_t ino,
			   const struct store_object *object);
int listdrafts_end(struct listdrafts *d, listdrafts_add *add, void *arg);

void listdrafts_free(struct listdrafts *d);

#endif
