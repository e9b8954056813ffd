/* SPDX-License-Identifier: Apache-2.0 */
/* Shared mappings, and copies that the kernel makes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/apps/write/writes.h"

#define PAGES 8192

static char *map(const char *what, int fd, int prot, int flags)
{
	void *at = mmap(NULL, PAGES, prot, flags, fd, 65536);

	say(what, at == MAP_FAILED ? -errno : 1);
	return at == MAP_FAILED ? NULL : at;
}

static void by_mprotect(void)
{
	int fd;
	char *at;

	writes_seed("protected");
	fd = open("protected", O_RDWR);
	at = map("read-only", fd, PROT_READ, MAP_SHARED);
	say("close", res(close(fd)));
	say("mprotect", res(mprotect(at, PAGES, PROT_READ | PROT_WRITE)));
	memcpy(at + 10, "after mprotect", 14);
	say("munmap", res(munmap(at, PAGES)));
	writes_sum("protected", "protected");
}

void writes_map(void)
{
	int fd = open("base.bin", O_RDWR), reader = open("base.bin", O_RDONLY);
	char text[8] = "", *at, *other;

	at = map("shared", fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	other = map("private", reader, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	say("shared-of-reader",
	    mmap(NULL, PAGES, PROT_WRITE, MAP_SHARED, reader, 0) == MAP_FAILED ? -errno : 0);
	if (!at || !other)
		return;
	memcpy(at, "mapped", 6);
	memcpy(other + 10, "own", 3);
	say("read", res(pread(reader, text, 6, 65536)));
	say_text("text", text);
	say("write", res(pwrite(fd, "WRITE", 5, 65536 + 20)));
	say("seen", memcmp(at + 20, "WRITE", 5));
	say("msync", res(msync(at, PAGES, MS_SYNC)));
	say("msync-async", res(msync(at, PAGES, MS_ASYNC)));
	say("close", res(close(fd)));
	memcpy(at + 4096, "after close", 11);
	at = mremap(at, PAGES, 2 * PAGES, MREMAP_MAYMOVE);
	say("mremap", at != MAP_FAILED);
	memcpy(at + PAGES, "moved", 5);
	say("munmap", res(munmap(at, PAGES)));
	say("munmap-rest", res(munmap(at + PAGES, PAGES)));
	say("munmap-private", res(munmap(other, PAGES)));
	say("close-reader", res(close(reader)));
	writes_sum("sum", "base.bin");
	by_mprotect();
}

static void sends(void)
{
	int in = open("base.bin", O_RDONLY), out = writes_fresh("sent", 5);
	off_t offset = 1000;

	say("sendfile", res(sendfile(out, in, &offset, 100000)));
	say("offset", offset);
	say("sendfile-current", res(sendfile(out, in, NULL, 50000)));
	say("position", res(lseek(out, 0, SEEK_CUR)));
	say("close", res(close(out) | close(in)));
	writes_sum("sent", "sent");
}

static void ranges(void)
{
	int in = open("base.bin", O_RDONLY), out;
	off_t from = 70000, to = 10;

	writes_seed("ranges");
	out = open("ranges", O_RDWR);
	say("range", res(syscall(SYS_copy_file_range, in, &from, out, &to, 65536ul, 0)));
	say("from", from);
	say("to", to);
	say("seek", res(lseek(out, 200000, SEEK_SET)));
	say("current", res(syscall(SYS_copy_file_range, in, NULL, out, NULL, 3000ul, 0)));
	say("position", res(lseek(out, 0, SEEK_CUR)));
	say("to-reader", res(syscall(SYS_copy_file_range, out, NULL, in, NULL, 10ul, 0)));
	say("close", res(close(out) | close(in)));
	writes_sum("ranges", "ranges");
}

static void splices(void)
{
	int out, pipes[2];

	writes_seed("spliced");
	out = open("spliced", O_RDWR);
	if (pipe(pipes))
		return;
	say("fill", res(write(pipes[1], "through a pipe", 14)));
	say("splice", res(syscall(SYS_splice, pipes[0], NULL, out, NULL, 14ul, 0)));
	say("position", res(lseek(out, 0, SEEK_CUR)));
	say("fill-again", res(write(pipes[1], "again", 5)));
	say("splice-at", res(syscall(SYS_splice, pipes[0], NULL, out, &(loff_t){100}, 5ul, 0)));
	say("close", res(close(out) | close(pipes[0]) | close(pipes[1])));
	writes_sum("spliced", "spliced");
}

void writes_copy(void)
{
	sends();
	ranges();
	splices();
}
