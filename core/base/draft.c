/* SPDX-License-Identifier: Apache-2.0 */
/* Counting changes of a draft, by those who make them. */
#include "core/base/draft.h"

#include "core/base/parts.h"
#include "core/base/vnode.h"

_Static_assert(sizeof(struct draft_shm) == DRAFT_HEAD_BYTES, "as the daemon's journal expects");
_Static_assert(DRAFT_HEAD_BYTES % 64 == 0, "whole cache lines");
_Static_assert(DRAFT_LATE_WORDS * 64 >= PARTS_MAX, "a bit for each part");

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

static uint64_t load(const uint64_t *at)
{
	return __atomic_load_n(at, __ATOMIC_SEQ_CST);
}

void draft_late(struct draft_shm *notes, uint64_t offset, uint64_t length)
{
	uint64_t last = length > UINT64_MAX - offset ? UINT64_MAX : offset + length - 1;
	uint32_t end = parts_index(last);

	for (uint32_t i = parts_index(offset); length && i <= end && i < PARTS_MAX; i++) {
		uint64_t bit = UINT64_C(1) << (i % 64);

		if (!(load(&notes->late[i / 64]) & bit))
			__atomic_or_fetch(&notes->late[i / 64], bit, __ATOMIC_SEQ_CST);
	}
}

/* How many parts may be sent of a file that is written this far? Not the first while it is all
 * there is: then it goes whole. */
static uint32_t finished(uint64_t written)
{
	return written > parts_start(1) ? parts_index(written) : 0;
}

static bool passes(uint64_t from, uint64_t to)
{
	return finished(to) > finished(from);
}

bool draft_wrote(struct draft_shm *notes, uint64_t offset, uint64_t length)
{
	uint64_t written = load(&notes->written), end = offset + length;
	bool is_more = false;

	draft_late(notes, offset, length);
	while (length && offset <= written && end > written) {
		if (__atomic_compare_exchange_n(&notes->written, &written, end, false,
						__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
			is_more = passes(written, end);
			break;
		}
	}
	draft_end(notes);
	return is_more;
}

bool draft_wrote_on(struct draft_shm *notes, uint64_t length)
{
	uint64_t end = __atomic_add_fetch(&notes->written, length, __ATOMIC_SEQ_CST);

	draft_end(notes);
	return passes(end - length, end);
}

bool draft_is_placed(const struct draft_shm *notes)
{
	return __atomic_load_n(&notes->pattern, __ATOMIC_SEQ_CST) & DRAFT_PLACED;
}

void draft_unsure(struct draft_shm *notes)
{
	__atomic_or_fetch(&notes->pattern, DRAFT_UNSURE, __ATOMIC_SEQ_CST);
}

void draft_place(struct draft_shm *notes)
{
	if (draft_is_placed(notes))
		return;
	__atomic_or_fetch(&notes->pattern, DRAFT_PLACED, __ATOMIC_SEQ_CST);
	/* who writes on at this moment has begun, or sees the flag */
	if (load(&notes->ended) != load(&notes->begun))
		draft_unsure(notes);
}

void draft_cut(struct draft_shm *notes, uint64_t size)
{
	uint64_t written = load(&notes->written);

	if (written > size) /* what lies beyond it was sent by nobody */
		draft_late(notes, size, written - size);
	while (written > size &&
	       !__atomic_compare_exchange_n(&notes->written, &written, size, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
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
