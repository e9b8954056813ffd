/* SPDX-License-Identifier: Apache-2.0 */
/* Damage that depends only on a seed and a copy's number. */
#ifndef TESTS_FUZZ_DAMAGE_H
#define TESTS_FUZZ_DAMAGE_H

#include <stdint.h>
#include <string.h>

#define DAMAGE_HEAD_BYTES 1024u /* where most headers are */

static uint64_t damage_state;

static inline void damage_begin(uint64_t seed, uint64_t number)
{
	damage_state = (seed + number + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

static inline uint32_t random32(void)
{
	uint64_t state = damage_state;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	damage_state = state;
	return (uint32_t)(state >> 16);
}

static const uint64_t odd_values[] = {0,	  1,	      0x7f,	      0xff,
				      0xffff,	  0x7fffffff, 0xffffffff,     0x1000,
				      UINT64_MAX, INT64_MAX,  1ull << 40,     (1ull << 47) - 1,
				      0x050f,	  0x80cd,     0x050f050f050f, 0x1b};

/* One piece of damage: a byte, an odd value of 1 to 8 bytes, or a copied stretch. */
static inline void damage(uint8_t *data, size_t bytes)
{
	size_t at = random32() % 3
			    ? random32() % bytes
			    : random32() % (bytes < DAMAGE_HEAD_BYTES ? bytes : DAMAGE_HEAD_BYTES);
	size_t left = bytes - at, n = (size_t)1 << random32() % 4;
	uint64_t value = odd_values[random32() % (sizeof(odd_values) / sizeof(odd_values[0]))];

	switch (random32() % 4) {
	case 0:
		data[at] = (uint8_t)random32();
		break;
	case 1:
		memcpy(data + at, &value, n < left ? n : left);
		break;
	case 2:
		data[at] ^= (uint8_t)(1u << random32() % 8);
		break;
	default:
		n = random32() % 64 + 1;
		memmove(data + at, data + random32() % bytes % (bytes - (n < left ? n : left) + 1),
			n < left ? n : left);
		break;
	}
}

#endif
