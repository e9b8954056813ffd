/* SPDX-License-Identifier: Apache-2.0 */
/* Percent-encoding, RFC 3986, in the strict form that signatures want, and taking origins apart. */
#ifndef CORE_HTTP_URI_H
#define CORE_HTTP_URI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"

#define URI_HOST_BYTES 256 /* with NUL; a DNS name has 253 at most */
#define URI_PATH_BYTES 256 /* of an origin, with NUL */

/* Every byte but A-Z a-z 0-9 - . _ ~ (and '/' with keep_slash) becomes %XX. Returns as
 * buffer_add(). */
int uri_encode(struct buffer *out, const char *text, size_t bytes, bool keep_slash);

/* Appends "NAME=VALUE" to a query, encoded, with '?' or '&' before it as out needs. */
int uri_add_query(struct buffer *out, const char *name, const char *value);

/* Decodes in place, '+' to a space, as S3's encoding-type=url wants. Returns the length; -EINVAL: a
 * broken escape; -EILSEQ: an encoded NUL. The text is spoilt then. */
int uri_decode(char *text);

/* The same where '+' is itself, as in a path. */
int uri_decode_path(char *text);

/* "https://host:port/path" taken apart. */
struct uri_origin {
	bool tls;
	char host[URI_HOST_BYTES]; /* an IPv6 address with its brackets */
	uint16_t port;		   /* 0: the scheme's own */
	char path[URI_PATH_BYTES]; /* "" or "/path", no trailing slash */
};

/* Returns 0 or -EINVAL: not http or https, user information, a query, bytes that a host cannot
 * have. */
int uri_parse_origin(const char *text, struct uri_origin *out);

#endif
