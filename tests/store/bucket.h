/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of buckets and the one lock of all that is stored. The lock is held for look-ups,
 * changes of the index and one page of a listing; never while bytes are hashed or sent.
 */
#ifndef STORE_BUCKET_H
#define STORE_BUCKET_H

#include <stddef.h>
#include <stdint.h>

#include "tests/store/keyset.h"

#define BUCKET_NAME_BYTES   64 /* with NUL: S3's limit is 63 */
#define BUCKET_REGION_BYTES 32 /* with NUL */
#define BUCKETS_MAX	    10000

struct bucket {
	char name[BUCKET_NAME_BYTES];
	char region[BUCKET_REGION_BYTES];
	int64_t created_s;
	struct keyset objects; /* struct object by key; under the lock */
	struct keyset uploads; /* struct upload by key, NUL, id; under the lock */
};

/* What a caller may know of a bucket without the lock. */
struct bucket_info {
	char name[BUCKET_NAME_BYTES];
	char region[BUCKET_REGION_BYTES];
	int64_t created_s;
};

/* Returns 0, -EEXIST, -EINVAL (no valid name), -EMFILE (BUCKETS_MAX), -ENOMEM. */
int bucket_create(const char *name, const char *region);

/* Returns 0, -ENXIO (no such bucket), -ENOTEMPTY (objects or unfinished uploads in it). */
int bucket_delete(const char *name);

/* Returns 0 or -ENXIO. */
int bucket_lookup(const char *name, struct bucket_info *out);

/* All buckets by name; *list_out is the caller's to free. Returns how many, or -ENOMEM. */
long bucket_list(struct bucket_info **list_out);

/* 3..63 characters of a-z, 0-9, dot and dash, as S3 wants names of buckets since 2018. */
int bucket_name_valid(const char *name);

void bucket_lock_read(void);
void bucket_lock_write(void);
void bucket_unlock(void);

/* With the lock held: the bucket or NULL. */
struct bucket *bucket_find(const char *name);

#endif
