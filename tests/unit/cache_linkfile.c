/* SPDX-License-Identifier: Apache-2.0 */
/* The other names of a draft on disk. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/linkfile.h"

static char dir[40];
static int dir_fd;

static void begin(void)
{
	strcpy(dir, "/tmp/skyshim-test-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
	cr_assert_geq(dir_fd, 0);
}

static void end(void)
{
	linkfile_remove(dir_fd, "n");
	close(dir_fd);
	cr_assert_eq(rmdir(dir), 0, "something is left");
}

static long add(struct linkfile *lf, const char *object, const char *etag)
{
	struct store_object version = {.size = 7, .mtime_ns = -3};
	long at = linkfile_room(dir_fd, "n", lf);

	cr_assert_geq(at, 0);
	strcpy(version.etag, etag);
	strcpy(lf->slots[at].object, object);
	linkfile_set_version(&lf->slots[at], &version);
	linkfile_use(&lf->slots[at], true);
	return at;
}

Test(cache_linkfile, none)
{
	struct linkfile lf;

	begin();
	cr_assert_eq(linkfile_open(dir_fd, "n", &lf), 0);
	cr_assert_eq(lf.count, 0);
	linkfile_close(&lf);
	end();
}

Test(cache_linkfile, names_stay)
{
	struct linkfile lf = {0};
	char name[20], etag[20];

	begin();
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "s3/b/%d", i);
		snprintf(etag, sizeof(etag), "\"%d\"", i);
		cr_assert_eq(add(&lf, name, etag), i);
	}
	linkfile_use(&lf.slots[2], false);
	linkfile_close(&lf);
	cr_assert_eq(linkfile_open(dir_fd, "n", &lf), 0);
	cr_assert_geq(lf.count, 5);
	for (size_t i = 0; i < lf.count; i++) {
		cr_assert_eq(linkfile_is_used(&lf.slots[i]), i < 5 && i != 2);
		if (i >= 5 || i == 2)
			continue;
		snprintf(name, sizeof(name), "s3/b/%zu", i);
		snprintf(etag, sizeof(etag), "\"%zu\"", i);
		cr_assert_str_eq(lf.slots[i].object, name);
		cr_assert_str_eq(lf.slots[i].etag, etag);
		cr_assert_eq(lf.slots[i].flags, LINKFILE_KNOWN);
		cr_assert_eq(lf.slots[i].size, 7);
		cr_assert_eq(lf.slots[i].mtime_ns, -3);
	}
	cr_assert_eq(add(&lf, "s3/b/again", ""), 2, "its place is free");
	linkfile_close(&lf);
	end();
}

Test(cache_linkfile, a_version_that_is_certain_is_not_on_its_way)
{
	struct linkfile lf = {0};
	const struct store_object version = {.size = 1, .etag = "\"new\""};
	long at;

	begin();
	at = add(&lf, "o", "\"old\"");
	lf.slots[at].flags |= LINKFILE_SENT;
	linkfile_set_version(&lf.slots[at], &version);
	cr_assert_eq(lf.slots[at].flags, LINKFILE_KNOWN);
	linkfile_close(&lf);
	end();
}

Test(cache_linkfile, no_more_than_so_many)
{
	struct linkfile lf = {0};

	begin();
	for (int i = 0; i < LINKFILE_MAX; i++)
		cr_assert_eq(add(&lf, "o", ""), i);
	cr_assert_eq(linkfile_room(dir_fd, "n", &lf), -EMLINK);
	linkfile_use(&lf.slots[LINKFILE_MAX / 2], false);
	cr_assert_eq(linkfile_room(dir_fd, "n", &lf), LINKFILE_MAX / 2);
	linkfile_close(&lf);
	end();
}

/* As a daemon leaves it that dies while it makes the file longer. */
Test(cache_linkfile, cut_short)
{
	struct linkfile lf = {0};
	char path[60];

	begin();
	add(&lf, "one", "");
	add(&lf, "two", "");
	linkfile_close(&lf);
	snprintf(path, sizeof(path), "%s/n.l", dir);
	cr_assert_eq(truncate(path, (off_t)(2 * sizeof(*lf.slots) + 100)), 0);
	cr_assert_eq(linkfile_open(dir_fd, "n", &lf), 0);
	cr_assert_eq(lf.count, 2);
	cr_assert_str_eq(lf.slots[1].object, "two");
	linkfile_close(&lf);
	cr_assert_eq(truncate(path, 0), 0);
	cr_assert_eq(linkfile_open(dir_fd, "n", &lf), 0);
	cr_assert_eq(lf.count, 0);
	cr_assert_eq(add(&lf, "three", ""), 0);
	linkfile_close(&lf);
	end();
}

Test(cache_linkfile, nonsense)
{
	struct linkfile lf = {0};

	begin();
	add(&lf, "one", "");
	lf.slots[0].is_used = 12345;
	linkfile_close(&lf);
	cr_assert_eq(linkfile_open(dir_fd, "n", &lf), -EBADF);
	cr_assert_eq(lf.count, 0);
	end();
	begin();
	add(&lf, "one", "");
	memset(lf.slots[0].object, 'x', sizeof(lf.slots[0].object));
	linkfile_close(&lf);
	cr_assert_eq(linkfile_open(dir_fd, "n", &lf), -EBADF);
	end();
}
