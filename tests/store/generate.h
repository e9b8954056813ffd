/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that are a pure function of (seed, offset), so that objects of any size cost no memory.
 *
 * Binary: the 64-bit little-endian word i is mix(seed + i * 0x9E3779B97F4A7C15), where mix(x) is
 *   x ^= x >> 32; x *= 0xD6E8FEB86659FD93; x ^= x >> 32.
 * Text: lines of 64 bytes; line j is the first 63 hexadecimal digits of the binary bytes
 *   [32 * j, 32 * j + 32), then a newline.
 * An object's seed is the 64-bit FNV-1a hash of its key.
 */
#ifndef STORE_GENERATE_H
#define STORE_GENERATE_H

#include <stddef.h>
#include <stdint.h>

enum generate_kind { GENERATE_BINARY, GENERATE_TEXT };

uint64_t generate_seed(const char *key, size_t len);

void generate_bytes(enum generate_kind kind, uint64_t seed, uint64_t offset, void *out,
		    size_t bytes);

#endif
