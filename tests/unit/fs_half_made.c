/* SPDX-License-Identifier: Apache-2.0 */
/* Drafts whose making a death has cut short, and such as only look like it. */
#include "tests/unit/writing_rig.h"

#include <dirent.h>

/* How many files the cache has; path: of one that ends in kind. */
static unsigned count(const char *kind, char path[300])
{
	unsigned n = 0;
	char files[80];
	struct dirent *e;
	DIR *d;

	snprintf(files, sizeof(files), "%s/files", dir);
	d = opendir(files);
	cr_assert_not_null(d);
	*path = '\0';
	while ((e = readdir(d))) {
		size_t len = strlen(e->d_name);

		n += e->d_name[0] != '.';
		if (len > 2 && !strcmp(e->d_name + len - 2, kind))
			snprintf(path, 300, "%s/%.200s", files, e->d_name);
	}
	closedir(d);
	return n;
}

/* As if the daemon had died before it wrote the last word, of a file that is new or not. */
static void half_make(const char *name, char notes[300])
{
	struct vnode_shm vn = {0};
	uint32_t none = 0;
	struct open_file f = {.fd = -1};
	int fd;

	start("60000");
	cr_assert_eq(open_file(name, O_RDWR | O_CREAT, &f), 0);
	close_file(&f);
	halt();
	cr_assert_geq(count(".w", notes), 2);
	fd = open(notes, O_RDWR);
	cr_assert_eq(pread(fd, &vn, sizeof(vn), 0), (ssize_t)sizeof(vn));
	cr_assert_eq(pwrite(fd, &none, 4, vn.magic == VNODE_MAGIC ? (off_t)vn.notes_off : 0), 4);
	close(fd);
}

Test(fs_half_made, of_a_new_file)
{
	char path[300];

	half_make("s3/b/dir/new", path);
	start("60000");
	cr_assert_eq(count(".w", path), 0, "it stays");
	stop();
}

Test(fs_half_made, before_anything_was_in_it)
{
	char path[300];

	half_make("s3/b/dir/new", path);
	cr_assert_eq(truncate(path, 0), 0);
	start("60000");
	cr_assert_eq(count(".w", path), 0);
	stop();
}

Test(fs_half_made, of_a_file_that_is_in_the_bucket)
{
	char path[300];

	half_make("s3/b/old", path);
	start("60000");
	cr_assert_eq(count(".w", path), 0);
	cr_assert_eq(size_of("s3/b/old"), 200000);
	stop();
}

/* A cache that was copied with its times, after such a crash. */
Test(fs_half_made, but_not_of_a_copy)
{
	const struct timespec then[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1000000000}};
	char path[300];

	half_make("s3/b/dir/new", path);
	cr_assert_eq(utimensat(AT_FDCWD, path, then, 0), 0);
	start("60000");
	cr_assert_eq(count(".w", path), 2);
	cr_assert_str_not_empty(path);
	stop();
}

/* After a crash of the machine the notes of a file with data may be empty as well. */
Test(fs_half_made, but_not_since_the_machine_was_started)
{
	const struct timespec later[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = INT32_MAX}};
	char path[300], boot[80];

	half_make("s3/b/dir/new", path);
	snprintf(boot, sizeof(boot), "%s/boot", dir);
	cr_assert_eq(utimensat(AT_FDCWD, boot, later, 0), 0);
	start("60000");
	cr_assert_eq(count(".w", path), 2);
	cr_assert_str_not_empty(path);
	stop();
}

/* Of another version of skyshim, whose notes may be anywhere: what was written stays. */
Test(fs_half_made, but_not_of_another_version)
{
	const uint64_t elsewhere = 0;
	const uint32_t version = VNODE_VERSION + 1;
	char path[300];
	int fd;

	half_make("s3/b/dir/new", path);
	fd = open(path, O_RDWR);
	cr_assert_eq(pwrite(fd, &version, 4, offsetof(struct vnode_shm, version)), 4);
	cr_assert_eq(pwrite(fd, &elsewhere, 8, offsetof(struct vnode_shm, notes_off)), 8);
	close(fd);
	start("60000");
	cr_assert_eq(count(".w", path), 2);
	cr_assert_str_not_empty(path, "it is removed");
	stop();
}
