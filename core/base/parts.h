/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a large object is cut: one grid for all, so that a part can be sent while nobody knows yet
 * how large the file will be. Parts grow, so that as many as services allow hold 5 TiB: 1,000 of
 * 16 MiB, 2,000 of 128 MiB, 7,000 of 768 MiB.
 */
#ifndef CORE_BASE_PARTS_H
#define CORE_BASE_PARTS_H

#include <stdint.h>

#define PARTS_MAX 10000u

/* The index, from 0, of the part in which offset lies; PARTS_MAX beyond all of them. */
uint32_t parts_index(uint64_t offset);

/* Where a part begins. index: up to PARTS_MAX, which gives the most bytes that can be. */
uint64_t parts_start(uint32_t index);

#endif
