// SPDX-License-Identifier: Apache-2.0
/* Digests by OpenSSL; the two CRCs, which OpenSSL lacks, by tables built once, eight bytes a step.
 */
#include "core/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>

#define CRC32_POLY  0xedb88320u /* ISO 3309, reflected */
#define CRC32C_POLY 0x82f63b78u /* Castagnoli, reflected: RFC 3720 appendix B.4 */
#define SLICES	    8

static uint32_t crc_table[2][SLICES][256];
static pthread_once_t crc_once = PTHREAD_ONCE_INIT;

int digest_sha256(const void *data, size_t bytes, uint8_t out[DIGEST_SHA256_BYTES])
{
	return SHA256(data, bytes, out) ? 0 : -EIO;
}

int digest_sha256_hex(const void *data, size_t bytes, char out[DIGEST_HEX_BYTES])
{
	uint8_t digest[DIGEST_SHA256_BYTES];
	int ret = digest_sha256(data, bytes, digest);

	if (ret < 0)
		return ret;
	digest_hex(digest, sizeof(digest), out);
	return 0;
}

int digest_md5(const void *data, size_t bytes, uint8_t out[DIGEST_MD5_BYTES])
{
	return EVP_Q_digest(NULL, "MD5", NULL, data, bytes, out, NULL) ? 0 : -EIO;
}

int digest_hmac_sha256(const void *key, size_t key_bytes, const void *data, size_t bytes,
		       uint8_t out[DIGEST_SHA256_BYTES])
{
	unsigned len = DIGEST_SHA256_BYTES;

	return HMAC(EVP_sha256(), key, (int)key_bytes, data, bytes, out, &len) ? 0 : -EIO;
}

void digest_hex(const uint8_t *in, size_t bytes, char *out)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < bytes; i++) {
		out[2 * i] = hex[in[i] >> 4];
		out[2 * i + 1] = hex[in[i] & 15];
	}
	out[2 * bytes] = '\0';
}

void digest_base64(const uint8_t *in, size_t bytes, char out[DIGEST_BASE64_BYTES])
{
	EVP_EncodeBlock((unsigned char *)out, in, (int)bytes);
}

static void fill_table(uint32_t table[SLICES][256], uint32_t poly)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;

		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ poly : crc >> 1;
		table[0][i] = crc;
	}
	for (int slice = 1; slice < SLICES; slice++) {
		for (int i = 0; i < 256; i++) {
			uint32_t crc = table[slice - 1][i];

			table[slice][i] = crc >> 8 ^ table[0][crc & 255];
		}
	}
}

static void fill_tables(void)
{
	fill_table(crc_table[0], CRC32_POLY);
	fill_table(crc_table[1], CRC32C_POLY);
}

static uint32_t crc_add(uint32_t table[SLICES][256], uint32_t crc, const uint8_t *p, size_t bytes)
{
	for (; bytes >= 8; bytes -= 8, p += 8) {
		uint32_t low = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
				      (uint32_t)p[3] << 24);

		crc = table[7][low & 255] ^ table[6][low >> 8 & 255] ^ table[5][low >> 16 & 255] ^
		      table[4][low >> 24] ^ table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^
		      table[0][p[7]];
	}
	while (bytes--)
		crc = crc >> 8 ^ table[0][(crc ^ *p++) & 255];
	return crc;
}

/* Polynomials modulo CRC32C's; the highest bit is the coefficient of x to the 0. */
static uint32_t crc32c_times(uint32_t a, uint32_t b)
{
	uint32_t product = 0;

	for (int bit = 31; bit >= 0; bit--) {
		if (a >> bit & 1)
			product ^= b;
		b = b & 1 ? b >> 1 ^ CRC32C_POLY : b >> 1;
	}
	return product;
}

uint32_t digest_crc32c_join(uint32_t a, uint32_t b, uint64_t b_bytes)
{
	uint32_t shift = UINT32_C(1) << 31;  /* x to the 0, then to 8 * b_bytes */
	uint32_t square = UINT32_C(1) << 23; /* x to the 8, then squared with each bit of it */

	for (; b_bytes; b_bytes >>= 1) {
		if (b_bytes & 1)
			shift = crc32c_times(shift, square);
		square = crc32c_times(square, square);
	}
	return crc32c_times(shift, a) ^ b;
}

int digest_run_start(struct digest_run *run, enum digest_kind kind)
{
	const EVP_MD *md = kind == DIGEST_MD5 ? EVP_md5() : EVP_sha256();

	digest_run_drop(run);
	if (kind == DIGEST_CRC32 || kind == DIGEST_CRC32C) {
		pthread_once(&crc_once, fill_tables);
		run->crc = UINT32_MAX;
	} else if (kind != DIGEST_NONE) {
		run->md = EVP_MD_CTX_new();
		if (!run->md || !EVP_DigestInit_ex(run->md, md, NULL)) {
			digest_run_drop(run);
			return -EIO;
		}
	}
	run->kind = kind;
	return 0;
}

int digest_run_add(struct digest_run *run, const void *data, size_t bytes)
{
	switch (run->kind) {
	case DIGEST_NONE:
		return 0;
	case DIGEST_CRC32:
	case DIGEST_CRC32C:
		run->crc = crc_add(crc_table[run->kind == DIGEST_CRC32C], run->crc, data, bytes);
		return 0;
	default:
		return EVP_DigestUpdate(run->md, data, bytes) ? 0 : -EIO;
	}
}

int digest_run_end(struct digest_run *run, uint8_t out[DIGEST_MAX_BYTES])
{
	unsigned len = DIGEST_MAX_BYTES;
	int ret = 0;

	if (run->md) {
		ret = EVP_DigestFinal_ex(run->md, out, &len) ? (int)len : -EIO;
	} else if (run->kind != DIGEST_NONE) {
		for (int i = 0; i < 4; i++)
			out[i] = (uint8_t)(~run->crc >> (24 - 8 * i));
		ret = 4;
	}
	digest_run_drop(run);
	return ret;
}

void digest_run_drop(struct digest_run *run)
{
	EVP_MD_CTX_free(run->md);
	*run = (struct digest_run){.kind = DIGEST_NONE};
}

int digest_is_hex(const uint8_t *digest, size_t bytes, const char *text)
{
	char hex[2 * DIGEST_MAX_BYTES + 1];

	if (bytes > DIGEST_MAX_BYTES)
		return 0;
	digest_hex(digest, bytes, hex);
	return !strcasecmp(hex, text);
}

int digest_is_base64(const uint8_t *digest, size_t bytes, const char *text)
{
	char encoded[DIGEST_BASE64_BYTES];

	if (bytes > DIGEST_MAX_BYTES)
		return 0;
	digest_base64(digest, bytes, encoded);
	return !strcmp(encoded, text);
}
