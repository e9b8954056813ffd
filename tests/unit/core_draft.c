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
