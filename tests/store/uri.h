/* SPDX-License-Identifier: Apache-2.0 */
/* Request targets: percent coding (RFC 3986) and query parameters. */
#ifndef STORE_URI_H
#define STORE_URI_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/store/buf.h"

#define URI_PARAMS_MAX 64 /* parameters of one query */

struct uri_param {
	char *name;
	char *value; /* "" when there was no '=' */
};

struct uri_params {
	struct uri_param items[URI_PARAMS_MAX];
	size_t count;
	char *text; /* what the items point into */
};

/* Decodes len bytes of text in place and ends them with a NUL; text[len] must be writable. A plus
 * is a space only when plus_is_space. Returns the decoded length, or -EINVAL on a broken or NUL
 * escape. */
long uri_decode(char *text, size_t len, bool plus_is_space);

/* Appends text with all but RFC 3986's unreserved characters encoded; a slash too unless
 * keep_slash. */
void uri_encode(struct buf *out, const char *text, size_t len, bool keep_slash);

/* Splits and decodes a query ("a=b&c"). Returns 0, -EINVAL, -E2BIG (too many), -ENOMEM. *out is
 * only set on success; uri_params_free() it. */
int uri_params_parse(const char *query, struct uri_params *out);
void uri_params_free(struct uri_params *params);

/* The first value of that name, or NULL. */
const char *uri_params_get(const struct uri_params *params, const char *name);

#endif
