/* SPDX-License-Identifier: Apache-2.0 */
/* core/base/twin.c against a damaged table of sites: the header has a checksum, the table none. */
#include <criterion/criterion.h>
#include <sys/mman.h>

#include "core/base/twin.h"

#define CODE_BYTES 40u

/* A site right before memory that cannot be read. */
static struct twin_site *last_site(void)
{
	char *at = mmap(NULL, 2ul * TWIN_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
	struct twin_site *site = (struct twin_site *)(void *)(at + TWIN_PAGE - sizeof(*site));

	cr_assert(at != MAP_FAILED);
	cr_assert_eq(mprotect(at + TWIN_PAGE, TWIN_PAGE, PROT_NONE), 0);
	*site = (struct twin_site){.start = 0x1000,
				   .tramp = 64,
				   .bytes = 7,
				   .syscall = 5,
				   .slow = 30,
				   .step_count = 2,
				   .tramp_bytes = CODE_BYTES,
				   .step = {{0, 0}, {5, 5}}};
	return site;
}

Test(base_twin, whole)
{
	const struct twin_site *site = last_site();

	cr_assert_eq(twin_to_program(site, 64), 0x1000);
	cr_assert_eq(twin_to_program(site, 64 + 5), 0x1005);
	cr_assert_eq(twin_to_program(site, 64 + 29), 0x1005);
	cr_assert_eq(twin_to_tramp(site, 0x1005), 64 + 5);
	cr_assert_eq(twin_to_tramp(site, 0x1003), UINT64_MAX);
}

Test(base_twin, too_many_steps)
{
	struct twin_site *site = last_site();

	site->step_count = 255;
	for (unsigned i = 0; i < CODE_BYTES; i++)
		cr_assert_leq(twin_to_program(site, 64 + i) - 0x1000, 255);
	cr_assert_eq(twin_to_tramp(site, 0x1000 + 200), UINT64_MAX);
}

Test(base_twin, no_step)
{
	struct twin_site *site = last_site();

	site->step_count = 0;
	for (unsigned i = 0; i < CODE_BYTES; i++)
		cr_assert_eq(twin_to_program(site, 64 + i), 0x1005);
	cr_assert_eq(twin_to_tramp(site, 0x1005), UINT64_MAX);
}

static bool is_valid(struct twin_header head, const struct twin_key *key)
{
	head.checksum = twin_checksum(&head, sizeof(head));
	return twin_valid(&head, key, head.twin_bytes);
}

/* One mapping holds trampolines and table: beyond it there is something else. */
Test(base_twin, table_within_code)
{
	struct twin_key key = {.size = 3ul * TWIN_PAGE};
	struct twin_header head = {
		.magic = TWIN_MAGIC,
		.version = TWIN_VERSION,
		.key = key,
		.twin_bytes = 8ul * TWIN_PAGE,
		.high = 3ul * TWIN_PAGE,
		.code_vaddr = 3ul * TWIN_PAGE,
		.code_offset = 4ul * TWIN_PAGE,
		.code_bytes = TWIN_PAGE,
		.sites_offset = 5ul * TWIN_PAGE - 2 * sizeof(struct twin_site),
		.site_count = 2,
	};

	cr_assert(is_valid(head, &key));
	head.site_count = 3;
	cr_assert_not(is_valid(head, &key));
	head.site_count = 2;
	head.sites_offset += 8;
	cr_assert_not(is_valid(head, &key));
	head.sites_offset = 4ul * TWIN_PAGE - 8;
	cr_assert_not(is_valid(head, &key));
	head.sites_offset = 6ul * TWIN_PAGE;
	cr_assert_not(is_valid(head, &key));
}
