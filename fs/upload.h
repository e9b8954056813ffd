/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a draft on their way into the bucket. */
#ifndef FS_UPLOAD_H
#define FS_UPLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "cache/draft.h"
#include "fs/foreign.h"
#include "fs/metadata.h"

struct upload {
	/* Set by the caller. */
	struct context *ctx;
	char object[CACHE_OBJECT_MAX];
	const struct draft_flush *flush;
	uint64_t bytes;	      /* of the file */
	const char *if_match; /* an ETag or NULL */
	bool must_be_new;
	uint32_t mode, uid, gid; /* as of struct wire_attr */
	int64_t mtime_ns;
	char xattr[DRAFT_XATTR_MAX]; /* as of fs/xattrs.h; "": none */
	uint64_t mark;		     /* as of struct metadata; goes unless drops is UPLOAD_BARE */
	struct foreign foreign;
	/* What the store has no room for beside foreign, which is other people's. */
	enum { UPLOAD_ALL, UPLOAD_NO_XATTR, UPLOAD_BARE } drops; /* BARE: nor for mode and owner */
	/* The result. sets_mtime: the object's time is another, in mtime_ns, and the file is to
	 * have it too. is_late: mode, owner and time are not those of above: they went with parts
	 * that were sent before these were known. */
	char etag[STORE_ETAG_BYTES];
	bool sets_mtime, is_late;
	bool is_appended; /* to what was there (fs/inplace.h), which is of the kind it was of */
};

/* mode, owner and time of attr and the mark (NULL: none of these), the text of fs/xattrs.h, and
 * what others keep there, as an object's metadata. */
void upload_describe(const struct wire_attr *attr, uint64_t mark, const char *xattr,
		     const struct foreign *foreign, struct metadata_pairs *out);

/* Uploads the whole file. Returns 0; -EAGAIN: it was made shorter meanwhile; or an error as of
 * publish(), with its line in message. */
int upload(struct cache_file *file, struct upload *up, char message[STORE_MESSAGE_BYTES]);

/* Bytes of the file as they are now: 0, -EAGAIN when it was made shorter, or an error of the disk.
 */
int upload_read(struct cache_file *file, uint64_t offset, void *buf, size_t bytes);

#endif
