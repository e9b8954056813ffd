/* SPDX-License-Identifier: Apache-2.0 */
/* A growing array of numbers: positions to visit, references found. */
#ifndef INTERCEPT_REWRITE_VEC_H
#define INTERCEPT_REWRITE_VEC_H

#include <stddef.h>
#include <stdint.h>

struct vec {
	uint64_t *item; /* owned */
	size_t count, room;
	int failed; /* -ENOMEM once an item could not be added */
};

/* Sets failed when there is no memory. */
void vec_add(struct vec *v, uint64_t value);
void vec_sort(struct vec *v);
/* The index of the first item >= value, of a sorted one. */
size_t vec_find(const struct vec *v, uint64_t value);
void vec_free(struct vec *v);

#endif
