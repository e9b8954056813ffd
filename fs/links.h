/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which objects are symbolic links, as far as this machine has made them or met them.
 *
 * A link is an object whose metadata says so in its mode, with the target as its content, as s3fs
 * stores one. A listing does not tell it from a file; so what was once found out is kept, across
 * daemons too, in a file of the cache directory. It is believed of that version alone (its ETag,
 * a digest of the target), whoever asks.
 *
 * Any thread; nothing here waits for the store. Without memory or disk a link is merely not known.
 */
#ifndef FS_LINKS_H
#define FS_LINKS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/wire.h"
#include "fs/meta.h"

#define LINKS_MAX  65536   /* known at a time; the oldest go */
#define LINKS_FILE "links" /* in the cache directory */

/* dir_fd: of the cache directory, copied; -1: nothing is kept. */
void links_start(int dir_fd);
void links_stop(void);

/* What was found out about an object: a link, whose target may be known already, or none. */
void links_learn(const char *object, const struct meta_fact *fact);

/* fact: of a link. */
void links_learn_target(const char *object, const struct meta_fact *fact, const char *target);

/* new is, in this version, a copy of what old is, so its target is known, too; then it is told. */
void links_copied(const char *old, const char *new, const struct store_object *version);

/* Was the object a link when it was last looked at? */
bool links_has(const char *object);

/* Is this version of it a link? Then *mtime_ns is its own time, and target, unless NULL, its target
 * or "" if that is not known. */
bool links_find(const char *object, const struct store_object *version, int64_t *mtime_ns,
		char target[WIRE_PATH_MAX]);

uint64_t links_count(void);

#endif
