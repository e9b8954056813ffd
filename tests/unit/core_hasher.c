// SPDX-License-Identifier: Apache-2.0
/* Digests of sources; what the hasher's threads do is in core_put.c. */
#include "core/hasher.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "core/digest.h"

#define SIZE_MAX_TESTED 1000000

static unsigned char bytes_of[SIZE_MAX_TESTED];
static uint64_t next; /* the offset that has to come */
static uint64_t fail_at = UINT64_MAX;

static int on_read(void *arg, uint64_t offset, void *buf, size_t bytes)
{
	(void)arg;
	cr_assert_eq(offset, next);
	if (offset >= fail_at)
		return -ESTALE;
	memcpy(buf, bytes_of + offset, bytes);
	next = offset + bytes;
	return 0;
}

Test(core_hasher, digests_every_byte_once)
{
	static const size_t sizes[] = {0, 1, 262144, 262145, SIZE_MAX_TESTED};
	uint8_t md5[DIGEST_MD5_BYTES];
	char sha256[DIGEST_HEX_BYTES];
	uint8_t digest[DIGEST_MAX_BYTES];
	struct digest_run crc = {0};

	for (size_t i = 0; i < SIZE_MAX_TESTED; i++)
		bytes_of[i] = (unsigned char)(i * 2654435761u >> 15);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct store_source source = {.read = on_read, .bytes = sizes[i]};
		struct hasher_job job = {
			.source = &source, .md5 = i % 3 != 1, .sha256 = i % 2, .crc32c = i != 2};

		next = 0;
		cr_assert_eq(hasher_run(&job), 0);
		cr_assert_eq(next, sizes[i]);
		cr_assert_eq(job.sums.has_md5, job.md5);
		digest_md5(bytes_of, sizes[i], md5);
		if (job.md5)
			cr_assert_eq(memcmp(job.sums.md5, md5, sizeof(md5)), 0, "%zu", sizes[i]);
		digest_sha256_hex(bytes_of, sizes[i], sha256);
		cr_assert_str_eq(job.sums.sha256, i % 2 ? sha256 : "");
		cr_assert_eq(job.sums.has_crc32c, job.crc32c);
		digest_run_start(&crc, DIGEST_CRC32C);
		digest_run_add(&crc, bytes_of, sizes[i]);
		digest_run_end(&crc, digest);
		if (job.crc32c)
			cr_assert_eq(memcmp(job.sums.crc32c, digest, DIGEST_CRC_BYTES), 0);
	}
}

Test(core_hasher, passes_the_sources_error_on)
{
	struct store_source source = {.read = on_read, .bytes = SIZE_MAX_TESTED};
	struct hasher_job job = {.source = &source, .md5 = true, .sha256 = true};

	fail_at = 262144;
	cr_assert_eq(hasher_run(&job), -ESTALE);
	cr_assert_eq(job.error, -ESTALE);
	cr_assert_not(job.sums.has_md5);
}

Test(core_hasher, takes_nothing_when_it_is_stopped)
{
	struct store_source source = {.read = on_read, .bytes = 10};
	struct hasher_job job = {.source = &source};

	cr_assert_eq(hasher_submit(&job), -ECANCELED); /* not started */
	hasher_start();
	hasher_stop();
	cr_assert_eq(hasher_submit(&job), -ECANCELED);
	cr_assert_eq(hasher_run(&job), -ECANCELED);
	hasher_stop(); /* harmless */
}
