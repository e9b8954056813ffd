/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metadata cache's lines in the table of files: whose they are when entries move, grow and go,
 * when another takes a line, and beside the lines of attributes.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/clock.h"
#include "cache/opentable.h"
#include "core/memory.h"
#include "fs/attrfile.h"
#include "fs/meta.h"

#define SHOWN 500
#define MANY  60000 /* more than the table has lines */

static const uint8_t ctx[WIRE_CTX_BYTES] = {1};
static union attrs_line *table, *attrs;
static char folder[] = "/tmp/fs-metaopens.XXXXXX";

static union attrs_line *map(int dir_fd, const char *name, size_t bytes)
{
	int fd = openat(dir_fd, name, O_RDWR);
	void *at = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);

	cr_assert_neq(at, MAP_FAILED, "%s", name);
	close(fd);
	return at;
}

static void start_with(uint64_t memory_cap)
{
	int dir_fd;

	memory_set_cap(memory_cap);
	setenv("SKYSHIM_META_TTL_MS", "60000000", 1);
	meta_start();
	cr_assert_not_null(mkdtemp(folder));
	dir_fd = open(folder, O_RDONLY | O_DIRECTORY);
	attrfile_start(dir_fd);
	opentable_start(dir_fd);
	table = map(dir_fd, OPENS_NAME, OPENS_BYTES);
	attrs = map(dir_fd, ATTRS_NAME, ATTRS_BYTES);
	close(dir_fd);
}

static void start(void)
{
	start_with(MEMORY_CAP_MIN); /* 4 MiB of names */
}

static void stop(void)
{
	static const char *const names[] = {ATTRS_NAME, OPENS_NAME};
	char path[64];

	meta_stop();
	attrfile_stop();
	opentable_stop();
	munmap(table, OPENS_BYTES);
	munmap(attrs, ATTRS_BYTES);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	rmdir(folder);
}

TestSuite(fs_metaopens, .init = start, .fini = stop, .timeout = 120);

static void name_of(unsigned i, char name[64])
{
	snprintf(name, 64, "s3/b/shown/%u", i);
}

static struct meta_fact fact_of(uint64_t size)
{
	struct meta_fact fact = {.kind = META_FILE, .object.size = size, .object.etag = "\"x\""};

	return fact;
}

static void tell_of(unsigned i)
{
	struct meta_fact fact = fact_of(i + 1);
	char name[64];

	name_of(i, name);
	meta_put(ctx, name, &fact);
	meta_put(ctx, name, &fact); /* it is given another round */
}

/* The inode that may be opened, or 0. Of the pair of number i, if any. */
static uint64_t found(unsigned i)
{
	struct opens_found out;
	char name[64];
	struct attrs_ask ask = {.ctx = ctx, .path = name};

	name_of(i, name);
	ask.len = strlen(name);
	opentable_alive(); /* on a slow machine, too */
	if (opens_find(table, attrs_read_plain, &ask, clock_ns(), &out))
		return 0;
	cr_assert_eq(out.ino, i + 1);
	return out.ino;
}

static struct opens_ticket show(unsigned i)
{
	const uint8_t id[OPENS_ID_BYTES] = {1};
	struct opens_ticket ticket;
	struct meta_fact fact;
	char name[64];

	name_of(i, name);
	cr_assert(meta_get(ctx, name, &fact));
	ticket = meta_show_open(ctx, name, &fact, name);
	cr_assert_neq(ticket.line, OPENS_NONE);
	opentable_fill(ticket, id, i, i + 1, true);
	cr_assert_neq(found(i), 0);
	return ticket;
}

static void show_all(void)
{
	for (unsigned i = 0; i < SHOWN; i++) {
		tell_of(i);
		show(i);
	}
}

static void forget_or_hide(unsigned i)
{
	char name[64];

	name_of(i, name);
	if (i % 2)
		meta_forget(ctx, name);
	else
		meta_hide(ctx, name);
}

static void press(unsigned from, unsigned to)
{
	struct meta_fact fact = fact_of(1);
	char name[64];

	for (unsigned i = from; i < to; i++) {
		snprintf(name, sizeof(name), "s3/b/press/%u", i);
		meta_put(ctx, name, &fact);
	}
}

Test(fs_metaopens, what_changes_is_withdrawn)
{
	show_all();
	for (unsigned i = 0; i < SHOWN; i++) {
		forget_or_hide(i);
		cr_assert_eq(found(i), 0, "%u", i);
	}
}

Test(fs_metaopens, what_has_moved_is_withdrawn)
{
	uint64_t evictions = meta_evictions(ctx);

	show_all();
	for (unsigned n = 0; meta_evictions(ctx) - evictions < 5000; n += 1000)
		press(n, n + 1000);
	for (unsigned i = 0; i < SHOWN; i++) {
		cr_assert_neq(found(i), 0, "%u", i);
		forget_or_hide(i);
		cr_assert_eq(found(i), 0, "%u", i);
	}
}

Test(fs_metaopens, what_goes_is_withdrawn)
{
	struct meta_fact fact;
	char name[64];

	show_all();
	press(0, 200000);
	for (unsigned i = 0; i < SHOWN; i++) {
		name_of(i, name);
		cr_assert_not(meta_peek(ctx, name, &fact), "%u", i);
		cr_assert_eq(found(i), 0, "%u", i);
	}
}

Test(fs_metaopens, what_is_below_a_directory_that_moved_is_withdrawn)
{
	show_all();
	meta_forget_below("s3/b/shown/");
	for (unsigned i = 0; i < SHOWN; i++)
		cr_assert_eq(found(i), 0);
}

Test(fs_metaopens, what_needs_more_room_is_withdrawn)
{
	char name[64];

	show_all();
	for (unsigned i = 0; i < SHOWN; i++) {
		name_of(i, name);
		meta_read(ctx, name);
		cr_assert_neq(found(i), 0);
		forget_or_hide(i);
		cr_assert_eq(found(i), 0);
	}
}

Test(fs_metaopens, all_go_with_the_cache)
{
	show_all();
	meta_stop();
	for (unsigned i = 0; i < SHOWN; i++)
		cr_assert_eq(found(i), 0);
	meta_start();
}

static struct attrs_ask way(unsigned i, unsigned n, char path[64])
{
	struct attrs_ask ask = {.ctx = ctx, .path = path};

	ask.len = (size_t)snprintf(path, 64, "s3/b/shown/%u%.*s", i, (int)(2 * n), "/./././.");
	return ask;
}

static bool tells_of(unsigned i, unsigned n)
{
	const struct attrs_reader reader = {attrs_read_plain, NULL};
	char path[64];
	struct attrs_ask ask = way(i, n, path);
	struct wire_attr attr;

	attrfile_alive();
	return !attrs_find(attrs, &reader, &ask, clock_ns(), &attr);
}

static void show_attr(unsigned i, unsigned n)
{
	struct wire_attr attr = {.mode = S_IFREG | 0644, .uid = WIRE_CALLER, .gid = WIRE_CALLER};
	char name[64], path[64];
	struct attrs_ask ask = way(i, n, path);
	struct meta_fact fact;

	name_of(i, name);
	cr_assert(meta_get(ctx, name, &fact));
	meta_show(ctx, name, &fact, &ask, &attr);
	cr_assert(tells_of(i, n));
}

/* In whatever order they come: of attributes the last two are shown, and of files one. */
Test(fs_metaopens, lines_of_both_kinds)
{
	for (unsigned opened_at = 0; opened_at <= 4; opened_at++) {
		unsigned i = opened_at;

		tell_of(i);
		for (unsigned n = 0; n < 4; n++) {
			if (n == opened_at)
				show(i);
			show_attr(i, n);
		}
		if (opened_at == 4)
			show(i);
		cr_assert(found(i) && tells_of(i, 2) && tells_of(i, 3), "%u", i);
		cr_assert(!tells_of(i, 0) && !tells_of(i, 1), "%u", i);
		show(i);
		show(i);
		cr_assert(tells_of(i, 2) && tells_of(i, 3), "%u", i);
		forget_or_hide(i);
		cr_assert(!found(i) && !tells_of(i, 2) && !tells_of(i, 3), "%u", i);
	}
}

static void start_large(void)
{
	start_with(0);
}

/* Withdrawn by the file, and another has the line since: nobody's own but his. */
Test(fs_metaopens_many, who_has_lost_his_line_withdraws_nobody_elses, .init = start_large,
     .fini = stop, .timeout = 120)
{
	unsigned before = 0, after = 0;

	for (unsigned i = 0; i < MANY; i++) {
		struct opens_ticket ticket;

		tell_of(i);
		ticket = show(i);
		if (i % 7 == 0)
			opentable_drop(&ticket);
	}
	for (unsigned i = 1; i < MANY; i += 2)
		before += found(i) != 0;
	for (unsigned i = 0; i < MANY; i += 2)
		forget_or_hide(i);
	for (unsigned i = 0; i < MANY; i += 2)
		cr_assert_eq(found(i), 0, "%u", i);
	for (unsigned i = 1; i < MANY; i += 2)
		after += found(i) != 0;
	cr_assert_eq(before, after);
	cr_assert(before > OPENS_SETS && before < MANY / 2, "%u", before);
}

/* Looked up before it was hidden, whether it is known or not. */
Test(fs_metaopens, hidden_while_it_was_looked_up)
{
	char name[64], message[STORE_MESSAGE_BYTES];
	struct meta_fact fact, found_out;
	uint32_t hidden;

	for (unsigned i = 0; i < 8; i++) {
		bool is_known = i & 1, is_hidden = i & 2, was_hidden = i & 4;

		name_of(i, name);
		if (is_known)
			tell_of(i);
		if (was_hidden)
			meta_hide(ctx, name);
		cr_assert_eq(meta_enter(ctx, name, true, &fact, message), 0);
		hidden = fact.hidden;
		if (is_hidden)
			meta_hide(ctx, name);
		found_out = fact_of(i + 1);
		meta_leave(ctx, name, 0, &found_out, "");
		found_out.hidden = hidden;
		cr_assert_eq(meta_show_open(ctx, name, &found_out, name).line != OPENS_NONE,
			     !is_hidden, "%u", i);
	}
}
