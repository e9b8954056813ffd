/* SPDX-License-Identifier: Apache-2.0 */
/* One page of a bucket's names: prefix, delimiter, start position. The walk jumps over each common
 * prefix, so a page costs O(entries * log keys) however many keys lie below them. */
#ifndef STORE_LIST_H
#define STORE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/store/objects.h"

struct list_query {
	const char *prefix;    /* "" for none */
	const char *delimiter; /* "" for none; any string */
	const char *after;     /* entries behind this name only; "" from the start. A name inside a
				* common prefix, or that prefix itself, puts it behind us. */
	const char *from;      /* no names below this one, or NULL */
	const char *until;     /* none from this one on, or NULL */
	bool with_markers;     /* a common prefix that is an object's name has that object too */
	size_t max;	       /* entries of the page */
};

/* Either an object (with a reference) or a common prefix; both only with_markers. */
struct list_entry {
	struct object *object;
	char *prefix;
};

struct list_page {
	struct list_entry *entries; /* in order of names */
	size_t count;
	bool more; /* another page follows, after list_last() */
};

/* Returns 0, -ENXIO (no bucket), -ENOMEM. list_free() the page after a success. */
int list_walk(const char *bucket, const struct list_query *query, struct list_page *out);

/* The name to continue after; NULL for an empty page. */
const char *list_last(const struct list_page *page);

void list_free(struct list_page *page);

#endif
