/* SPDX-License-Identifier: Apache-2.0 */
/* core/base/vnode.c: the bits of a range. */
#include <criterion/criterion.h>

#include "core/base/vnode.h"

#define BLOCKS 130u

static struct {
	struct vnode_shm vn;
	uint64_t bits[(BLOCKS + 63) / 64];
} file = {
	.vn = {.attr.size = (uint64_t)BLOCKS << VNODE_BLOCK_SHIFT,
	       .bitmap_off = sizeof(struct vnode_shm),
	       .bitmap_words = (BLOCKS + 63) / 64},
};

Test(vnode, present)
{
	cr_assert_not(vnode_present(&file.vn, 0, 1));
	file.bits[0] = ~UINT64_C(0);
	cr_assert(vnode_present(&file.vn, 0, 64ul << VNODE_BLOCK_SHIFT));
	cr_assert_not(vnode_present(&file.vn, 0, (64ul << VNODE_BLOCK_SHIFT) + 1));
	file.bits[1] = ~UINT64_C(0);
	file.bits[2] = 1;
	cr_assert(vnode_present(&file.vn, 129ul << VNODE_BLOCK_SHIFT, 0));
	cr_assert_not(vnode_present(&file.vn, 0, UINT64_MAX));
	file.bits[2] = 3;
	cr_assert(vnode_present(&file.vn, 0, UINT64_MAX));
	cr_assert(vnode_present(&file.vn, UINT64_MAX, 5), "beyond the end nothing is needed");
}

Test(vnode, bytes)
{
	uint64_t empty = vnode_file_bytes(0, 7);

	cr_assert_eq(vnode_file_bytes(1, 7), empty + 8);
	cr_assert_eq(vnode_file_bytes(64ul << VNODE_BLOCK_SHIFT, 7), empty + 8);
	cr_assert_eq(vnode_file_bytes((64ul << VNODE_BLOCK_SHIFT) + 1, 7), empty + 16);
}
