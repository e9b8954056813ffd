/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a file says about its functions: where they begin, and for most where they end. From the
 * frame descriptions of .eh_frame, the symbol tables, the dynamic section and the ELF entry.
 */
#ifndef INTERCEPT_REWRITE_EXTENTS_H
#define INTERCEPT_REWRITE_EXTENTS_H

#include "intercept/rewrite/image.h"
#include "intercept/rewrite/vec.h"

struct extent {
	uint32_t start, end; /* positions */
};

struct extents {
	struct extent *item; /* owned; sorted, none overlaps another */
	size_t count;
	struct vec seeds;    /* sorted positions of instructions, says the file */
	struct vec pointers; /* not sorted: positions that the data names, perhaps instructions */
	bool text_relocs;    /* the dynamic linker writes into code */
};

/* Fills *x, which extents_free() frees in any case. Marks seeds, pointers (MARK_TARGET) and data
 * objects in the image. 0 or -ENOMEM. */
int extents_find(struct extents *x, struct image *image);
void extents_free(struct extents *x);

/* The function that holds pos, or NULL. */
const struct extent *extents_at(const struct extents *x, uint32_t pos);

/* Where code that starts at pos must end: its function's end, or the next function's start. */
uint32_t extents_bound(const struct extents *x, const struct image *image, uint32_t pos);

/* For pos outside of functions: where the one before it ends. */
uint32_t extents_before(const struct extents *x, const struct image *image, uint32_t pos);

/* The parts. Each adds to raw: start << 32 | end of functions, and to seeds. */
struct extents_source {
	struct image *image;
	struct vec *raw;
	struct extents *out;
	uint64_t budget; /* symbols, words and frames that are still looked at */
};
void extents_from_frames(struct extents_source *s);
void extents_from_symbols(struct extents_source *s);
void extents_from_dynamic(struct extents_source *s);
void extents_from_go(struct extents_source *s);

/* Takes cost from the budget: false when it is spent. */
static inline bool extents_spend(struct extents_source *s, uint64_t cost)
{
	if (s->budget < cost)
		return false;
	s->budget -= cost;
	return true;
}

/* Adds an instruction's address; and a function's, of bytes bytes. */
void extents_seed(struct extents_source *s, uint64_t vaddr);
void extents_function(struct extents_source *s, uint64_t vaddr, uint64_t bytes);
/* Notes that data holds vaddr. */
void extents_pointer(struct extents_source *s, uint64_t vaddr);

#endif
