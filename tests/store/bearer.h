/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of bearers.
 * A token is one that an option gave, or one that says itself until
 * when it is good and was signed with the secret of --token-secret:
 *   ya29.EXPIRY.NONCE.MAC    EXPIRY: seconds since 1970, in decimal; NONCE: letters and digits
 *   MAC: HMAC-SHA256 of "EXPIRY.NONCE", by the secret, in lower-case hexadecimal
 * So whatever hands tokens out (tests/apps/credserver.py) and the store need no common memory.
 */
#ifndef STORE_BEARER_H
#define STORE_BEARER_H

#include <stdbool.h>

/* Whether an Authorization header is of a bearer whose token is good. */
bool bearer_valid(const char *authorization);

#endif
