/* SPDX-License-Identifier: Apache-2.0 */
/* Signature Version 4: see s3_sigv4.h. */
#include "tests/store/s3_sigv4.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

struct pair {
	char *name; /* both encoded */
	char *value;
};

static int by_name_and_value(const void *a, const void *b)
{
	const struct pair *left = a;
	const struct pair *right = b;
	int order = strcmp(left->name, right->name);

	return order ? order : strcmp(left->value, right->value);
}

static char *encoded(const char *text)
{
	struct buf b = {0};

	buf_str(&b, "");
	uri_encode(&b, text, strlen(text), false);
	return b.data;
}

static void canonical_query(const struct uri_params *params, struct buf *out)
{
	struct pair pairs[URI_PARAMS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < params->count; i++) {
		struct pair *p = &pairs[count];

		if (!strcmp(params->items[i].name, "X-Amz-Signature"))
			continue;
		p->name = encoded(params->items[i].name);
		p->value = encoded(params->items[i].value);
		out->failed = out->failed || !p->name || !p->value;
		count++;
	}
	if (!out->failed)
		qsort(pairs, count, sizeof(pairs[0]), by_name_and_value);
	for (size_t i = 0; i < count; i++) {
		if (!out->failed)
			buf_printf(out, "%s%s=%s", i ? "&" : "", pairs[i].name, pairs[i].value);
		free(pairs[i].name);
		free(pairs[i].value);
	}
}

/* Trimmed, and runs of spaces made one. */
static void put_value(struct buf *out, const char *value)
{
	size_t start = out->len;

	for (; *value; value++) {
		bool space = *value == ' ' || *value == '\t';

		if (!space)
			buf_put(out, value, 1);
		else if (out->len > start && out->data[out->len - 1] != ' ')
			buf_put(out, " ", 1);
	}
	if (out->len > start && out->data[out->len - 1] == ' ')
		out->data[--out->len] = '\0';
}

static void canonical_header(const struct headers *headers, const char *name, size_t len,
			     struct buf *out)
{
	bool first = true;

	buf_put(out, name, len);
	buf_str(out, ":");
	for (size_t i = 0; i < headers->count; i++) {
		const struct header *h = &headers->items[i];

		if (strncasecmp(h->name, name, len) != 0 || h->name[len])
			continue;
		buf_str(out, first ? "" : ",");
		put_value(out, h->value);
		first = false;
	}
	buf_str(out, "\n");
}

void s3_sigv4_canonical(const struct s3_sigv4_request *r, struct buf *out)
{
	const char *name = r->signed_headers;

	buf_printf(out, "%s\n", r->method);
	uri_encode(out, r->path, r->path_len, true);
	buf_str(out, "\n");
	canonical_query(r->params, out);
	buf_str(out, "\n");
	while (*name) {
		size_t len = strcspn(name, ";");

		canonical_header(r->headers, name, len, out);
		name += len;
		name += *name == ';';
	}
	buf_printf(out, "\n%s\n%s", r->signed_headers, r->payload_hash);
}

static void hmac(const void *key, size_t key_bytes, const char *text,
		 unsigned char out[S3_SIGV4_KEY_BYTES])
{
	HMAC(EVP_sha256(), key, (int)key_bytes, (const unsigned char *)text, strlen(text), out,
	     NULL);
}

void s3_sigv4_key(const char *secret, const char *day, const char *region, const char *service,
		  unsigned char key_out[S3_SIGV4_KEY_BYTES])
{
	struct buf first = {0};
	unsigned char step[S3_SIGV4_KEY_BYTES];

	buf_printf(&first, "AWS4%s", secret);
	hmac(first.data ? first.data : "", first.len, day, step);
	buf_free(&first);
	hmac(step, sizeof(step), region, key_out);
	hmac(key_out, sizeof(step), service, step);
	hmac(step, sizeof(step), "aws4_request", key_out);
}

void s3_sigv4_hex(const unsigned char *raw, size_t bytes, char *hex_out)
{
	for (size_t i = 0; i < bytes; i++)
		snprintf(hex_out + 2 * i, 3, "%02x", raw[i]);
}

void s3_sigv4_sign(const unsigned char key[S3_SIGV4_KEY_BYTES], const char *text, size_t len,
		   char hex_out[S3_SIGV4_HEX_BYTES])
{
	unsigned char raw[S3_SIGV4_KEY_BYTES];

	HMAC(EVP_sha256(), key, S3_SIGV4_KEY_BYTES, (const unsigned char *)text, len, raw, NULL);
	s3_sigv4_hex(raw, sizeof(raw), hex_out);
}

void s3_sigv4_sha256(const void *data, size_t bytes, char hex_out[S3_SIGV4_HEX_BYTES])
{
	unsigned char raw[SHA256_DIGEST_LENGTH];

	SHA256(data, bytes, raw);
	s3_sigv4_hex(raw, sizeof(raw), hex_out);
}

void s3_sigv4_string_to_sign(const char *amz_date, const char *scope, const struct buf *canonical,
			     struct buf *out)
{
	char hash[S3_SIGV4_HEX_BYTES];

	s3_sigv4_sha256(canonical->data, canonical->len, hash);
	buf_printf(out, "AWS4-HMAC-SHA256\n%s\n%s\n%s", amz_date, scope, hash);
}
