/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies in S3's own chunk coding ("aws-chunked"), which lies inside HTTP's: signed chunk by chunk
 * or unsigned, with or without trailing checksums. */
#ifndef STORE_S3_CHUNKED_H
#define STORE_S3_CHUNKED_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/store/headers.h"
#include "tests/store/s3_sigv4.h"

/* What the chunks are signed with. */
struct s3_chunked_signer {
	unsigned char key[S3_SIGV4_KEY_BYTES];
	const char *amz_date;
	const char *scope;
	char previous[S3_SIGV4_HEX_BYTES]; /* the request's own signature to begin with */
};

/* Decodes the body in place. signer: NULL for the unsigned form. Trailing headers, their signature
 * left out, are added to trailers. *bytes_out: what is left of the body. Returns 0, -EINVAL
 * (malformed or cut off), -EACCES (a signature is wrong), -ENOMEM. */
int s3_chunked_decode(char *body, size_t bytes, struct s3_chunked_signer *signer,
		      struct headers *trailers, size_t *bytes_out);

#endif
