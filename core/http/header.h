/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded list of HTTP header fields, of a request or of an answer. Values hold no control bytes
 * but tabs, so that what a caller or a server puts into one can never become another line.
 */
#ifndef CORE_HTTP_HEADER_H
#define CORE_HTTP_HEADER_H

#include <stddef.h>

#define HEADER_COUNT_MAX 128   /* fields */
#define HEADER_BYTES_MAX 65536 /* names and values together */

struct header {
	char *name;  /* owned, as given */
	char *value; /* owned, without blanks around it */
};

struct header_list {
	struct header field[HEADER_COUNT_MAX];
	size_t count;
	size_t bytes;
};

/* Returns 0, -EINVAL (not a header field), -EMSGSIZE (a ceiling), -ENOMEM. */
int header_add(struct header_list *list, const char *name, const char *value);

/* The same from one line as it arrived, with or without its line end. */
int header_add_line(struct header_list *list, const char *line, size_t bytes);

/* The value of the first field of that name (case does not matter), or NULL. */
const char *header_get(const struct header_list *list, const char *name);

/* Copies header_get()'s value; "" when there is none. Returns 0, or -EMSGSIZE when it does not fit.
 */
int header_copy(const struct header_list *list, const char *name, char *out, size_t out_bytes);

/* Frees the fields and leaves the list empty. */
void header_clear(struct header_list *list);

#endif
