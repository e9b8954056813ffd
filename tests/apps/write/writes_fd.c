/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors that several hold: dup, fork, vfork, exec, what an end of a program does. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/apps/write/writes.h"

extern char **environ;

static void duplicates(void)
{
	int fd = writes_fresh("dup", 0), twin = dup(fd),
	    third = open("other", O_RDWR | O_CREAT, 0644);

	say("one", res(write(fd, "one ", 4)));
	say("two", res(write(twin, "two ", 4)));
	say("close", res(close(fd)));
	say("three", res(write(twin, "three ", 6)));
	say("other", res(write(third, "other", 5)));
	say("onto", res(dup2(twin, third)) == third);
	say("through", res(write(third, "four", 4)));
	say("close-all", res(close(twin) | close(third)));
	writes_sum("sum", "dup");
	writes_sum("other", "other");
}

static void children(void)
{
	int fd = writes_fresh("fork", 0);
	pid_t pid;

	say("parent", res(write(fd, "parent ", 7)));
	pid = fork();
	if (!pid) {
		if (write(fd, "child ", 6) != 6)
			_exit(2);
		_exit(close(fd) ? 3 : 4);
	}
	writes_wait("child", pid);
	say("offset", res(lseek(fd, 0, SEEK_CUR)));
	say("after", res(write(fd, "after", 5)));
	pid = fork();
	if (!pid)
		_exit(0); /* merely ends */
	writes_wait("idle", pid);
	pid = vfork();
	if (!pid) {
		close(fd);
		_exit(5);
	}
	writes_wait("vfork", pid);
	say("still-open", res(write(fd, "!", 1)));
	say("close", res(close(fd)));
	writes_sum("sum", "fork");
}

/* One description, read and written in turn by two processes. */
static void in_turn(void)
{
	char text[8] = "";
	int fd = writes_fresh("turns", 100);
	pid_t pid;

	say("rewind", res(lseek(fd, 0, SEEK_SET)));
	for (int i = 0; i < 3; i++) {
		say("read", res(read(fd, text, 5)));
		pid = fork();
		if (!pid)
			_exit(write(fd, "child", 5) == 5 ? 0 : 1);
		writes_wait("turn", pid);
		say("offset", res(lseek(fd, 0, SEEK_CUR)));
	}
	say("close", res(close(fd)));
	writes_sum("turns-sum", "turns");
}

static void unclosed(void)
{
	pid_t pid = fork();

	if (!pid) {
		int fd = writes_fresh("unclosed", 3000);

		if (write(fd, "the end", 7) != 7)
			_exit(2);
		_exit(0);
	}
	writes_wait("unclosed", pid);
	writes_sum("unclosed-sum", "unclosed");
	pid = fork();
	if (!pid) {
		int fd = writes_fresh("range", 10);

		if (write(fd, "the end", 7) != 7)
			_exit(2);
#ifdef SYS_close_range
		syscall(SYS_close_range, 3, ~0U, 0);
#endif
		_exit(0);
	}
	writes_wait("range", pid);
	writes_sum("range-sum", "range");
}

void writes_fd(void)
{
	duplicates();
	children();
	in_turn();
	unclosed();
}

/* child WHAT FD: what an executed program does with a descriptor it got. */
int writes_child(int argc, char **argv)
{
	int fd = argc > 3 ? atoi(argv[3]) : -1;

	if (!strcmp(argv[2], "writes"))
		return write(fd, "executed ", 9) == 9 ? 7 : 8;
	if (!strcmp(argv[2], "closed"))
		return fcntl(fd, F_GETFD) == -1 && errno == EBADF ? 9 : 10;
	if (!strcmp(argv[2], "appends"))
		return write(1, "to standard output\n", 19) == 19 ? 0 : 11;
	return 12;
}

static pid_t spawn(const char *what, int fd)
{
	char number[12];
	char *argv[] = {(char *)writes_self, "child", (char *)what, number, NULL};
	pid_t pid = fork();

	snprintf(number, sizeof(number), "%d", fd);
	if (pid)
		return pid;
	execv(writes_self, argv);
	_exit(20);
}

static void spawned(void)
{
	char *argv[] = {(char *)writes_self, "child", "appends", NULL};
	posix_spawn_file_actions_t actions;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "spawned", O_WRONLY | O_CREAT | O_APPEND,
					 0644);
	for (int i = 0; i < 3; i++) {
		if (posix_spawn(&pid, writes_self, &actions, NULL, argv, environ))
			say("spawn", -errno);
		else
			writes_wait("spawned", pid);
	}
	posix_spawn_file_actions_destroy(&actions);
	writes_sum("spawned-sum", "spawned");
}

void writes_exec(void)
{
	int fd = writes_fresh("exec", 0);

	say("before", res(write(fd, "before ", 7)));
	writes_wait("writes", spawn("writes", fd));
	say("after", res(write(fd, "after", 5)));
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	writes_wait("closed", spawn("closed", fd));
	say("close", res(close(fd)));
	writes_sum("sum", "exec");
	spawned();
}
