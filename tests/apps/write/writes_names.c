/* SPDX-License-Identifier: Apache-2.0 */
/* Names and attributes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <unistd.h>
#include <utime.h>

#include "tests/apps/write/writes.h"

static void files(void)
{
	char text[8] = "";
	int fd;

	writes_seed("a");
	say("rename", res(rename("a", "b")));
	writes_sum("renamed", "b");
	say("old", res(access("a", F_OK)));
	say("rename-none", res(rename("a", "c")));
	writes_seed("c");
	say("rename-onto", res(rename("b", "c")));
	writes_sum("onto", "c");
	say("rename-self", res(rename("c", "c")));
	fd = open("c", O_RDWR);
	say("unlink", res(unlink("c")));
	say("unlinked", res(access("c", F_OK)));
	say("read-unlinked", res(pread(fd, text, 4, 0)));
	say("write-unlinked", res(write(fd, "gone", 4)));
	say("close-unlinked", res(close(fd)));
	say("still-gone", res(access("c", F_OK)));
	say("unlink-none", res(unlink("c")));
	fd = writes_fresh("d", 10);
	say("rename-open", res(rename("d", "e")));
	say("write-renamed", res(write(fd, "more", 4)));
	say("close-renamed", res(close(fd)));
	writes_sum("renamed-open", "e");
	say("old-open", res(access("d", F_OK)));
}

static void folders(void)
{
	say("mkdir", res(mkdir("folder", 0755)));
	say("mkdir-again", res(mkdir("folder", 0755)));
	say("mkdir-file", res(mkdir("base.bin", 0755)));
	say("mkdir-deep", res(mkdir("none/deep", 0755)));
	say("mkdir-inside", res(mkdir("folder/inside", 0755)));
	writes_seed("folder/inside/file");
	say("rmdir-full", res(rmdir("folder")));
	say("unlink-folder", res(unlink("folder")) != 0);
	say("rmdir-file", res(rmdir("base.bin")));
	say("rename-folder", res(rename("folder/inside", "moved")));
	writes_sum("moved", "moved/file");
	say("rename-folder-onto-file", res(rename("moved", "base.bin")));
	say("rename-file-onto-folder", res(rename("base.bin", "moved")));
	say("rmdir", res(rmdir("folder")));
	say("rmdir-again", res(rmdir("folder")));
	say("unlink-inside", res(unlink("moved/file")));
	say("rmdir-moved", res(rmdir("moved")));
	say("mkdir-kept", res(mkdir("kept", 0755)));
}

void writes_names(void)
{
	files();
	folders();
	say("mknod", res(mknod("node", S_IFREG | 0600, 0)));
	say("mknod-again", res(mknod("node", S_IFREG | 0600, 0)));
	writes_sum("node", "node");
}

static void say_stat(const char *what, const char *name)
{
	struct stat st;
	char line[100];

	if (stat(name, &st)) {
		say(what, -errno);
		return;
	}
	snprintf(line, sizeof(line), "mode %o size %ld mtime %ld.%09ld", st.st_mode,
		 (long)st.st_size, (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	say_text(what, line);
}

static void set_both(const char *name, long sec, long nsec)
{
	struct timespec times[2] = {{1, 2}, {sec, nsec}};

	say("utimensat", res(utimensat(AT_FDCWD, name, times, 0)));
}

void writes_attr(void)
{
	struct timespec omit[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}}, bad[2] = {{0, 0}, {0, -5}};
	struct timespec times[2] = {{5, 5}, {1000000001, 5000}};
	int fd;

	umask(027);
	fd = open("masked", O_WRONLY | O_CREAT, 0666);
	times[1].tv_nsec = 123456789;
	say("futimens", res(futimens(fd, times)));
	say_stat("open", "masked");
	say("fchmod", res(fchmod(fd, 0610)));
	say_stat("open-mode", "masked");
	say("close", res(close(fd)));
	say_stat("masked", "masked");
	set_both("base.bin", 1234567890, 987654321);
	say_stat("times", "base.bin");
	say("chmod", res(chmod("base.bin", 0751)));
	say_stat("mode", "base.bin");
	say("omit", res(utimensat(AT_FDCWD, "base.bin", omit, 0)));
	say("bad", res(utimensat(AT_FDCWD, "base.bin", bad, 0)));
	say_stat("same", "base.bin");
	say("utime", res(utime("base.bin", &(struct utimbuf){7, 8})));
	say("utimes", res(utimes("base.bin", (struct timeval[2]){{7, 8}, {9, 10}})));
	say_stat("utimes", "base.bin");
	say("chown-self", res(chown("base.bin", getuid(), getgid())));
	say("chown-none", res(chown("none", -1, -1)));
	say("chmod-none", res(chmod("none", 0644)));
	say("utimes-none", res(utimes("none", NULL)));
	say("access-write", res(access("base.bin", W_OK)));
	say("access-execute", res(access("base.bin", X_OK)));
	say("access-folder", res(access(".", W_OK)));
	umask(022);
	/* what is written keeps the mode, and has another time */
	fd = open("base.bin", O_WRONLY);
	say("write", res(write(fd, "x", 1)));
	say("futimens-then", res(futimens(fd, times)));
	say("close-then", res(close(fd)));
	say_stat("then", "base.bin");
}
