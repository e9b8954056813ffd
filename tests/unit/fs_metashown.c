/* SPDX-License-Identifier: Apache-2.0 */
/* What the shared table of attributes shows of entries that move, grow and go. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/clock.h"
#include "core/memory.h"
#include "fs/attrfile.h"
#include "fs/meta.h"

#define SHOWN 500

static const uint8_t ctx[WIRE_CTX_BYTES] = {1};
static union attrs_line *table;
static char folder[] = "/tmp/fs-metashown.XXXXXX";

static void start(void)
{
	int fd, dir_fd;

	memory_set_cap(MEMORY_CAP_MIN); /* 4 MiB of names */
	setenv("SKYSHIM_META_TTL_MS", "60000000", 1);
	meta_start();
	cr_assert_not_null(mkdtemp(folder));
	dir_fd = open(folder, O_RDONLY | O_DIRECTORY);
	attrfile_start(dir_fd);
	attrfile_alive();
	fd = openat(dir_fd, ATTRS_NAME, O_RDWR);
	table = mmap(NULL, ATTRS_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	cr_assert_neq(table, MAP_FAILED);
	close(fd);
	close(dir_fd);
}

static void stop(void)
{
	char path[64];

	meta_stop();
	attrfile_stop();
	munmap(table, ATTRS_BYTES);
	snprintf(path, sizeof(path), "%s/%s", folder, ATTRS_NAME);
	unlink(path);
	rmdir(folder);
}

/* The name, and the path that it is shown under, one of two. */
static struct attrs_ask name_of(unsigned i, bool other, char name[64], char path[64])
{
	struct attrs_ask ask = {.ctx = ctx, .path = path};

	snprintf(name, 64, "s3/b/shown/%u", i);
	ask.len = (size_t)snprintf(path, 64, "/cloud/s3/b/shown/%u%s", i, other ? "/." : "");
	return ask;
}

static uint64_t size_shown(unsigned i, bool other)
{
	const struct attrs_reader reader = {attrs_read_plain, NULL};
	char name[64], path[64];
	struct attrs_ask ask = name_of(i, other, name, path);
	struct wire_attr attr;

	attrfile_alive(); /* on a slow machine, too */
	return attrs_find(table, &reader, &ask, clock_ns(), &attr) ? 0 : attr.size;
}

static struct meta_fact fact_of(uint64_t size)
{
	struct meta_fact fact = {.kind = META_FILE, .object.size = size, .object.etag = "\"x\""};

	return fact;
}

static void show(unsigned i, bool other)
{
	struct wire_attr attr = {.mode = S_IFREG | 0644, .uid = WIRE_CALLER, .gid = WIRE_CALLER};
	char name[64], path[64];
	struct attrs_ask ask = name_of(i, other, name, path);
	struct meta_fact fact;

	cr_assert(meta_get(ctx, name, &fact));
	attr.size = fact.object.size;
	meta_show(ctx, name, &fact, &ask, &attr);
	cr_assert_eq(size_shown(i, other), fact.object.size);
}

/* Told, not listed: nothing is to spare, so nothing is marked. Twice: they are given another round.
 */
static void put_all(void)
{
	char name[64], path[64];
	struct meta_fact fact;

	for (unsigned i = 0; i < SHOWN; i++) {
		name_of(i, false, name, path);
		fact = fact_of(i + 1);
		meta_put(ctx, name, &fact);
		meta_put(ctx, name, &fact);
		show(i, false);
		show(i, true);
	}
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

/* Until the first round is over, but not the second. */
static void press_once(void)
{
	uint64_t evictions = meta_evictions(ctx);
	unsigned n = 0;

	for (; meta_evictions(ctx) - evictions < 5000; n += 1000)
		press(n, n + 1000);
}

Test(fs_metashown, what_has_moved_is_shown_and_withdrawn, .init = start, .fini = stop)
{
	char name[64], path[64];

	put_all();
	press_once();
	for (unsigned i = 0; i < SHOWN; i++) {
		cr_assert_eq(size_shown(i, false), i + 1);
		cr_assert_eq(size_shown(i, true), i + 1);
		name_of(i, false, name, path);
		if (i % 2)
			meta_forget(ctx, name);
		else
			meta_hide(ctx, name);
		cr_assert_eq(size_shown(i, false), 0, "%u", i);
		cr_assert_eq(size_shown(i, true), 0, "%u", i);
	}
}

Test(fs_metashown, what_goes_is_withdrawn, .init = start, .fini = stop)
{
	struct meta_fact fact;
	char name[64], path[64];

	put_all();
	press(0, 200000);
	for (unsigned i = 0; i < SHOWN; i++) {
		name_of(i, false, name, path);
		cr_assert_not(meta_peek(ctx, name, &fact), "%u", i);
		cr_assert_eq(size_shown(i, false), 0);
		cr_assert_eq(size_shown(i, true), 0);
	}
}

Test(fs_metashown, what_is_below_a_directory_that_moved_is_withdrawn, .init = start, .fini = stop)
{
	put_all();
	meta_forget_below("s3/b/shown/");
	for (unsigned i = 0; i < SHOWN; i++) {
		cr_assert_eq(size_shown(i, false), 0);
		cr_assert_eq(size_shown(i, true), 0);
	}
}

/* The read of a directory is noted beside what is known of it: it needs more room, and is shown. */
Test(fs_metashown, what_needs_more_room_is_shown_and_withdrawn, .init = start, .fini = stop)
{
	char name[64], path[64];

	put_all();
	for (unsigned i = 0; i < SHOWN; i++) {
		name_of(i, false, name, path);
		meta_read(ctx, name);
	}
	for (unsigned i = 0; i < SHOWN; i++) {
		cr_assert_eq(size_shown(i, false), i + 1);
		cr_assert_eq(size_shown(i, true), i + 1);
		name_of(i, false, name, path);
		meta_forget(ctx, name);
		cr_assert_eq(size_shown(i, false), 0);
		cr_assert_eq(size_shown(i, true), 0);
	}
}

/* What is noted of an entry where it stands does not forget what it shows. */
Test(fs_metashown, what_is_confirmed_is_withdrawn_later, .init = start, .fini = stop)
{
	char name[64], path[64];
	struct meta_fact fact;

	put_all();
	for (unsigned i = 0; i < SHOWN; i++) {
		name_of(i, false, name, path);
		fact = fact_of(i + 1);
		meta_confirm(ctx, name, &fact.object, clock_ns());
		cr_assert_eq(size_shown(i, false), i + 1);
		meta_forget(ctx, name);
		cr_assert_eq(size_shown(i, false), 0);
		cr_assert_eq(size_shown(i, true), 0);
	}
}

/* Whoever has looked at it before it was hidden shows nothing, even if it had to go meanwhile and
 * is the same again. */
Test(fs_metashown, hidden_before_it_went, .init = start, .fini = stop)
{
	struct meta_fact fact = fact_of(7), again;
	struct wire_attr attr = {.size = 7, .uid = WIRE_CALLER, .gid = WIRE_CALLER};
	char name[64], path[64];
	struct attrs_ask ask = name_of(1, false, name, path);

	meta_put(ctx, name, &fact);
	cr_assert(meta_get(ctx, name, &fact));
	meta_hide(ctx, name);
	press(0, 200000);
	cr_assert_not(meta_peek(ctx, name, &again));
	meta_put(ctx, name, &fact);
	meta_show(ctx, name, &fact, &ask, &attr);
	cr_assert_eq(size_shown(1, false), 0);
	show(1, false); /* whoever looks now */
}

/* What somebody has just found out himself is shown as what he got from here. */
Test(fs_metashown, hidden_are_few, .init = start, .fini = stop)
{
	struct meta_fact fact = fact_of(7);
	struct wire_attr attr = {.size = 7, .uid = WIRE_CALLER, .gid = WIRE_CALLER};
	char name[64], path[64];
	struct attrs_ask ask = name_of(1, false, name, path);
	uint64_t before;

	meta_put(ctx, name, &fact);
	for (unsigned i = 2; i < 100000; i++) {
		snprintf(path, sizeof(path), "s3/b/written/%u", i);
		meta_hide(ctx, path);
	}
	name_of(1, false, name, path);
	meta_show(ctx, name, &fact, &ask, &attr);
	before = size_shown(1, false);
	meta_hide(ctx, name);
	meta_show(ctx, name, &fact, &ask, &attr);
	cr_assert(before == 7 && size_shown(1, false) == 0);
}
