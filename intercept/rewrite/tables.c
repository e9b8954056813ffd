/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jump tables: `lea table(%rip), %r; movslq (%r, %i, 4), %x; add %r, %x; jmp *%x`. The lea may
 * stand far from the jump, so every lea of a function with a computed jump is tried as a table: a
 * word of it that leads into the same function names a possible instruction. Too many are no harm.
 * (Tables of whole addresses are found as pointers: extents.h.)
 */
#include <string.h>

#include "intercept/rewrite/flow.h"

#define ENTRY_BYTES 4u
#define TABLE_MAX   2048u /* entries */
#define TABLE_MIN   2u
#define WINDOW	    (64u << 10) /* bytes around a jump in code without bounds */

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

/* Where the table's entry i leads, or POS_NONE when that is not within reach. */
static uint32_t entry_at(const struct flow *f, uint64_t table, const uint8_t *words, uint32_t i,
			 const struct reach *reach)
{
	int32_t word;
	uint32_t pos;

	memcpy(&word, words + (size_t)i * ENTRY_BYTES, sizeof(word));
	pos = image_pos(f->image, table + (uint64_t)(int64_t)word);
	return pos != POS_NONE && pos >= reach->low && pos < reach->high ? pos : POS_NONE;
}

/* bases: every address that code refers to, sorted: where something else begins. */
static void read_table(struct flow *f, uint64_t table, const struct reach *reach,
		       const struct vec *bases)
{
	uint64_t left = 0;
	const uint8_t *words = image_at(f->image, table, &left);
	size_t next = vec_find(bases, table - f->image->elf.low + 1);
	uint32_t count = 0;

	if (!words || !f->budget)
		return;
	f->budget--;
	if (next < bases->count && f->image->elf.low + bases->item[next] - table < left)
		left = f->image->elf.low + bases->item[next] - table;
	while (count < TABLE_MAX && (count + UINT64_C(1)) * ENTRY_BYTES <= left &&
	       entry_at(f, table, words, count, reach) != POS_NONE)
		count++;
	if (count < TABLE_MIN)
		return;
	for (uint32_t i = 0; i < count && f->budget; i++) {
		uint32_t pos = entry_at(f, table, words, i, reach);

		f->budget--;
		f->image->mark[pos] |= MARK_TARGET;
		soft_add(f, pos);
	}
}

static void read_tables(struct flow *f, const struct vec *bases)
{
	uint32_t done = 0; /* the function before */

	for (size_t i = 0; i < f->switches.count; i++) {
		struct reach reach = reach_of(f, (uint32_t)f->switches.item[i]);
		size_t r = vec_find(&f->refs, (uint64_t)reach.low << 32);

		if (i && reach.low == done)
			continue;
		done = reach.low;
		for (; r < f->refs.count && f->refs.item[r] >> 32 < reach.high; r++)
			read_table(f, f->image->elf.low + (uint32_t)f->refs.item[r], &reach, bases);
	}
}

void tables_read(struct flow *f)
{
	struct vec bases = {0};

	if (!f->switches.count)
		return;
	vec_sort(&f->refs);
	vec_sort(&f->switches);
	for (size_t i = 0; i < f->refs.count; i++)
		vec_add(&bases, (uint32_t)f->refs.item[i]);
	vec_sort(&bases);
	if (bases.failed)
		f->refs.failed = bases.failed;
	else
		read_tables(f, &bases);
	f->switches.count = 0;
	vec_free(&bases);
}
