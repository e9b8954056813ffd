/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C: see crc32c.h. */
#include "tests/store/crc32c.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/evp.h>

#define POLYNOMIAL 0x82F63B78u /* reflected */

static uint32_t table[256];
static bool has_instruction;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void prepare(void)
{
	for (uint32_t byte = 0; byte < 256; byte++) {
		uint32_t crc = byte;

		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
		table[byte] = crc;
	}
#ifdef __x86_64__
	has_instruction = __builtin_cpu_supports("sse4.2");
#endif
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t
by_instruction(uint32_t crc, const unsigned char *at, size_t bytes)
{
	uint64_t wide = crc;
	uint64_t word;

	for (; bytes >= sizeof(word); bytes -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		wide = __builtin_ia32_crc32di(wide, word);
	}
	crc = (uint32_t)wide;
	for (; bytes; bytes--, at++)
		crc = __builtin_ia32_crc32qi(crc, *at);
	return crc;
}
#endif

static uint32_t by_table(uint32_t crc, const unsigned char *at, size_t bytes)
{
	for (; bytes; bytes--, at++)
		crc = crc >> 8 ^ table[(crc ^ *at) & 255];
	return crc;
}

uint32_t crc32c(uint32_t crc, const void *data, size_t bytes)
{
	pthread_once(&once, prepare);
	crc = ~crc;
#ifdef __x86_64__
	if (has_instruction)
		return ~by_instruction(crc, data, bytes);
#endif
	return ~by_table(crc, data, bytes);
}

void crc32c_base64(uint32_t crc, char out[CRC32C_BASE64_BYTES])
{
	unsigned char raw[4] = {(unsigned char)(crc >> 24), (unsigned char)(crc >> 16),
				(unsigned char)(crc >> 8), (unsigned char)crc};

	EVP_EncodeBlock((unsigned char *)out, raw, sizeof(raw));
}
