/* SPDX-License-Identifier: Apache-2.0 */
/* A growing array of numbers: positions to visit, references found. */
#ifndef INTERCEPT_REWRITE_VEC_H
#define INTERCEPT_REWRITE_VEC_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

struct vec {
	uint64_t *item; /* owned */
	size_t count, room;
	int failed; /* -ENOMEM once an item could not be added */
};

static inline void vec_add(struct vec *v, uint64_t value)
{
	if (v->count == v->room) {
		size_t room = v->room ? v->room * 2 : 1024;
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

static inline int vec_order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static inline void vec_sort(struct vec *v)
{
	if (v->count > 1)
		qsort(v->item, v->count, sizeof(*v->item), vec_order);
}

/* The index of the first item >= value, of a sorted one. */
static inline size_t vec_find(const struct vec *v, uint64_t value)
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

static inline void vec_free(struct vec *v)
{
	free(v->item);
	v->item = NULL;
	v->count = v->room = 0;
}

#endif
