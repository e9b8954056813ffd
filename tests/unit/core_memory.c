// SPDX-License-Identifier: Apache-2.0
/* The ledger: what is held, the most that was, and what still fits. */
#include "core/memory.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "core/context.h"
#include "core/entries.h"
#include "core/size.h"

#define MIB (UINT64_C(1) << 20)

Test(core_memory, what_is_held_and_what_fits)
{
	memory_set_cap(32 * MIB);
	cr_assert_eq(memory_cap(), 32 * MIB);
	memory_add(MEMORY_NAMES, 20 * MIB);
	memory_add(MEMORY_ANSWERS, 10 * MIB);
	cr_assert_eq(memory_held(), 30 * MIB);
	cr_assert(memory_fits(2 * MIB));
	cr_assert_not(memory_fits(2 * MIB + 1));
	memory_add(MEMORY_NAMES, -(int64_t)(15 * MIB));
	cr_assert_eq(memory_of(MEMORY_NAMES), 5 * MIB);
	cr_assert_eq(memory_held(), 15 * MIB);
	cr_assert_eq(memory_peak(), 30 * MIB);
}

Test(core_memory, caps_and_shares)
{
	memory_set_cap(1);
	cr_assert_eq(memory_cap(), MEMORY_CAP_MIN);
	cr_assert_eq(memory_share(4, 24 * MIB), MEMORY_CAP_MIN / 4);
	cr_assert_eq(memory_share(4, MIB), MIB);
	memory_set_cap(0);
	cr_assert_leq(memory_cap(), MEMORY_CAP_DEFAULT);
	cr_assert_geq(memory_cap(), MEMORY_CAP_MIN);
}

/* What is taken from a list that is freed is what was counted of it, wherever it was moved. */
Test(core_memory, a_page)
{
	struct store_list list = {.entries = calloc(2, sizeof(*list.entries)), .count = 2}, moved;
	uint64_t least = 2 * sizeof(*list.entries) + strlen("name") + strlen("id") + strlen("next");

	list.entries[0].name = strdup("name");
	list.entries[1].upload = strdup("id");
	list.next_token = strdup("next");
	entries_charge(&list);
	cr_assert_geq(memory_of(MEMORY_LISTINGS), least);
	cr_assert_leq(memory_of(MEMORY_LISTINGS), least + 100);
	moved = list;
	list = (struct store_list){0};
	entries_free(&list);
	cr_assert_geq(memory_of(MEMORY_LISTINGS), least);
	entries_free(&moved);
	cr_assert_eq(memory_of(MEMORY_LISTINGS), 0);
	entries_free(&moved);
	cr_assert_eq(memory_held(), 0);
}

Test(core_memory, contexts)
{
	static const char one[] = "AWS_PROFILE=one", other[] = "AWS_PROFILE=other";
	uint8_t id[WIRE_CTX_BYTES];
	struct context *ctx;
	uint64_t first;

	cr_assert_eq(context_register(one, sizeof(one), &ctx, id), 0);
	first = memory_of(MEMORY_CONTEXTS);
	cr_assert_geq(first, sizeof(one));
	cr_assert_eq(context_register(one, sizeof(one), &ctx, id), 0);
	cr_assert_eq(memory_of(MEMORY_CONTEXTS), first, "it was known");
	cr_assert_eq(context_register(other, sizeof(other), &ctx, id), 0);
	cr_assert_eq(memory_of(MEMORY_CONTEXTS), 2 * first + sizeof(other) - sizeof(one));
	context_free_all();
	cr_assert_eq(memory_held(), 0);
}

Test(core_memory, sizes)
{
	cr_assert_eq(size_parse("512M"), 512 * MIB);
	cr_assert_eq(size_parse("1GiB"), 1024 * MIB);
	cr_assert_eq(size_parse("64kB"), 65536);
	cr_assert_eq(size_parse("7"), 7);
	cr_assert_eq(size_parse("G"), 0);
	cr_assert_eq(size_parse("1X"), 0);
	cr_assert_eq(size_parse(""), 0);
	cr_assert_eq(size_parse(NULL), 0);
}
