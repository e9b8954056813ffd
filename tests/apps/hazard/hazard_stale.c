/* SPDX-License-Identifier: Apache-2.0 */
/* A descriptor's number that is the kernel's now and a cloud file's next, and the reverse, by every
 * way that a number comes to mean something else. Whoever remembers numbers must forget in time.
 *
 * big.bin is read at an offset where nobody has been before: had such a read gone past the runtime,
 * it would have got the zeroes of a block that is not there yet. */
#include "tests/apps/hazard/hazard.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef F_DUPFD_CLOEXEC
#define F_DUPFD_CLOEXEC 1030
#endif
#define NR_PIDFD_OPEN  434
#define NR_CLOSE_RANGE 436
#define NR_PIDFD_GETFD 438
#define NUMBER	       40
#define CHUNK	       4096

static int keeper; /* a descriptor of big.bin, to be copied */

static off_t untouched(void)
{
	static off_t next = PROBE_BIG - CHUNK;

	next -= 65536; /* another block each time, from the end: no read-ahead has been there */
	return next > 0 ? next : PROBE_BIG - CHUNK;
}

/* NUMBER is a local file, and known as one by having been read. */
static void make_local(void)
{
	int fd = open("/dev/zero", O_RDONLY);
	char byte = 1;

	dup2(fd, NUMBER);
	close(fd);
	for (int i = 0; i < 3; i++)
		if (read(NUMBER, &byte, 1) != 1 || byte)
			say("local", -1);
}

static void say_is_cloud(const char *name, int fd)
{
	unsigned char data[CHUNK];
	off_t at = untouched();
	long good = fd >= 0 && lseek(fd, at, SEEK_SET) == at &&
		    read(fd, data, sizeof(data)) == (long)sizeof(data) &&
		    probe_same(data, (size_t)at, sizeof(data));

	at = untouched();
	good += fd >= 0 &&
		hazard_raw(SYS_read, fd, (long)data, 0) == 0 && /* by another place, first */
		pread(fd, data, sizeof(data), at) == (long)sizeof(data) &&
		probe_same(data, (size_t)at, sizeof(data));
	say(name, good);
}

static void say_is_pipe(const char *name, int read_end, int write_end)
{
	char byte[4] = "";

	say(name, write(write_end, "pipe", 4) == 4 && read(read_end, byte, 4) == 4 &&
			  !memcmp(byte, "pipe", 4) && lseek(read_end, 0, SEEK_CUR) == -1 &&
			  errno == ESPIPE);
}

/* A symbolic link to the descriptor's name, opened on the lowest number, which was local. */
static void linked(const char *name)
{
	char link[] = "/tmp/hazard-link.XXXXXX";
	int low = open("/dev/zero", O_RDONLY), again;
	char byte;

	say("linked-read", read(low, &byte, 1));
	close(low);
	again = mkdtemp(link) && !rmdir(link) && !symlink(name, link) ? open(link, O_RDONLY) : -1;
	unlink(link);
	say("linked-open", again == low);
	say_is_cloud("linked", again);
	close(again);
}

static void becomes_cloud(void)
{
	char name[64];

	make_local();
	close(NUMBER);
	say("dupfd-number", fcntl(keeper, F_DUPFD, NUMBER));
	say_is_cloud("dupfd", NUMBER);
	make_local();
	say("dup2-number", dup2(keeper, NUMBER));
	say_is_cloud("dup2", NUMBER);
	make_local();
	say("dup3-number", dup3(keeper, NUMBER, O_CLOEXEC));
	say_is_cloud("dup3", NUMBER);
	make_local();
	close(NUMBER);
	say("dupfd-cloexec-number", fcntl(keeper, F_DUPFD_CLOEXEC, NUMBER));
	say_is_cloud("dupfd-cloexec", NUMBER);
	make_local();
	syscall(NR_CLOSE_RANGE, NUMBER, NUMBER, 0);
	say("raw-dup2-number", hazard_raw(SYS_dup2, keeper, NUMBER, 0));
	say_is_cloud("raw-dup2", NUMBER);
	close(NUMBER);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", keeper);
	say_is_cloud("proc-fd", open(name, O_RDONLY));
	snprintf(name, sizeof(name), "/dev/fd/%d", keeper);
	say_is_cloud("dev-fd", open(name, O_RDONLY));
	linked(name);
}

/* The lowest number, first as each kind of local descriptor, then as a cloud file, by open, openat
 * and dup. */
static void lowest_again(void)
{
	int low = open("/dev/zero", O_RDONLY), again;
	char byte;

	say("low-read", read(low, &byte, 1));
	close(low);
	say("low-open", (again = open(hazard_big, O_RDONLY)) == low);
	say_is_cloud("low-open-read", again);
	close(again);
	low = socket(AF_UNIX, SOCK_STREAM, 0);
	say("low-socket", read(low, &byte, 1) < 0);
	close(low);
	say("low-openat", (again = openat(AT_FDCWD, "big.bin", O_RDONLY)) == low);
	say_is_cloud("low-openat-read", again);
	close(again);
	low = open("/dev/zero", O_RDONLY);
	say("low-read-again", read(low, &byte, 1));
	close(low);
	say("low-dup", (again = dup(keeper)) == low);
	say_is_cloud("low-dup-read", again);
	close(again);
}

static int received(int socket_fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	char byte;
	struct iovec vec = {&byte, 1};
	struct msghdr message = {.msg_iov = &vec, .msg_iovlen = 1};
	int fd = -1;

	message.msg_control = control.bytes;
	message.msg_controllen = sizeof(control.bytes);
	if (recvmsg(socket_fd, &message, 0) == 1 && control.align.cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(&control.align), sizeof(int));
	return fd;
}

static void send_away(int socket_fd, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	char byte = 'x';
	struct iovec vec = {&byte, 1};
	struct msghdr message = {.msg_iov = &vec, .msg_iovlen = 1};

	message.msg_control = control.bytes;
	message.msg_controllen = sizeof(control.bytes);
	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	control.align.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.align), &fd, sizeof(int));
	if (sendmsg(socket_fd, &message, 0) != 1)
		say("sendmsg", -errno);
}

/* From a child that opened it: by a message, and by reaching into the child. */
static void from_child(void)
{
	int pair[2], pidfd, fd;
	char byte;
	pid_t pid;

	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	fd = open("/dev/zero", O_RDONLY);
	say("before-message", read(fd, &byte, 1));
	close(fd);
	if (!(pid = fork())) {
		int own = open(hazard_big, O_RDONLY);

		send_away(pair[1], own);
		dup2(own, 77);
		_exit(read(pair[1], &byte, 1) != 1);
	}
	fd = received(pair[0]);
	say_is_cloud("message", fd);
	close(fd);
	pidfd = (int)syscall(NR_PIDFD_OPEN, pid, 0);
	say("pidfd", pidfd >= 0);
	usleep(30000); /* until it has its 77 */
	fd = (int)syscall(NR_PIDFD_GETFD, pidfd, 77, 0);
	say_is_cloud("pidfd-getfd", fd);
	close(fd);
	close(pidfd);
	say("go", write(pair[0], "x", 1));
	say("child", hazard_wait(pid));
	close(pair[0]);
	close(pair[1]);
}

static void inherits(void)
{
	char *argv[] = {(char *)probe_self, (char *)"inherited", (char *)"40", NULL};
	pid_t pid;

	make_local();
	dup2(keeper, NUMBER);
	if (!(pid = fork())) {
		execv("/proc/self/exe", argv);
		_exit(98);
	}
	say("exec", hazard_wait(pid));
	make_local();
	if (!(pid = vfork())) {
		dup2(keeper, NUMBER);
		execv("/proc/self/exe", argv);
		_exit(98);
	}
	say("vfork-exec", hazard_wait(pid));
	say("vfork-parent", read(NUMBER, &(char){1}, 1));
	dup3(keeper, NUMBER, O_CLOEXEC);
	if (!(pid = fork())) {
		execv("/proc/self/exe", argv);
		_exit(98);
	}
	say("cloexec", hazard_wait(pid));
	close(NUMBER);
}

int hazard_inherited(const char *number)
{
	unsigned char data[CHUNK];
	int fd = atoi(number), pipes[2];

	if (fcntl(fd, F_GETFD) < 0) /* closed by exec: a pipe gets the number */
		return pipe(pipes) || dup2(pipes[0], fd) != fd || write(pipes[1], "p", 1) != 1 ||
				       read(fd, data, 1) != 1 || data[0] != 'p'
			       ? 1
			       : 61;
	return pread(fd, data, sizeof(data), 777) == (long)sizeof(data) &&
			       probe_same(data, 777, sizeof(data))
		       ? 60
		       : 2;
}

static void becomes_pipe(void)
{
	int cloud = open(hazard_big, O_RDONLY), pipes[2];

	say_is_cloud("before-close", cloud);
	close(cloud);
	say("pipe", pipe(pipes) || pipes[0] != cloud);
	say_is_pipe("pipe-after-close", pipes[0], pipes[1]);
	dup2(keeper, NUMBER);
	say_is_cloud("before-dup2-over", NUMBER);
	dup2(pipes[0], NUMBER);
	say_is_pipe("dup2-over", NUMBER, pipes[1]);
	dup2(keeper, NUMBER);
	say_is_cloud("before-close-range", NUMBER);
	syscall(NR_CLOSE_RANGE, NUMBER - 5, NUMBER + 5, 0);
	fcntl(pipes[0], F_DUPFD, NUMBER);
	say_is_pipe("close-range", NUMBER, pipes[1]);
	dup2(keeper, NUMBER);
	say_is_cloud("before-raw-close", NUMBER);
	hazard_raw(SYS_close, NUMBER, 0, 0);
	fcntl(pipes[0], F_DUPFD, NUMBER);
	say_is_pipe("raw-close", NUMBER, pipes[1]);
	close(NUMBER);
	close(pipes[0]);
	close(pipes[1]);
	say("closed", res(read(cloud, &(char){0}, 1)));
}

void hazard_stale(void)
{
	keeper = open(hazard_big, O_RDONLY);
	becomes_cloud();
	lowest_again();
	from_child();
	inherits();
	becomes_pipe();
	close(keeper);
}

static char clone_stack[65536] __attribute__((aligned(16)));

static int swap_in_child(void *arg)
{
	(void)arg;
	return dup2(keeper, NUMBER) != NUMBER;
}

/* Another process that has our descriptors but not our memory puts a cloud file at a number, and
 * takes one away: there is nobody to tell us. */
void hazard_foreign(void)
{
	pid_t pid;

	keeper = open(hazard_big, O_RDONLY);
	make_local();
	pid = clone(swap_in_child, clone_stack + sizeof(clone_stack), CLONE_FILES | SIGCHLD, NULL);
	say("shared-table", hazard_wait(pid));
	say_is_cloud("shared-table-read", NUMBER);
	close(NUMBER);
	close(keeper);
}
