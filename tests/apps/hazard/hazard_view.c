/* SPDX-License-Identifier: Apache-2.0 */
/* What a program finds out about its own code: mappings by name, symbols by address, who called
 * whom, and its own file. */
#include "tests/apps/hazard/hazard.h"

#include <dlfcn.h>
#ifdef __GLIBC__
#include <execinfo.h>
#endif
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define FILES_MAX 16

/* Executable mappings of files, without repetition, in the order of their addresses. */
static void view_maps(void)
{
	static char names[FILES_MAX][4400];
	const char *cache = getenv("SKYSHIM_CACHE_DIR");
	char line[4400], mode[8], path[4400];
	FILE *maps = fopen("/proc/self/maps", "re");
	long cache_lines = 0, wrong_inodes = 0;
	unsigned long inode;
	int count = 0, known;
	struct stat st;

	while (maps && fgets(line, sizeof(line), maps)) {
		cache_lines += cache && strstr(line, cache) != NULL;
		if (sscanf(line, "%*s %7s %*s %*s %lu %4399s", mode, &inode, path) != 3 ||
		    mode[2] != 'x' || path[0] != '/' || strstr(path, "skyshim-rt"))
			continue;
		wrong_inodes += stat(path, &st) || st.st_ino != inode;
		known = 0;
		for (int i = 0; i < count; i++)
			known |= !strcmp(names[i], path);
		if (!known && count < FILES_MAX)
			strcpy(names[count++], path);
	}
	if (maps)
		fclose(maps);
	qsort(names, (size_t)count, sizeof(names[0]), (int (*)(const void *, const void *))strcmp);
	for (int i = 0; i < count; i++)
		say_text("executable", names[i]);
	say("of-the-cache", cache_lines);
	say("wrong-inodes", wrong_inodes);
}

static int object(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	*(long *)arg += strstr(info->dlpi_name, "skyshim") != NULL ||
			strstr(info->dlpi_name, "/twins/") != NULL;
	return 0;
}

static void view_symbols(void)
{
	long ours = 0;

	dl_iterate_phdr(object, &ours);
	say("objects-of-ours", ours);
#ifdef HAZARD_DYNAMIC
	{
		Dl_info info = {0};

		say("dladdr", dladdr((void *)(uintptr_t)getppid, &info));
		say_text("dladdr-file", info.dli_fname ? info.dli_fname : "?");
		say_text("dladdr-name", info.dli_sname ? "found" : "?");
	}
#endif
}

#ifdef __GLIBC__
static volatile sig_atomic_t traced, unknown, with_caller;
static volatile int calling; /* make_calls() is at work */
static uintptr_t caller_from, caller_to;

/* Every frame belongs to what is loaded, and among them is the function that made the calls. */
static void trace(int number)
{
	void *frame[32];
	int count, found = 0;

	(void)number;
	if (!calling) /* before the first call, or behind the last */
		return;
	count = backtrace(frame, 32);
	for (int i = 0; i < count; i++) {
#ifdef HAZARD_DYNAMIC
		Dl_info info;

		unknown += i < count - 1 && !dladdr(frame[i], &info);
#endif
		found |= (uintptr_t)frame[i] >= caller_from && (uintptr_t)frame[i] < caller_to;
	}
	traced++;
	with_caller += found;
}

__attribute__((noinline, section(".text.traced"))) static long make_calls(int pipe_end)
{
	char byte;
	long got = 0;

	calling = 1;
	for (int i = 0; i < 3; i++)
		got += read(pipe_end, &byte, 1) < 0;
	calling = 0;
	return got;
}

/* A walk up the stack out of a handler that interrupted a blocking call. */
static void view_backtrace(void)
{
	struct sigaction action = {.sa_handler = trace};
	struct itimerval timer = {{0, 3000}, {0, 3000}}, off = {{0, 0}, {0, 0}};
	int pipes[2];

	caller_from = (uintptr_t)make_calls;
	caller_to = caller_from + 256;
	if (pipe(pipes))
		return;
	backtrace((void *[2]){0}, 2); /* it loads a library the first time */
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	say("interrupted", make_calls(pipes[0]));
	setitimer(ITIMER_REAL, &off, NULL);
	signal(SIGALRM, SIG_DFL);
	say("traced", traced >= 3);
	say("traces-without-caller", traced - with_caller);
	say("unknown-frames", unknown);
	close(pipes[0]);
	close(pipes[1]);
}
#endif

static long same_file(const char *one, const char *other)
{
	static char a[65536], b[65536];
	int fd = open(one, O_RDONLY), other_fd = open(other, O_RDONLY);
	long got, different = fd < 0 || other_fd < 0;

	do {
		got = read(fd, a, sizeof(a));
		different |= read(other_fd, b, sizeof(b)) != got ||
			     (got > 0 && memcmp(a, b, (size_t)got));
	} while (got > 0 && !different);
	close(fd);
	close(other_fd);
	return !different;
}

/* The files are what they were: whoever reads them sees no jump of ours. */
static void view_files(void)
{
	struct stat by_link, by_name;

	say("own-file", same_file("/proc/self/exe", probe_self));
	say("stat-own-file", res(stat("/proc/self/exe", &by_link)));
	say("stat-name", res(stat(probe_self, &by_name)));
	say("same-inode", by_link.st_ino == by_name.st_ino && by_link.st_dev == by_name.st_dev);
}

void hazard_view(void)
{
	view_maps();
	view_symbols();
#ifdef __GLIBC__
	view_backtrace();
#endif
	view_files();
}
