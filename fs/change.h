/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing names: one function for each call of that name. What they change is in the bucket when
 * they return, or, of a file that is being written to, goes with its publication. Errors as of
 * those calls, and the store's with q->message. Not on the I/O thread.
 */
#ifndef FS_CHANGE_H
#define FS_CHANGE_H

#include <stdint.h>

#include "core/base/wire.h"
#include "fs/lookup.h"

/* Deletes bucket/key, which need not exist. */
int change_delete(struct lookup *q, const char *key);

int change_unlink(struct lookup *q);
int change_rmdir(struct lookup *q);

/* mode: permission bits. */
int change_mkdir(struct lookup *q, uint32_t mode);

/* flags: of renameat2(2): 0 or RENAME_NOREPLACE, otherwise -EINVAL. */
int change_rename(struct lookup *from, struct lookup *to, unsigned flags);

/* what: WIRE_SET_*. Of a directory nothing can be kept: that is a success. */
struct change_attr {
	unsigned what;
	uint32_t mode, uid, gid;
	int64_t mtime_ns;
};
int change_attr(struct lookup *q, const struct change_attr *attr);

/* The same of a file that is open. */
struct cache_file;
int change_attr_of(struct cache_file *file, const struct change_attr *attr,
		   char message[STORE_MESSAGE_BYTES]);

#endif
