/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other tools keep with an object: user metadata that is not ours (fs/metadata.h), and the
 * standard fields (Content-Type, Cache-Control...). An upload replaces an object with all that is
 * kept with it, so this has to be sent again.
 *
 * What a GET or a HEAD has told of a version is kept in memory, of the last FOREIGN_MAX. Of what is
 * in the cache the file itself says when there is nothing of the kind (cache_is_plain()), across
 * daemons too; only if neither is known, the store is asked.
 *
 * Any thread.
 */
#ifndef FS_FOREIGN_H
#define FS_FOREIGN_H

#include <stdbool.h>

#include "cache/cache.h"
#include "core/store.h"

#define FOREIGN_MAX	  4096 /* versions at a time; the oldest go */
#define FOREIGN_BYTES_MAX 8192 /* of one; what is longer is asked for each time */

/* As set_user and set_fields of a call. Owned. */
struct foreign {
	struct store_pairs user, fields;
};

void foreign_free(struct foreign *f);

/* Is there any? */
bool foreign_is(const struct foreign *f);

/* 0 or -ENOMEM; out is empty then. */
int foreign_copy(const struct foreign *from, struct foreign *out);

/* What an answer tells of an object in this version. What could not be sent again (values that are
 * not printable ASCII) is left out. Returns whether there is any. */
bool foreign_learn(const char *object, const char *etag, const struct store_pairs *user,
		   const struct store_pairs *fields);

/* That of the version that the file has, or that its draft goes on from; nothing if there is none,
 * if it is not in the bucket any more, or if the store does not let us look. May ask the store: not
 * on the I/O thread. Returns 0; or -ENOMEM or an error of the store, with its line in message. */
int foreign_of(struct context *ctx, const struct cache_file *file, struct foreign *out,
	       char message[STORE_MESSAGE_BYTES]);

/* Versions that are known. */
unsigned foreign_count(void);

void foreign_forget(void);

#endif
