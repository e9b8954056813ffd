/* SPDX-License-Identifier: Apache-2.0 */
/* A large file in parts: those that changed are sent, several at once; of the others the service
 * makes copies by itself. */
#ifndef FS_MULTIPART_H
#define FS_MULTIPART_H

#include "fs/upload.h"

#define MULTIPART_PART_BYTES (UINT64_C(16) << 20)  /* of a part that is sent, at least */
#define MULTIPART_COPY_BYTES (UINT64_C(512) << 20) /* of one that is copied, at most */
#define MULTIPART_PARALLEL   8
#define MULTIPART_PARTS_MAX  9000 /* of one object; services allow 10,000 */

/* As upload(). */
int multipart_upload(struct cache_file *file, struct upload *up, const struct store_pairs *user,
		     char message[STORE_MESSAGE_BYTES]);

/* Removes what an interrupted one for the same draft left at the service. Errors are the service's
 * to keep: nothing is done about them. */
void multipart_clean(struct cache_file *file, struct context *ctx);

/* --- the plan: pure, for tests --- */

struct multipart_part {
	uint64_t offset, length;
	bool is_copy;
};

/* Cuts [0, bytes) into parts, of which no run of MULTIPART_PART_BYTES that is_clean may be sent.
 * base: what may be copied lies within this many bytes. Returns how many, at most
 * MULTIPART_PARTS_MAX, with *out to free, or a negative errno (-ENOMEM, -EFBIG). */
long multipart_plan(uint64_t bytes, uint64_t base,
		    bool (*is_clean)(const void *arg, uint64_t offset, uint64_t length),
		    const void *arg, struct multipart_part **out);

#endif
