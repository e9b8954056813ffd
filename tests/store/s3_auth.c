/* SPDX-License-Identifier: Apache-2.0 */
/* Who is asking: the Authorization header or a presigned query, checked against the settings' keys.
 */
#include "tests/store/s3.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <openssl/crypto.h>

#include "tests/store/bucket.h"
#include "tests/store/scope.h"

#define ALGORITHM	 "AWS4-HMAC-SHA256"
#define SKEW_S		 900	/* S3 tolerates 15 minutes */
#define EXPIRES_MAX_S	 604800 /* a presigned query lives 7 days at most */
#define SIGNED_BYTES_MAX 4096	/* the list of signed headers */

/* What the request claims, from either place. */
struct claim {
	char credential[SETTINGS_TEXT_BYTES + S3_SCOPE_BYTES];
	char signed_headers[SIGNED_BYTES_MAX];
	char signature[S3_SIGV4_HEX_BYTES];
	const char *date;
	const char *token; /* or NULL */
	bool presigned;
	long expires_s;
};

static bool copy(char *out, size_t bytes, const char *text, size_t len)
{
	if (len >= bytes)
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

/* The value of "Name=value" in the header's list. */
static bool take_field(const char *header, const char *name, char *out, size_t bytes)
{
	const char *at = strstr(header, name);

	if (!at)
		return false;
	at += strlen(name);
	return copy(out, bytes, at, strcspn(at, ", "));
}

static enum s3_error claim_from_header(struct s3_call *c, const char *header, struct claim *out)
{
	if (strncmp(header, ALGORITHM " ", sizeof(ALGORITHM)) != 0) {
		s3_fail_with(c, S3_INVALID_REQUEST, "Message",
			     "The authorization mechanism you have provided is not supported. "
			     "Please use AWS4-HMAC-SHA256.",
			     NULL);
		return S3_INVALID_REQUEST;
	}
	if (!take_field(header, "Credential=", out->credential, sizeof(out->credential)) ||
	    !take_field(header, "SignedHeaders=", out->signed_headers,
			sizeof(out->signed_headers)) ||
	    !take_field(header, "Signature=", out->signature, sizeof(out->signature)))
		return S3_AUTHORIZATION_MALFORMED;
	out->date = s3_header(c, "x-amz-date");
	out->token = s3_header(c, "x-amz-security-token");
	if (!out->date)
		return S3_ACCESS_DENIED;
	if (!c->payload_hash) {
		s3_fail_with(c, S3_INVALID_REQUEST, "Message",
			     "Missing required header for this request: x-amz-content-sha256",
			     NULL);
		return S3_INVALID_REQUEST;
	}
	return S3_OK;
}

static enum s3_error claim_from_query(struct s3_call *c, struct claim *out)
{
	const char *algorithm = s3_param(c, "X-Amz-Algorithm");
	const char *credential = s3_param(c, "X-Amz-Credential");
	const char *headers = s3_param(c, "X-Amz-SignedHeaders");
	const char *signature = s3_param(c, "X-Amz-Signature");
	const char *expires = s3_param(c, "X-Amz-Expires");

	out->date = s3_param(c, "X-Amz-Date");
	out->token = s3_param(c, "X-Amz-Security-Token");
	out->presigned = true;
	if (!algorithm || !credential || !headers || !signature || !expires || !out->date ||
	    strcmp(algorithm, ALGORITHM) != 0)
		return S3_AUTHORIZATION_QUERY;
	out->expires_s = strtol(expires, NULL, 10);
	if (out->expires_s < 1 || out->expires_s > EXPIRES_MAX_S ||
	    !copy(out->credential, sizeof(out->credential), credential, strlen(credential)) ||
	    !copy(out->signed_headers, sizeof(out->signed_headers), headers, strlen(headers)) ||
	    !copy(out->signature, sizeof(out->signature), signature, strlen(signature)))
		return S3_AUTHORIZATION_QUERY;
	return S3_OK;
}

/* KEY/20130524/REGION/s3/aws4_request: fills scope and region, and finds the key. An access key may
 * hold slashes, so the scope is taken from the end. */
static enum s3_error take_credential(struct s3_call *c, struct claim *claim)
{
	char *scope = claim->credential + strlen(claim->credential);
	char *parts[4];
	enum s3_error malformed = claim->presigned ? S3_AUTHORIZATION_QUERY
						   : S3_AUTHORIZATION_MALFORMED;

	for (int i = 3; i >= 0; i--) {
		while (scope > claim->credential && scope[-1] != '/')
			scope--;
		if (scope == claim->credential)
			return malformed;
		parts[i] = scope--;
	}
	if (!copy(c->scope, sizeof(c->scope), scope + 1, strlen(scope + 1)))
		return malformed;
	*scope = '\0';
	for (int i = 1; i < 4; i++)
		parts[i][-1] = '\0';
	if (strcmp(parts[2], "s3") != 0 || strcmp(parts[3], "aws4_request") != 0 ||
	    strncmp(parts[0], c->amz_date, strlen(parts[0])) != 0 || strlen(parts[0]) != 8 ||
	    !copy(c->region, sizeof(c->region), parts[1], strlen(parts[1])))
		return malformed;

	for (size_t i = 0; i < settings.key_count; i++) {
		const struct settings_key *k = &settings.keys[i];

		if (!strcmp(k->access_key, claim->credential))
			c->signer = k;
	}
	if (!c->signer)
		return S3_INVALID_ACCESS_KEY;
	s3_sigv4_key(c->signer->secret_key, parts[0], parts[1], parts[2], c->signing_key);
	return S3_OK;
}

static enum s3_error check_time(struct s3_call *c, const struct claim *claim)
{
	int64_t now = time(NULL) + settings.clock_offset_s;
	struct tm tm = {0};
	const char *end = strptime(claim->date, "%Y%m%dT%H%M%SZ", &tm);
	int64_t then;

	if (!end || *end ||
	    !copy(c->amz_date, sizeof(c->amz_date), claim->date, strlen(claim->date)))
		return claim->presigned ? S3_AUTHORIZATION_QUERY : S3_ACCESS_DENIED;
	then = timegm(&tm);
	if (claim->presigned && now > then + claim->expires_s) {
		s3_fail_with(c, S3_ACCESS_DENIED, "Message", "Request has expired", NULL);
		return S3_ACCESS_DENIED;
	}
	if (then > now + SKEW_S || (!claim->presigned && then < now - SKEW_S))
		return S3_REQUEST_TIME_SKEWED;
	return S3_OK;
}

static bool is_signed(const struct claim *claim, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = claim->signed_headers; *at;) {
		size_t here = strcspn(at, ";");

		if (here == len && !strncasecmp(at, name, len))
			return true;
		at += here;
		at += *at == ';';
	}
	return false;
}

/* S3 wants Host and every x-amz-* header that is there to be signed. */
static enum s3_error check_coverage(struct s3_call *c, const struct claim *claim)
{
	const struct headers *h = &c->req->headers;

	if (!is_signed(claim, "host"))
		return S3_ACCESS_DENIED;
	for (size_t i = 0; i < h->count; i++) {
		if (strncasecmp(h->items[i].name, "x-amz-", 6) != 0 ||
		    is_signed(claim, h->items[i].name))
			continue;
		s3_fail_with(c, S3_ACCESS_DENIED, "Message",
			     "There were headers present in the request which were not signed",
			     "HeadersNotSigned", h->items[i].name, NULL);
		return S3_ACCESS_DENIED;
	}
	return S3_OK;
}

static enum s3_error check_signature(struct s3_call *c, const struct claim *claim)
{
	const char *hash = claim->presigned ? "UNSIGNED-PAYLOAD" : c->payload_hash;
	struct s3_sigv4_request r = {.method = c->req->method,
				     .path = c->path,
				     .path_len = c->path_len,
				     .params = &c->req->params,
				     .headers = &c->req->headers,
				     .signed_headers = claim->signed_headers,
				     .payload_hash = hash};
	struct buf canonical = {0}, text = {0};
	enum s3_error err = S3_OK;

	if (claim->presigned && c->payload_hash && is_signed(claim, "x-amz-content-sha256"))
		r.payload_hash = c->payload_hash;
	s3_sigv4_canonical(&r, &canonical);
	if (!canonical.failed)
		s3_sigv4_string_to_sign(c->amz_date, c->scope, &canonical, &text);
	if (canonical.failed || text.failed) {
		err = S3_INTERNAL;
	} else {
		s3_sigv4_sign(c->signing_key, text.data, text.len, c->signature);
		if (strlen(claim->signature) != strlen(c->signature) ||
		    CRYPTO_memcmp(c->signature, claim->signature, strlen(c->signature)) != 0) {
			s3_fail_with(c, S3_SIGNATURE_MISMATCH, "AWSAccessKeyId",
				     c->signer->access_key, "StringToSign", text.data,
				     "SignatureProvided", claim->signature, "CanonicalRequest",
				     canonical.data, NULL);
			err = S3_SIGNATURE_MISMATCH;
		}
	}
	buf_free(&canonical);
	buf_free(&text);
	return err;
}

static enum s3_error check_token(const struct s3_call *c, const struct claim *claim)
{
	const char *expected = c->signer->session_token;

	if (!claim->token && !*expected)
		return S3_OK;
	if (!claim->token || strcmp(claim->token, expected) != 0)
		return S3_INVALID_TOKEN;
	return S3_OK;
}

static void take_payload_mode(struct s3_call *c)
{
	const char *hash = s3_header(c, "x-amz-content-sha256");

	c->payload_hash = hash;
	if (!hash || !strcmp(hash, "UNSIGNED-PAYLOAD"))
		c->payload = S3_PAYLOAD_UNSIGNED;
	else if (!strncmp(hash, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", 34))
		c->payload = S3_PAYLOAD_CHUNKS_SIGNED;
	else if (!strcmp(hash, "STREAMING-UNSIGNED-PAYLOAD-TRAILER"))
		c->payload = S3_PAYLOAD_CHUNKS_UNSIGNED;
	else
		c->payload = S3_PAYLOAD_HASH;
}

enum s3_error s3_auth(struct s3_call *c)
{
	SCOPE_FREE struct claim *claim = calloc(1, sizeof(*claim));
	const char *header = s3_header(c, "Authorization");
	enum s3_error err;

	if (!claim)
		return S3_INTERNAL;
	take_payload_mode(c);
	if (header)
		err = claim_from_header(c, header, claim);
	else if (s3_param(c, "X-Amz-Algorithm") || s3_param(c, "X-Amz-Signature"))
		err = claim_from_query(c, claim);
	else
		return S3_OK; /* anonymous */
	if (!err)
		err = check_time(c, claim);
	if (!err)
		err = take_credential(c, claim);
	if (!err)
		err = check_coverage(c, claim);
	if (!err)
		err = check_signature(c, claim);
	if (!err)
		err = check_token(c, claim);
	return err;
}

/* A signature for another region than the bucket's: what S3 says depends on how the bucket was
 * named. */
static bool in_region(struct s3_call *c, const char *bucket)
{
	struct bucket_info info;
	char text[SETTINGS_TEXT_BYTES + BUCKET_REGION_BYTES + 100];

	if (!settings.strict_region || bucket_lookup(bucket, &info) || !c->signer ||
	    !strcmp(info.region, c->region))
		return true;
	if (*c->host_bucket) {
		snprintf(text, sizeof(text), "%s.s3.%s.%s", bucket, info.region, settings.domain);
		s3_fail_with(c, S3_PERMANENT_REDIRECT, "Bucket", bucket, "Endpoint", text, NULL);
	} else {
		snprintf(text, sizeof(text),
			 "The authorization header is malformed; the region '%s' is wrong; "
			 "expecting '%s'",
			 c->region, info.region);
		s3_fail_with(c, S3_AUTHORIZATION_MALFORMED, "Message", text, "Region", info.region,
			     NULL);
	}
	reply_header(c->reply, "x-amz-bucket-region", info.region);
	return false;
}

bool s3_auth_allows(struct s3_call *c, const char *bucket, bool writes)
{
	bool denied;

	if (c->signer)
		denied = c->signer->denied || (bucket && settings_names(&settings.denied, bucket));
	else if (!bucket)
		denied = true;
	else
		denied = !settings_names(&settings.anon_write, bucket) &&
			 (writes || !settings_names(&settings.anon_read, bucket));
	if (denied) {
		s3_fail(c, S3_ACCESS_DENIED);
		return false;
	}
	return !bucket || in_region(c, bucket);
}
