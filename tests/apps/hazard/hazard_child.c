/* SPDX-License-Identifier: Apache-2.0 */
/* Children that share memory with their parent but not its descriptors: what a vfork child opens
 * must not be taken for its parent's. */
#include "tests/apps/hazard/hazard.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* The parent has a pipe at number; the child, a cloud file: each reads its own. */
static void child_vfork_opens(void)
{
	int pipes[2];
	char byte[8] = "";
	volatile long child_read = 0;
	pid_t pid;

	if (pipe(pipes))
		return;
	if (!(pid = vfork())) {
		int fd = open(hazard_small, O_RDONLY);

		dup2(fd, pipes[0]);
		child_read = read(pipes[0], byte, 5) == 5 && !memcmp(byte, "hello", 5);
		close(fd);
		_exit(12);
	}
	say("vfork-dup2", hazard_wait(pid));
	say("vfork-dup2-read", child_read);
	say("pipe-write", write(pipes[1], "12345", 5));
	say("pipe-read", read(pipes[0], byte, 5));
	say("pipe-same", memcmp(byte, "12345", 5));
	/* And the other way round: the parent keeps a cloud file where its child has a pipe. */
	close(pipes[0]);
	say("cloud-at-its-number", open(hazard_big, O_RDONLY) == pipes[0]);
	if (!(pid = vfork())) {
		int own[2];

		close(pipes[0]);
		_exit(pipe(own) || own[0] != pipes[0] || write(own[1], "ab", 2) != 2 ||
		      read(own[0], byte, 2) != 2 || memcmp(byte, "ab", 2));
	}
	say("vfork-pipe", hazard_wait(pid));
	say("cloud-still", pread(pipes[0], byte, 8, 3000) == 8 && probe_same(byte, 3000, 8));
	close(pipes[0]);
	close(pipes[1]);
}

static void child_vfork_many(void)
{
	long good = 0;
	pid_t pid;

	for (int i = 0; i < 40; i++) {
		if (!(pid = vfork())) {
			int fd = open(hazard_small, O_RDONLY);

			dup2(fd, 0);
			close(fd);
			execl("/bin/grep", "grep", "-q", "hello skyshim", NULL);
			_exit(99);
		}
		good += hazard_wait(pid) == 0;
	}
	say("vfork-exec", good);
	say("vfork-raw-getppid", hazard_raw(SYS_getppid, 0, 0, 0) == getppid());
}

static void child_spawn(void)
{
	posix_spawn_file_actions_t actions;
	char *argv[] = {(char *)"cat", NULL};
	pid_t pid = -1;
	long spawned, status;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 7, hazard_small, O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, 7, 0);
	posix_spawn_file_actions_addclose(&actions, 7);
	spawned = posix_spawn(&pid, "/bin/cat", &actions, NULL, argv, environ);
	status = hazard_wait(pid);
	say("spawn", spawned);
	say("spawn-status", status);
	posix_spawn_file_actions_destroy(&actions);
}

static char clone_stack[65536] __attribute__((aligned(16)));
static volatile long cloned;

static int clone_main(void *arg)
{
	char text[8];
	int fd = open(hazard_small, O_RDONLY);

	cloned = read(fd, text, 5) == 5 && !memcmp(text, "hello", 5) &&
		 hazard_reads_small(hazard_raw) == 1;
	if (arg)
		close(fd);
	return 14;
}

static void child_clone(const char *name, int flags)
{
	char *top = clone_stack + sizeof(clone_stack);
	char label[64];
	int fd;
	pid_t pid;

	cloned = 0;
	pid = clone(clone_main, top, flags | SIGCHLD, flags & CLONE_FILES ? top : NULL);
	say(name, hazard_wait(pid));
	snprintf(label, sizeof(label), "%s-read", name);
	say(label, flags & CLONE_VM ? cloned : !cloned);
	snprintf(label, sizeof(label), "%s-descriptor", name);
	fd = open(hazard_small, O_RDONLY);
	say(label, fd);
	close(fd);
}

void hazard_child(void)
{
	child_vfork_opens();
	child_vfork_many();
	child_spawn();
	child_clone("clone-vm-vfork", CLONE_VM | CLONE_VFORK);
	child_clone("clone-vm", CLONE_VM);
	child_clone("clone-vm-files", CLONE_VM | CLONE_FILES);
	child_clone("clone-files", CLONE_FILES);
	child_clone("clone", 0);
}
