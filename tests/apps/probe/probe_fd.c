/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors: numbers, flags, copies, limits. */
#include "tests/apps/probe/probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef F_DUPFD_CLOEXEC
#define F_DUPFD_CLOEXEC 1030
#endif
#define O_LARGEFILE_BIT 0100000

static void fd_lowest(void)
{
	int first = open("small.txt", O_RDONLY), second = open("sub", O_RDONLY), third;

	say("next-is-lowest", second == first + 1);
	close(first);
	third = open("big.bin", O_RDONLY);
	say("hole-is-filled", third == first);
	say("after-hole", (first = open("small.txt", O_RDONLY)) == second + 1);
	close(first);
	close(second);
	close(third);
	say("first-free", open("small.txt", O_RDONLY));
	close(3);
}

static void fd_copies(void)
{
	int fd = open("big.bin", O_RDONLY), other = dup(fd), chosen;
	char byte[4];

	lseek(fd, 1234, SEEK_SET);
	say("dup-shares-offset", res(lseek(other, 0, SEEK_CUR)));
	say("dup2", (chosen = dup2(fd, 50)));
	say("dup2-read", read(chosen, byte, 4) == 4 && probe_same(byte, 1234, 4));
	say("dup2-shares-offset", res(lseek(fd, 0, SEEK_CUR)));
	say("dup2-same", dup2(fd, fd) == fd);
	say("dup2-bad", res(dup2(999, 51)));
	say("dup3-cloexec", res(dup3(fd, 52, O_CLOEXEC)));
	say("dup3-flags", fcntl(52, F_GETFD));
	say("dup3-same", res(dup3(fd, fd, 0)));
	say("dupfd", fcntl(fd, F_DUPFD, 60));
	say("dupfd-cloexec", fcntl(fd, F_DUPFD_CLOEXEC, 60));
	say("dupfd-cloexec-flags", fcntl(61, F_GETFD));
	close(fd);
	close(other);
	say("copy-outlives", res(pread(50, byte, 4, 9)) && probe_same(byte, 9, 4));
	say("dup2-over-cloud", res(dup2(0, 60)));
	say("dup2-over-reads-other", res(lseek(60, 0, SEEK_CUR)) != 1238);
	for (fd = 50; fd < 62; fd++)
		close(fd);
}

static void fd_flags(void)
{
	int fd = open("small.txt", O_RDONLY | O_CLOEXEC), dir = open("sub", O_RDONLY | O_DIRECTORY);

	say("getfd", fcntl(fd, F_GETFD));
	say("setfd", fcntl(fd, F_SETFD, 0));
	say("getfd-after", fcntl(fd, F_GETFD));
	say("getfl", fcntl(fd, F_GETFL) & ~O_LARGEFILE_BIT);
	say("setfl", fcntl(fd, F_SETFL, O_NONBLOCK));
	say("getfl-after", fcntl(fd, F_GETFL) & ~O_LARGEFILE_BIT);
	say("getfl-dir", fcntl(dir, F_GETFL) & ~O_LARGEFILE_BIT);
	say("flock-shared", res(flock(fd, LOCK_SH)));
	say("flock-unlock", res(flock(fd, LOCK_UN)));
	say("getlk", fcntl(fd, F_GETLK, &(struct flock){.l_type = F_RDLCK}));
	say("read-lock", fcntl(fd, F_SETLK, &(struct flock){.l_type = F_RDLCK}));
	say("write-lock", res(fcntl(fd, F_SETLK, &(struct flock){.l_type = F_WRLCK})));
	close(fd);
	close(dir);
}

static void fd_ranges(void)
{
	int low = open("small.txt", O_RDONLY), fd;
	char byte;
	DIR *dir;
	int count = 0;

	for (int i = 0; i < 5; i++)
		fcntl(low, F_DUPFD, 100);
	say("close-range", res(syscall(436 /* close_range */, 101, 103, 0)));
	say("closed-inside", res(read(102, &byte, 1)));
	say("open-outside", res(pread(104, &byte, 1, 0)));
	say("close-range-cloexec", res(syscall(436, 100, 200, 4 /* CLOSE_RANGE_CLOEXEC */)));
	say("cloexec-set", fcntl(104, F_GETFD));
	say("close-range-backwards", res(syscall(436, 10, 5, 0)));
	syscall(436, 100, ~0U, 0);
	say("close-all-above", res(pread(104, &byte, 1, 0)));
	say("still-works", (fd = open("big.bin", O_RDONLY)) >= 0 && read(fd, &byte, 1) == 1);
	close(fd);
	close(low);
	/* What the program sees of its own descriptors: what it opened, and this listing. */
	dir = opendir("/proc/self/fd");
	while (dir && readdir(dir))
		count++;
	say("listed", count);
	closedir(dir);
}

static void fd_limit(void)
{
	struct rlimit limit, tight;
	int fds[64], count = 0;

	getrlimit(RLIMIT_NOFILE, &limit);
	tight = limit;
	tight.rlim_cur = 20;
	say("setrlimit", res(setrlimit(RLIMIT_NOFILE, &tight)));
	while (count < 64 && (fds[count] = open("small.txt", O_RDONLY)) >= 0)
		count++;
	say("at-limit", -errno);
	say("highest", count ? fds[count - 1] : -1);
	say("stat-at-limit", res(access("small.txt", R_OK)));
	while (count)
		close(fds[--count]);
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* A descriptor that arrives through a socket is what it was. */
static void fd_passed(void)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	char byte = 'x', data[8];
	struct iovec vec = {&byte, 1};
	struct msghdr message = {.msg_iov = &vec, .msg_iovlen = 1};
	int pair[2], fd = open("big.bin", O_RDONLY);

	message.msg_control = control.bytes;
	message.msg_controllen = sizeof(control.bytes);
	memset(&control, 0, sizeof(control));
	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	control.align.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.align), &fd, sizeof(int));
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	say("sendmsg", res(sendmsg(pair[0], &message, 0)));
	close(fd);
	say("recvmsg", res(recvmsg(pair[1], &message, 0)));
	memcpy(&fd, CMSG_DATA(&control.align), sizeof(int));
	say("passed-read", pread(fd, data, 8, 2500000) == 8 && probe_same(data, 2500000, 8));
	close(fd);
	close(pair[0]);
	close(pair[1]);
}

/* A read through /dev/fd and /proc/self/fd, which open the file again. */
static void fd_names(void)
{
	char name[64], link[4096];
	int fd = open("big.bin", O_RDONLY), again;
	char byte[4];
	long length;

	lseek(fd, 500, SEEK_SET);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	length = readlink(name, link, sizeof(link) - 1);
	link[length < 0 ? 0 : length] = '\0';
	say_text("proc-link", strrchr(link, '/') ? strrchr(link, '/') : link);
	again = open(name, O_RDONLY);
	say("reopen", again >= 0 && read(again, byte, 4) == 4 && probe_same(byte, 0, 4));
	close(again);
	snprintf(name, sizeof(name), "/dev/fd/%d", fd);
	again = open(name, O_RDONLY);
	say("dev-fd", again >= 0 && read(again, byte, 4) == 4 && probe_same(byte, 0, 4));
	close(again);
	close(fd);
}

void probe_fd(void)
{
	fd_lowest();
	fd_copies();
	fd_flags();
	fd_ranges();
	fd_limit();
	fd_passed();
	fd_names();
}
