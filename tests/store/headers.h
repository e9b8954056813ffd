/* SPDX-License-Identifier: Apache-2.0 */
/* A short list of HTTP header lines. Names compare without regard to case. */
#ifndef STORE_HEADERS_H
#define STORE_HEADERS_H

#include <stddef.h>

#define HEADERS_MAX 128 /* lines of one request, one answer or one object */

struct header {
	char *name;
	char *value;
};

struct headers {
	struct header *items;
	size_t count;
};

/* Appends a copy. Returns 0, -ENOMEM, -E2BIG. */
int headers_add(struct headers *h, const char *name, const char *value);

/* The first value of that name, or NULL. */
const char *headers_get(const struct headers *h, const char *name);

/* Appends copies of all of from. Returns as headers_add(). */
int headers_copy(struct headers *to, const struct headers *from);

void headers_free(struct headers *h);

#endif
