/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of what listings do not tell, and what the next daemon finds of it. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/untold.h"

static char dir[] = "/tmp/skyshim-links-XXXXXX";
static int dir_fd;

static void begin(void)
{
	cr_assert_not_null(mkdtemp(dir));
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_geq(dir_fd, 0);
	untold_start(dir_fd);
}

static void again(void)
{
	untold_stop();
	cr_assert_eq(untold_count(), 0);
	untold_start(dir_fd);
}

static void end(void)
{
	untold_stop();
	unlinkat(dir_fd, UNTOLD_FILE, 0);
	close(dir_fd);
	cr_assert_eq(rmdir(dir), 0);
}

static struct meta_fact link_of(const char *etag, uint64_t size)
{
	struct meta_fact fact = {.kind = META_FILE, .is_link = true};

	fact.object.size = size;
	fact.object.mtime_ns = 7;
	snprintf(fact.object.etag, sizeof(fact.object.etag), "%s", etag);
	return fact;
}

/* The target that is known of a version; NULL: it is no link. */
static const char *target_of(const char *object, const char *etag, uint64_t size)
{
	static struct untold untold;
	struct meta_fact fact = link_of(etag, size);

	if (!untold_find(object, &fact.object, &untold))
		return NULL;
	cr_assert(untold.is_link);
	cr_assert_str_eq(untold.xattr, "");
	cr_assert_eq(untold.mtime_ns, 7);
	return untold.target;
}

static off_t file_bytes(void)
{
	struct stat st;

	cr_assert_eq(fstatat(dir_fd, UNTOLD_FILE, &st, 0), 0);
	return st.st_size;
}

Test(fs_untold, one_version_is_a_link_and_another_is_not)
{
	struct meta_fact fact = link_of("\"e\"", 3), file = {.kind = META_FILE};

	begin();
	cr_assert(!untold_is_link("s3/b/l"));
	untold_learn("s3/b/l", &fact, NULL, NULL);
	cr_assert(untold_is_link("s3/b/l"));
	cr_assert_str_eq(target_of("s3/b/l", "\"e\"", 3), "");
	untold_learn("s3/b/l", &fact, "one", NULL);
	cr_assert_str_eq(target_of("s3/b/l", "\"e\"", 3), "one");
	untold_learn("s3/b/l", &fact, NULL, NULL); /* met again: its target is not forgotten */
	cr_assert_str_eq(target_of("s3/b/l", "\"e\"", 3), "one");
	cr_assert_null(target_of("s3/b/l", "\"f\"", 3));
	cr_assert_null(target_of("s3/b/l", "\"e\"", 4));
	cr_assert_null(target_of("s3/b/l", "", 3));
	cr_assert_null(target_of("s3/b/m", "\"e\"", 3));
	fact = link_of("\"f\"", 3); /* another version, whose target nobody has read */
	untold_learn("s3/b/l", &fact, NULL, NULL);
	cr_assert_str_eq(target_of("s3/b/l", "\"f\"", 3), "");
	cr_assert_null(target_of("s3/b/l", "\"e\"", 3));
	untold_learn("s3/b/l", &file, NULL, NULL);
	cr_assert(!untold_is_link("s3/b/l"));
	end();
}

Test(fs_untold, a_service_without_etags_has_none)
{
	struct meta_fact fact = link_of("", 3);

	begin();
	untold_learn("s3/b/l", &fact, "one", NULL);
	cr_assert(!untold_is_link("s3/b/l"));
	end();
}

Test(fs_untold, a_copy_has_the_same_target)
{
	struct meta_fact fact = link_of("\"e\"", 3);
	struct store_object copy = {.size = 3, .mtime_ns = 7, .etag = "\"g\""};
	struct store_object longer = {.size = 4, .mtime_ns = 7, .etag = "\"g\""};

	begin();
	untold_learn("s3/b/l", &fact, "one", NULL);
	untold_copied("s3/b/l", "s3/b/m", &copy);
	cr_assert_str_eq(target_of("s3/b/m", "\"g\"", 3), "one");
	untold_copied("s3/b/l", "s3/b/n", &longer); /* something else got in between */
	cr_assert(!untold_is_link("s3/b/n"));
	untold_copied("s3/b/file", "s3/b/n", &copy);
	cr_assert(!untold_is_link("s3/b/n"));
	untold_copied("s3/b/l", "s3/b/l", &copy);
	cr_assert_str_eq(target_of("s3/b/l", "\"g\"", 3), "one");
	end();
}

Test(fs_untold, the_next_daemon_knows_them)
{
	struct meta_fact fact = link_of("\"e\"", 3), none = {.kind = META_NONE};

	begin();
	untold_learn("s3/b/l", &fact, "one", NULL);
	untold_learn("s3/b/bare", &fact, NULL, NULL);
	untold_learn("s3/b/gone", &fact, "two", NULL);
	untold_learn("s3/b/gone", &none, NULL, NULL);
	again();
	cr_assert_eq(untold_count(), 2);
	cr_assert_str_eq(target_of("s3/b/l", "\"e\"", 3), "one");
	cr_assert_str_eq(target_of("s3/b/bare", "\"e\"", 3), "");
	cr_assert(!untold_is_link("s3/b/gone"));
	end();
}

Test(fs_untold, what_was_cut_short_or_broken_is_left_out)
{
	struct meta_fact fact = link_of("\"e\"", 3);
	off_t whole;
	int fd;

	begin();
	untold_learn("s3/b/one", &fact, "1", NULL);
	whole = file_bytes();
	untold_learn("s3/b/two", &fact, "2", NULL);
	untold_stop();
	fd = openat(dir_fd, UNTOLD_FILE, O_RDWR | O_CLOEXEC);
	cr_assert_eq(ftruncate(fd, file_bytes() - 1), 0);
	untold_start(dir_fd);
	cr_assert_eq(untold_count(), 1);
	cr_assert_eq(file_bytes(), whole);
	untold_learn("s3/b/three", &fact, "3", NULL); /* and is written behind what is whole */
	again();
	cr_assert_str_eq(target_of("s3/b/three", "\"e\"", 3), "3");
	untold_stop();
	cr_assert_eq(pwrite(fd, "x", 1, whole + 45), 1);
	untold_start(dir_fd);
	cr_assert_eq(untold_count(), 1);
	cr_assert_str_eq(target_of("s3/b/one", "\"e\"", 3), "1");
	close(fd);
	end();
}

Test(fs_untold, extended_attributes)
{
	struct meta_fact fact = {.kind = META_FILE, .has_xattr = true, .object.etag = "\"e\""};
	struct store_object copy = {.etag = "\"g\""};
	struct untold untold;

	begin();
	untold_learn("s3/b/f", &fact, NULL, "one");
	cr_assert(!untold_is_link("s3/b/f"));
	untold_learn("s3/b/f", &fact, NULL, NULL); /* nothing new */
	cr_assert(untold_find("s3/b/f", &fact.object, &untold));
	cr_assert(!untold.is_link);
	cr_assert_str_eq(untold.xattr, "one");
	untold_learn("s3/b/f", &fact, NULL, "two"); /* the content is the same */
	untold_copied("s3/b/f", "s3/b/g", &copy);
	again();
	cr_assert(untold_find("s3/b/f", &fact.object, &untold));
	cr_assert_str_eq(untold.xattr, "two");
	cr_assert(untold_find("s3/b/g", &copy, &untold));
	cr_assert_str_eq(untold.xattr, "two");
	fact.has_xattr = false;
	untold_learn("s3/b/f", &fact, NULL, "");
	cr_assert(!untold_find("s3/b/f", &fact.object, &untold));
	cr_assert_eq(untold_count(), 1);
	end();
}

Test(fs_untold, the_file_does_not_grow_for_ever)
{
	struct meta_fact fact = link_of("\"e\"", 3), none = {.kind = META_NONE};
	off_t one;

	begin();
	untold_learn("s3/b/stays", &fact, "one", NULL);
	one = file_bytes();
	for (int i = 0; i < 3000; i++) {
		untold_learn("s3/b/l", &fact, "one", NULL);
		untold_learn("s3/b/l", &none, NULL, NULL);
		cr_assert_lt(file_bytes(), 1100 * one);
	}
	again();
	cr_assert_str_eq(target_of("s3/b/stays", "\"e\"", 3), "one");
	untold_learn("s3/b/new", &fact, "two", NULL);
	again();
	cr_assert_str_eq(target_of("s3/b/new", "\"e\"", 3), "two");
	end();
}

/* However large it is: more than is read at a time, and than was once believed. */
Test(fs_untold, of_a_large_file_too)
{
	struct meta_fact fact = link_of("\"e\"", 3);
	char name[32], target[4001];
	enum { COUNT = 20000 };

	memset(target, 't', sizeof(target));
	target[4000] = '\0';
	begin();
	for (int i = 0; i < COUNT; i++) {
		snprintf(name, sizeof(name), "s3/b/%d", i);
		untold_learn(name, &fact, target + i % 1000, NULL);
	}
	cr_assert_gt(file_bytes(), 64 << 20);
	again();
	cr_assert_eq(untold_count(), COUNT);
	for (int i = 0; i < COUNT; i++) {
		snprintf(name, sizeof(name), "s3/b/%d", i);
		cr_assert_str_eq(target_of(name, "\"e\"", 3), target + i % 1000);
	}
	end();
}

Test(fs_untold, the_oldest_go)
{
	struct meta_fact fact = link_of("\"e\"", 3);
	char name[32];

	untold_start(-1);
	for (unsigned i = 0; i < UNTOLD_MAX + 10; i++) {
		snprintf(name, sizeof(name), "s3/b/%u", i);
		untold_learn(name, &fact, NULL, NULL);
	}
	cr_assert_eq(untold_count(), UNTOLD_MAX);
	cr_assert(!untold_is_link("s3/b/9"));
	cr_assert(untold_is_link("s3/b/10"));
	untold_stop();
}
