/* SPDX-License-Identifier: Apache-2.0 */
/* See parts.h. */
#include "core/base/parts.h"

#define MIB   UINT64_C(1048576)
#define TIERS 3

static const struct {
	uint64_t count, bytes; /* of parts, and of each */
} tiers[TIERS] = {{1000, 16 * MIB}, {2000, 128 * MIB}, {7000, 768 * MIB}};

uint32_t parts_index(uint64_t offset)
{
	uint32_t index = 0;

	for (int t = 0; t < TIERS; t++) {
		uint64_t n = offset / tiers[t].bytes;

		if (n < tiers[t].count)
			return index + (uint32_t)n;
		index += (uint32_t)tiers[t].count;
		offset -= tiers[t].count * tiers[t].bytes;
	}
	return PARTS_MAX;
}

uint64_t parts_start(uint32_t index)
{
	uint64_t at = 0;

	for (int t = 0; t < TIERS; t++) {
		if (index < tiers[t].count)
			return at + index * tiers[t].bytes;
		index -= (uint32_t)tiers[t].count;
		at += tiers[t].count * tiers[t].bytes;
	}
	return at;
}
