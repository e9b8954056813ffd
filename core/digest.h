/* SPDX-License-Identifier: Apache-2.0 */
/* Digests and checksums: one shot, and running over a body that arrives in pieces. */
#ifndef CORE_DIGEST_H
#define CORE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define DIGEST_MD5_BYTES    16
#define DIGEST_SHA256_BYTES 32
#define DIGEST_CRC_BYTES    4
#define DIGEST_HEX_BYTES    (2 * DIGEST_SHA256_BYTES + 1) /* the longest in hex, with NUL */
#define DIGEST_MAX_BYTES    DIGEST_SHA256_BYTES

/* All but those of text return 0 or -EIO when the crypto library refuses. */
int digest_sha256(const void *data, size_t bytes, uint8_t out[DIGEST_SHA256_BYTES]);
int digest_sha256_hex(const void *data, size_t bytes, char out[DIGEST_HEX_BYTES]);
int digest_md5(const void *data, size_t bytes, uint8_t out[DIGEST_MD5_BYTES]);
int digest_hmac_sha256(const void *key, size_t key_bytes, const void *data, size_t bytes,
		       uint8_t out[DIGEST_SHA256_BYTES]);

/* Lower-case hex with NUL: out has 2 * bytes + 1. */
void digest_hex(const uint8_t *in, size_t bytes, char *out);

#define DIGEST_BASE64_BYTES (4 * ((DIGEST_MAX_BYTES + 2) / 3) + 1) /* the longest, with NUL */

/* Base64 with NUL. bytes: at most DIGEST_MAX_BYTES. */
void digest_base64(const uint8_t *in, size_t bytes, char out[DIGEST_BASE64_BYTES]);

/* A sum over a body. CRCs come out big-endian, as the services write them in base64. */
enum digest_kind { DIGEST_NONE, DIGEST_MD5, DIGEST_SHA256, DIGEST_CRC32, DIGEST_CRC32C };

struct digest_run {
	enum digest_kind kind;
	uint32_t crc;
	void *md; /* the crypto library's context, owned */
};

int digest_run_start(struct digest_run *run, enum digest_kind kind);
int digest_run_add(struct digest_run *run, const void *data, size_t bytes);

/* The CRC32C of a and then b, from those of both and the bytes of b. */
uint32_t digest_crc32c_join(uint32_t a, uint32_t b, uint64_t b_bytes);

/* Ends the run. Returns the bytes in out (4, 16 or 32), or -EIO. */
int digest_run_end(struct digest_run *run, uint8_t out[DIGEST_MAX_BYTES]);

/* Forgets a run that may or may not have been started or ended; a zeroed one is fine. */
void digest_run_drop(struct digest_run *run);

/* Does text say these bytes, in hex (either case) or in base64? */
int digest_is_hex(const uint8_t *digest, size_t bytes, const char *text);
int digest_is_base64(const uint8_t *digest, size_t bytes, const char *text);

#endif
