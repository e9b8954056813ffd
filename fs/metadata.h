/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mode, owner and time of a file as user metadata of its object, under the names that s3fs
 * (decimal: mode with its file type, uid, gid, mtime) and rclone (mtime: seconds with a fraction)
 * read and write; and extended attributes as s3fs does. Beside these, of a file that was uploaded
 * from here, the mark of that upload: 16 random hex digits, by which a daemon that lost the answer
 * tells it from whatever somebody else has stored there. Copies of the object that the service
 * makes have it too, those with other attributes do not.
 */
#ifndef FS_METADATA_H
#define FS_METADATA_H

#include <stdbool.h>
#include <stdint.h>

#include "core/store.h"

struct metadata {
	bool has_mode, has_mtime, has_uid, has_gid;
	uint32_t mode; /* file type and permission bits */
	uint32_t uid, gid;
	int64_t mtime_ns;  /* since 1970 */
	bool has_xattr;	   /* only as read: there are some */
	const char *xattr; /* only to be written: as fs/xattrs.h has it; NULL or "": none */
	uint64_t mark;	   /* 0: none */
};

#define METADATA_MARK "skyshimupload" /* Azure takes identifiers only */

#define METADATA_PAIRS 6
#define METADATA_TEXT  32 /* bytes of a value with its NUL */

/* The pairs of a call, with what they point to, but for xattr
 * and what others keep there. */
struct metadata_pairs {
	struct store_pairs pairs;
	struct store_pair pair[METADATA_PAIRS + STORE_PAIRS_MAX];
	char text[METADATA_PAIRS][METADATA_TEXT];
};

/* Is it one of those names? */
bool metadata_is_ours(const char *name);

/* One for another upload; never 0. */
uint64_t metadata_draw_mark(void);

void metadata_write(const struct metadata *in, struct metadata_pairs *out);

/* What the pairs of an answer say. Anything that is no number of the kind is as if it were not
 * there. */
void metadata_read(const struct store_pairs *pairs, struct metadata *out);

#endif
