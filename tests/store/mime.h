/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of several parts (RFC 2046, 5.1): multipart/related, multipart/mixed. */
#ifndef STORE_MIME_H
#define STORE_MIME_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/store/headers.h"

struct mime {
	const char *at, *end; /* what is left */
	char boundary[80];    /* "--" and the boundary */
};
struct mime_part {
	struct headers headers;
	const char *data;
	size_t bytes;
};
/* False when content_type names no boundary. */
bool mime_begin(struct mime *m, const char *content_type, const char *body, size_t bytes);
/* The next part, whose headers are to be freed; false: there is none, or it is malformed. */
bool mime_next(struct mime *m, struct mime_part *out);
/* Header lines from *at up to and past the empty line. Returns 0 or -EINVAL, -ENOMEM. */
int mime_headers(const char **at, const char *end, struct headers *out);

#endif
