/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash-2-4-128 against OpenSSL's. */
#include "core/base/siphash.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/params.h>

#include <criterion/criterion.h>

static void openssl_siphash(const uint64_t key[2], const void *data, size_t len, void *out)
{
	size_t out_len = 0, size = 16;
	OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t("size", &size),
			       OSSL_PARAM_construct_end()};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);

	cr_assert(EVP_MAC_CTX_set_params(ctx, params));
	cr_assert(EVP_MAC_init(ctx, (const unsigned char *)key, 16, NULL));
	cr_assert(EVP_MAC_update(ctx, data, len));
	cr_assert(EVP_MAC_final(ctx, out, &out_len, 16));
	cr_assert_eq(out_len, 16);
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
}

Test(core_siphash, same_as_openssl)
{
	const uint64_t key[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
	uint64_t text[40], ours[2], theirs[2];

	for (size_t i = 0; i < 40; i++)
		text[i] = i * UINT64_C(0x9e3779b97f4a7c15);
	for (size_t words = 0; words < 4; words++) {
		for (size_t len = 0; len <= 280; len++) {
			openssl_siphash(key, text, words * 8 + len, theirs);
			siphash128(key, text, words, text + words, len, ours);
			cr_assert_eq(memcmp(ours, theirs, 16), 0, "%zu words, %zu bytes", words,
				     len);
		}
	}
}
