/* SPDX-License-Identifier: Apache-2.0 */
/* core/base/draft.c: what is counted, which blocks are marked. */
#include <criterion/criterion.h>

#include "core/base/draft.h"
#include "core/base/vnode.h"

#define BLOCK ((uint64_t)VNODE_BLOCK_BYTES)

struct file {
	struct draft_shm notes;
	uint64_t bits[2]; /* a base of up to 128 blocks */
	uint64_t behind;
};

static struct file fresh(uint64_t words)
{
	return (struct file){
		.notes = {.dirty_off = sizeof(struct draft_shm), .dirty_words = words}};
}

Test(draft, counts)
{
	struct file f = fresh(2);

	cr_assert_not(draft_is_dirty(&f.notes));
	draft_begin(&f.notes, 0, 0);
	cr_assert(draft_is_dirty(&f.notes));
	cr_assert_eq(f.notes.begun - f.notes.ended, 1);
	draft_end(&f.notes);
	cr_assert_eq(f.notes.begun, f.notes.ended);
	cr_assert_eq(f.bits[0], 0, "nothing of the base was touched");
	f.notes.flushed = f.notes.begun;
	cr_assert_not(draft_is_dirty(&f.notes));
	draft_mark(&f.notes, 0, 1);
	cr_assert_not(draft_is_dirty(&f.notes), "a mark alone counts nothing");
}

Test(draft, marks_whole_blocks)
{
	struct file f = fresh(2);

	draft_begin(&f.notes, BLOCK - 1, 2);
	cr_assert_eq(f.bits[0], 3);
	draft_mark(&f.notes, 63 * BLOCK, BLOCK + 1);
	cr_assert_eq(f.bits[0], 3 | UINT64_C(1) << 63);
	cr_assert_eq(f.bits[1], 1);
	cr_assert(draft_block_dirty(&f.notes, 64));
	cr_assert_not(draft_block_dirty(&f.notes, 65));
	cr_assert(draft_block_dirty(&f.notes, 128), "what lies beyond is");
}

Test(draft, beyond_the_base)
{
	struct file f = fresh(2), none = fresh(0);

	draft_begin(&f.notes, 127 * BLOCK, 1000 * BLOCK);
	cr_assert_eq(f.bits[1], UINT64_C(1) << 63);
	cr_assert_eq(f.behind, 0);
	draft_begin(&none.notes, 0, UINT64_MAX);
	cr_assert_eq(none.bits[0], 0);
	cr_assert_eq(none.notes.begun, 1);
}

static const uint64_t part = UINT64_C(16) << 20;

static bool late(const struct file *f, unsigned i)
{
	return f->notes.late[i / 64] >> (i % 64) & 1;
}

Test(draft, writing_on_tells_of_each_part_that_is_finished)
{
	struct file f = fresh(0);

	draft_begin(&f.notes, 0, 0);
	cr_assert_not(draft_is_placed(&f.notes));
	cr_assert_not(draft_wrote_on(&f.notes, part), "it may end here, and then it goes whole");
	cr_assert_eq(f.notes.begun, f.notes.ended);
	draft_begin(&f.notes, 0, 0);
	cr_assert(draft_wrote_on(&f.notes, 1));
	draft_begin(&f.notes, 0, 0);
	cr_assert_not(draft_wrote_on(&f.notes, part - 2));
	draft_begin(&f.notes, 0, 0);
	cr_assert(draft_wrote_on(&f.notes, 1), "nothing more need follow");
	draft_begin(&f.notes, 0, 0);
	cr_assert(draft_wrote_on(&f.notes, 3 * part), "several at once");
	cr_assert_eq(f.notes.written, 5 * part);
	cr_assert_not(late(&f, 0));
	draft_begin(&f.notes, 0, 0);
	cr_assert_not(draft_wrote_on(&f.notes, 0), "a write that failed");
	cr_assert_eq(f.notes.begun, f.notes.ended);
}

Test(draft, what_is_changed_elsewhere_is_late)
{
	struct file f = fresh(0);

	draft_begin(&f.notes, 0, 0);
	draft_wrote_on(&f.notes, 4 * part);
	draft_place(&f.notes);
	cr_assert(draft_is_placed(&f.notes));
	cr_assert_not(f.notes.pattern & DRAFT_UNSURE);
	draft_begin(&f.notes, 2 * part - 1, 2);
	cr_assert_not(draft_wrote(&f.notes, 2 * part - 1, 2));
	cr_assert(!late(&f, 0) && late(&f, 1) && late(&f, 2) && !late(&f, 3));
	cr_assert_eq(f.notes.written, 4 * part);
	cr_assert_eq(f.notes.begun, f.notes.ended);
	/* and who goes on from there goes on */
	draft_begin(&f.notes, 4 * part - 5, 10);
	cr_assert_not(draft_wrote(&f.notes, 4 * part - 5, 10), "the fourth was told of");
	cr_assert_eq(f.notes.written, 4 * part + 5);
	/* a gap is not written */
	draft_begin(&f.notes, 9 * part, 1);
	cr_assert_not(draft_wrote(&f.notes, 9 * part, 1));
	cr_assert_eq(f.notes.written, 4 * part + 5);
	draft_begin(&f.notes, 4 * part + 5, part);
	cr_assert(draft_wrote(&f.notes, 4 * part + 5, part));
	draft_begin(&f.notes, 0, 0);
	cr_assert_not(draft_wrote(&f.notes, UINT64_MAX, 0));
	draft_late(&f.notes, UINT64_MAX - 1, UINT64_MAX);
}

Test(draft, who_is_writing_on_when_it_ends_makes_all_unsure)
{
	struct file f = fresh(0);

	draft_begin(&f.notes, 0, 0);
	draft_place(&f.notes);
	cr_assert(f.notes.pattern & DRAFT_UNSURE);
}

Test(draft, what_is_cut_off_is_late)
{
	struct file f = fresh(0);

	draft_begin(&f.notes, 0, 0);
	draft_wrote_on(&f.notes, 3 * part);
	draft_place(&f.notes);
	draft_begin(&f.notes, 0, 0);
	draft_cut(&f.notes, part + 1);
	draft_end(&f.notes);
	cr_assert(!late(&f, 0) && late(&f, 1) && late(&f, 2) && !late(&f, 3));
	cr_assert_eq(f.notes.written, part + 1);
	draft_cut(&f.notes, 9 * part);
	cr_assert_eq(f.notes.written, part + 1, "made longer");
	cr_assert_not(late(&f, 3));
}
