/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes of names: what is chosen without knowing where they start shares none. */
#include <criterion/criterion.h>
#include <string.h>

#include "fs/metaindex.h"

static uint64_t hash(uint64_t basis, const char *text)
{
	return metaindex_hash(basis, text, strlen(text));
}

/* Names whose hashes differ by the same for all bases would share one for all. */
Test(fs_metaindex, what_they_differ_by_depends_on_all_of_the_basis)
{
	const char *a = "s3/bucket/record-000000001", *b = "s3/bucket/record-000000002";
	const uint64_t basis = UINT64_C(0x0123456789abcdef);
	uint64_t differ = hash(basis, a) - hash(basis, b);

	for (unsigned bit = 0; bit < 64; bit++) {
		uint64_t other = basis ^ UINT64_C(1) << bit;

		cr_assert_neq(hash(other, a) - hash(other, b), differ, "bit %u", bit);
	}
}

Test(fs_metaindex, a_name_in_pieces_has_the_same_hash)
{
	const char *name = "s3/bucket/dir/leaf";
	uint64_t basis = metaindex_basis();

	cr_assert_eq(metaindex_basis(), basis);
	for (size_t at = 0; at <= strlen(name); at++)
		cr_assert_eq(metaindex_hash(metaindex_hash(basis, name, at), name + at,
					    strlen(name) - at),
			     hash(basis, name));
}
