/* SPDX-License-Identifier: Apache-2.0 */
/* The program's start, and what all groups use: see writes.h. */
#include "tests/apps/write/writes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

const char *writes_self;
void *volatile writes_nowhere = (void *)16;

static const struct {
	const char *name;
	void (*run)(void);
} groups[] = {
	{"bytes", writes_bytes},     {"offsets", writes_offsets}, {"append", writes_append},
	{"vector", writes_vector},   {"size", writes_size},	  {"open", writes_open},
	{"error", writes_error},     {"fd", writes_fd},		  {"exec", writes_exec},
	{"map", writes_map},	     {"copy", writes_copy},	  {"names", writes_names},
	{"attr", writes_attr},	     {"sync", writes_sync},	  {"sharing", writes_sharing},
	{"threads", writes_threads}, {"aio", writes_aio},	  {"outlived", writes_outlived},
	{"signals", writes_signals},
};

static void fill(int fd, size_t size)
{
	unsigned char block[4096];

	for (size_t at = 0; at < size;) {
		size_t n = size - at < sizeof(block) ? size - at : sizeof(block);

		for (size_t i = 0; i < n; i++)
			block[i] = probe_byte(at + i);
		if (write(fd, block, n) != (ssize_t)n)
			say("fill", -errno);
		at += n;
	}
}

int writes_fresh(const char *name, size_t size)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);

	if (fd < 0)
		say("fresh", -errno);
	fill(fd, size);
	return fd;
}

void writes_seed(const char *name)
{
	int fd = writes_fresh(name, WRITES_BASE);

	if (close(fd))
		say("seed", -errno);
}

void writes_sum(const char *what, const char *name)
{
	unsigned char block[8192];
	unsigned long sum = 0, at = 0;
	int fd = open(name, O_RDONLY);
	char line[100];
	struct stat st = {.st_size = -1};
	ssize_t n;

	if (fd < 0) {
		say(what, -errno);
		return;
	}
	while ((n = read(fd, block, sizeof(block))) > 0)
		for (ssize_t i = 0; i < n; i++)
			sum = (sum * 31 + block[i] + ++at) % 1000000007;
	fstat(fd, &st);
	close(fd);
	snprintf(line, sizeof(line), "%ld bytes, %lu read, sum %lu", (long)st.st_size, at, sum);
	say_text(what, line);
}

void writes_wait(const char *what, pid_t pid)
{
	int status = -1;

	if (waitpid(pid, &status, 0) != pid)
		say(what, -errno);
	else
		say(what, WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status));
}

/* writes FOLDER GROUP... */
int main(int argc, char **argv)
{
	writes_self = argv[0];
	if (argc > 2 && !strcmp(argv[1], "child"))
		return writes_child(argc, argv);
	if (argc < 3 || chdir(argv[1])) {
		fprintf(stderr, "usage: writes FOLDER GROUP...: %s\n", strerror(errno));
		return 2;
	}
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
		for (int a = 2; a < argc; a++)
			if (!strcmp(argv[a], groups[i].name)) {
				group(groups[i].name);
				groups[i].run();
			}
	return 0;
}
