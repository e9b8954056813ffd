/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mode, owner and time of directories, as far as they are known here. They stand in the user
 * metadata of the directory's mark (the zero-byte object "dir/"), which a listing of the directory
 * shows, but not what is in it: a HEAD does, once for each state of the mark. What is not known of
 * is 0755 and the caller's.
 *
 * prefix: object name of a directory, with its slash. Any thread; a lock of its own, after all
 * others of fs/.
 */
#ifndef FS_DIRATTR_H
#define FS_DIRATTR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/wire.h"
#include "fs/lookup.h"
#include "fs/metadata.h"

#define DIRATTR_BUCKETS	   1024
#define DIRATTR_BUCKET_MAX 16 /* in one; the oldest goes */

/* What a listing of the directory has shown. */
struct dirattr_seen {
	bool has_mark;
	bool is_real;	   /* it needs none: the directory itself has what a mark would have, and no
		       * listing of it shows that */
	int64_t mark_ns;   /* when the mark was written, by the store's clock */
	int64_t newest_ns; /* of what is in the directory; 0: nothing */
	int64_t asked_ns;  /* when it was asked for, by clock_ns() */
};

/* Finds out what the mark tells, by a HEAD if that is not known and ask is set. A time that was set
 * counts until something newer is in the directory. Returns 0, or the store's error with
 * q->message. */
int dirattr_learn(struct lookup *q, const char *prefix, const struct dirattr_seen *seen, bool ask);

/* What a HEAD has told of one that is there by itself. */
void dirattr_real(const uint8_t *ctx, const char *prefix, const struct store_pairs *user);

/* Written here: the mark says so now, and nothing else if is_all. */
void dirattr_told(const uint8_t *ctx, const char *prefix, const struct metadata *meta, bool is_all);

/* Is all known that the mark says, since it was written here? Whoever writes more to a mark calls
 * dirattr_forget(). */
bool dirattr_is_all(const uint8_t *ctx, const char *prefix, struct metadata *meta);

/* Are its extended attributes known to be some? */
bool dirattr_has_xattr(const uint8_t *ctx, const char *prefix);

/* Unless its time is one that was set, and counts, m has none. */
void dirattr_keep_time(const uint8_t *ctx, const char *prefix, struct metadata *m);

/* A name came into the directory of this object, or left it: its time is not what was set. */
void dirattr_touched(const uint8_t *ctx, const char *object);

/* The directory and all below it are gone, or have another name. */
void dirattr_forget(const uint8_t *ctx, const char *prefix);
void dirattr_move(const uint8_t *ctx, const char *old, const char *prefix);
void dirattr_forget_all(void);

/* Puts what is known into attributes that are a directory's otherwise. */
void dirattr_apply(const uint8_t *ctx, const char *prefix, struct wire_attr *attr);

/* Has the directory of this object the set-group-id bit? What is made in it has its group then:
 * *gid, WIRE_CALLER if it has none of its own. */
bool dirattr_inherits(const uint8_t *ctx, const char *object, uint32_t *gid);

#endif
