/* SPDX-License-Identifier: Apache-2.0 */
/* See flow.h: soft proof. An attempt decodes from one position all that its branches reach, and
 * takes everything back when one instruction does not look right. */
#include "intercept/rewrite/flow.h"

#define ATTEMPT_MAX 4096u /* instructions */
#define FOLLOW_MAX  64u

/* An attempt that long is as good as flow. Of 32,768 attempts in OpenSSL's table of points on
 * P-256, as good as random, 1,282 found something, one 12 instructions or more, none 16. */
#define SURE_INSNS 16u

/* Items of pending, by their top bits. */
#define PENDING_REF  (UINT64_C(1) << 63)
#define PENDING_NEXT (UINT64_C(1) << 62) /* behind a call */

void soft_add(struct flow *f, uint32_t pos)
{
	uint8_t *mark = &f->image->mark[pos];
	const struct extent *e;

	if (*mark & (MARK_KNOWN | MARK_QUEUED))
		return;
	e = extents_at(f->extents, pos);
	if (e && !(f->image->mark[e->start] & MARK_KNOWN))
		return; /* a function that nobody asked for */
	if (!e && !f->unbounded) {
		vec_add(&f->later, pos | PENDING_NEXT);
		return;
	}
	*mark |= MARK_QUEUED;
	vec_add(&f->soft, pos);
}

/* Notes what insn leads to. False when control does not go on behind it. */
static bool soft_advance(struct flow *f, const struct insn *insn, uint32_t bound)
{
	if (insn->ref)
		vec_add(&f->pending, (insn->ref & ~(PENDING_REF | PENDING_NEXT)) | PENDING_REF);
	switch (insn->kind) {
	case INSN_BRANCH:
		vec_add(&f->work, insn->target);
		return true;
	case INSN_JUMP:
		if (insn->target < bound && insn->target + ATTEMPT_MAX > insn->pos)
			vec_add(&f->work, insn->target);
		else
			vec_add(&f->pending, insn->target);
		return false;
	case INSN_CALL:
		if (insn->target != POS_NONE)
			vec_add(&f->pending, insn->target);
		vec_add(&f->pending, (insn->pos + insn->bytes) | PENDING_NEXT);
		return false;
	case INSN_TRAP:
		vec_add(&f->pending, (insn->pos + insn->bytes) | PENDING_NEXT);
		return false;
	case INSN_SWITCH:
		vec_add(&f->switches, insn->pos);
		return false;
	case INSN_STOP:
		return false;
	default:
		return true;
	}
}

static bool soft_run_from(struct flow *f, uint32_t pos)
{
	uint32_t bound = extents_bound(f->extents, f->image, pos);
	struct insn insn = {0};
	bool more = true;

	while (more) {
		if (pos < bound && f->image->mark[pos] & MARK_LENGTH)
			return true;
		if (pos >= bound || f->undo.count >= ATTEMPT_MAX ||
		    !flow_decode(f, pos, true, &insn) || !insn.plausible ||
		    insn.bytes > bound - pos || !flow_fits(f, &insn))
			return false;
		flow_mark(f, &insn, MARK_SOFT);
		vec_add(&f->undo, pos);
		more = soft_advance(f, &insn, bound);
		pos += insn.bytes;
	}
	return true;
}

static void accept(struct flow *f, uint32_t from)
{
	if (f->undo.count >= SURE_INSNS)
		for (size_t i = 0; i < f->undo.count; i++)
			f->image->mark[f->undo.item[i]] &= (uint8_t)~MARK_SOFT;
	/* flow_reference() and soft_add() do not touch pending */
	for (size_t i = 0; i < f->pending.count; i++) {
		uint64_t item = f->pending.item[i];
		uint32_t pos = (uint32_t)item;

		if (item & PENDING_REF) {
			flow_reference(f, from, item & ~PENDING_REF);
			continue;
		}
		if (!(item & PENDING_NEXT))
			f->image->mark[pos] |= MARK_TARGET;
		else if (pos >= extents_bound(f->extents, f->image, from))
			continue; /* a call at a function's end does not return */
		soft_add(f, pos);
	}
}

static bool explore(struct flow *f, uint32_t from)
{
	f->work.count = f->pending.count = f->undo.count = 0;
	vec_add(&f->work, from);
	for (size_t i = 0; i < f->work.count; i++) {
		uint32_t pos = (uint32_t)f->work.item[i];

		if (f->image->mark[pos] & MARK_INSIDE || !soft_run_from(f, pos))
			return false;
	}
	return true;
}

static void take_back(struct flow *f, size_t switches)
{
	for (size_t i = 0; i < f->undo.count; i++)
		flow_unmark(f, (uint32_t)f->undo.item[i]);
	f->switches.count = switches;
}

static void attempt(struct flow *f, uint32_t from)
{
	size_t switches = f->switches.count;

	if (explore(f, from)) {
		for (size_t i = 1; i < f->work.count; i++)
			f->image->mark[f->work.item[i]] |= MARK_TARGET;
		accept(f, from);
	} else {
		take_back(f, switches);
	}
	f->work.count = f->pending.count = f->undo.count = 0;
}

bool soft_could_follow(struct flow *f, uint32_t pos)
{
	struct insn insn;

	for (unsigned i = 0; i < FOLLOW_MAX && pos < f->image->code_bytes; i++) {
		if (!flow_decode(f, pos, true, &insn) || !insn.plausible)
			return false;
		if (insn.kind != INSN_PLAIN && insn.kind != INSN_BRANCH)
			return true;
		pos += insn.bytes;
	}
	return true;
}

void soft_run(struct flow *f)
{
	while (f->soft.count) {
		uint32_t pos = (uint32_t)f->soft.item[--f->soft.count];

		if (!(f->image->mark[pos] & MARK_KNOWN))
			attempt(f, pos);
	}
}
