/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extended attributes as one entry of an object's user metadata, "xattr", the way s3fs keeps them:
 * {"NAME":"BASE64","NAME":"BASE64"}, percent-encoded. What is no such text holds none.
 *
 * Names are what s3fs does not look into: a character that would break its reader (quote,
 * backslash, comma, colon, control) is written as \\u00XX, which is read back here.
 */
#ifndef FS_XATTRS_H
#define FS_XATTRS_H

#include <stddef.h>

#define XATTRS_KEY  "xattr"
#define XATTRS_MAX  1800 /* bytes of a text with its NUL: S3 keeps 2 KB of metadata in all */
#define XATTRS_NAME 256	 /* bytes of a name with its NUL */

/* The value of that name. Returns its length, which may be more than room (then out is untouched),
 * or -ENODATA. */
int xattrs_get(const char *text, const char *name, void *out, size_t room);

/* All names, each with its NUL. Returns their bytes, as above; 0: none. */
int xattrs_list(const char *text, char *out, size_t room);

/* The text with that name set; value NULL: without it. flags: XATTR_CREATE, XATTR_REPLACE. Returns
 * 0, -EEXIST, -ENODATA (to be replaced or removed, and not there), -ENOSPC (out would be longer
 * than XATTRS_MAX), -ENOMEM. With nothing left, out is "". out may not be text. */
int xattrs_set(const char *text, const char *name, const void *value, size_t len, int flags,
	       char out[XATTRS_MAX]);

#endif
