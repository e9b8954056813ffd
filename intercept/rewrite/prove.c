/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See flow.h: which functions are decoded, in what order.
 *
 * First those that hold a candidate. Then, if candidates remain in code without bounds, whatever
 * leads there: a cheap scan looks at every offset for the bytes of a call, jump or lea that would,
 * and the functions around those bytes are decoded to see whether they really are one. Last, the
 * same scan marks as targets what bytes that were never decoded might jump to.
 */
#include <errno.h>
#include <string.h>

#include "intercept/rewrite/flow.h"

#define BUDGET_PER_BYTE \
	4u		     /* decoded instructions: a function is decoded once, a hostile file's
			     * may be tried over and over */
#define NEAR		160u /* bytes: a short branch reaches 129 */
#define REL32_BYTES	4u
#define SHORT_BYTES	2u
#define CANDIDATE_BYTES 2u

typedef void reference_fn(struct flow *f, uint32_t from, uint32_t target);

static void want(struct flow *f, const struct extent *e)
{
	const struct vec *seeds = &f->extents->seeds;

	if (!e || f->image->mark[e->start] & MARK_KNOWN)
		return;
	vec_add(&f->work, e->start);
	for (size_t i = vec_find(seeds, e->start); i < seeds->count && seeds->item[i] < e->end; i++)
		vec_add(&f->work, seeds->item[i]);
}

static void each_candidate(struct flow *f, void (*use)(struct flow *f, uint32_t pos))
{
	for (size_t i = 0; i < f->image->candidates.count; i++)
		use(f, (uint32_t)f->image->candidates.item[i]);
}

/* Attempts what stands between proven instructions from pos on. Where that is in vain, goes on
 * behind it, if it is in a function. */
static void fill_gaps(struct flow *f, uint32_t pos, uint32_t end, bool is_function)
{
	const uint8_t *mark = f->image->mark;

	while (pos < end && f->budget) {
		uint32_t bytes =
			mark[pos] & MARK_KNOWN ? 1 : decode_padding(&f->decoder, f->image, pos);

		if (bytes) {
			pos += bytes;
			continue;
		}
		f->budget--;
		soft_add(f, pos);
		soft_run(f);
		if (mark[pos] & MARK_KNOWN)
			continue;
		if (!is_function)
			return;
		do
			pos++;
		while (pos < end && !(mark[pos] & (MARK_KNOWN | MARK_TARGET)));
	}
}

static void settle(struct flow *f)
{
	size_t decoded;

	do {
		decoded = f->decoded;
		flow_run(f);
		tables_read(f);
		soft_run(f);
	} while (f->decoded != decoded);
}

static bool is_decoded(const struct flow *f, const struct extent *e)
{
	return f->image->mark[e->start] & MARK_KNOWN;
}

static void fill_all_gaps(struct flow *f)
{
	for (size_t i = 0; i < f->extents->count && f->budget; i++)
		if (is_decoded(f, &f->extents->item[i]))
			fill_gaps(f, f->extents->item[i].start, f->extents->item[i].end, true);
	settle(f);
}

/* Code without bounds begins, if it is code, where the function before it ends: the sweep stops
 * where it is not. */
static void sweep_candidate(struct flow *f, uint32_t pos)
{
	uint32_t start;

	if (!flow_uncovered(f->image, pos) || extents_at(f->extents, pos))
		return;
	start = extents_before(f->extents, f->image, pos);
	fill_gaps(f, start, extents_bound(f->extents, f->image, pos), false);
}

static void want_candidate(struct flow *f, uint32_t pos)
{
	const struct extent *e = extents_at(f->extents, pos);
	const struct extent *first = f->extents->item, *end = first + f->extents->count;

	if (!e)
		return;
	want(f, e);
	/* neighbours that a short branch could come from */
	for (const struct extent *n = e; n > first && n[-1].end + NEAR > pos; n--)
		want(f, n - 1);
	for (const struct extent *n = e + 1; n < end && n->start < pos + NEAR; n++)
		want(f, n);
}

static void want_unbounded(struct flow *f, uint32_t pos)
{
	if (flow_uncovered(f->image, pos) && !extents_at(f->extents, pos))
		f->unbounded = true;
}

/* Is this an address that code or data refer to, and no code? */
static bool is_object(const struct flow *f, uint32_t pos)
{
	const uint8_t mark = f->image->mark[pos];

	return mark & MARK_TARGET && mark & MARK_QUEUED && !(mark & MARK_KNOWN);
}

/* A table in code: an object, or a symbol says so, with nothing between it and the candidate that
 * is code; and what follows the candidate is no code either. */
static void judge_table(struct flow *f, uint32_t pos)
{
	uint8_t *mark = f->image->mark;
	uint32_t low, start = pos;

	if (!flow_uncovered(f->image, pos) || soft_could_follow(f, pos + CANDIDATE_BYTES))
		return;
	if (mark[pos] & MARK_KNOWN) {
		mark[pos] = (mark[pos] & MARK_TARGET) | MARK_TABLE;
		return;
	}
	if (extents_at(f->extents, pos))
		return;
	low = extents_before(f->extents, f->image, pos);
	while (start > low && !(mark[start] & (MARK_TARGET | MARK_KNOWN)))
		start--;
	if (is_object(f, start))
		mark[pos] |= MARK_TABLE;
}

/* --- bytes that were not decoded -------------------------------------------------------------- */

static void refer(struct flow *f, const struct span *s, uint32_t from, uint32_t at,
		  reference_fn *use)
{
	int32_t rel;
	uint32_t target;

	memcpy(&rel, f->image->code + at, sizeof(rel));
	target = at + REL32_BYTES + (uint32_t)rel;
	if (f->image->span_count > 1)
		target = image_pos(f->image,
				   s->vaddr + (at - s->pos) + REL32_BYTES + (uint64_t)(int64_t)rel);
	else if (target - s->pos >= s->bytes)
		return;
	if (target != POS_NONE)
		use(f, from, target);
}

/* Every byte that could begin a call, jump or lea with a 32-bit displacement. */
static void scan_references(struct flow *f, reference_fn *use)
{
	const uint8_t *code = f->image->code, *mark = f->image->mark;

	for (unsigned i = 0; i < f->image->span_count; i++) {
		const struct span *s = &f->image->span[i];

		for (uint32_t at = s->pos; at + 6 <= s->pos + s->bytes; at++) {
			uint8_t byte = code[at];

			if ((byte & 0xfe) == 0xe8) {
				if (!(mark[at] & MARK_KNOWN))
					refer(f, s, at, at + 1, use);
			} else if ((byte == 0x0f && (code[at + 1] & 0xf0) == 0x80) ||
				   (byte == 0x8d && (code[at + 1] & 0xc7) == 0x05)) {
				if (!(mark[at] & MARK_KNOWN))
					refer(f, s, at, at + 2, use);
			}
		}
	}
}

static void want_reference(struct flow *f, uint32_t from, uint32_t target)
{
	if (!(f->image->mark[target] & MARK_KNOWN) && !extents_at(f->extents, target))
		want(f, extents_at(f->extents, from));
}

static void mark_reference(struct flow *f, uint32_t from, uint32_t target)
{
	(void)from;
	f->image->mark[target] |= MARK_TARGET;
}

/* Short branches from unknown bytes near a candidate. */
static void mark_short(struct flow *f, uint32_t pos)
{
	const struct span *s = image_span(f->image, pos);
	const struct extent *e = extents_at(f->extents, pos);
	uint32_t low = pos - s->pos > NEAR ? pos - NEAR : s->pos, at;
	uint32_t high = s->pos + s->bytes - pos > NEAR ? pos + NEAR : s->pos + s->bytes;

	for (at = low; at + SHORT_BYTES <= high; at++) {
		uint8_t byte = f->image->code[at];
		const struct extent *other;
		uint32_t target;

		if (f->image->mark[at] & MARK_KNOWN)
			continue;
		if ((byte & 0xf0) != 0x70 && byte != 0xeb && (byte & 0xfc) != 0xe0)
			continue;
		other = extents_at(f->extents, at);
		if (other && other != e)
			continue;
		target = at + SHORT_BYTES + (uint32_t)(int8_t)f->image->code[at + 1];
		if (target - s->pos < s->bytes)
			f->image->mark[target] |= MARK_TARGET;
	}
}

/* --- the whole -------------------------------------------------------------------------------- */

static void prove_unbounded(struct flow *f)
{
	const struct extents *x = f->extents;

	for (size_t i = 0; i < x->seeds.count; i++)
		if (!extents_at(x, (uint32_t)x->seeds.item[i]))
			vec_add(&f->work, x->seeds.item[i]);
	settle(f);
	scan_references(f, want_reference);
	for (size_t i = 0; i < f->later.count; i++) {
		uint32_t pos = (uint32_t)f->later.item[i];

		if (f->later.item[i] >> 32)
			soft_add(f, pos);
		else if (!extents_at(x, pos))
			vec_add(&f->work, pos);
	}
	settle(f);
	for (size_t i = 0; i < x->pointers.count; i++)
		if (!extents_at(x, (uint32_t)x->pointers.item[i]))
			soft_add(f, (uint32_t)x->pointers.item[i]);
	settle(f);
	fill_all_gaps(f);
	each_candidate(f, sweep_candidate);
	settle(f);
	each_candidate(f, judge_table);
}

int flow_prove(struct flow *f, struct image *image, const struct extents *extents,
	       const struct vec *seen)
{
	memset(f, 0, sizeof(*f));
	f->image = image;
	f->extents = extents;
	f->budget = (uint64_t)image->code_bytes * BUDGET_PER_BYTE;
	decode_init(&f->decoder);
	for (size_t i = 0; i < seen->count; i++)
		vec_add(&f->work, seen->item[i]);
	flow_run(f);
	each_candidate(f, want_candidate);
	settle(f);
	fill_all_gaps(f);
	each_candidate(f, want_unbounded);
	if (f->unbounded)
		prove_unbounded(f);
	scan_references(f, mark_reference);
	each_candidate(f, mark_short);
	if (f->work.failed || f->later.failed || f->soft.failed || f->pending.failed ||
	    f->refs.failed || f->switches.failed || f->undo.failed)
		return -ENOMEM;
	return f->budget ? 0 : -E2BIG;
}

void flow_free(struct flow *f)
{
	vec_free(&f->work);
	vec_free(&f->later);
	vec_free(&f->soft);
	vec_free(&f->pending);
	vec_free(&f->refs);
	vec_free(&f->switches);
	vec_free(&f->undo);
}
