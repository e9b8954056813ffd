/* SPDX-License-Identifier: Apache-2.0 */
/* See emptydirs.h: a sorted array of pointers, and a list in order of age. */
#include "fs/emptydirs.h"

#include <stdlib.h>
#include <string.h>

#include "fs/told.h"

static struct emptydir *sorted[TOLD_EMPTY_MAX + 1];
static size_t count;
static struct emptydir *oldest, *newest;

/* The first place of which the name is not before that one; ctx NULL: before all contexts. */
static size_t place_of(const uint8_t *ctx, const char *prefix)
{
	size_t low = 0, high = count, middle;
	int order;

	while (low < high) {
		middle = (low + high) / 2;
		order = strcmp(sorted[middle]->prefix, prefix);
		if (!order && ctx)
			order = memcmp(sorted[middle]->ctx, ctx, WIRE_CTX_BYTES);
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_it(size_t place, const uint8_t *ctx, const char *prefix)
{
	return place < count && !strcmp(sorted[place]->prefix, prefix) &&
	       !memcmp(sorted[place]->ctx, ctx, WIRE_CTX_BYTES);
}

struct emptydir *emptydirs_find(const uint8_t *ctx, const char *prefix)
{
	size_t place = place_of(ctx, prefix);

	return is_it(place, ctx, prefix) ? sorted[place] : NULL;
}

struct emptydir *emptydirs_add(const uint8_t *ctx, const char *prefix)
{
	size_t place = place_of(ctx, prefix), len = strlen(prefix);
	struct emptydir *e = calloc(1, sizeof(*e) + len + 1);

	if (!e)
		return NULL;
	memcpy(e->ctx, ctx, WIRE_CTX_BYTES);
	memcpy(e->prefix, prefix, len + 1);
	memmove(&sorted[place + 1], &sorted[place], (count - place) * sizeof(sorted[0]));
	sorted[place] = e;
	count++;
	e->older = newest;
	*(newest ? &newest->newer : &oldest) = e;
	newest = e;
	if (count > TOLD_EMPTY_MAX)
		emptydirs_drop(oldest);
	return e;
}

void emptydirs_drop(struct emptydir *e)
{
	size_t place = place_of(e->ctx, e->prefix);

	count--;
	memmove(&sorted[place], &sorted[place + 1], (count - place) * sizeof(sorted[0]));
	*(e->older ? &e->older->newer : &oldest) = e->newer;
	*(e->newer ? &e->newer->older : &newest) = e->older;
	free(e);
}

size_t emptydirs_first(const char *start)
{
	return place_of(NULL, start);
}

struct emptydir *emptydirs_at(size_t place, const char *start)
{
	if (place >= count || strncmp(sorted[place]->prefix, start, strlen(start)) != 0)
		return NULL;
	return sorted[place];
}
