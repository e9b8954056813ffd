/* SPDX-License-Identifier: Apache-2.0 */
/* See extents.h. Frames are believed before symbols: they are made by the assembler, and a stripped
 * file still has them. */
#include "intercept/rewrite/extents.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Tables may overlap, so that a small file could ask for work without end. */
#define BUDGET(file_bytes) ((file_bytes) + (1u << 20))

static void mark_target(struct image *image, uint32_t pos)
{
	image->mark[pos] |= MARK_TARGET;
}

void extents_seed(struct extents_source *s, uint64_t vaddr)
{
	uint32_t pos = image_pos(s->image, vaddr);

	if (pos == POS_NONE)
		return;
	mark_target(s->image, pos);
	vec_add(&s->out->seeds, pos);
}

void extents_function(struct extents_source *s, uint64_t vaddr, uint64_t bytes)
{
	uint32_t pos = image_pos(s->image, vaddr);
	const struct span *span;

	if (pos == POS_NONE)
		return;
	extents_seed(s, vaddr);
	span = image_span(s->image, pos);
	if (bytes && bytes <= span->pos + span->bytes - pos)
		vec_add(s->raw, (uint64_t)pos << 32 | (pos + (uint32_t)bytes));
}

void extents_pointer(struct extents_source *s, uint64_t vaddr)
{
	uint32_t pos = image_pos(s->image, vaddr);

	if (pos == POS_NONE)
		return;
	mark_target(s->image, pos);
	vec_add(&s->out->pointers, pos);
}

/* Appends those of sorted raw that overlap nothing before them nor in known. */
static int merge(struct extents *x, struct vec *raw)
{
	size_t known = x->count, k = 0;
	uint32_t end = 0;
	struct extent *item = realloc(x->item, (known + raw->count + 1) * sizeof(*item));

	if (!item)
		return -ENOMEM;
	x->item = item;
	vec_sort(raw);
	for (size_t i = 0; i < raw->count; i++) {
		struct extent e = {(uint32_t)(raw->item[i] >> 32), (uint32_t)raw->item[i]};

		/* of several with the same start, the longest is the last */
		if (i + 1 < raw->count && raw->item[i + 1] >> 32 == e.start)
			continue;
		while (k < known && item[k].end <= e.start)
			k++;
		if (e.start < end || (k < known && item[k].start < e.end))
			continue;
		item[x->count++] = e;
		end = e.end;
	}
	raw->count = 0;
	return 0;
}

static int extent_order(const void *a, const void *b)
{
	const struct extent *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

static void drop_repeats(struct vec *v)
{
	size_t kept = 0;

	vec_sort(v);
	for (size_t i = 0; i < v->count; i++)
		if (!kept || v->item[kept - 1] != v->item[i])
			v->item[kept++] = v->item[i];
	v->count = kept;
}

int extents_find(struct extents *x, struct image *image)
{
	struct vec raw = {0};
	struct extents_source s = {
		.image = image, .raw = &raw, .out = x, .budget = BUDGET(image->size)};
	int rc;

	memset(x, 0, sizeof(*x));
	extents_seed(&s, image->elf.ehdr.e_entry);
	extents_from_frames(&s);
	extents_from_go(&s);
	rc = raw.failed ? raw.failed : merge(x, &raw);
	if (!rc) {
		extents_from_symbols(&s);
		extents_from_dynamic(&s);
		rc = raw.failed ? raw.failed : merge(x, &raw);
	}
	vec_free(&raw);
	if (rc)
		return rc;
	if (x->count > 1)
		qsort(x->item, x->count, sizeof(*x->item), extent_order);
	drop_repeats(&x->seeds);
	return x->seeds.failed ? x->seeds.failed : x->pointers.failed;
}

void extents_free(struct extents *x)
{
	free(x->item);
	x->item = NULL;
	vec_free(&x->seeds);
	vec_free(&x->pointers);
}

/* The first extent that ends behind pos. */
static size_t extent_index(const struct extents *x, uint32_t pos)
{
	size_t low = 0, high = x->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (x->item[mid].end <= pos)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct extent *extents_at(const struct extents *x, uint32_t pos)
{
	size_t i = extent_index(x, pos);

	return i < x->count && x->item[i].start <= pos ? &x->item[i] : NULL;
}

uint32_t extents_bound(const struct extents *x, const struct image *image, uint32_t pos)
{
	size_t i = extent_index(x, pos);
	const struct span *span = image_span(image, pos);
	uint32_t end = span->pos + span->bytes;

	if (i == x->count)
		return end;
	if (x->item[i].start <= pos)
		return x->item[i].end;
	return x->item[i].start < end ? x->item[i].start : end;
}

uint32_t extents_before(const struct extents *x, const struct image *image, uint32_t pos)
{
	size_t i = extent_index(x, pos);
	uint32_t start = image_span(image, pos)->pos;

	return i && x->item[i - 1].end > start ? x->item[i - 1].end : start;
}
