/* SPDX-License-Identifier: Apache-2.0 */
/* The shared table of files: what may be opened by its name, and what was looked at too early. */
#include "core/base/opens.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#define S  INT64_C(1000000000)
#define T0 (100 * S)

static const uint64_t hash_key[2] = {1, 2};
static const uint8_t one[WIRE_CTX_BYTES] = {1}, two[WIRE_CTX_BYTES] = {2};
static union attrs_line *table;

static void start(void)
{
	table = aligned_alloc(4096, OPENS_BYTES);
	memset(table, 0, OPENS_BYTES);
	opens_begin(table, 1, hash_key, T0);
}

static void stop(void)
{
	free(table);
}

TestSuite(core_opens, .init = start, .fini = stop, .timeout = 120);

static uint32_t put(const char *path, uint64_t ino, int64_t until_ns)
{
	const struct attrs_ask ask = {.ctx = one, .path = path, .len = strlen(path)};
	struct opens_entry entry = {
		.until_ns = until_ns, .id = {0xab, [15] = 0x0f}, .hash = ino, .ino = ino};
	uint32_t line;

	attrs_key(hash_key, &ask, entry.key);
	line = opens_place(table, entry.key);
	opens_put(table, line, &entry);
	return line;
}

static int find_as(const uint8_t *ctx, const char *path, int64_t now_ns, struct opens_found *out)
{
	const struct attrs_ask ask = {.ctx = ctx, .path = path, .len = strlen(path)};

	return opens_find(table, attrs_read_plain, &ask, now_ns, out);
}

static int find(const char *path, int64_t now_ns, struct opens_found *out)
{
	return find_as(one, path, now_ns, out);
}

static bool still(const struct opens_found *found)
{
	return opens_still(table, attrs_read_plain, found);
}

static int known(const char *path, int64_t now_ns)
{
	struct opens_found out;

	return find(path, now_ns, &out);
}

Test(core_opens, a_pair_is_named)
{
	struct opens_found out;
	uint32_t line = put("s3/b/k", 0x123456789a, T0 + S);

	cr_assert_eq(find("s3/b/k", T0, &out), 0);
	cr_assert_eq(out.line, line);
	cr_assert_eq(out.ino, 0x123456789a);
	cr_assert_str_eq(out.pair, "ab00000000000000000000000000000f-000000123456789a");
	cr_assert(still(&out));
	cr_assert_eq(known("s3/b/kk", T0), -EAGAIN);
	cr_assert_eq(known("", T0), -EAGAIN);
}

Test(core_opens, another_context_finds_nothing)
{
	struct opens_found out;

	put("s3/b/k", 7, T0 + S);
	cr_assert_eq(find_as(two, "s3/b/k", T0, &out), -EAGAIN);
}

Test(core_opens, what_is_not_whole_is_not_found)
{
	put("s3/b/k", 0, T0 + S);
	cr_assert_eq(known("s3/b/k", T0), -EAGAIN);
	put("s3/b/k", 7, T0 + S);
	cr_assert_eq(known("s3/b/k", T0), 0);
}

Test(core_opens, nothing_is_believed_beyond_its_time)
{
	put("s3/b/k", 7, T0 + S);
	cr_assert_eq(known("s3/b/k", T0 + S - ATTRS_LATE_NS - 1), 0);
	cr_assert_eq(known("s3/b/k", T0 + S - ATTRS_LATE_NS), -EAGAIN, "a coarse clock is late");
}

Test(core_opens, a_daemon_that_is_gone_is_not_believed)
{
	put("s3/b/k", 7, T0 + 1000 * S);
	cr_assert_eq(known("s3/b/k", T0 + ATTRS_ALIVE_NS - 1), 0);
	cr_assert_eq(known("s3/b/k", T0 + ATTRS_ALIVE_NS), -EAGAIN);
	opens_alive(table, T0 + 2 * S);
	cr_assert_eq(known("s3/b/k", T0 + ATTRS_ALIVE_NS), 0);
	opens_alive(table, 0);
	cr_assert_eq(known("s3/b/k", T0 + 2 * S), -EAGAIN, "it has left");
}

Test(core_opens, another_time_is_not_believed)
{
	put("s3/b/k", 7, T0 + S);
	cr_assert_eq(known("s3/b/k", T0 - ATTRS_LATE_NS), 0, "a late clock");
	cr_assert_eq(known("s3/b/k", T0 - ATTRS_LATE_NS - 1), -EAGAIN, "before it was written");
}

Test(core_opens, withdrawn_after_it_was_found)
{
	struct opens_found out;
	uint32_t line = put("s3/b/k", 7, T0 + S);

	cr_assert_eq(find("s3/b/k", T0, &out), 0);
	opens_drop(table, line);
	cr_assert_not(still(&out));
	cr_assert_eq(known("s3/b/k", T0), -EAGAIN);
	put("s3/b/k", 7, T0 + S); /* as it was, and another all the same */
	cr_assert_not(still(&out));
	cr_assert_eq(known("s3/b/k", T0), 0);
	opens_drop(table, OPENS_NONE);
	cr_assert(opens_head_valid((const struct opens_head *)table));
}

Test(core_opens, half_withdrawn)
{
	struct opens_found out;
	uint32_t line = put("s3/b/k", 7, T0 + S);

	cr_assert_eq(find("s3/b/k", T0, &out), 0);
	table[line].entry.seq |= 1; /* its daemon was killed there */
	cr_assert_not(still(&out));
	cr_assert_eq(known("s3/b/k", T0), -EAGAIN);
	put("s3/b/k", 7, T0 + S);
	cr_assert_eq(known("s3/b/k", T0), 0);
}

Test(core_opens, another_daemon_came_after_it_was_found)
{
	struct opens_found out;

	put("s3/b/k", 7, T0 + 1000 * S);
	cr_assert_eq(find("s3/b/k", T0, &out), 0);
	opens_begin(table, 2, hash_key, T0);
	cr_assert_not(still(&out), "its entry was not touched, but it is nobody's");
	cr_assert_eq(known("s3/b/k", T0), -EAGAIN);
	put("s3/b/k", 8, T0 + S);
	cr_assert_eq(find("s3/b/k", T0, &out), 0);
	cr_assert_eq(out.ino, 8);
	cr_assert(still(&out));
}

Test(core_opens, a_beat_changes_nothing_else)
{
	struct opens_head *head = (struct opens_head *)table;
	struct opens_found out;

	put("s3/b/k", 7, T0 + S);
	cr_assert_eq(find("s3/b/k", T0, &out), 0);
	head->looked = 5;
	opens_alive(table, T0 + 1);
	cr_assert_eq(head->looked, 5);
	cr_assert(still(&out));
}

Test(core_opens, a_head_that_is_none)
{
	struct opens_head *head = (struct opens_head *)table, was = *head;

	put("s3/b/k", 7, T0 + S);
	head->magic++;
	cr_assert_eq(known("s3/b/k", T0), -EAGAIN);
	*head = was;
	head->version++;
	cr_assert_eq(known("s3/b/k", T0), -EAGAIN);
	*head = was;
	head->sets *= 2;
	cr_assert_eq(known("s3/b/k", T0), -EAGAIN);
	*head = was;
	head->generation = 0;
	cr_assert_eq(known("s3/b/k", T0), -EAGAIN);
	*head = was;
	cr_assert_eq(known("s3/b/k", T0), 0);
}

Test(core_opens, more_than_there_is_room_for)
{
	unsigned found = 0, fresh = 0;
	struct opens_found out;
	char path[32];

	for (unsigned i = 1; i <= 100000; i++) {
		snprintf(path, sizeof(path), "s3/b/%u", i);
		put(path, i, T0 + S + i);
	}
	for (unsigned i = 1; i <= 100000; i++) {
		snprintf(path, sizeof(path), "s3/b/%u", i);
		if (find(path, T0, &out))
			continue;
		cr_assert_eq(out.ino, i);
		found++;
		fresh += i > 95000;
	}
	cr_assert_gt(found, 30000);
	cr_assert_leq(found, OPENS_SETS * OPENS_WAYS);
	cr_assert_gt(fresh, 4750, "the oldest goes first; %u of the last 5000 are there", fresh);
}
