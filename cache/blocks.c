/* SPDX-License-Identifier: Apache-2.0 */
/* Bits of the shared block bitmap, a word at a time. */
#include "cache/blocks.h"

static const uint64_t *bitmap_of(const struct vnode_shm *vn)
{
	return (const uint64_t *)((const char *)vn + vn->bitmap_off);
}

uint64_t blocks_of(uint64_t size)
{
	return (size >> VNODE_BLOCK_SHIFT) + ((size & (VNODE_BLOCK_BYTES - 1)) != 0);
}

bool blocks_has(const struct vnode_shm *vn, uint64_t block)
{
	return __atomic_load_n(&bitmap_of(vn)[block / 64], __ATOMIC_ACQUIRE) >> (block % 64) & 1;
}

/* The first block in [first, end) whose bit differs from those of flip (all ones or all zeros). */
static uint64_t next_where(const struct vnode_shm *vn, uint64_t first, uint64_t end, uint64_t flip)
{
	const uint64_t *bitmap = bitmap_of(vn);

	while (first < end) {
		uint64_t word = __atomic_load_n(&bitmap[first / 64], __ATOMIC_ACQUIRE) ^ flip;

		word &= ~UINT64_C(0) << (first % 64);
		if (word) {
			uint64_t found = first / 64 * 64 + (uint64_t)__builtin_ctzll(word);

			return found < end ? found : end;
		}
		first = (first / 64 + 1) * 64;
	}
	return end;
}

uint64_t blocks_next_missing(const struct vnode_shm *vn, uint64_t first, uint64_t end)
{
	return next_where(vn, first, end, ~UINT64_C(0));
}

uint64_t blocks_next_present(const struct vnode_shm *vn, uint64_t first, uint64_t end)
{
	return next_where(vn, first, end, 0);
}

/* The bits of word number `word` that lie in [first, end). */
static uint64_t mask_of(uint64_t word, uint64_t first, uint64_t end)
{
	uint64_t mask = ~UINT64_C(0);

	if (word == first / 64)
		mask &= ~UINT64_C(0) << (first % 64);
	if (word == (end - 1) / 64)
		mask &= ~UINT64_C(0) >> (63 - (end - 1) % 64);
	return mask;
}

uint64_t blocks_set(struct vnode_shm *vn, uint64_t first, uint64_t end)
{
	uint64_t *bitmap = vnode_bitmap(vn);
	uint64_t changed = 0;

	if (first >= end)
		return 0;
	for (uint64_t word = first / 64; word <= (end - 1) / 64; word++) {
		uint64_t mask = mask_of(word, first, end);
		uint64_t was = __atomic_fetch_or(&bitmap[word], mask, __ATOMIC_RELEASE);

		changed += (uint64_t)__builtin_popcountll(mask & ~was);
	}
	return changed;
}

uint64_t blocks_clear(struct vnode_shm *vn, uint64_t first, uint64_t end)
{
	uint64_t *bitmap = vnode_bitmap(vn);
	uint64_t changed = 0;

	if (first >= end)
		return 0;
	for (uint64_t word = first / 64; word <= (end - 1) / 64; word++) {
		uint64_t mask = mask_of(word, first, end);
		uint64_t was = __atomic_fetch_and(&bitmap[word], ~mask, __ATOMIC_RELEASE);

		changed += (uint64_t)__builtin_popcountll(mask & was);
	}
	return changed;
}

uint64_t blocks_count(const struct vnode_shm *vn)
{
	const uint64_t *bitmap = bitmap_of(vn);
	uint64_t count = 0;

	for (uint64_t word = 0; word < vn->bitmap_words; word++)
		count += (uint64_t)__builtin_popcountll(bitmap[word]);
	return count;
}
