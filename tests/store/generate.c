/* SPDX-License-Identifier: Apache-2.0 */
/* Random-access content: see generate.h for the function. */
#include "tests/store/generate.h"

#include <endian.h>
#include <string.h>

#define WORD_BYTES 8u
#define LINE_BYTES 64u

uint64_t generate_seed(const char *key, size_t len)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)key[i]) * 0x100000001b3u;
	return hash;
}

static inline uint64_t word_at(uint64_t seed, uint64_t index)
{
	uint64_t x = seed + index * 0x9E3779B97F4A7C15u;

	x ^= x >> 32;
	x *= 0xD6E8FEB86659FD93u;
	x ^= x >> 32;
	return htole64(x);
}

static void binary_bytes(uint64_t seed, uint64_t offset, unsigned char *out, size_t bytes)
{
	uint64_t index = offset / WORD_BYTES;
	size_t skip = offset % WORD_BYTES;

	while (bytes) {
		uint64_t word = word_at(seed, index++);
		size_t take = WORD_BYTES - skip < bytes ? WORD_BYTES - skip : bytes;

		memcpy(out, (unsigned char *)&word + skip, take);
		out += take;
		bytes -= take;
		skip = 0;
		while (bytes >= WORD_BYTES) { /* the loop that carries the throughput */
			word = word_at(seed, index++);
			memcpy(out, &word, WORD_BYTES);
			out += WORD_BYTES;
			bytes -= WORD_BYTES;
		}
	}
}

static void text_line(uint64_t seed, uint64_t line, char out[LINE_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char raw[LINE_BYTES / 2];

	binary_bytes(seed, line * sizeof(raw), raw, sizeof(raw));
	for (size_t i = 0; i < sizeof(raw); i++) {
		out[2 * i] = digits[raw[i] >> 4];
		out[2 * i + 1] = digits[raw[i] & 15];
	}
	out[LINE_BYTES - 1] = '\n';
}

static void text_bytes(uint64_t seed, uint64_t offset, unsigned char *out, size_t bytes)
{
	char line[LINE_BYTES];

	while (bytes) {
		size_t skip = offset % LINE_BYTES;
		size_t take = LINE_BYTES - skip < bytes ? LINE_BYTES - skip : bytes;

		text_line(seed, offset / LINE_BYTES, line);
		memcpy(out, line + skip, take);
		out += take;
		offset += take;
		bytes -= take;
	}
}

void generate_bytes(enum generate_kind kind, uint64_t seed, uint64_t offset, void *out,
		    size_t bytes)
{
	if (kind == GENERATE_TEXT)
		text_bytes(seed, offset, out, bytes);
	else
		binary_bytes(seed, offset, out, bytes);
}
