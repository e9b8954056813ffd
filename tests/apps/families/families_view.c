/* SPDX-License-Identifier: Apache-2.0 */
/* What processes see of themselves and of each other. */
#include "tests/apps/families/families.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

void family_others(void)
{
	char secret[16] = "in the parent", got[16] = "";
	struct iovec to = {got, sizeof(got)}, from = {secret, sizeof(secret)};
	int status, pidfd;
	siginfo_t info = {0};
	pid_t pid = fork();

	if (!pid) {
		strcpy(secret, "in the child");
		kill(getpid(), SIGSTOP);
		_exit(file_sum() > 0 ? 7 : 8);
	}
	waitpid(pid, &status, WUNTRACED);
	say("process_vm_readv", process_vm_readv(pid, &to, 1, &from, 1, 0));
	puts(got);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	say("pidfd", pidfd < 0 ? -1 : 0);
	say("signal", syscall(SYS_pidfd_send_signal, pidfd, SIGCONT, NULL, 0));
	say("waitid", waitid(P_PID, (id_t)pid, &info, WEXITED));
	say("status", info.si_status);
}

static void say_link(const char *process, const char *what)
{
	char name[64], text[4096];
	ssize_t n;

	snprintf(name, sizeof(name), "/proc/%s/%s", process, what);
	n = readlink(name, text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	printf("%s: %s\n", what, n < 0 ? strerror(errno) : text);
}

/* A file of /proc, with spaces for zeroes. */
static void say_text(const char *process, const char *what)
{
	char name[64], text[4096];
	ssize_t n;
	int fd;

	snprintf(name, sizeof(name), "/proc/%s/%s", process, what);
	fd = open(name, O_RDONLY);
	n = read(fd, text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	for (ssize_t i = 0; i < n; i++)
		if (!text[i])
			text[i] = ' ';
	printf("%s: %s\n", what, n < 0 ? strerror(errno) : text);
	close(fd);
}

/* The name, the parent, the number of threads: fields 2, 4 and 20. */
static void say_stat(const char *process, pid_t parent)
{
	char name[64], text[1024];
	long threads = -1;
	const char *rest;
	int fd, ppid = 0;
	ssize_t n;

	snprintf(name, sizeof(name), "/proc/%s/stat", process);
	fd = open(name, O_RDONLY);
	n = read(fd, text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	close(fd);
	rest = strrchr(text, ')');
	if (rest) /* behind the name stand the state, the parent, and much else */
		sscanf(rest + 1,
		       " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %ld",
		       &ppid, &threads);
	text[rest ? rest - text + 1 : 0] = '\0';
	printf("stat: %s %d threads %ld\n", rest ? strchr(text, '(') : "?", ppid == parent,
	       threads);
}

static void say_descriptors(const char *process)
{
	char name[64];
	struct dirent *entry;
	DIR *dir;

	snprintf(name, sizeof(name), "/proc/%s/fd", process);
	dir = opendir(name);
	while (dir && (entry = readdir(dir)))
		if (atoi(entry->d_name) > 2)
			printf("descriptor: %s\n", entry->d_name);
	if (dir)
		closedir(dir);
}

static void say_process(const char *process, pid_t parent)
{
	say_link(process, "exe");
	say_link(process, "root");
	say_link(process, "fd/7");
	say_text(process, "cmdline");
	say_text(process, "comm");
	say_stat(process, parent);
	fflush(stdout);
}

void family_views(void)
{
	char number[16], name[64];
	int ready[2], cloud = open(beside[0], O_RDONLY);
	struct stat mine, its;
	pid_t pid;

	say("folder", chdir(beside[1]));
	dup2(cloud, 7);
	close(cloud);
	say_process("self", getppid());
	say_link("self", "cwd"); /* that of others is the kernel's (docs/transparency.md) */
	say_process("thread-self", getppid());
	say_descriptors("self");
	snprintf(number, sizeof(number), "%d", (int)getpid());
	say_process(number, getppid());
	prctl(PR_SET_NAME, "renamed-now");
	say_text("self", "comm");
	if (pipe(ready))
		return;
	if (!(pid = fork())) {
		dup2(ready[1], 1);
		execl("/bin/sh", "another", "-c", "echo; kill -STOP $$", (char *)NULL);
		_exit(99);
	}
	say("ready", read(ready[0], name, 1));
	waitpid(pid, NULL, WUNTRACED);
	snprintf(number, sizeof(number), "%d", (int)pid);
	say_process(number, getpid());
	snprintf(name, sizeof(name), "/proc/%d/exe", (int)pid);
	say("exe, by name", stat("/bin/sh", &mine));
	say("exe, by number", stat(name, &its));
	say("the same", mine.st_ino == its.st_ino && mine.st_dev == its.st_dev);
	kill(pid, SIGKILL);
	say("killed", ended(pid));
	read_file();
}
