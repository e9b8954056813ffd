/* SPDX-License-Identifier: Apache-2.0 */
/* Random operations on the directories that are remembered as empty, beside a list of them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/emptydirs.h"
#include "fs/told.h"

#define NAMES 300

static const uint8_t ctxs[2][WIRE_CTX_BYTES] = {{1}, {2}};

struct remembered {
	size_t ctx;
	char name[40];
};

static char names[NAMES][40];
static struct remembered list[2 * NAMES]; /* oldest first */
static size_t count;
static uint64_t state = 7;

static uint32_t any(uint32_t below)
{
	state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(state >> 33) % below;
}

/* Each begins another's, differs in its last part, or is beside it: "a/", "a-b/", "a/b/". */
static void make_names(void)
{
	for (unsigned i = 0; i < NAMES; i++)
		snprintf(names[i], sizeof(names[i]), "s3/b/%.*s/%u/", (int)(i % 7), "a/a-a/a",
			 i / 7);
}

static size_t find(size_t ctx, const char *name)
{
	size_t at = 0;

	while (at < count && (list[at].ctx != ctx || strcmp(list[at].name, name) != 0))
		at++;
	return at;
}

static void forget(size_t at)
{
	memmove(&list[at], &list[at + 1], (--count - at) * sizeof(list[0]));
}

static void check_all(void)
{
	size_t known = 0;

	for (size_t place = 0; emptydirs_at(place, ""); place++)
		known++;
	cr_assert_eq(known, count);
	for (size_t i = 0; i < NAMES; i++) {
		for (size_t c = 0; c < 2; c++) {
			const struct emptydir *e = emptydirs_find(ctxs[c], names[i]);

			cr_assert_eq(e != NULL, find(c, names[i]) < count, "%s", names[i]);
			cr_assert(!e || (!strcmp(e->prefix, names[i]) &&
					 !memcmp(e->ctx, ctxs[c], WIRE_CTX_BYTES)));
		}
	}
}

/* All below a name, and those of that very name first. */
static void check_below(const char *start)
{
	size_t place = emptydirs_first(start), found = 0, wanted = 0;
	const struct emptydir *e;
	bool was_longer = false;

	for (; (e = emptydirs_at(place, start)); place++, found++) {
		cr_assert_eq(strncmp(e->prefix, start, strlen(start)), 0);
		cr_assert(strcmp(e->prefix, start) != 0 || !was_longer);
		was_longer |= e->prefix[strlen(start)];
	}
	for (size_t i = 0; i < count; i++)
		wanted += !strncmp(list[i].name, start, strlen(start));
	cr_assert_eq(found, wanted, "%s: %zu, not %zu", start, found, wanted);
}

static void step(void)
{
	size_t c = any(2), at;
	const char *name = names[any(NAMES)];
	struct emptydir *e = emptydirs_find(ctxs[c], name);

	at = find(c, name);
	cr_assert_eq(e != NULL, at < count);
	if (!e) {
		cr_assert_not_null(emptydirs_add(ctxs[c], name));
		list[count].ctx = c;
		snprintf(list[count++].name, sizeof(list[0].name), "%s", name);
	} else if (any(2)) {
		emptydirs_drop(e);
		forget(at);
	}
	check_below(name);
}

Test(fs_emptydirs, beside_a_list)
{
	make_names();
	for (unsigned i = 0; i < 20000; i++) {
		step();
		if (i % 500 == 0)
			check_all();
	}
	while (emptydirs_at(0, ""))
		emptydirs_drop(emptydirs_at(0, ""));
	count = 0;
	check_all();
}

Test(fs_emptydirs, the_oldest_goes)
{
	char name[40];

	for (unsigned i = 0; i < 2 * TOLD_EMPTY_MAX; i++) {
		snprintf(name, sizeof(name), "s3/b/%u/", i);
		cr_assert_not_null(emptydirs_add(ctxs[0], name));
	}
	for (unsigned i = 0; i < 2 * TOLD_EMPTY_MAX; i++) {
		snprintf(name, sizeof(name), "s3/b/%u/", i);
		cr_assert_eq(emptydirs_find(ctxs[0], name) != NULL, i >= TOLD_EMPTY_MAX, "%u", i);
	}
	while (emptydirs_at(0, ""))
		emptydirs_drop(emptydirs_at(0, ""));
}
