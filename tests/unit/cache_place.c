/* SPDX-License-Identifier: Apache-2.0 */
/* The cache directory as it is made and found again. */
#include <criterion/criterion.h>
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/fs.h>

#include "cache/place.h"

static unsigned entries(int dir_fd)
{
	DIR *d = fdopendir(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY));
	unsigned n = 0;

	cr_assert_not_null(d);
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

Test(cache_place, files_stay_where_they_are)
{
	char dir[] = "/tmp/skyshim-test-XXXXXX", command[64];
	int dir_fd, files_fd, again_fd, fd, flags = 0;
	struct stat first, second;
	char boot[PLACE_BOOT_BYTES];

	cr_assert_not_null(mkdtemp(dir));
	dir_fd = place_open(dir, NULL);
	cr_assert_geq(dir_fd, 0);
	cr_assert(place_is_new_boot(dir_fd));
	files_fd = place_files(dir_fd);
	cr_assert_geq(files_fd, 0);
	cr_assert_eq(fstat(files_fd, &first), 0);
	cr_assert_eq(first.st_mode, S_IFDIR | 0700);
	cr_assert_eq(entries(dir_fd), 3, "files, boot and begun, and nothing it was made by");
	place_boot(boot);
	cr_assert_neq(*boot, '\0');
	fd = openat(files_fd, "x", O_CREAT | O_WRONLY, 0600);
	cr_assert_geq(fd, 0);

	again_fd = place_files(dir_fd);
	cr_assert_eq(fstat(again_fd, &second), 0);
	cr_assert_eq(first.st_ino, second.st_ino);
	cr_assert_eq(faccessat(again_fd, "x", F_OK, 0), 0);
	if (!ioctl(dir_fd, FS_IOC_GETFLAGS, &flags) && flags & FS_EXTENT_FL)
		cr_assert(flags & FS_TOPDIR_FL, "ext4 would put it where it likes");
	close(fd);
	close(again_fd);
	close(files_fd);
	close(dir_fd);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	cr_assert_eq(system(command), 0);
}

Test(cache_place, probing_leaves_nothing)
{
	char dir[] = "/tmp/skyshim-test-XXXXXX";
	int dir_fd;

	cr_assert_not_null(mkdtemp(dir));
	dir_fd = place_open(dir, NULL);
	cr_assert_geq(dir_fd, 0);
	cr_expect_eq(place_probe(dir_fd), 0);
	cr_expect_eq(entries(dir_fd), 0);
	cr_assert_eq(rmdir(dir), 0);
	cr_expect_eq(place_probe(dir_fd), -ENOENT, "nothing can be made in what is gone");
	close(dir_fd);
}
