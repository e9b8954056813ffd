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

struct blocks; /* blocks.h */

struct object {
	atomic_uint refs;
	struct content *content;
	int64_t mtime_s;
	int64_t created_us, updated_us; /* since 1970; 0: set when it is stored */
	uint64_t generation;		/* 0: given when it is stored; grows with every write */
	uint64_t metageneration;	/* 1 of new bytes, then counts changes beside them */
	unsigned components;		/* of a composed object; 0 for others */
	atomic_ullong crc32c;		/* object_crc32c() knows */
	char etag[OBJECT_ETAG_BYTES];
	struct blocks *blocks;	/* of an Azure blob; a reference, or NULL */
	struct headers headers; /* to be sent with it: Content-Type, x-amz-meta-* ... */
	size_t key_len;
	char key[]; /* NUL-terminated */
};

enum object_version {
	OBJECT_GENERATION_MATCH,
	OBJECT_GENERATION_NOT_MATCH,
	OBJECT_METAGENERATION_MATCH,
	OBJECT_METAGENERATION_NOT_MATCH,
	OBJECT_VERSIONS
};

/* A conditional write or delete; NULL or all unset means always. */
struct object_condition {
	bool if_absent;	      /* If-None-Match: * */
	const char *if_match; /* an ETag without quotes, "*" for any */
	bool if_there;
	bool versioned[OBJECT_VERSIONS]; /* which of these are conditions */
	uint64_t version[OBJECT_VERSIONS];
};

/* Takes content (also on failure) and gives one reference. mtime is now, the ETag empty. NULL: no
 * memory. */
struct object *object_new(const char *key, size_t key_len, struct content *content);
void object_put(struct object *o); /* NULL is ignored */

/* Whether what is there (NULL: nothing) fulfils it. Returns 0, -ENOENT (if_match or if_there, and
 * there is none), -EEXIST (another one), -EALREADY (just the version that it must not be). The
 * generation of nothing is 0; it has no metageneration, so that no condition on that one holds. */
int object_check(const struct object *there, const struct object_condition *condition);

/* CRC32C of its bytes, which are read when it is asked for the first time. */
uint32_t object_crc32c(const struct object *o);
void object_set_crc32c(struct object *o, uint32_t crc);

/* *out: the object with a reference. Returns 0, -ENXIO (no bucket), -ENOENT. */
int objects_get(const char *bucket, const char *key, size_t key_len, struct object **out);

/* Stores o (taking the caller's reference, also on failure) in place of what was there. Returns 0,
 * -ENXIO, -ENOMEM, and as object_check(). What was left 0 of generation and times is set. */
int objects_store(const char *bucket, struct object *o, const struct object_condition *condition);

/* Returns 0 (also when there was none), -ENXIO, and as object_check(). */
int objects_delete(const char *bucket, const char *key, size_t key_len,
		   const struct object_condition *condition);

#endif
