/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of bearers: see bearer.h. */
#include "tests/store/bearer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "tests/store/settings.h"

#define ISSUED_PREFIX "ya29."
#define MAC_BYTES     32

static bool was_issued(const char *token, int64_t *expiry_out)
{
	const char *signed_text = token + strlen(ISSUED_PREFIX);
	const char *mac = strrchr(token, '.');
	unsigned char raw[EVP_MAX_MD_SIZE];
	char hex[2 * MAC_BYTES + 1];
	unsigned len = 0;
	char *end;

	if (!settings.token_secret || strncmp(token, ISSUED_PREFIX, strlen(ISSUED_PREFIX)) != 0 ||
	    mac < signed_text)
		return false;
	*expiry_out = strtoll(signed_text, &end, 10);
	if (*end != '.' || end == mac || strlen(mac + 1) != sizeof(hex) - 1 ||
	    !HMAC(EVP_sha256(), settings.token_secret, (int)strlen(settings.token_secret),
		  (const unsigned char *)signed_text, (size_t)(mac - signed_text), raw, &len))
		return false;
	for (unsigned i = 0; i < MAC_BYTES; i++)
		snprintf(hex + 2 * (size_t)i, 3, "%02x", raw[i]);
	return !CRYPTO_memcmp(hex, mac + 1, sizeof(hex) - 1);
}

static bool token_valid(const char *token)
{
	int64_t expiry;

	for (size_t i = 0; i < settings.token_count; i++) {
		if (!strcmp(settings.tokens[i], token))
			return true;
	}
	return was_issued(token, &expiry) && expiry > time(NULL) + settings.clock_offset_s;
}

bool bearer_valid(const char *authorization)
{
	return !strncasecmp(authorization, "Bearer ", 7) && token_valid(authorization + 7);
}
