/* SPDX-License-Identifier: Apache-2.0 */
/* Counting changes of a draft, by those who make them. */
#include "core/base/draft.h"

#include "core/base/vnode.h"

_Static_assert(sizeof(struct draft_shm) == DRAFT_HEAD_BYTES, "one cache line");

static uint64_t *dirty_map(const struct draft_shm *notes)
{
	return (uint64_t *)((uintptr_t)notes + notes->dirty_off);
}

void draft_mark(struct draft_shm *notes, uint64_t offset, uint64_t length)
{
	uint64_t first = offset >> VNODE_BLOCK_SHIFT;
	uint64_t end = length ? ((offset + length - 1) >> VNODE_BLOCK_SHIFT) + 1 : first;
	uint64_t limit = notes->dirty_words * 64;

	for (uint64_t b = first; b < end && b < limit; b++) {
		uint64_t *word = &dirty_map(notes)[b / 64];
		uint64_t bit = UINT64_C(1) << (b % 64);

		if (!(__atomic_load_n(word, __ATOMIC_RELAXED) & bit))
			__atomic_or_fetch(word, bit, __ATOMIC_SEQ_CST);
	}
}

void draft_begin(struct draft_shm *notes, uint64_t offset, uint64_t length)
{
	__atomic_add_fetch(&notes->begun, 1, __ATOMIC_SEQ_CST);
	draft_mark(notes, offset, length);
}

void draft_end(struct draft_shm *notes)
{
	__atomic_add_fetch(&notes->ended, 1, __ATOMIC_SEQ_CST);
}

bool draft_is_dirty(const struct draft_shm *notes)
{
	return __atomic_load_n(&notes->begun, __ATOMIC_SEQ_CST) !=
	       __atomic_load_n(&notes->flushed, __ATOMIC_SEQ_CST);
}

bool draft_block_dirty(const struct draft_shm *notes, uint64_t block)
{
	if (block / 64 >= notes->dirty_words)
		return true;
	return __atomic_load_n(&dirty_map(notes)[block / 64], __ATOMIC_SEQ_CST) >> (block % 64) & 1;
}
