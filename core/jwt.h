/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Web Tokens that are signed here: RS256 (RFC 7515; RFC 7518 section 3.3). */
#ifndef CORE_JWT_H
#define CORE_JWT_H

#include <jansson.h>
#include <openssl/evp.h>

#include "core/buffer.h"

/* Appends in the alphabet of RFC 4648 section 5, without padding. Returns as buffer_add(). */
int jwt_add_base64url(struct buffer *out, const void *data, size_t bytes);

/* "HEADER.CLAIMS.SIGNATURE", to free and wipe. key: RSA. NULL for header or claims is -ENOMEM, as
 * json_pack() gives it. Returns 0, -EINVAL (no such key, or too much is said), -EIO (the crypto
 * library), -ENOMEM. */
int jwt_sign(EVP_PKEY *key, const json_t *header, const json_t *claims, char **out);

#endif
