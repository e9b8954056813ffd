/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual path to what it names in the clouds: the root, a scheme, an account of it (of the schemes
 * that have them), a bucket or a key in it.
 *
 * An *object name* is "SCHEME/BUCKET/KEY" with the key's own bytes: unique, since a scheme holds no
 * slash and a bucket none, or exactly one where there are accounts. Of a directory it is that of
 * its prefix, "s3/b/dir/"; "s3/b/" is a bucket, "az/a/" an account, "s3/" a scheme, "" the root.
 */
#ifndef FS_NAMES_H
#define FS_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/wire.h"

enum name_kind { NAME_ROOT, NAME_SCHEME, NAME_ACCOUNT, NAME_BUCKET, NAME_KEY };

struct name {
	enum name_kind kind;
	bool is_dir; /* only a directory can have this name: all kinds but NAME_KEY, a%~d, pieces */
	bool is_pieces; /* the directory of long components that start like this: no '/' after key
			 */
	char scheme[8];
	char bucket[256]; /* of NAME_ACCOUNT the account alone */
	char key[WIRE_PATH_MAX];
};

/* path: clean, see core/base/vpath.h. Returns 0, -ENOENT (nothing can have this path),
 * -ENAMETOOLONG. */
int name_parse(const char *path, size_t len, struct name *out);

#define NAME_OBJECT_MAX (WIRE_PATH_MAX + 280) /* bytes of an object name with its NUL */

/* The object name of a file. */
void name_object(const struct name *n, char out[NAME_OBJECT_MAX]);

/* The object name of the directory. */
void name_prefix(const struct name *n, char out[NAME_OBJECT_MAX]);

#define NAME_KEY_MAX 1024 /* bytes of a key; S3, Azure Blob and Google Cloud Storage all say so */

/* May something of this name be made, a file or a directory? 0, -ENAMETOOLONG, or -EINVAL: not in
 * this store. */
int name_storable(const struct name *n, bool is_dir);

/* Can one store copy or move between them by itself? With accounts, only within one. */
bool name_same_store(const struct name *a, const struct name *b);

/* The parts of an object name, pointing into object: scheme and bucket are copied out. Returns its
 * key, "" when there is none. */
const char *name_split(const char *object, char scheme[8], char bucket[256]);

/* Of two object names, a prefix's with its slash or without: are they the same, or is a the
 * directory of b, or one above it? */
bool name_is_above(const char *a, const char *b);

/* The inode number of an object name. Never 0; a file and a directory never share one. */
uint64_t name_ino(const char *object, size_t len, bool is_dir);

#endif
