// SPDX-License-Identifier: Apache-2.0
#include "core/digest.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define CHECK "123456789" /* the customary input of a CRC's check value */

static int sum(enum digest_kind kind, const char *text, uint8_t out[DIGEST_MAX_BYTES])
{
	struct digest_run run = {0};

	cr_assert_eq(digest_run_start(&run, kind), 0);
	for (; *text; text++)
		cr_assert_eq(digest_run_add(&run, text, 1), 0);
	return digest_run_end(&run, out);
}

Test(core_digest, sha256_of_nothing_and_abc)
{
	char hex[DIGEST_HEX_BYTES];

	cr_assert_eq(digest_sha256_hex("", 0, hex), 0);
	cr_assert_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	digest_sha256_hex("abc", 3, hex); /* FIPS 180-2, B.1 */
	cr_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

Test(core_digest, hmac_of_rfc_4231)
{
	uint8_t out[DIGEST_SHA256_BYTES];
	char hex[DIGEST_HEX_BYTES];

	digest_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, out);
	digest_hex(out, sizeof(out), hex);
	cr_assert_str_eq(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

Test(core_digest, crcs_have_their_check_values)
{
	uint8_t out[DIGEST_MAX_BYTES];

	cr_assert_eq(sum(DIGEST_CRC32, CHECK, out), 4);
	cr_assert(digest_is_hex(out, 4, "CBF43926"));
	cr_assert_eq(sum(DIGEST_CRC32C, CHECK, out), 4);
	cr_assert(digest_is_hex(out, 4, "e3069283"));
	cr_assert(digest_is_base64(out, 4, "4waSgw=="));
	cr_assert_not(digest_is_base64(out, 4, "4waSgg=="));
}

static uint32_t crc32c_of(const char *text, size_t bytes)
{
	struct digest_run run = {0};
	uint8_t out[DIGEST_MAX_BYTES];

	digest_run_start(&run, DIGEST_CRC32C);
	digest_run_add(&run, text, bytes);
	digest_run_end(&run, out);
	return (uint32_t)out[0] << 24 | (uint32_t)out[1] << 16 | (uint32_t)out[2] << 8 | out[3];
}

Test(core_digest, crc32c_of_parts_is_that_of_the_whole)
{
	char data[70000];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * i >> 3);
	for (size_t cut = 0; cut <= sizeof(data); cut += cut < 20 ? 1 : 8747)
		cr_assert_eq(digest_crc32c_join(crc32c_of(data, cut),
						crc32c_of(data + cut, sizeof(data) - cut),
						sizeof(data) - cut),
			     crc32c_of(data, sizeof(data)), "%zu", cut);
}

Test(core_digest, crc_does_not_depend_on_the_pieces)
{
	uint8_t data[1000];
	uint8_t one[DIGEST_MAX_BYTES];
	uint8_t many[DIGEST_MAX_BYTES];
	struct digest_run run = {0};
	size_t step = 1;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	digest_run_start(&run, DIGEST_CRC32C);
	digest_run_add(&run, data, sizeof(data));
	digest_run_end(&run, one);
	digest_run_start(&run, DIGEST_CRC32C);
	for (size_t at = 0; at < sizeof(data); at += step, step++) {
		if (step > sizeof(data) - at)
			step = sizeof(data) - at;
		digest_run_add(&run, data + at, step);
	}
	digest_run_end(&run, many);
	cr_assert_eq(memcmp(one, many, 4), 0);
}

Test(core_digest, md5_and_sha256_run)
{
	uint8_t out[DIGEST_MAX_BYTES];

	cr_assert_eq(sum(DIGEST_MD5, "abc", out), 16); /* RFC 1321, A.5 */
	cr_assert(digest_is_hex(out, 16, "900150983cd24fb0d6963f7d28e17f72"));
	cr_assert_eq(sum(DIGEST_SHA256, "abc", out), 32);
	cr_assert(digest_is_base64(out, 32, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="));
}

Test(core_digest, a_run_can_be_dropped_at_any_time)
{
	struct digest_run run = {0};
	uint8_t out[DIGEST_MAX_BYTES];

	digest_run_drop(&run);
	digest_run_start(&run, DIGEST_MD5);
	digest_run_start(&run, DIGEST_SHA256);
	digest_run_drop(&run);
	cr_assert_eq(digest_run_add(&run, "x", 1), 0);
	cr_assert_eq(digest_run_end(&run, out), 0);
}
