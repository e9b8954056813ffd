/* SPDX-License-Identifier: Apache-2.0 */
/* Checksums: see s3_checksum.h. The CRCs are reflected, with all ones before and after; the
 * parameters are in the catalogue of parametrised CRC algorithms as ISO-HDLC, ISCSI and NVME. */
#include "tests/store/s3_checksum.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include <openssl/evp.h>

#define SLICES 8 /* tables, so that eight bytes are taken at a time */

enum crc_kind { CRC32, CRC32C, CRC64NVME, CRC_KINDS };

static const struct {
	const char *name;
	uint64_t polynomial; /* reflected */
	unsigned bytes;
} crcs[CRC_KINDS] = {
	[CRC32] = {"crc32", 0xEDB88320u, 4},
	[CRC32C] = {"crc32c", 0x82F63B78u, 4},
	[CRC64NVME] = {"crc64nvme", 0x9A6C9329AC4BC9B5u, 8},
};

static uint64_t tables[CRC_KINDS][SLICES][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void fill_tables(void)
{
	for (int kind = 0; kind < CRC_KINDS; kind++) {
		uint64_t(*t)[256] = tables[kind];

		for (unsigned byte = 0; byte < 256; byte++) {
			uint64_t crc = byte;

			for (int bit = 0; bit < 8; bit++)
				crc = crc >> 1 ^ (crc & 1 ? crcs[kind].polynomial : 0);
			t[0][byte] = crc;
		}
		for (int slice = 1; slice < SLICES; slice++) {
			for (unsigned byte = 0; byte < 256; byte++) {
				uint64_t before = t[slice - 1][byte];

				t[slice][byte] = before >> 8 ^ t[0][before & 255];
			}
		}
	}
}

static uint64_t crc_of(enum crc_kind kind, const unsigned char *at, size_t bytes)
{
	uint64_t(*t)[256] = tables[kind];
	uint64_t ones = crcs[kind].bytes == 8 ? UINT64_MAX : UINT32_MAX;
	uint64_t crc = ones;

	pthread_once(&tables_once, fill_tables);
	for (; bytes >= 8; bytes -= 8, at += 8) {
		uint64_t next = 0;

		for (int i = 0; i < 8; i++) {
			unsigned byte = (unsigned)(crc >> 8 * i & 255) ^ at[i];

			next ^= t[7 - i][byte];
		}
		crc = next;
	}
	for (; bytes; bytes--, at++)
		crc = crc >> 8 ^ t[0][(crc ^ *at) & 255];
	return crc ^ ones;
}

void s3_checksum_base64(const unsigned char *raw, size_t bytes, char *out)
{
	EVP_EncodeBlock((unsigned char *)out, raw, (int)bytes);
}

int s3_checksum(const char *algorithm, const void *data, size_t bytes, char out[S3_CHECKSUM_BYTES])
{
	unsigned char raw[EVP_MAX_MD_SIZE];
	size_t len = 0;

	for (int kind = 0; kind < CRC_KINDS; kind++) {
		uint64_t crc;

		if (strcmp(crcs[kind].name, algorithm) != 0)
			continue;
		crc = crc_of((enum crc_kind)kind, data, bytes);
		len = crcs[kind].bytes;
		for (size_t i = 0; i < len; i++)
			raw[i] = (unsigned char)(crc >> 8 * (len - 1 - i));
	}
	if (!len && strcmp(algorithm, "sha1") != 0 && strcmp(algorithm, "sha256") != 0)
		return -EINVAL;
	if (!len && !EVP_Q_digest(NULL, algorithm, NULL, data, bytes, raw, &len))
		return -EIO;
	s3_checksum_base64(raw, len, out);
	return 0;
}
