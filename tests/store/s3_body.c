/* SPDX-License-Identifier: Apache-2.0 */
/* Every promise a request makes about its body, checked: length, SHA-256, chunk signatures,
 * Content-MD5 and the additional checksums, in headers or trailers. */
#include "tests/store/s3.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "tests/store/content.h"
#include "tests/store/s3_checksum.h"
#include "tests/store/s3_chunked.h"
#include "tests/store/s3_lacks.h"

#define MD5_BASE64_LEN 24

bool s3_is_chunked(const struct s3_call *c)
{
	return c->payload == S3_PAYLOAD_CHUNKS_SIGNED || c->payload == S3_PAYLOAD_CHUNKS_UNSIGNED;
}

static enum s3_error unchunk(struct s3_call *c)
{
	struct request *req = c->req;
	const char *announced = s3_header(c, "x-amz-decoded-content-length");
	struct s3_chunked_signer signer = {.amz_date = c->amz_date, .scope = c->scope};
	bool is_signed = c->payload == S3_PAYLOAD_CHUNKS_SIGNED;
	size_t bytes = 0;
	int err;

	if (!announced)
		return S3_MISSING_LENGTH;
	memcpy(signer.key, c->signing_key, sizeof(signer.key));
	memcpy(signer.previous, c->signature, sizeof(signer.previous));
	err = s3_chunked_decode(req->body, req->body_bytes, is_signed ? &signer : NULL,
				&c->trailers, &bytes);
	if (err == -EACCES)
		return S3_SIGNATURE_MISMATCH;
	if (err || bytes != strtoull(announced, NULL, 10))
		return S3_INCOMPLETE_BODY;
	req->body_bytes = bytes;
	if (c->route->writes && !EVP_Q_digest(NULL, "MD5", NULL, req->body, bytes, req->md5, NULL))
		return S3_INTERNAL;
	return S3_OK;
}

static enum s3_error check_sha256(const struct s3_call *c)
{
	char hex[S3_SIGV4_HEX_BYTES];

	if (c->payload != S3_PAYLOAD_HASH)
		return S3_OK;
	s3_sigv4_hex(c->req->sha256, sizeof(c->req->sha256), hex);
	return strcasecmp(hex, c->payload_hash) ? S3_CONTENT_SHA256_MISMATCH : S3_OK;
}

static enum s3_error check_md5(const struct s3_call *c)
{
	const char *given = s3_header(c, "Content-MD5");
	char expected[MD5_BASE64_LEN + 4];

	if (!given)
		return S3_OK;
	if (strlen(given) != MD5_BASE64_LEN || strcmp(given + MD5_BASE64_LEN - 2, "==") != 0)
		return S3_INVALID_DIGEST;
	s3_checksum_base64(c->req->md5, sizeof(c->req->md5), expected);
	return strcmp(given, expected) ? S3_BAD_DIGEST : S3_OK;
}

/* One list of headers: every x-amz-checksum-ALGORITHM in it must be right. */
static enum s3_error check_checksums(const struct s3_call *c, const struct headers *h)
{
	size_t prefix_len = strlen(S3_CHECKSUM_PREFIX);
	char algorithm[16], expected[S3_CHECKSUM_BYTES];

	for (size_t i = 0; i < h->count; i++) {
		const char *name = h->items[i].name;
		size_t len = strlen(name);

		if (strncasecmp(name, S3_CHECKSUM_PREFIX, prefix_len) != 0 ||
		    len - prefix_len >= sizeof(algorithm))
			continue;
		for (size_t j = prefix_len; j <= len; j++)
			algorithm[j - prefix_len] = (char)tolower((unsigned char)name[j]);
		if (s3_checksum(algorithm, c->req->body, c->req->body_bytes, expected))
			continue; /* x-amz-checksum-algorithm and -mode are no digests */
		if (strcmp(expected, h->items[i].value) != 0)
			return S3_BAD_DIGEST;
	}
	return S3_OK;
}

enum s3_error s3_body(struct s3_call *c)
{
	enum s3_error err = S3_OK;

	if (c->req->body_too_big)
		return c->route->has_xml ? S3_MALFORMED_XML : S3_ENTITY_TOO_LARGE;
	if (s3_is_chunked(c))
		err = unchunk(c);
	if (!err && s3_lacks(LACK_CHECKS))
		return S3_OK;
	if (!err)
		err = check_sha256(c);
	if (!err)
		err = check_md5(c);
	/* CompleteMultipartUpload names the whole object's checksum there, not its own body's. */
	if (!err && strcmp(c->route->verb, "CompleteMultipartUpload") != 0)
		err = check_checksums(c, &c->req->headers);
	if (!err)
		err = check_checksums(c, &c->trailers);
	return err;
}

struct content *s3_take_body(struct s3_call *c)
{
	struct request *req = c->req;
	void *body = req->body;

	req->body = NULL; /* the content owns it, or it is freed */
	if (!settings.discards)
		return content_memory(body, req->body_bytes);
	free(body);
	return content_generated(GENERATE_BINARY, 0, req->body_bytes);
}
