/* SPDX-License-Identifier: Apache-2.0 */
/* Children: fork, vfork, posix_spawn, execve in its forms; what a process sees of itself. */
#include "tests/apps/probe/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static long wait_status(pid_t pid)
{
	int status = 0;

	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

void probe_fork(void)
{
	int fd = open("big.bin", O_RDONLY), pipes[2];
	char byte[8], *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	pid_t pid;

	lseek(fd, 100, SEEK_SET);
	if (!(pid = fork()))
		_exit(read(fd, byte, 8) == 8 && probe_same(byte, 100, 8) ? 7 : 8);
	say("child-reads", wait_status(pid));
	say("offset-shared", res(lseek(fd, 0, SEEK_CUR)));
	if (!(pid = fork()))
		_exit(probe_same(map, 0, 4096) && !access("sub/deeper/x", R_OK) ? 9 : 10);
	say("child-maps", wait_status(pid));
	if (!(pid = fork()))
		_exit(chdir("sub") || access("deeper/x", R_OK));
	say("child-chdir", wait_status(pid));
	say("parent-stays", res(access("small.txt", R_OK)));
	if (!(pid = fork()))
		kill(getpid(), 9);
	say("child-killed", wait_status(pid));
	if (pipe(pipes))
		return;
	if (!(pid = fork())) {
		close(fd);
		if ((fd = open("small.txt", O_RDONLY)) >= 0 && read(fd, byte, 5) == 5)
			_exit(write(pipes[1], byte, 5) != 5);
		_exit(1);
	}
	say("child-opens", wait_status(pid));
	say("child-sends", read(pipes[0], byte, 5) == 5 && !memcmp(byte, "hello", 5));
	say("parent-still-reads",
	    res(pread(fd, byte, 8, 2000000)) == 8 && probe_same(byte, 2000000, 8));
	if (!(pid = vfork()))
		_exit(11);
	say("vfork", wait_status(pid));
	say("after-vfork", res(pread(fd, byte, 8, 999)) == 8 && probe_same(byte, 999, 8));
	close(fd);
	close(pipes[0]);
	close(pipes[1]);
}

/* Runs path with argv in a vforked child, so that both run in one memory until it is replaced. */
static long run(const char *path, char *const argv[], char *const envp[])
{
	pid_t pid = vfork();

	if (!pid) {
		execve(path, argv, envp);
		_exit(errno);
	}
	return wait_status(pid);
}

/* Writes text to a new program file in the working folder of the test. Returns its name. */
static const char *script(const char *text, int mode)
{
	static char name[64];
	int fd;

	snprintf(name, sizeof(name), "/tmp/probe-script.XXXXXX");
	fd = mkstemp(name);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return "";
	fchmod(fd, (mode_t)mode);
	close(fd);
	return name;
}

static void try_script(const char *label, const char *text, int mode)
{
	char name[64];

	snprintf(name, sizeof(name), "%s", script(text, mode));
	say(label, run(name, (char *[]){name, (char *)"small.txt", NULL}, environ));
	unlink(name);
}

static void exec_programs(void)
{
	char *cat[] = {(char *)"cat", (char *)"small.txt", NULL}, *none[] = {NULL};
	char *clean[] = {(char *)"ONLY=this", NULL}, *env[] = {(char *)"env", NULL};
	int fd = open("small.txt", O_RDONLY), prog = open("/bin/cat", O_RDONLY);
	char *fdcat[] = {(char *)"cat", NULL};
	pid_t pid;

	say("cat", run("/bin/cat", cat, environ));
	say("cat-clean", run("/bin/cat", cat, none));
	say("env", run("/usr/bin/env", env, clean));
	say("env-none", run("/usr/bin/env", env, NULL));
	say("missing", run("/bin/none", cat, environ));
	say("directory", run("/bin", cat, environ));
	say("below-file", run("/bin/cat/x", cat, environ));
	say("no-exec-bit", run("small.txt", cat, environ));
	say("cloud-missing", run("none", cat, environ));
	say("cloud-dir", run("sub", cat, environ));
	if (!(pid = fork())) {
		dup2(fd, 0);
		execve("/bin/cat", fdcat, environ);
		_exit(99);
	}
	say("inherited-stdin", wait_status(pid));
	lseek(fd, 6, SEEK_SET);
	if (!(pid = fork())) {
		dup2(fd, 0);
		syscall(SYS_execveat, prog, "", fdcat, none, 0x1000 /* AT_EMPTY_PATH */);
		_exit(98);
	}
	say("execveat", wait_status(pid));
	close(fd);
	close(prog);
}

static void exec_scripts(void)
{
	char chain[256], inner[64];

	try_script("script", "#!/bin/cat\nA script.\n", 0755);
	try_script("script-argument", "#!/bin/echo one two\n", 0755);
	try_script("script-spaces", "#! \t /bin/cat \t\nSpaces.\n", 0755);
	try_script("script-no-exec-bit", "#!/bin/cat\n", 0644);
	try_script("script-no-interpreter", "#!/bin/none\n", 0755);
	try_script("script-empty-line", "#!\n", 0755);
	try_script("script-env", "#!/usr/bin/env cat\nBy env.\n", 0755);
	try_script("text", "echo no line\n", 0755);
	try_script("empty", "", 0755);
	try_script("elf-magic-only", "\177ELF", 0755);
	snprintf(inner, sizeof(inner), "%s", script("#!/bin/cat\nInner.\n", 0755));
	snprintf(chain, sizeof(chain), "#!%s\nOuter.\n", inner);
	try_script("script-of-script", chain, 0755);
	unlink(inner);
}

static void exec_children(void)
{
	char number[16], *child[] = {(char *)probe_self, (char *)"child", NULL, NULL, NULL};
	int kept = open("big.bin", O_RDONLY), gone = open("big.bin", O_RDONLY | O_CLOEXEC);
	posix_spawn_file_actions_t actions;
	long status;
	int spawned;
	pid_t pid;

	lseek(kept, 4321, SEEK_SET);
	child[2] = (char *)"descriptors";
	snprintf(number, sizeof(number), "%d", kept);
	child[3] = number;
	say("kept-and-closed", run("/proc/self/exe", child, environ));
	close(gone);
	child[2] = (char *)"self";
	say("self-by-proc", run("/proc/self/exe", child, environ));
	child[2] = (char *)"cwd";
	if (chdir("sub/deeper"))
		return;
	say("cwd-kept", run("/proc/self/exe", child, (char *[]){NULL}));
	if (chdir("../.."))
		return;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "small.txt", O_RDONLY, 0);
	/* The child prints too: wait for it before a word of ours. */
	spawned = posix_spawn(&pid, "/bin/cat", &actions, NULL, (char *[]){(char *)"cat", NULL},
			      environ);
	status = wait_status(pid);
	say("spawn", spawned);
	say("spawn-status", status);
	posix_spawn_file_actions_addopen(&actions, 5, "none", O_RDONLY, 0);
	say("spawn-open-missing", posix_spawn(&pid, "/bin/cat", &actions, NULL, child, environ));
	posix_spawn_file_actions_destroy(&actions);
	say("spawn-missing", posix_spawn(&pid, "/bin/none", NULL, NULL, child, environ));
	say("spawnp",
	    posix_spawnp(&pid, "true", NULL, NULL, (char *[]){(char *)"true", NULL}, environ));
	say("spawnp-status", wait_status(pid));
	say("system", system("cat small.txt | tr a-z A-Z"));
	close(kept);
}

void probe_exec(void)
{
	exec_programs();
	exec_scripts();
	exec_children();
}

int probe_child(int argc, char **argv)
{
	char text[PATH_MAX];
	long length;

	if (!strcmp(argv[2], "descriptors") && argc > 3) {
		int kept = atoi(argv[3]);
		char byte[4];

		if (lseek(kept, 0, SEEK_CUR) != 4321 || read(kept, byte, 4) != 4 ||
		    !probe_same(byte, 4321, 4))
			return 1;
		return fcntl(kept + 1, F_GETFD) == -1 && errno == EBADF ? 42 : 2;
	}
	if (!strcmp(argv[2], "self")) {
		length = readlink("/proc/self/exe", text, sizeof(text) - 1);
		text[length < 0 ? 0 : length] = '\0';
		return strstr(text, "probe") ? 43 : 3;
	}
	if (!strcmp(argv[2], "cwd"))
		return environ[0] == NULL && !access("x", R_OK) && getcwd(text, sizeof(text)) &&
				       strstr(text, "/sub/deeper")
			       ? 44
			       : 4;
	return 5;
}

static void say_file(const char *label, const char *path, const char *unwanted)
{
	char text[8192];
	int fd = open(path, O_RDONLY);
	long length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	text[length < 0 ? 0 : length] = '\0';
	for (long i = 0; i < length; i++)
		if (!text[i])
			text[i] = ' ';
	say(label, length < 0 ? -errno : strstr(text, unwanted) != NULL);
	close(fd);
}

void probe_self_view(void)
{
	char name[17] = "", text[PATH_MAX];
	struct timespec now;
	long length, found = 0;
	char *before = (char *)syscall(SYS_brk, 0L); /* musl has no sbrk */

	length = readlink("/proc/self/exe", text, sizeof(text) - 1);
	text[length < 0 ? 0 : length] = '\0';
	say("exe", strstr(text, "skyshim-rt") != NULL);
	prctl(PR_GET_NAME, name);
	say("comm", !strncmp(name, "skyshim", 7));
	prctl(PR_SET_NAME, "renamed");
	prctl(PR_GET_NAME, name);
	say_text("renamed", name);
	say_file("cmdline", "/proc/self/cmdline", "skyshim-rt");
	say_file("environ", "/proc/self/environ", "SKYSHIM_RT=");
	for (char **entry = environ; *entry; entry++)
		found += !strncmp(*entry, "SKYSHIM_RT=", 11);
	say("handoff-in-environ", found);
	say("auxv-pagesize", (long)getauxval(AT_PAGESZ));
	say("auxv-secure", (long)getauxval(AT_SECURE));
	say("auxv-execfn", strstr((const char *)getauxval(AT_EXECFN), "skyshim-rt") != NULL);
	say("auxv-phdr", getauxval(AT_PHDR) != 0 && getauxval(AT_PHNUM) > 2);
	say("auxv-entry", getauxval(AT_ENTRY) != 0);
	say("auxv-uid", getauxval(AT_UID) == getuid() && getauxval(AT_EGID) == getegid());
	say("auxv-vdso", getauxval(AT_SYSINFO_EHDR) != 0);
	say("clock", res(clock_gettime(CLOCK_MONOTONIC, &now)));
	say("brk", syscall(SYS_brk, before + 65536) == (long)(before + 65536));
	memset(before, 1, 65536);
	say("argv0-aligned", ((uintptr_t)environ & 7) == 0);
	say("umask", umask(022) <= 0777);
}
