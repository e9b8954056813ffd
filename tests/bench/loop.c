/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inner loops of tests/bench/intercept, so that nothing else is measured. Prints nanoseconds
 * for each turn, one line for each round.
 *
 *	loop [armed] CALL TURNS ROUNDS PATH	CALL: getppid zero raw pread stat
 *	loop spawn TURNS ROUNDS PROGRAM [ARG]...
 *
 * armed: some anonymous memory has been made executable before, as a JIT does.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHUNK  4096
#define CHUNKS 256 /* of the file that is read: 1 MiB */

extern char **environ;

static int fd = -1;
static const char *path;
static volatile long sink;

static long call_getppid(long turn)
{
	(void)turn;
	return syscall(SYS_getppid) > 0 ? 0 : -1;
}

static long call_zero(long turn)
{
	char byte;

	(void)turn;
	return read(fd, &byte, 1) == 1 ? 0 : -1;
}

static long call_raw(long turn)
{
	long result;

	(void)turn;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"((long)SYS_getppid)
			 : "rcx", "r11", "memory");
	return result > 0 ? 0 : -1;
}

static long call_pread(long turn)
{
	static char data[CHUNK];

	return pread(fd, data, CHUNK, turn * 7 % CHUNKS * CHUNK) == CHUNK ? 0 : -1;
}

static long call_stat(long turn)
{
	struct stat st;

	(void)turn;
	return stat(path, &st);
}

static const struct {
	const char *name;
	long (*call)(long turn);
} calls[] = {{"getppid", call_getppid},
	     {"zero", call_zero},
	     {"raw", call_raw},
	     {"pread", call_pread},
	     {"stat", call_stat}};

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Returns 0, or 1 when a call failed: then nothing was measured. */
static int loop(long (*call)(long), long turns, long rounds)
{
	long failed = 0;

	for (long i = 0; i < CHUNKS; i++)
		failed |= call(i); /* everything is there, and every page touched */
	for (long round = 0; round < rounds && !failed; round++) {
		double began = now_ns();

		for (long i = 0; i < turns; i++)
			failed |= call(i);
		printf("%.2f\n", (now_ns() - began) / (double)turns);
	}
	sink = failed;
	return failed ? 1 : 0;
}

static int spawn(long turns, long rounds, char **argv)
{
	posix_spawn_file_actions_t quiet;

	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	for (long round = 0; round < rounds; round++) {
		double began = now_ns();

		for (long i = 0; i < turns; i++) {
			int status = -1;
			pid_t pid;

			if (posix_spawnp(&pid, argv[0], &quiet, NULL, argv, environ) ||
			    waitpid(pid, &status, 0) != pid || status)
				return 1;
		}
		printf("%.0f\n", (now_ns() - began) / (double)turns);
	}
	return 0;
}

/* Writable first, then executable: what no file can prove. */
static int arm(void)
{
	void *page = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED || mprotect(page, CHUNK, PROT_READ | PROT_EXEC);
}

int main(int argc, char **argv)
{
	if (argc > 4 && !strcmp(argv[1], "spawn"))
		return spawn(atol(argv[2]), atol(argv[3]), argv + 4);
	if (argc > 5 && !strcmp(argv[1], "armed")) {
		if (arm())
			return 1;
		argc--;
		argv++;
	}
	if (argc != 5)
		return 2;
	path = argv[4];
	fd = open(path, O_RDONLY);
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (!strcmp(argv[1], calls[i].name))
			return loop(calls[i].call, atol(argv[2]), atol(argv[3]));
	return 2;
}
