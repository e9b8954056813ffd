/* SPDX-License-Identifier: Apache-2.0 */
/* What comes for a part, by hand. */
#include "cache/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "cache/file.h"
#include "cache/place.h"

#define MIB   (UINT64_C(1) << 20)
#define BLOCK ((uint64_t)VNODE_BLOCK_BYTES)
#define SIZE  (4 * MIB + 100)

static const uint8_t ctx[WIRE_CTX_BYTES] = "a context";
static char dir[64];
static int dir_fd;
static struct cache_file *file;
static struct cache_part *part;
static char content[SIZE];

static int no_fetch(struct cache_part *p)
{
	(void)p;
	return -EIO;
}

static void start(void)
{
	const struct cache_source source = {no_fetch};
	struct cache_config config = {.size_bytes = 64 * MIB};

	if (!dir[0]) {
		strcpy(dir, "/tmp/skyshim-test-XXXXXX");
		cr_assert_not_null(mkdtemp(dir));
		dir_fd = place_open(dir, NULL);
		cr_assert_geq(dir_fd, 0);
	}
	config.dir_fd = dir_fd;
	cr_assert_eq(cache_start(&config, &source), 0);
}

static void begin(void)
{
	struct wire_attr attr = {.ino = 7, .size = SIZE, .mode = S_IFREG | 0644, .nlink = 1};
	struct cache_new what = {.ctx = ctx,
				 .object = "s3/b/k",
				 .etag = "\"1\"",
				 .path = "k",
				 .attr = &attr,
				 .first_bytes = SIZE};

	for (uint64_t i = 0; i < SIZE; i++)
		content[i] = (char)(i * 2654435761u >> 13 ^ i >> 9);
	start();
	cr_assert_eq(cache_create_with(&what, &file, &part), 0);
	cr_assert_not_null(part);
}

static void end(void)
{
	char command[128];

	cache_put(file);
	cache_stop();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	cr_assert_eq(system(command), 0);
}

static int give(uint64_t from, uint64_t to, uint64_t step)
{
	int ret = 0;

	for (uint64_t at = from; at < to && !ret; at += step)
		ret = cache_part_data(part, at, content + at, to - at < step ? to - at : step);
	return ret;
}

static bool there(uint64_t from, uint64_t to)
{
	static char text[SIZE];
	int fd = cache_open_data(file, O_RDONLY);

	cr_assert_geq(fd, 0);
	cr_assert_eq(pread(fd, text, to - from, (off_t)from), (ssize_t)(to - from));
	close(fd);
	return vnode_present(file->active->pair.vn, from, to - from) &&
	       !memcmp(text, content + from, to - from);
}

static bool announced(uint64_t block)
{
	return vnode_present(file->active->pair.vn, block * BLOCK, 1);
}

static uint64_t disk_bytes(void)
{
	int fd = cache_open_data(file, O_RDONLY);
	struct stat st;

	cr_assert_eq(fstat(fd, &st), 0);
	close(fd);
	return (uint64_t)st.st_blocks * 512;
}

Test(cache_arrive, in_pieces_of_every_length)
{
	static const uint64_t steps[] = {1000, 16384, 65536, 70000, 262144, 300001, SIZE};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		begin();
		cr_assert_eq(give(0, SIZE, steps[i]), 0);
		cr_assert(there(0, SIZE), "by %llu", (unsigned long long)steps[i]);
		cr_assert(cache_complete(file));
		cache_part_done(part, 0, NULL);
		end();
		dir[0] = '\0';
	}
}

Test(cache_arrive, whole_blocks_are_there_at_once)
{
	begin();
	cr_assert_eq(give(0, 2 * BLOCK + 10, 16384), 0);
	cr_assert(there(0, 2 * BLOCK));
	cr_assert_not(announced(2), "this one is not whole");
	cr_assert_eq(give(2 * BLOCK + 10, SIZE - 1, 16384), 0);
	cr_assert_eq(give(SIZE - 1, SIZE, 1), 0);
	cr_assert(there(0, SIZE));
	cache_part_done(part, 0, NULL);
	cr_assert(cache_complete(file));
	end();
}

/* A body that breaks off: what had come whole stays. */
Test(cache_arrive, what_is_held_is_kept_when_it_fails)
{
	begin();
	cr_assert_eq(give(0, 3 * BLOCK - 1, 16384), 0);
	cache_part_done(part, -EIO, "cut");
	cr_assert(there(0, 2 * BLOCK));
	cr_assert_not(announced(2));
	end();
}

/* A retry that starts from the beginning gives again what was given, held or not. */
Test(cache_arrive, given_twice)
{
	begin();
	cr_assert_eq(give(0, BLOCK + 5000, 16384), 0);
	cr_assert_eq(give(0, 7 * BLOCK + 3, 50000), 0);
	cr_assert_eq(give(0, SIZE, 16384), 0);
	cr_assert(there(0, SIZE));
	cache_part_done(part, 0, NULL);
	end();
}

/* Room that was made and not filled is given back by whoever opens the file next. */
Test(cache_arrive, room_of_what_never_came)
{
	struct statfs fs;

	begin();
	if (fstatfs(dir_fd, &fs) || fs.f_type != EXT4_SUPER_MAGIC)
		end(), cr_skip("not on ext4");
	cr_assert_eq(give(0, 4 * BLOCK, 16384), 0);
	cr_assert_geq(disk_bytes(), 4 * MIB, "no room was made");
	cache_part_done(part, -EIO, "cut");
	cr_assert(there(0, 4 * BLOCK));
	cache_put(file);
	cache_stop();
	start();
	file = cache_find(ctx, "s3/b/k", NULL);
	cr_assert_not_null(file);
	cr_assert_lt(disk_bytes(), 8 * BLOCK);
	cr_assert(there(0, 4 * BLOCK));
	end();
}
