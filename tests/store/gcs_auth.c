/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks: a bearer of a token. A token is one that an option gave, or one that says itself until
 * when it is good and was signed with the secret of --token-secret:
 *   ya29.EXPIRY.NONCE.MAC    EXPIRY: seconds since 1970, in decimal; NONCE: letters and digits
 *   MAC: HMAC-SHA256 of "EXPIRY.NONCE", by the secret, in lower-case hexadecimal
 * So whatever hands tokens out (tests/apps/credserver.py) and the store need no common memory.
 */
#include "tests/store/gcs.h"

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

static const char *permission(bool writes)
{
	return writes ? "storage.objects.create" : "storage.objects.get";
}

bool gcs_auth_bucket(struct gcs_call *c, const char *bucket, bool writes)
{
	bool anonymous = !gcs_header(c, "Authorization") && !c->route->by_session;

	if (!bucket)
		return true;
	if (settings_names(&settings.denied, bucket) ||
	    (anonymous && !settings_names(&settings.anon_write, bucket) &&
	     (writes || !settings_names(&settings.anon_read, bucket)))) {
		gcs_fail(c, anonymous ? 401 : 403, anonymous ? "required" : "forbidden",
			 "%s does not have %s access to the Google Cloud Storage object. "
			 "Permission '%s' denied on resource (or it may not exist).",
			 anonymous ? "Anonymous caller" : "tester@example.com", permission(writes),
			 permission(writes));
		return false;
	}
	if (settings_names(&settings.requester_pays, bucket) && !gcs_param(c, "userProject") &&
	    !gcs_header(c, "X-Goog-User-Project") && !c->route->by_session) {
		gcs_fail(c, 400, "required",
			 "Bucket is a requester pays bucket but no user project provided.");
		return false;
	}
	return true;
}

bool gcs_auth(struct gcs_call *c)
{
	const char *header = gcs_header(c, "Authorization");

	if (c->route->by_session)
		return true;
	if (header && (strncasecmp(header, "Bearer ", 7) != 0 || !token_valid(header + 7))) {
		gcs_fail(c, 401, "authError", "Invalid Credentials");
		return false;
	}
	if (!header && !c->bucket) {
		gcs_fail(c, 401, "required", "Anonymous caller does not have %s access.",
			 "storage.buckets.list");
		return false;
	}
	return gcs_auth_bucket(c, c->bucket, c->route->writes) &&
	       gcs_auth_bucket(c, c->names[2], true);
}
