/* SPDX-License-Identifier: Apache-2.0 */
/* See vec.h. */
#include "intercept/rewrite/vec.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_ROOM 1024u /* items */

void vec_add(struct vec *v, uint64_t value)
{
	if (v->count == v->room) {
		size_t room = v->room ? v->room * 2 : FIRST_ROOM;
		uint64_t *item = realloc(v->item, room * sizeof(*item));

		if (!item) {
			v->failed = -ENOMEM;
			return;
		}
		v->item = item;
		v->room = room;
	}
	v->item[v->count++] = value;
}

static int order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void vec_sort(struct vec *v)
{
	if (v->count > 1)
		qsort(v->item, v->count, sizeof(*v->item), order);
}

size_t vec_find(const struct vec *v, uint64_t value)
{
	size_t low = 0, high = v->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (v->item[mid] < value)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void vec_free(struct vec *v)
{
	free(v->item);
	v->item = NULL;
	v->count = v->room = 0;
}
