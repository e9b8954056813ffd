/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HEX-SIZE[;chunk-signature=HEX]\r\n DATA\r\n ... 0[;chunk-signature=HEX]\r\n [NAME:VALUE\r\n ...]
 * \r\n Amazon S3 API Reference, "Transferring Payload in Multiple Chunks" and "... trailing
 * headers".
 */
#include "tests/store/s3_chunked.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SIGNATURE      "chunk-signature="
#define SIGNATURE_LEN  (sizeof(SIGNATURE) - 1)
#define LINE_MAX_BYTES 4096u
#define EMPTY_SHA256   "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct reader {
	char *at;
	char *end;
};

/* The next line, its CRLF cut off, or NULL. SDKs end trailer lines with LF alone too. */
static char *take_line(struct reader *r)
{
	size_t rest = (size_t)(r->end - r->at);
	char *line = r->at;
	char *newline = memchr(line, '\n', rest < LINE_MAX_BYTES ? rest : LINE_MAX_BYTES);

	if (!newline)
		return NULL;
	*newline = '\0';
	if (newline > line && newline[-1] == '\r')
		newline[-1] = '\0';
	r->at = newline + 1;
	return line;
}

static int check_chunk(struct s3_chunked_signer *s, const char *line, const char *data,
		       size_t bytes)
{
	const char *given = strstr(line, SIGNATURE);
	char hash[S3_SIGV4_HEX_BYTES], expected[S3_SIGV4_HEX_BYTES];
	struct buf text = {0};

	if (!given)
		return -EACCES;
	s3_sigv4_sha256(data, bytes, hash);
	buf_printf(&text, "AWS4-HMAC-SHA256-PAYLOAD\n%s\n%s\n%s\n" EMPTY_SHA256 "\n%s", s->amz_date,
		   s->scope, s->previous, hash);
	if (text.failed) {
		buf_free(&text);
		return -ENOMEM;
	}
	s3_sigv4_sign(s->key, text.data, text.len, expected);
	buf_free(&text);
	if (strcmp(given + SIGNATURE_LEN, expected) != 0)
		return -EACCES;
	memcpy(s->previous, expected, sizeof(expected));
	return 0;
}

static int check_trailers(const struct s3_chunked_signer *s, const struct buf *signed_text,
			  const char *given)
{
	char hash[S3_SIGV4_HEX_BYTES], expected[S3_SIGV4_HEX_BYTES];
	struct buf text = {0};

	s3_sigv4_sha256(signed_text->data, signed_text->len, hash);
	buf_printf(&text, "AWS4-HMAC-SHA256-TRAILER\n%s\n%s\n%s\n%s", s->amz_date, s->scope,
		   s->previous, hash);
	if (text.failed) {
		buf_free(&text);
		return -ENOMEM;
	}
	s3_sigv4_sign(s->key, text.data, text.len, expected);
	buf_free(&text);
	return strcmp(given, expected) ? -EACCES : 0;
}

static int take_trailers(struct reader *r, const struct s3_chunked_signer *s,
			 struct headers *trailers)
{
	struct buf signed_text = {0};
	const char *signature = NULL;
	char *line;
	int err = 0;

	while (!err && (line = take_line(r)) && *line) {
		char *colon = strchr(line, ':');

		if (!colon) {
			err = -EINVAL;
			break;
		}
		*colon++ = '\0';
		if (!strcmp(line, "x-amz-trailer-signature")) {
			signature = colon;
			continue;
		}
		buf_printf(&signed_text, "%s:%s\n", line, colon);
		err = headers_add(trailers, line, colon);
	}
	if (!err && s && signed_text.len)
		err = signature ? check_trailers(s, &signed_text, signature) : -EACCES;
	buf_free(&signed_text);
	return err;
}

int s3_chunked_decode(char *body, size_t bytes, struct s3_chunked_signer *signer,
		      struct headers *trailers, size_t *bytes_out)
{
	struct reader r = {.at = body, .end = body + bytes};
	size_t done = 0;
	size_t size = 1;

	while (size) {
		char *line = take_line(&r);
		char *end;
		int err;

		if (!line)
			return -EINVAL;
		size = strtoull(line, &end, 16);
		if (end == line || (*end && *end != ';') || size > (size_t)(r.end - r.at))
			return -EINVAL;
		err = signer ? check_chunk(signer, line, r.at, size) : 0;
		if (err)
			return err;
		memmove(body + done, r.at, size);
		done += size;
		r.at += size;
		if (size && (r.end - r.at < 2 || memcmp(r.at, "\r\n", 2) != 0))
			return -EINVAL;
		r.at += size ? 2 : 0;
	}
	*bytes_out = done;
	return take_trailers(&r, signer, trailers);
}
