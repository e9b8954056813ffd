/* SPDX-License-Identifier: Apache-2.0 */
/* Size: truncate both ways, fallocate, O_TRUNC; what opening does; what goes wrong. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/apps/write/writes.h"

static long size_of(const char *name)
{
	struct stat st;

	return stat(name, &st) ? -errno : st.st_size;
}

static void truncations(void)
{
	char text[8] = "";
	int fd = open("base.bin", O_RDWR), reader = open("base.bin", O_RDONLY);

	say("shorter", res(ftruncate(fd, 100000)));
	say("size", size_of("base.bin"));
	say("reader", res(pread(reader, text, 8, 99998)));
	say("longer", res(ftruncate(fd, 300000)));
	say("zeros", res(pread(reader, text, 8, 99998)));
	say("zero", text[2] | text[3] | text[7]);
	say("append", res(lseek(fd, 0, SEEK_END)));
	say("write", res(write(fd, "tail", 4)));
	say("negative", res(ftruncate(fd, -1)));
	say("of-reader", res(ftruncate(reader, 5)));
	say("close", res(close(fd) | close(reader)));
	writes_sum("sum", "base.bin");
	say("by-name", res(truncate("base.bin", 70000)));
	writes_sum("sum-by-name", "base.bin");
	say("by-name-longer", res(truncate("base.bin", 70100)));
	say("by-name-none", res(truncate("none", 5)));
	writes_sum("sum-longer", "base.bin");
}

static void allocations(void)
{
	int fd = writes_fresh("allocated", 1000);

	say("allocate", res(fallocate(fd, 0, 0, 5000)));
	say("allocated", size_of("allocated"));
	say("allocate-less", res(fallocate(fd, 0, 0, 500)));
	say("keep", res(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 100000)));
	say("kept", size_of("allocated"));
	say("punch", res(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100, 50)));
	say("nothing", res(fallocate(fd, 0, 0, 0)));
	say("posix", posix_fallocate(fd, 0, 6000));
	say("close", res(close(fd)));
	writes_sum("allocated-sum", "allocated");
	writes_seed("punched");
	fd = open("punched", O_RDWR);
	say("punch-base",
	    res(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 65000, 100000)));
	say("punch-close", res(close(fd)));
	writes_sum("punched-sum", "punched");
}

void writes_size(void)
{
	truncations();
	allocations();
}

void writes_open(void)
{
	int fd = open("new", O_WRONLY | O_CREAT | O_EXCL, 0640), again;
	char c;

	say("created", fd >= 0);
	say("exclusive", res(open("new", O_WRONLY | O_CREAT | O_EXCL, 0640)));
	say("exclusive-base", res(open("base.bin", O_RDWR | O_CREAT | O_EXCL, 0640)));
	say("seen", size_of("new"));
	say("read-of-writer", res(read(fd, &c, 1)));
	say("write", res(write(fd, "x", 1)));
	say("close", res(close(fd)));
	fd = open("new", O_RDONLY);
	say("write-of-reader", res(write(fd, "y", 1)));
	say("pwrite-of-reader", res(pwrite(fd, "y", 1, 0)));
	again = open("new", O_WRONLY | O_TRUNC);
	say("cut", size_of("new"));
	say("read-cut", res(read(fd, &c, 1)));
	say("write-again", res(write(again, "again", 5)));
	say("read-again", res(read(fd, &c, 1)));
	say("close-again", res(close(again) | close(fd)));
	say("none", res(open("none", O_WRONLY)));
	say("none-cut", res(open("none", O_RDWR | O_TRUNC)));
	say("no-folder", res(open("none/new", O_WRONLY | O_CREAT, 0644)));
	say("below-file", res(open("new/new", O_WRONLY | O_CREAT, 0644)));
	say("folder", res(open(".", O_WRONLY)));
	say("folder-create", res(open("..", O_RDWR | O_CREAT, 0644)));
	say("slash", res(open("newer/", O_RDWR | O_CREAT, 0644)));
	fd = open("made-by-reader", O_RDONLY | O_CREAT, 0600);
	say("made-by-reader", fd >= 0);
	say("made-size", size_of("made-by-reader"));
	say("made-write", res(write(fd, "z", 1)));
	say("made-close", res(close(fd)));
	fd = creat("created", 0604);
	say("creat", res(write(fd, "creat", 5)));
	say("creat-close", res(close(fd)));
	fd = open("created", O_RDWR | O_SYNC);
	say("synchronous", res(pwrite(fd, "C", 1, 0)));
	say("synchronous-close", res(close(fd)));
	writes_sum("sum", "created");
}

static void over_limit(void)
{
	struct rlimit limit = {10000, RLIM_INFINITY}, old;
	int fd = writes_fresh("limited", 9990);
	char text[100] = "";

	getrlimit(RLIMIT_FSIZE, &old);
	limit.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	say("to-limit", res(write(fd, text, 100)));
	say("over-limit", res(write(fd, text, 100)));
	say("truncate-over", res(ftruncate(fd, 20000)));
	say("truncate-under", res(ftruncate(fd, 5000)));
	setrlimit(RLIMIT_FSIZE, &old);
	say("limit-close", res(close(fd)));
	writes_sum("limited", "limited");
}

void writes_error(void)
{
	int fd = writes_fresh("errors", 100), base = open("base.bin", O_RDWR);

	say("fault", res(write(fd, writes_nowhere, 10)));
	say("fault-base", res(write(base, writes_nowhere, 10)));
	say("offset", res(lseek(base, 0, SEEK_CUR)));
	say("negative", res(pwrite(fd, "x", 1, -5)));
	say("closed", res(write(99, "x", 1)));
	say("far", res(pwrite(fd, "x", 1, 0x7fffffffffffffff)));
	say("bad-mode", res(fallocate(fd, 0x10, 1, 1)) < 0);
	say("allocate-closed", res(fallocate(99, 0, 0, 1)));
	say("close", res(close(fd) | close(base)));
	say("close-twice", res(close(fd)));
	writes_sum("sum", "errors");
	writes_sum("base", "base.bin");
	over_limit();
}
