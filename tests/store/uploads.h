/* SPDX-License-Identifier: Apache-2.0 */
/* Multipart uploads: numbered parts that become one object at once. */
#ifndef STORE_UPLOADS_H
#define STORE_UPLOADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/store/content.h"
#include "tests/store/headers.h"
#include "tests/store/objects.h"

#define UPLOAD_ID_BYTES	 33    /* with NUL */
#define UPLOAD_PARTS_MAX 10000 /* S3's limit: part numbers 1..10000 */
#define UPLOADS_MAX	 10000 /* unfinished ones of one bucket */

struct upload_part {
	unsigned number;
	char etag[OBJECT_ETAG_BYTES]; /* without quotes: the MD5 of the part */
	int64_t mtime_s;
	uint64_t bytes;
};

/* What a caller sees of an upload; a copy. */
struct upload_info {
	char *key;
	char id[UPLOAD_ID_BYTES];
	int64_t started_s;
};

/* Starts one; takes headers (also on failure): those of the object to come.
 * Returns 0, -ENXIO (no bucket), -EMFILE, -ENOMEM. */
int uploads_create(const char *bucket, const char *key, struct headers *headers,
		   char id_out[UPLOAD_ID_BYTES]);

/* Sets one part; takes content (also on failure). Returns 0, -ENXIO, -ENOENT (no such upload),
 * -ENOMEM. */
int uploads_put_part(const char *bucket, const char *key, const char *id, unsigned number,
		     struct content *content, const char *etag);

/* A copy of the parts in order; *parts_out is the caller's to free. Returns how many, -ENXIO,
 * -ENOENT, -ENOMEM. */
long uploads_parts(const char *bucket, const char *key, const char *id,
		   struct upload_part **parts_out);

/* The uploads of a bucket by key, then start; free with uploads_list_free(). Returns how many,
 * -ENXIO, -ENOMEM. */
long uploads_list(const char *bucket, struct upload_info **list_out);
void uploads_list_free(struct upload_info *list, long count);

struct upload_complete {
	const struct upload_part *parts; /* number and etag, ascending by number */
	size_t count;
	uint64_t part_bytes_min; /* of every part but the last */
	struct object_condition condition;
};

/* Makes the object from the listed parts and forgets the upload. The ETag is the hexadecimal MD5 of
 * the parts' binary MD5s, a dash and their number. Completing again by the same id gives the same
 * answer, as S3 does for a client whose first answer was lost. Returns 0, -ENXIO, -ENOENT (no such
 * upload), -EINVAL (a part is missing or differs), -ERANGE (a part is too small), -EEXIST and
 * -ESRCH (the condition failed; if_match without an object), -ENOMEM. */
int uploads_complete(const char *bucket, const char *key, const char *id,
		     const struct upload_complete *how, char etag_out[OBJECT_ETAG_BYTES]);

/* Returns 0, -ENXIO, -ENOENT. */
int uploads_abort(const char *bucket, const char *key, const char *id);

#endif
