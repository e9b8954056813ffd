/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's side of the block bitmap in a vnode file: finding what is missing, setting,
 * clearing.
 *
 * Block numbers count VNODE_BLOCK_BYTES. Runtimes read the same bitmap without a lock, so bits are
 * set with release order; two threads may set bits at once, finding is only a hint without a lock.
 */
#ifndef CACHE_BLOCKS_H
#define CACHE_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/vnode.h"

/* Blocks that an object of size bytes has. */
uint64_t blocks_of(uint64_t size);

bool blocks_has(const struct vnode_shm *vn, uint64_t block);

/* The first block in [first, end) that is missing (or present), or end. */
uint64_t blocks_next_missing(const struct vnode_shm *vn, uint64_t first, uint64_t end);
uint64_t blocks_next_present(const struct vnode_shm *vn, uint64_t first, uint64_t end);

/* Both return how many bits changed. */
uint64_t blocks_set(struct vnode_shm *vn, uint64_t first, uint64_t end);
uint64_t blocks_clear(struct vnode_shm *vn, uint64_t first, uint64_t end);

/* Present blocks in the whole file. */
uint64_t blocks_count(const struct vnode_shm *vn);

#endif
