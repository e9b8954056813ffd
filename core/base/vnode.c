/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of the shared vnode file: which blocks a range touches, and are they there. */
#include "core/base/vnode.h"

static uint64_t round_up8(uint64_t n)
{
	return (n + 7) & ~UINT64_C(7);
}

uint64_t vnode_file_bytes(uint64_t size, uint32_t path_len)
{
	uint64_t blocks = (size >> VNODE_BLOCK_SHIFT) + ((size & (VNODE_BLOCK_BYTES - 1)) != 0);
	uint64_t words = (blocks + 63) / 64;

	return round_up8(sizeof(struct vnode_shm)) + round_up8((uint64_t)path_len + 1) + words * 8;
}

/* The bits of word that belong to blocks first..last. */
static uint64_t word_mask(uint64_t word, uint64_t first, uint64_t last)
{
	uint64_t mask = ~UINT64_C(0);

	if (word == first / 64)
		mask &= ~UINT64_C(0) << (first % 64);
	if (word == last / 64)
		mask &= ~UINT64_C(0) >> (63 - last % 64);
	return mask;
}

bool vnode_present(const struct vnode_shm *vn, uint64_t offset, uint64_t length)
{
	const uint64_t *bitmap = (const uint64_t *)((const char *)vn + vn->bitmap_off);
	uint64_t size = vn->attr.size;
	uint64_t first, last, word;

	if (__atomic_load_n(&vn->flags, __ATOMIC_ACQUIRE) & VNODE_COMPLETE)
		return true;
	if (offset >= size || !length)
		return true;
	if (length > size - offset)
		length = size - offset;
	first = offset >> VNODE_BLOCK_SHIFT;
	last = (offset + length - 1) >> VNODE_BLOCK_SHIFT;
	if (last / 64 >= vn->bitmap_words)
		return false;

	for (word = first / 64; word <= last / 64; word++) {
		uint64_t mask = word_mask(word, first, last);

		if ((__atomic_load_n(&bitmap[word], __ATOMIC_ACQUIRE) & mask) != mask)
			return false;
	}
	return true;
}
