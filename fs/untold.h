/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a listing does not tell of an object and a machine has to know of it all the same: that it
 * is a symbolic link, and its extended attributes.
 *
 * A link is an object whose metadata says so in its mode, with the target as its content, as s3fs
 * stores one; extended attributes are one entry of the metadata (fs/xattrs.h). What was made here
 * or met is kept, across daemons too, in a file of the cache directory. It is believed of that
 * version alone (its ETag), whoever asks.
 *
 * Any thread; nothing here waits for the store. Without memory or disk it is merely not known.
 */
#ifndef FS_UNTOLD_H
#define FS_UNTOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/wire.h"
#include "fs/meta.h"
#include "fs/xattrs.h"

#define UNTOLD_MAX  65536    /* objects at a time; the oldest go */
#define UNTOLD_FILE "untold" /* in the cache directory */

/* dir_fd: of the cache directory, copied; -1: nothing is kept. */
void untold_start(int dir_fd);
void untold_stop(void);

/* What was found out about an object. target, xattr: NULL: what is known of that version stays. */
void untold_learn(const char *object, const struct meta_fact *fact, const char *target,
		  const char *xattr);

/* new is, in this version, a copy of what old is; then it is told. */
void untold_copied(const char *old, const char *new, const struct store_object *version);

/* Was the object a link when it was last looked at? */
bool untold_is_link(const char *object);

struct untold {
	bool is_link;
	int64_t mtime_ns;	    /* its own, as its metadata has it */
	char target[WIRE_PATH_MAX]; /* of a link; "": not known */
	char xattr[XATTRS_MAX];	    /* as the metadata keeps them; "": none */
};

/* Is anything kept of this version? *out is untouched otherwise. */
bool untold_find(const char *object, const struct store_object *version, struct untold *out);

uint64_t untold_count(void);

#endif
