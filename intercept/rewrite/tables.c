/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jump tables: `lea table(%rip), %r; movslq (%r, %i, 4), %x; add %r, %x; jmp *%x`. The lea may
 * stand far from the jump, so every lea of a function with a computed jump is tried as a table: a
 * word of it that leads into the same function names a possible instruction. Too many are no harm.
 * (Tables of whole addresses are found as pointers: extents.h.)
 */
#include <string.h>

#include "intercept/rewrite/flow.h"

#define TABLE_MAX 2048u	      /* entries */
#define WINDOW	  (64u << 10) /* bytes around a jump in code without bounds */

struct reach {
	uint32_t low, high; /* positions */
};

static struct reach reach_of(const struct flow *f, uint32_t jump)
{
	const struct extent *e = extents_at(f->extents, jump);
	const struct span *span = image_span(f->image, jump);
	struct reach r;

	if (e)
		return (struct reach){e->start, e->end};
	r.low = jump - span->pos > WINDOW ? jump - WINDOW : span->pos;
	r.high = span->pos + span->bytes - jump > WINDOW ? jump + WINDOW : span->pos + span->bytes;
	return r;
}

static void read_table(struct flow *f, uint64_t table, const struct reach *reach)
{
	uint64_t left = 0;
	const uint8_t *words = image_at(f->image, table, &left);

	if (!words || !f->budget)
		return;
	f->budget--;
	for (uint32_t i = 0; i < TABLE_MAX && (i + 1) * UINT64_C(4) <= left && f->budget; i++) {
		int32_t word;
		uint32_t pos;

		memcpy(&word, words + i * 4, sizeof(word));
		pos = image_pos(f->image, table + (uint64_t)(int64_t)word);
		if (pos == POS_NONE || pos < reach->low || pos >= reach->high)
			return;
		f->budget--;
		f->image->mark[pos] |= MARK_TARGET;
		soft_add(f, pos);
	}
}

void tables_read(struct flow *f)
{
	uint32_t done = 0; /* the function before */

	if (!f->switches.count)
		return;
	vec_sort(&f->refs);
	vec_sort(&f->switches);
	for (size_t i = 0; i < f->switches.count; i++) {
		struct reach reach = reach_of(f, (uint32_t)f->switches.item[i]);
		size_t r = vec_find(&f->refs, (uint64_t)reach.low << 32);

		if (i && reach.low == done)
			continue;
		done = reach.low;
		for (; r < f->refs.count && f->refs.item[r] >> 32 < reach.high; r++)
			read_table(f, f->image->elf.low + (uint32_t)f->refs.item[r], &reach);
	}
	f->switches.count = 0;
}
