/* SPDX-License-Identifier: Apache-2.0 */
/* growth THREADS PROGRAMS: creates and joins so many threads, then forks and executes so many
 * programs, and says what this process has after a first part of each and at the end. */
#include <fcntl.h>
#include <dirent.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST 1000
#define BATCH 8

static long field(const char *path, const char *name)
{
	char line[256];
	long value = -1;
	FILE *file = fopen(path, "r");

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)))
			value = atol(line + strlen(name) + 1);
	if (file)
		fclose(file);
	return value;
}

static int descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/* VmRSS is a sum of counters that each CPU or task keeps and hands in by 32 to 64 pages (proc(5):
 * "inaccurate"): after threads on two CPUs it may be off by 256 KiB. smaps_rollup counts pages. */
static void tell(const char *when)
{
	printf("%s: size %ld KiB, resident %ld KiB, %d descriptors\n", when,
	       field("/proc/self/status", "VmSize"), field("/proc/self/smaps_rollup", "Rss"),
	       descriptors());
	fflush(stdout);
}

static void *nothing(void *arg)
{
	return arg;
}

static void threads(long count)
{
	pthread_t thread[BATCH];

	for (long i = 0; i < count; i += BATCH) {
		for (int j = 0; j < BATCH; j++)
			if (pthread_create(&thread[j], NULL, nothing, NULL))
				exit(2);
		for (int j = 0; j < BATCH; j++)
			pthread_join(thread[j], NULL);
	}
}

static void programs(long count)
{
	char *argv[] = {"growth", NULL}, *envp[] = {NULL};

	for (long i = 0; i < count; i++) {
		pid_t pid = fork();
		int status;

		if (!pid) {
			execve("/proc/self/exe", argv, envp);
			_exit(3);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			exit(2);
	}
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 0; /* a program that was executed */
	threads(FIRST);
	programs(FIRST / 10);
	tell("first");
	threads(atol(argv[1]));
	tell("threads");
	programs(atol(argv[2]));
	tell("programs");
	return 0;
}
