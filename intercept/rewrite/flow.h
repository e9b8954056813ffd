/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is code. Two degrees of proof:
 *
 *	by flow		reached from an instruction that the file itself names (extents.h), or that
 *			trapped before, by falling through and by direct branches; within the
 *			bounds of its function where they are known
 *	soft		reached from what is only likely to be code: a pointer, an entry of a jump
 *			table, what stands behind a call whose function has no known end, a gap in
 *			a function. Believed as a whole or not at all: every instruction must be
 *			valid, in step with proven ones and such as compilers write
 *
 * Only functions that matter are decoded: those that hold a candidate, and those that refer to code
 * without bounds when a candidate is there.
 */
#ifndef INTERCEPT_REWRITE_FLOW_H
#define INTERCEPT_REWRITE_FLOW_H

#include "intercept/rewrite/decode.h"
#include "intercept/rewrite/extents.h"

struct flow {
	struct image *image;
	const struct extents *extents;
	struct decoder decoder;
	struct vec work;     /* positions: instructions */
	struct vec later;    /* what is to be looked at once unbounded is set */
	struct vec soft;     /* positions: perhaps instructions */
	struct vec pending;  /* of the run that is being decoded: targets and references */
	struct vec refs;     /* position << 32 | address (from low) of lea and the like */
	struct vec switches; /* positions of computed jumps whose tables were not read yet */
	struct vec undo;     /* positions that the soft attempt under way has marked */
	bool unbounded;	     /* follow into code without bounds */
	uint64_t budget;     /* instructions that may still be decoded */
	uint64_t decoded;
};

/* Marks what is proven in the image. seen: positions that are proven already. 0, -ENOMEM, or
 * -E2BIG (too much work: nothing that was marked may be believed). */
int flow_prove(struct flow *f, struct image *image, const struct extents *extents,
	       const struct vec *seen);
void flow_free(struct flow *f);

/* Is this candidate byte pair not in any proven instruction? */
static inline bool flow_uncovered(const struct image *image, uint32_t pos)
{
	return !(image->mark[pos] & MARK_KNOWN) ||
	       ((image->mark[pos] & MARK_DATA) == MARK_DATA && !(image->mark[pos] & MARK_LENGTH));
}

/* Such a candidate, of which a table is a better explanation. */
static inline bool flow_in_table(const struct image *image, uint32_t pos)
{
	return (image->mark[pos] & (MARK_KNOWN | MARK_TABLE)) == MARK_TABLE;
}

/* Parts of it. Decodes from each position of work (by flow) or soft until there is none left. */
void flow_run(struct flow *f);
void soft_run(struct flow *f);
/* Reads the tables of the computed jumps that were found since the last call. */
void tables_read(struct flow *f);

/* One instruction, within the budget. */
bool flow_decode(struct flow *f, uint32_t pos, bool judge, struct insn *out);
/* Would insn fit between what is marked? */
bool flow_fits(const struct flow *f, const struct insn *insn);
void flow_mark(struct flow *f, const struct insn *insn, uint8_t extra);
void flow_unmark(struct flow *f, uint32_t pos);
/* Does code of a compiler stand at pos, up to where control may go elsewhere? Marks nothing. */
bool soft_could_follow(struct flow *f, uint32_t pos);
/* Queues pos as perhaps an instruction, once. */
void soft_add(struct flow *f, uint32_t pos);
/* Notes what an accepted instruction refers to. */
void flow_reference(struct flow *f, uint32_t pos, uint64_t vaddr);

#endif
