/* SPDX-License-Identifier: Apache-2.0 */
/* 5,000 public keys on P-256, the points of private keys 1, 3, 9, .., and the SHA-256 of them all.
 * The tables of that curve in libcrypto's text hold the bytes of a syscall instruction, and so do
 * some constants of its code: whoever patches those computes keys that are not on the curve. */
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#define KEYS 5000

int main(void)
{
	EC_GROUP *curve = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	unsigned char octets[65], digest[SHA256_DIGEST_LENGTH];
	unsigned char *all = malloc(KEYS * sizeof(octets)), *end = all;
	BN_CTX *context = BN_CTX_new();
	EC_POINT *point = EC_POINT_new(curve);
	BIGNUM *key = BN_new();
	const BIGNUM *order = EC_GROUP_get0_order(curve);
	int off = 0, failed = 0;

	BN_one(key);
	for (int i = 0; i < KEYS; i++) {
		failed += !EC_POINT_mul(curve, point, key, NULL, NULL, context);
		off += EC_POINT_is_on_curve(curve, point, context) != 1;
		end += EC_POINT_point2oct(curve, point, POINT_CONVERSION_UNCOMPRESSED, end,
					  sizeof(octets), context);
		BN_mul_word(key, 3);
		BN_mod(key, key, order, context);
	}
	SHA256(all, (size_t)(end - all), digest);
	printf("%d keys, %d failed, %d off the curve, sha256 ", KEYS, failed, off);
	for (size_t i = 0; i < sizeof(digest); i++)
		printf("%02x", digest[i]);
	putchar('\n');
	EC_POINT_free(point);
	EC_GROUP_free(curve);
	BN_CTX_free(context);
	BN_free(key);
	free(all);
	return failed || off;
}
