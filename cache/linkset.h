/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the cache: the names of a draft behind its first (cache/links.h). All with the lock. */
#ifndef CACHE_LINKSET_H
#define CACHE_LINKSET_H

#include "cache/file.h"
#include "cache/links.h"

/* Is this one of them? */
bool links_have(const struct cache_file *file, const char *object);

/* Does one begin so? */
bool links_below(const struct cache_file *file, const char *prefix);

/* Of an active draft: shows how many names it has. */
void links_show_count(struct cache_file *file);

/* One more, of an active draft. 0, -EMLINK, -ENOMEM, an error of the disk. */
int links_add(struct cache_file *file, const struct draft_name *name);

/* One of several goes, the first or another; what was known of it. -ENOENT: it is none. */
int links_drop(struct cache_file *file, const char *object, struct draft_name *was);

/* One of them is another now. 0, -ENOENT, or -ENAMETOOLONG. */
int links_rename(struct cache_file *file, const char *old, const struct draft_name *now);

/* What one has in the bucket now; or nothing is known of that any more. object NULL: of none of
 * them; the result: is it one? */
void links_has_version(struct cache_file *file, const char *object,
		       const struct store_object *version);
bool links_unconditional(struct cache_file *file, const char *object);

/* It stays what it is for a while, from now on; is it to, without a look at who has it open? */
void links_linger(struct cache_file *file);
bool links_are_lingering(const struct cache_file *file);

/* Of a draft that an earlier daemon left: opens the file on disk, and puts right what was under way
 * with the first name; takes in what it holds. 0, or an error: then nothing is known of it. */
int links_open(struct cache_file *file);
int links_adopt(struct cache_file *file, struct vnode_shm *vn);

/* It has only its first name from now on. keeps: those on disk stay. */
void links_close(struct cache_file *file, bool keeps);

#endif
