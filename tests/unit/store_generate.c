/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/store/generate.h"

/* FNV-1a's own test vectors. */
Test(store_generate, seed)
{
	cr_expect_eq(generate_seed("", 0), 0xcbf29ce484222325u);
	cr_expect_eq(generate_seed("foobar", 6), 0x85944171f73967e8u);
}

Test(store_generate, binary_follows_its_contract)
{
	unsigned char out[24];

	generate_bytes(GENERATE_BINARY, 7, 8, out, sizeof(out));
	for (uint64_t i = 0; i < 3; i++) {
		uint64_t x = 7 + (i + 1) * 0x9E3779B97F4A7C15u;

		x = (x ^ x >> 32) * 0xD6E8FEB86659FD93u;
		x ^= x >> 32;
		for (int byte = 0; byte < 8; byte++)
			cr_expect_eq(out[8 * i + (uint64_t)byte], (x >> 8 * byte & 255));
	}
}

Test(store_generate, text_is_lines)
{
	char out[640];

	generate_bytes(GENERATE_TEXT, 7, 64, out, sizeof(out));
	for (size_t i = 0; i < sizeof(out); i++) {
		if (i % 64 == 63)
			cr_expect_eq(out[i], '\n');
		else
			cr_expect(strchr("0123456789abcdef", out[i]));
	}
}
