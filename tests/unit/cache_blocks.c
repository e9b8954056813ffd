/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/blocks.h"

#include <stdlib.h>

#include <criterion/criterion.h>

static struct vnode_shm *make(uint64_t blocks)
{
	uint64_t size = blocks * VNODE_BLOCK_BYTES;
	struct vnode_shm *vn = calloc(1, vnode_file_bytes(size, 0));

	vn->attr.size = size;
	vn->bitmap_off = (sizeof(*vn) + 7 + 8) & ~7u;
	vn->bitmap_words = (blocks + 63) / 64;
	return vn;
}

Test(cache_blocks, count_of_size)
{
	cr_assert_eq(blocks_of(0), 0);
	cr_assert_eq(blocks_of(1), 1);
	cr_assert_eq(blocks_of(VNODE_BLOCK_BYTES), 1);
	cr_assert_eq(blocks_of(VNODE_BLOCK_BYTES + 1), 2);
}

/* Against a plain array, with ranges that start and end inside and at words. */
Test(cache_blocks, against_a_model)
{
	enum { N = 200 };
	struct vnode_shm *vn = make(N);
	bool model[N] = {false};

	srandom(7);
	for (int round = 0; round < 20000; round++) {
		uint64_t first = (uint64_t)random() % (N + 1);
		uint64_t end = first + (uint64_t)random() % (N + 1 - first);
		bool set = random() % 2;
		uint64_t changed = 0, count = 0, missing = end, present = end;

		for (uint64_t i = end; i-- > first;) {
			if (model[i])
				present = i;
			else
				missing = i;
		}
		cr_assert_eq(blocks_next_missing(vn, first, end), missing);
		cr_assert_eq(blocks_next_present(vn, first, end), present);
		for (uint64_t i = first; i < end; i++) {
			changed += model[i] != set;
			model[i] = set;
		}
		cr_assert_eq(set ? blocks_set(vn, first, end) : blocks_clear(vn, first, end),
			     changed);
		for (uint64_t i = 0; i < N; i++) {
			count += model[i];
			cr_assert_eq(blocks_has(vn, i), model[i]);
		}
		cr_assert_eq(blocks_count(vn), count);
	}
	free(vn);
}
