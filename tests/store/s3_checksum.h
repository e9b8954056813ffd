/* SPDX-License-Identifier: Apache-2.0 */
/* S3's additional checksums (x-amz-checksum-*): crc32, crc32c, crc64nvme, sha1, sha256. */
#ifndef STORE_S3_CHECKSUM_H
#define STORE_S3_CHECKSUM_H

#include <stddef.h>

#define S3_CHECKSUM_BYTES  64 /* base64 with NUL */
#define S3_CHECKSUM_PREFIX "x-amz-checksum-"

/* Base64 of the big-endian checksum. Returns 0, -EINVAL (no such algorithm), -EIO. */
int s3_checksum(const char *algorithm, const void *data, size_t bytes, char out[S3_CHECKSUM_BYTES]);

/* Base64 of raw bytes; out holds 4/3 of them and 4 more. */
void s3_checksum_base64(const unsigned char *raw, size_t bytes, char *out);

#endif
