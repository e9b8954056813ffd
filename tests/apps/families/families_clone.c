/* SPDX-License-Identifier: Apache-2.0 */
/* Children by clone3, and the way of daemons: to part with everything, and go on. */
#include "tests/apps/families/families.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_BYTES 65536
#define BIGGER	    64 /* bytes that a later kernel's struct clone_args may have more */

/* As a program built for a later kernel has it. */
struct later_args {
	struct clone_args now;
	unsigned char later[BIGGER];
};

static volatile long child_said;

/* A child's part: on a stack of its own, in memory that it shares or not. */
static void on_stack(void)
{
	int fd = open(file, O_RDONLY);

	child_said = file_sum() + fd;
	syscall(SYS_exit, 21);
	__builtin_unreachable();
}

/* clone3 whose child calls on_stack(), if it has a stack of its own. */
static long clone3_on(struct later_args *args, size_t bytes, int own_stack)
{
	long result;

	__asm__ volatile("syscall\n"
			 "test %%rax, %%rax\n jnz 1f\n"
			 "test %[on_own], %[on_own]\n jz 1f\n"
			 "xor %%ebp, %%ebp\n call *%[entry]\n"
			 "1:\n"
			 : "=a"(result)
			 : "0"((long)SYS_clone3), "D"(args),
			   "S"(bytes), [on_own] "r"((long)own_stack), [entry] "r"(on_stack)
			 : "rcx", "r11", "memory");
	if (result < 0 && result > -4096) {
		errno = (int)-result;
		return -1;
	}
	return result;
}

static long clone3(struct later_args *args, size_t bytes)
{
	return clone3_on(args, bytes, 0);
}

static void try_clone3(const char *name, uint64_t flags, int with_stack)
{
	struct later_args args = {.now = {.flags = flags, .exit_signal = SIGCHLD}};
	int pidfd = -1;
	pid_t in_parent = 0;
	long pid;

	if (with_stack) {
		args.now.stack = (uintptr_t)mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
						 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		args.now.stack_size = STACK_BYTES;
	}
	args.now.pidfd = (uintptr_t)&pidfd;
	args.now.parent_tid = (uintptr_t)&in_parent;
	args.now.flags |= CLONE_PIDFD | CLONE_PARENT_SETTID;
	child_said = 0;
	pid = clone3_on(&args, sizeof(args),
			with_stack); /* larger than this kernel's, and 0 there */
	if (!pid)
		_exit(file_sum() > 0 ? 22 : 1);
	say(name, ended((pid_t)pid));
	say("its number", pid == in_parent);
	say("pidfd", fcntl(pidfd, F_GETFD));
	say("what it said here", child_said);
	close(pidfd);
}

static void never(int number)
{
	_exit(number);
}

/* A child without handlers, which the runtime's own survive: what is wrong is told, not fatal. */
static void without_handlers(void)
{
	struct sigaction action;
	int fd = open(beside[0], O_RDONLY);
	void *volatile nowhere = (void *)16;

	sigaction(SIGUSR1, NULL, &action);
	if (action.sa_handler != SIG_DFL || action.sa_flags)
		_exit(1);
	sigaction(SIGUSR2, NULL, &action);
	if (action.sa_handler != SIG_IGN)
		_exit(2);
	if (pread(fd, nowhere, 100, 1 << 20) != -1 || errno != EFAULT)
		_exit(3);
	if (open(nowhere, O_RDONLY) != -1 || errno != EFAULT || file_sum() < 0)
		_exit(4);
	syscall(SYS_kill, syscall(SYS_getpid), SIGUSR1); /* a libc may think it is its parent */
	_exit(5);
}

static void clear_handlers(const char *name, uint64_t flags)
{
	struct later_args args = {
		.now = {.flags = flags | CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD},
	};
	struct sigaction action;
	long pid;

	signal(SIGUSR1, never);
	signal(SIGUSR2, SIG_IGN);
	pid = clone3(&args, CLONE_ARGS_SIZE_VER1);
	if (!pid)
		without_handlers();
	say(name, ended((pid_t)pid));
	sigaction(SIGUSR1, NULL, &action);
	say("the parent's stays", action.sa_handler == never);
}

static void wrong_clone3(void)
{
	struct later_args args = {.now = {.exit_signal = SIGCHLD}};
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct later_args *volatile nowhere = (struct later_args *)8;

	say("too small", clone3(&args, 63));
	args.later[BIGGER - 1] = 1;
	say("later flags", clone3(&args, sizeof(args)));
	args.later[BIGGER - 1] = 0;
	say("larger than a page", clone3((struct later_args *)page, 4097));
	say("nowhere", clone3(nowhere, 88));
	munmap(page + 4096, 4096);
	say("over the edge", clone3((struct later_args *)(page + 4096 - 64), 88));
	args.now.flags = CLONE_SIGHAND;
	say("flags", clone3(&args, 88));
	args.now.flags = 0;
	args.now.stack = 4096;
	say("stack without size", clone3(&args, 88));
	args.now.stack = 0;
	args.now.exit_signal = 65;
	say("signal", clone3(&args, 88));
}

void family_clone3(void)
{
	try_clone3("plain", 0, 0);
	try_clone3("own stack", 0, 1);
	try_clone3("vfork", CLONE_VM | CLONE_VFORK, 1);
	try_clone3("memory", CLONE_VM, 1);
	try_clone3("memory, files", CLONE_VM | CLONE_FILES, 1);
	try_clone3("files", CLONE_FILES, 0);
	clear_handlers("without handlers", 0);
	clear_handlers("here, without", CLONE_VM | CLONE_VFORK);
	wrong_clone3();
	read_file();
}

/* A daemon's first steps, in the way of each: what it has open goes, ours with it. */
static void part(int way)
{
	long most = sysconf(_SC_OPEN_MAX);

	setsid();
	if (fork())
		_exit(0);
	umask(0);
	if (way == 0)
		for (int fd = 0; fd < most; fd++)
			close(fd);
	else if (way == 1)
		syscall(SYS_close_range, 0, ~0U, 0);
#ifdef __GLIBC__
	else
		closefrom(0);
#endif
}

/* What the daemon finds, as its status. */
static int be_daemon(int way)
{
	part(way);
	if (open("/dev/null", O_RDWR) != 0 || dup(0) != 1 || dup(0) != 2)
		return 1;
	if (file_sum() < 0 || big_sum(2000000) < 0)
		return 2;
	if (chdir(beside[1]) || access("x", R_OK) || chdir("/"))
		return 3;
	return open("/etc/passwd", O_RDONLY) == 3 && system("cat && exit 3") == 3 << 8 ? 30 : 4;
}

void family_daemon(void)
{
	say("subreaper", prctl(PR_SET_CHILD_SUBREAPER, 1));
	for (int way = 0; way < 3; way++) {
		pid_t pid = fork();

		if (!pid)
			_exit(be_daemon(way));
		say("its parent", ended(pid));
		say("the daemon", ended(-1));
	}
	if (!fork()) {
		if (daemon(0, 0) || file_sum() < 0 || big_sum(1000000) < 0)
			_exit(1);
		_exit(33);
	}
	wait(NULL);
	say("by libc", ended(-1));
	read_file();
}
