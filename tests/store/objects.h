/* SPDX-License-Identifier: Apache-2.0 */
/* Objects: immutable once stored, counted, replaced as a whole. */
#ifndef STORE_OBJECTS_H
#define STORE_OBJECTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/store/content.h"
#include "tests/store/headers.h"

#define OBJECT_ETAG_BYTES 64   /* with NUL, without quotes */
#define OBJECT_KEY_MAX	  1024 /* bytes; S3's limit */

struct object {
	atomic_uint refs;
	struct content *content;
	int64_t mtime_s;
	char etag[OBJECT_ETAG_BYTES];
	struct headers headers; /* to be sent with it: Content-Type, x-amz-meta-* ... */
	size_t key_len;
	char key[]; /* NUL-terminated */
};

/* A conditional write or delete; NULL or all unset means always. */
struct object_condition {
	bool if_absent;	      /* If-None-Match: * */
	const char *if_match; /* an ETag without quotes, "*" for any */
};

/* Takes content (also on failure) and gives one reference. mtime is now, the ETag empty. NULL: no
 * memory. */
struct object *object_new(const char *key, size_t key_len, struct content *content);
void object_put(struct object *o); /* NULL is ignored */

/* *out: the object with a reference. Returns 0, -ENXIO (no bucket), -ENOENT. */
int objects_get(const char *bucket, const char *key, size_t key_len, struct object **out);

/* Stores o (taking the caller's reference, also on failure) in place of what was there. Returns 0,
 * -ENXIO, -ENOENT (if_match without an object), -EEXIST (the condition failed), -ENOMEM. */
int objects_store(const char *bucket, struct object *o, const struct object_condition *condition);

/* Returns 0 (also when there was none), -ENXIO, -ENOENT and -EEXIST as objects_store(). */
int objects_delete(const char *bucket, const char *key, size_t key_len,
		   const struct object_condition *condition);

#endif
