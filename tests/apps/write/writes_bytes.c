/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes: write, pwrite, writev, offsets, appending, and what a reader sees of it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/apps/write/writes.h"

static void say_size(const char *what, int fd)
{
	struct stat st = {.st_size = -1};

	say(what, fstat(fd, &st) ? -errno : st.st_size);
}

static void say_at(const char *what, int fd, off_t offset, size_t bytes)
{
	char text[64] = "";
	ssize_t n = pread(fd, text, bytes, offset);

	for (ssize_t i = 0; i < n; i++)
		if (text[i] < ' ' || text[i] > '~')
			text[i] = '.';
	text[n > 0 ? n : 0] = '\0';
	say_text(what, text);
}

void writes_bytes(void)
{
	int fd = writes_fresh("bytes", 10), other;

	say("write", res(write(fd, "hello", 5)));
	say("offset", res(lseek(fd, 0, SEEK_CUR)));
	say_size("size", fd);
	other = open("bytes", O_RDONLY);
	say_size("size-reader", other);
	say_at("reader", other, 8, 10);
	say("pwrite", res(pwrite(fd, "XY", 2, 3)));
	say("offset-after-pwrite", res(lseek(fd, 0, SEEK_CUR)));
	say_at("reader-again", other, 0, 15);
	say("write-nothing", res(write(fd, "", 0)));
	say("seek-end", res(lseek(other, 0, SEEK_END)));
	say("beyond", res(pwrite(fd, "end", 3, 100000)));
	say_size("size-beyond", other);
	say_at("gap", other, 99990, 20);
	say("data", res(lseek(fd, 5, SEEK_DATA)));
	say("hole", res(lseek(fd, 100002, SEEK_HOLE)));
	say("data-behind", res(lseek(fd, 100003, SEEK_DATA)));
	say("close", res(close(fd)));
	say_size("size-after", other);
	close(other);
	writes_sum("sum", "bytes");
}

/* In the middle, over the edges of blocks, and at the end, of a file that was there before. */
void writes_offsets(void)
{
	static const struct {
		off_t at;
		size_t bytes;
	} places[] = {{0, 1},
		      {65535, 2},
		      {65536, 65536},
		      {200000, 70000},
		      {WRITES_BASE - 1, 1},
		      {WRITES_BASE - 10, 30},
		      {WRITES_BASE + 70000, 5}};
	char buf[70000];
	int fd = open("base.bin", O_RDWR);

	memset(buf, 'w', sizeof(buf));
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		say("seek", res(lseek(fd, places[i].at, SEEK_SET)));
		say("write", res(write(fd, buf, places[i].bytes)));
		say("offset", res(lseek(fd, 0, SEEK_CUR)));
		say_at("before", fd, places[i].at > 5 ? places[i].at - 5 : 0, 10);
	}
	say_size("size", fd);
	say("close", res(close(fd)));
	writes_sum("sum", "base.bin");
}

void writes_append(void)
{
	int fd = open("base.bin", O_WRONLY | O_APPEND), twin = dup(fd);
	int other = open("base.bin", O_RDWR | O_APPEND);

	say("flags", res(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND)));
	say("first", res(write(fd, "first", 5)));
	say("offset", res(lseek(fd, 0, SEEK_CUR)));
	say("other", res(write(other, "other", 5)));
	say("twin", res(write(twin, "twin", 4)));
	say("seek", res(lseek(fd, 10, SEEK_SET)));
	say("after-seek", res(write(fd, "after", 5)));
	say("pwrite-appends", res(pwrite(other, "positioned", 10, 3)));
	say_at("end", other, WRITES_BASE - 2, 40);
	say("no-append", res(fcntl(fd, F_SETFL, 0)));
	say("seek-start", res(lseek(fd, 0, SEEK_SET)));
	say("start", res(write(fd, "START", 5)));
	say_at("begin", other, 0, 5);
	say_size("size", fd);
	say("close", res(close(fd) | close(twin) | close(other)));
	writes_sum("sum", "base.bin");
	fd = open("log", O_WRONLY | O_APPEND | O_CREAT, 0600);
	for (int i = 0; i < 100; i++)
		if (write(fd, "a line of the log\n", 18) != 18)
			say("log", -errno);
	say("log-offset", res(lseek(fd, 0, SEEK_CUR)));
	say("log-close", res(close(fd)));
	writes_sum("log-sum", "log");
}

void writes_vector(void)
{
	struct iovec iov[3] = {{"one", 3}, {"", 0}, {"three", 5}};
	struct iovec many[1025];
	int fd = open("base.bin", O_RDWR), fresh = writes_fresh("vector", 0);

	say("writev", res(writev(fd, iov, 3)));
	say("offset", res(lseek(fd, 0, SEEK_CUR)));
	say("pwritev", res(pwritev(fd, iov, 3, 65532)));
	say("writev-fresh", res(writev(fresh, iov, 3)));
	say("pwritev-fresh", res(pwritev(fresh, iov, 3, 4)));
#ifdef RWF_APPEND
	say("pwritev2-append", res(pwritev2(fd, iov, 3, 0, RWF_APPEND)));
	say("pwritev2-current", res(pwritev2(fd, iov, 3, -1, 0)));
	say("pwritev2-sync", res(pwritev2(fresh, iov, 3, 20, RWF_DSYNC)));
	say("pwritev2-unknown", res(pwritev2(fd, iov, 3, 0, 0x4000)));
#endif
	for (int i = 0; i < 1025; i++)
		many[i] = (struct iovec){"x", 1};
	say("writev-1024", res(writev(fd, many, 1024)));
	say("writev-1025", res(writev(fd, many, 1025)));
	say("writev-fault", res(writev(fd, writes_nowhere, 2)));
	iov[1] = (struct iovec){writes_nowhere, 5};
	say("writev-half-fault", res(writev(fd, iov, 3)));
	say("offset-then", res(lseek(fd, 0, SEEK_CUR)));
	say("negative", res(pwritev(fd, iov, 1, -1)));
	say("close", res(close(fd) | close(fresh)));
	writes_sum("sum", "base.bin");
	writes_sum("sum-fresh", "vector");
}
