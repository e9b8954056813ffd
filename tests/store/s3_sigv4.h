/* SPDX-License-Identifier: Apache-2.0 */
/* AWS Signature Version 4 as S3 computes it (Amazon S3 API Reference, "Authenticating Requests"):
 * pure text in, text out. */
#ifndef STORE_S3_SIGV4_H
#define STORE_S3_SIGV4_H

#include <stddef.h>

#include "tests/store/buf.h"
#include "tests/store/headers.h"
#include "tests/store/uri.h"

#define S3_SIGV4_KEY_BYTES 32
#define S3_SIGV4_HEX_BYTES 65 /* with NUL */

struct s3_sigv4_request {
	const char *method;
	const char *path; /* decoded, with its leading slash */
	size_t path_len;
	const struct uri_params *params; /* X-Amz-Signature is left out */
	const struct headers *headers;
	const char *signed_headers; /* "host;x-amz-date": lower case, in order */
	const char *payload_hash;   /* last line of the canonical request */
};

void s3_sigv4_canonical(const struct s3_sigv4_request *r, struct buf *out);

/* The signing key of a day ("20130524"), region and service. */
void s3_sigv4_key(const char *secret, const char *day, const char *region, const char *service,
		  unsigned char key_out[S3_SIGV4_KEY_BYTES]);

/* HMAC-SHA256 of text by the signing key, in lower-case hexadecimal. */
void s3_sigv4_sign(const unsigned char key[S3_SIGV4_KEY_BYTES], const char *text, size_t len,
		   char hex_out[S3_SIGV4_HEX_BYTES]);

/* SHA-256 in lower-case hexadecimal. */
void s3_sigv4_sha256(const void *data, size_t bytes, char hex_out[S3_SIGV4_HEX_BYTES]);

void s3_sigv4_hex(const unsigned char *raw, size_t bytes, char *hex_out);

/* "AWS4-HMAC-SHA256\nDATE\nSCOPE\nHASH" of a canonical request. */
void s3_sigv4_string_to_sign(const char *amz_date, const char *scope, const struct buf *canonical,
			     struct buf *out);

#endif
