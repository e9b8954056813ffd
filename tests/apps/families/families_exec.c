/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that are started: with odd arguments, with what their parents had open, by spawn. */
#include "tests/apps/families/families.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

void family_argv(void)
{
	char *none[] = {NULL}, *empty[] = {"", NULL}, *many[] = {"x", "argc", "", "b c", NULL};

	run_child(none, none);
	run_child(empty, none);
	run_child(many, none);
}

/* The same program, linked statically beside the dynamic one, or the reverse. */
static void other_variety(char *out, size_t bytes)
{
	const char *dash = strrchr(self_path, '-');
	int is_static = dash && !strcmp(dash, "-static");

	snprintf(out, bytes, "%.*s%s", (int)(is_static ? dash - self_path : INT_MAX), self_path,
		 is_static ? "" : "-static");
}

/* In a child's child too: a cloud file at 9, the working folder in the clouds, next to nothing in
 * the environment. */
int inherited_child(int argc, char **argv)
{
	char *again[] = {argv[0], "inherited", argc > 3 ? argv[3] : NULL, NULL};
	char here[4096];

	if (argc < 2 || strcmp(argv[1], "inherited") != 0)
		return -1;
	if (!getcwd(here, sizeof(here)))
		return 100;
	printf("folder: %s\n", here);
	say("x", open("x", O_RDONLY) < 0 ? -1 : 0);
	say("big", descriptor_sum(9, 1234567));
	say("offset", lseek(9, 10, SEEK_CUR));
	if (argc > 2)
		execve(argv[2], again, environ);
	return 55;
}

/* Programs that were linked statically and not start each other; then the shell's. */
void family_inherit(void)
{
	char other[4096], *none[] = {NULL}, *home[] = {"HOME=/nowhere", NULL};
	char *argv[] = {other, "inherited", (char *)self_path, other, NULL};
	char *shell[] = {"sh", "-c", "pwd; cat x; head -c 100 <&9 | cksum", NULL};
	int fd = open(beside[0], O_RDONLY), program;

	other_variety(other, sizeof(other));
	say("at 9", dup2(fd, 9));
	say("folder", chdir(beside[1]));
	if (!fork()) {
		execve(other, argv, none);
		_exit(99);
	}
	say("children", ended(-1));
	say("offset", lseek(9, 0, SEEK_CUR));
	program = open("/bin/sh", O_RDONLY | O_CLOEXEC);
	if (!fork()) {
		fexecve(program, shell, home);
		_exit(99);
	}
	say("shell", ended(-1));
	say("offset", lseek(9, 0, SEEK_CUR));
	read_file();
}

static void spawned(const char *name, int error, pid_t pid)
{
	errno = error;
	say(name, error ? -1 : ended(pid));
}

void family_spawn(void)
{
	char *show[] = {"sh", "-c", "pwd; read -r line; echo \"$line\"; exit 8", NULL};
	char *masked[] = {"sh", "-c", "grep -E 'Sig(Blk|Ign)' /proc/self/status", NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t set;
	pid_t pid = 0;
	int error;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addchdir_np(&actions, beside[1]);
	posix_spawn_file_actions_addopen(&actions, 0, "x", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 9, "../../small.txt", O_RDONLY, 0);
	error = posix_spawn(&pid, "/bin/sh", &actions, NULL, show, environ);
	spawned("in a folder", error, pid);
	posix_spawn_file_actions_adddup2(&actions, 9, 0);
#ifdef __GLIBC__
	posix_spawn_file_actions_addclosefrom_np(&actions, 3);
#else
	posix_spawn_file_actions_addclose(&actions, 9);
#endif
	error = posix_spawnp(&pid, "sh", &actions, NULL, show, environ);
	spawned("the other file", error, pid);
	posix_spawn_file_actions_addopen(&actions, 5, "none", O_RDONLY, 0);
	error = posix_spawn(&pid, "/bin/sh", &actions, NULL, show, environ);
	spawned("missing", error, pid);
	posix_spawn_file_actions_destroy(&actions);

	posix_spawnattr_init(&attr);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	posix_spawnattr_setsigmask(&attr, &set);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	sigdelset(&set, SIGUSR2);
	sigaddset(&set, SIGTERM);
	posix_spawnattr_setsigdefault(&attr, &set);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						POSIX_SPAWN_SETPGROUP);
	error = posix_spawn(&pid, "/bin/sh", NULL, &attr, masked, environ);
	spawned("masked", error, pid);
	read_file();
}
