/* SPDX-License-Identifier: Apache-2.0 */
/* Against the library's, of every length around the ends of blocks. */
#include "core/sha256.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/digest.h"

/* FIPS 180-2, appendix B.1 */
Test(sha256, abc)
{
	static const uint8_t want[SHA256_BYTES] = {
		0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
		0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
		0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
	};
	uint8_t got[SHA256_BYTES];

	sha256("abc", 3, got);
	cr_assert_arr_eq(got, want, sizeof(want));
}

Test(sha256, every_length)
{
	uint8_t text[300], ours[SHA256_BYTES], theirs[DIGEST_SHA256_BYTES];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 167 + 13);
	for (size_t n = 0; n <= sizeof(text); n++) {
		sha256(text, n, ours);
		cr_assert_eq(digest_sha256(text, n, theirs), 0);
		cr_assert_arr_eq(ours, theirs, sizeof(ours), "%zu bytes", n);
	}
}
