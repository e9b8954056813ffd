/* SPDX-License-Identifier: Apache-2.0 */
/* Header lines: see headers.h. */
#include "tests/store/headers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define GROW_BY 16u

int headers_add(struct headers *h, const char *name, const char *value)
{
	struct header line;

	if (h->count == HEADERS_MAX)
		return -E2BIG;
	if (h->count % GROW_BY == 0) {
		struct header *items = realloc(h->items, (h->count + GROW_BY) * sizeof(*items));

		if (!items)
			return -ENOMEM;
		h->items = items;
	}
	line.name = strdup(name);
	line.value = strdup(value);
	if (!line.name || !line.value) {
		free(line.name);
		free(line.value);
		return -ENOMEM;
	}
	h->items[h->count++] = line;
	return 0;
}

const char *headers_get(const struct headers *h, const char *name)
{
	for (size_t i = 0; i < h->count; i++) {
		if (!strcasecmp(h->items[i].name, name))
			return h->items[i].value;
	}
	return NULL;
}

int headers_copy(struct headers *to, const struct headers *from)
{
	int err = 0;

	for (size_t i = 0; i < from->count && !err; i++)
		err = headers_add(to, from->items[i].name, from->items[i].value);
	return err;
}

void headers_free(struct headers *h)
{
	for (size_t i = 0; i < h->count; i++) {
		free(h->items[i].name);
		free(h->items[i].value);
	}
	free(h->items);
	*h = (struct headers){0};
}
