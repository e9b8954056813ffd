/* SPDX-License-Identifier: Apache-2.0 */
/* How a large file is cut into parts: every byte once, in order, what is unchanged as copies. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "core/base/vnode.h"
#include "fs/multiappend.h"
#include "fs/multipart.h"

#define MIB UINT64_C(1048576)

/* The bytes that were changed. */
struct changed {
	uint64_t from, to;
};

static bool is_clean(const void *arg, uint64_t offset, uint64_t length)
{
	const struct changed *c = arg;

	return c->to <= offset || c->from >= offset + length;
}

static struct multipart_part *parts;
static size_t copies;

/* Plans, and checks what is true of every plan. Returns how many parts. */
static long plan(uint64_t bytes, uint64_t base, struct changed changed)
{
	long n = multipart_plan(bytes, base, MULTIPART_COPY_BYTES, is_clean, &changed, &parts);
	uint64_t at = 0;

	cr_assert_gt(n, 0);
	cr_assert_leq(n, PARTS_MAX);
	copies = 0;
	for (long i = 0; i < n; i++) {
		const struct multipart_part *p = &parts[i];

		cr_assert_eq(p->offset, at);
		cr_assert_eq(parts_start(p->index), at, "each has its place, whatever is joined");
		cr_assert_gt(p->length, 0);
		cr_assert(p->length >= 5 * MIB || i == n - 1, "services refuse part %ld", i);
		cr_assert_leq(p->length, MIB * 5120, "and more than 5 GiB");
		if (p->is_copy) {
			cr_assert(is_clean(&changed, p->offset, p->length));
			cr_assert_leq(p->offset + p->length, base);
			copies++;
		}
		at += p->length;
	}
	cr_assert_eq(at, bytes);
	return n;
}

Test(fs_multipart, a_new_file_is_sent)
{
	cr_assert_eq(plan(40 * MIB, 0, (struct changed){0, 0}), 3);
	cr_assert_eq(copies, 0);
	cr_assert_eq(parts[2].length, 8 * MIB);
	free(parts);
	cr_assert_eq(plan(16 * MIB + 1, 0, (struct changed){0, 0}), 2);
	cr_assert_eq(parts[1].length, 1);
	free(parts);
	cr_assert_eq(plan(32 * MIB, 0, (struct changed){0, 0}), 2);
	free(parts);
}

Test(fs_multipart, of_an_edit_one_part_is_sent)
{
	long n = plan(1024 * MIB, 1024 * MIB, (struct changed){500 * MIB, 500 * MIB + 1});

	cr_assert_eq(copies, (size_t)n - 1);
	cr_assert_leq(n, 5);
	free(parts);
	/* across a border: both sides */
	n = plan(64 * MIB, 64 * MIB, (struct changed){32 * MIB - 1, 32 * MIB + 1});
	cr_assert_eq(n, 4);
	cr_assert_eq(copies, 2);
	cr_assert(parts[0].is_copy && !parts[1].is_copy && !parts[2].is_copy && parts[3].is_copy);
	free(parts);
}

Test(fs_multipart, of_an_append_the_end_is_sent)
{
	plan(100 * MIB, 99 * MIB, (struct changed){99 * MIB, 100 * MIB});
	cr_assert_eq(copies, 1);
	cr_assert_eq(parts[0].length, 96 * MIB);
	cr_assert_not(parts[1].is_copy);
	free(parts);
}

Test(fs_multipart, of_a_shorter_file_what_is_left_is_copied)
{
	plan(40 * MIB, 100 * MIB, (struct changed){40 * MIB, 100 * MIB});
	cr_assert_eq(copies, 1);
	cr_assert_eq(parts[0].length, 40 * MIB);
	free(parts);
}

Test(fs_multipart, large_files_have_larger_parts)
{
	uint64_t sizes[] = {140625 * MIB, 140626 * MIB, 1000000 * MIB, 5 * MIB * MIB};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		plan(sizes[i], 0, (struct changed){0, 0});
		free(parts);
		plan(sizes[i], sizes[i], (struct changed){7 * MIB, 8 * MIB});
		cr_assert_gt(copies, 0);
		free(parts);
	}
}

/* All bytes once and in order, each part but the first with a place of its own on the grid. */
Test(fs_multipart, what_is_appended_to_is_kept_whole)
{
	static const struct {
		uint64_t bytes, base;
		long count;
	} cases[] = {
		{40 * MIB + 1, 40 * MIB, 2},	 {32 * MIB + 9, 32 * MIB, 2},
		{64 * MIB, 20 * MIB + 77, 4},	 {33 * MIB, 32 * MIB - 1, 3},
		{40000 * MIB, 20000 * MIB, 158}, {16 * MIB + 1, 16 * MIB, 2},
	};

	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		long n = multiappend_plan(cases[c].bytes, cases[c].base, &parts);
		uint64_t at = cases[c].base;

		cr_assert_eq(n, cases[c].count, "%zu: %ld", c, n);
		cr_assert(parts[0].is_copy && !parts[0].offset && !parts[0].index);
		cr_assert_eq(parts[0].length, cases[c].base);
		for (long i = 1; i < n; i++) {
			cr_assert(!parts[i].is_copy);
			cr_assert_eq(parts[i].offset, at);
			cr_assert_eq(parts[i].index, parts_index(at));
			cr_assert_gt(parts[i].index, parts[i - 1].index);
			at += parts[i].length;
			cr_assert(at == cases[c].bytes || at == parts_start(parts[i].index + 1));
		}
		cr_assert_eq(at, cases[c].bytes);
		free(parts);
	}
}
