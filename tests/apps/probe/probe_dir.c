/* SPDX-License-Identifier: Apache-2.0 */
/* Listing directories and working in them. */
#include "tests/apps/probe/probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* struct linux_dirent64 */
struct record {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* The names below path in order, joined by spaces. */
static void say_names(const char *label, DIR *dir)
{
	static char names[64][NAME_MAX + 1];
	static char line[64 * 16];
	struct dirent *entry;
	size_t count = 0;

	while (count < 64 && (errno = 0, entry = readdir(dir)))
		snprintf(names[count++], sizeof(names[0]), "%s", entry->d_name);
	say("end-of-directory", -errno);
	qsort(names, count, sizeof(names[0]), by_name);
	line[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		strcat(line, names[i]);
		strcat(line, " ");
	}
	say_text(label, line);
}

static void dir_names(void)
{
	DIR *dir = opendir(".");
	int fd;

	say_names("top", dir);
	rewinddir(dir);
	say_names("top-again", dir);
	closedir(dir);
	dir = opendir("dir");
	say_names("many", dir);
	closedir(dir);
	fd = open("sub", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fdopendir(fd);
	say_names("fdopendir", dir);
	say("dirfd", dirfd(dir) == fd);
	closedir(dir);
	say("opendir-file", (dir = opendir("small.txt")) ? 0 : -errno);
	say("opendir-missing", (dir = opendir("none")) ? 0 : -errno);
}

/* A position taken in the middle leads to the same names when gone back to. */
static void dir_positions(void)
{
	DIR *dir = opendir("dir");
	char first[NAME_MAX + 1] = "", again[NAME_MAX + 1] = "";
	struct dirent *entry;
	long here;

	for (int i = 0; i < 10; i++)
		readdir(dir);
	here = telldir(dir);
	entry = readdir(dir);
	snprintf(first, sizeof(first), "%s", entry ? entry->d_name : "?");
	while (readdir(dir))
		;
	seekdir(dir, here);
	entry = readdir(dir);
	snprintf(again, sizeof(again), "%s", entry ? entry->d_name : "?");
	say("seekdir-same", first[0] && !strcmp(first, again));
	closedir(dir);
}

static void dir_types(void)
{
	DIR *dir = opendir(".");
	struct dirent *entry;
	struct stat st;
	int wrong_type = 0, wrong_ino = 0;

	while ((entry = readdir(dir))) {
		if (!strcmp(entry->d_name, "..") ||
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		wrong_ino += st.st_ino != entry->d_ino;
		wrong_type += entry->d_type != DT_UNKNOWN &&
			      entry->d_type != (st.st_mode & S_IFMT) >> 12;
	}
	say("wrong-types", wrong_type);
	say("wrong-inodes", wrong_ino);
	closedir(dir);
}

/* Small buffers, one that holds nothing, and the offset as lseek tells it. */
static void dir_raw(void)
{
	_Alignas(8) char buffer[128];
	int fd = open("dir", O_RDONLY | O_DIRECTORY), count = 0, unaligned = 0, calls = 0;
	long got;

	while ((got = syscall(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0 && calls++ < 1000) {
		for (long at = 0; at < got;) {
			struct record *record = (struct record *)(buffer + at);

			unaligned += record->reclen % 8 || record->reclen < 24;
			count++;
			at += record->reclen;
		}
	}
	say("raw-count", count);
	say("raw-unaligned", unaligned);
	say("raw-end", res(got));
	say("raw-end-again", res(syscall(SYS_getdents64, fd, buffer, sizeof(buffer))));
	say("raw-rewind", res(lseek(fd, 0, SEEK_SET)));
	say("raw-too-small", res(syscall(SYS_getdents64, fd, buffer, 8)));
	say("raw-after-rewind", syscall(SYS_getdents64, fd, buffer, sizeof(buffer)) > 0);
	close(fd);
}

static void dir_scandir(void)
{
	struct dirent **names;
	int count = scandir("dir", &names, NULL, alphasort);

	say("scandir", count);
	if (count > 2) {
		say_text("scandir-third", names[2]->d_name);
		say_text("scandir-last", names[count - 1]->d_name);
	}
	for (int i = 0; i < count; i++)
		free(names[i]);
	if (count >= 0)
		free(names);
}

void probe_dir(void)
{
	dir_names();
	dir_positions();
	dir_types();
	dir_raw();
	dir_scandir();
}

/* Where are we, behind the folder that the probe was started on? */
static void say_cwd(const char *label, const char *start)
{
	char here[PATH_MAX];

	if (!getcwd(here, sizeof(here)))
		say(label, -errno);
	else if (strncmp(here, start, strlen(start)))
		say_text(label, "elsewhere");
	else
		say_text(label, here + strlen(start));
}

void probe_cwd(void)
{
	char start[PATH_MAX], outside[PATH_MAX], tiny[2];
	int top = open(".", O_RDONLY | O_DIRECTORY), path, sub = open("sub", O_RDONLY);
	struct stat a, b;

	say("getcwd", getcwd(start, sizeof(start)) ? 0 : -errno);
	say("getcwd-small", getcwd(tiny, sizeof(tiny)) ? 0 : -errno);
	say("getcwd-length", syscall(SYS_getcwd, start, sizeof(start)) == (long)strlen(start) + 1);
	say("chdir", res(chdir("sub/deeper")));
	say_cwd("after-chdir", start);
	say("relative", res(access("x", R_OK)));
	say("chdir-up", res(chdir("..")));
	say_cwd("after-up", start);
	say("fchdir", res(fchdir(top)));
	say_cwd("after-fchdir", start);
	say("fchdir-sub", res(fchdir(sub)));
	say_cwd("after-fchdir-sub", start);
	path = open("..", O_PATH);
	say("fchdir-path", res(fchdir(path)));
	say_cwd("after-fchdir-path", start);
	say("chdir-absolute", res(chdir(start)));
	say_cwd("after-absolute", start);
	say("chdir-out", res(chdir("/usr")));
	say_text("after-out", getcwd(outside, sizeof(outside)) ? outside : "?");
	say("relative-outside", res(access("bin", F_OK)));
	say("fchdir-back", res(fchdir(top)));
	say("dot-is-top", res(stat(".", &a)) ?: res(fstat(top, &b)) ?: a.st_ino == b.st_ino);
	say("back-inside", res(access("small.txt", R_OK)));
	close(top);
	close(sub);
	close(path);
}
