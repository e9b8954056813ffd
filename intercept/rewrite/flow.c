/* SPDX-License-Identifier: Apache-2.0 */
/* See flow.h: proof by flow. A run is what is decoded from one position without a jump. */
#include "intercept/rewrite/flow.h"

#include <errno.h>

#define PENDING_REF (UINT64_C(1) << 63) /* the item of pending is a reference, not a target */

struct run {
	uint32_t at, bound;
	uint32_t certain; /* what stands before is believed, whatever comes: after a call, which
			   * may not return, bytes need not be instructions */
	bool bounded;
};

bool flow_decode(struct flow *f, uint32_t pos, bool judge, struct insn *out)
{
	if (!f->budget)
		return false;
	f->budget--;
	f->decoded++;
	return decode_at(&f->decoder, f->image, pos, judge, out);
}

bool flow_fits(const struct flow *f, const struct insn *insn)
{
	const uint8_t *mark = f->image->mark + insn->pos;

	for (unsigned i = 0; i < insn->bytes; i++)
		if (mark[i] & MARK_KNOWN)
			return false;
	return true;
}

void flow_mark(struct flow *f, const struct insn *insn, uint8_t extra)
{
	uint8_t *mark = f->image->mark + insn->pos;

	mark[0] |= insn->bytes | extra;
	for (unsigned i = 1; i < insn->bytes; i++)
		mark[i] |= MARK_INSIDE;
}

void flow_unmark(struct flow *f, uint32_t pos)
{
	uint8_t *mark = f->image->mark + pos;
	unsigned bytes = mark[0] & MARK_LENGTH;

	mark[0] &= (uint8_t) ~(MARK_LENGTH | MARK_SOFT);
	for (unsigned i = 1; i < bytes; i++)
		mark[i] &= (uint8_t)~MARK_INSIDE;
}

void flow_reference(struct flow *f, uint32_t pos, uint64_t vaddr)
{
	uint64_t low = f->image->elf.low;
	uint32_t target;

	if (vaddr - low >= f->image->elf.high - low)
		return;
	vec_add(&f->refs, (uint64_t)pos << 32 | (vaddr - low));
	target = image_pos(f->image, vaddr);
	if (target == POS_NONE)
		return;
	f->image->mark[target] |= MARK_TARGET;
	soft_add(f, target);
}

static void reach(struct flow *f, uint32_t from, uint32_t target)
{
	const struct extent *to = extents_at(f->extents, target);

	f->image->mark[target] |= MARK_TARGET;
	if (f->image->mark[target] & MARK_LENGTH)
		return;
	if (to ? to == extents_at(f->extents, from) : f->unbounded)
		vec_add(&f->work, target);
	else if (!to)
		vec_add(&f->later, target);
}

/* Believes what the run has decoded so far. */
static void commit(struct flow *f, struct run *run, uint32_t start)
{
	for (size_t i = 0; i < f->pending.count; i++) {
		uint64_t item = f->pending.item[i];

		if (item & PENDING_REF)
			flow_reference(f, start, item & ~PENDING_REF);
		else
			reach(f, start, (uint32_t)item);
	}
	f->pending.count = 0;
	run->certain = run->at;
}

static void roll_back(struct flow *f, const struct run *run)
{
	uint32_t pos = run->certain;

	while (pos < run->at) {
		uint32_t bytes = f->image->mark[pos] & MARK_LENGTH;

		flow_unmark(f, pos);
		pos += bytes;
	}
	f->pending.count = 0;
}

/* What the instruction leads to. False when nothing stands behind it. */
static bool advance(struct flow *f, struct run *run, const struct insn *insn)
{
	run->at = insn->pos + insn->bytes;
	if (insn->target != POS_NONE)
		vec_add(&f->pending, insn->target);
	if (insn->ref)
		vec_add(&f->pending, (insn->ref & ~PENDING_REF) | PENDING_REF);
	switch (insn->kind) {
	case INSN_SWITCH:
		vec_add(&f->switches, insn->pos);
		return false;
	case INSN_JUMP:
	case INSN_STOP:
		return false;
	case INSN_CALL:
	case INSN_TRAP:
		commit(f, run, insn->pos);
		if (run->bounded)
			return true;
		soft_add(f, run->at);
		return false;
	default:
		return true;
	}
}

static void fall_on(struct flow *f, uint32_t pos)
{
	const struct span *s = image_span(f->image, pos - 1);

	if (pos == s->pos + s->bytes || f->image->mark[pos] & MARK_KNOWN)
		return;
	vec_add(f->unbounded || extents_at(f->extents, pos) ? &f->work : &f->later, pos);
}

/* Decodes from pos until control goes elsewhere. */
static void run_from(struct flow *f, uint32_t pos)
{
	struct run run = {.at = pos, .certain = pos};
	struct insn insn = {0};
	bool more = true;

	run.bound = extents_bound(f->extents, f->image, pos);
	run.bounded = extents_at(f->extents, pos) != NULL;
	while (more && run.at < run.bound && !(f->image->mark[run.at] & MARK_LENGTH)) {
		if (!flow_decode(f, run.at, false, &insn) || insn.bytes > run.bound - run.at ||
		    !flow_fits(f, &insn)) {
			roll_back(f, &run);
			return;
		}
		flow_mark(f, &insn, 0);
		more = advance(f, &run, &insn);
	}
	/* Hand-written functions run on into the next, and glibc ends its description of clone
	 * at the syscall; but behind a call that ends a function may stand anything. */
	if (more && run.at == run.bound && run.certain != run.at)
		fall_on(f, run.at);
	commit(f, &run, pos);
}

void flow_run(struct flow *f)
{
	while (f->work.count) {
		uint32_t pos = (uint32_t)f->work.item[--f->work.count];

		if (!(f->image->mark[pos] & MARK_KNOWN))
			run_from(f, pos);
	}
}
