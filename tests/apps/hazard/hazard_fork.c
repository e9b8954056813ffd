/* SPDX-License-Identifier: Apache-2.0 */
/* Forks while other threads map and unmap program text: their children do the same, and wait for
 * nobody who is not there. A thread that parts with its process's descriptors sees its own. */
#include "tests/apps/hazard/hazard.h"

#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FORKS	150
#define PAGE	4096ul
#define ALARM_S 20

static volatile int stop;
static uint64_t text_offset, text_bytes;

static void find_text(void)
{
	const Elf64_Phdr *p = (const Elf64_Phdr *)getauxval(AT_PHDR);

	for (unsigned long i = 0; i < getauxval(AT_PHNUM); i++) {
		if (p[i].p_type != PT_LOAD || !(p[i].p_flags & PF_X))
			continue;
		text_offset = p[i].p_offset & ~(PAGE - 1);
		text_bytes = p[i].p_offset + p[i].p_filesz - text_offset;
	}
}

static long map_text(void)
{
	int fd = open("/proc/self/exe", O_RDONLY);
	void *at =
		mmap(NULL, text_bytes, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, (off_t)text_offset);

	close(fd);
	return at == MAP_FAILED || munmap(at, text_bytes);
}

static void *map_always(void *arg)
{
	long wrong = 0;

	(void)arg;
	while (!stop)
		wrong += map_text();
	return (void *)wrong;
}

static void fork_and_map(void)
{
	pthread_t thread[2];
	long wrong = 0, wrong_mapped = 0;
	void *result = NULL;

	find_text();
	stop = 0;
	for (int i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, map_always, NULL);
	for (int i = 0; i < FORKS && !wrong; i++) {
		pid_t pid = fork();

		if (!pid) {
			alarm(ALARM_S);
			_exit((int)map_text());
		}
		wrong += hazard_wait(pid) != 0;
	}
	stop = 1;
	for (int i = 0; i < 2; i++) {
		pthread_join(thread[i], &result);
		wrong_mapped += (long)result;
	}
	say("wrong-child", wrong);
	say("wrong-thread", wrong_mapped);
}

/* Both look at the same number: the process has a cloud file there, the thread a local one, and the
 * other way round. */
static void *part(void *arg)
{
	char text[8] = "";
	int cloud = *(int *)arg, local = ((int *)arg)[1];
	long wrong;

	if (unshare(CLONE_FILES))
		return (void *)-1;
	dup2(local, cloud);
	wrong = pread(cloud, text, 4, 0) != 4 || memcmp(text, "\177ELF", 4);
	close(local);
	wrong += open(hazard_small, O_RDONLY) != local;
	wrong += pread(local, text, 5, 0) != 5 || memcmp(text, "hello", 5);
	return (void *)wrong;
}

static void unshared(void)
{
	int fd[2] = {open(hazard_big, O_RDONLY), open("/proc/self/exe", O_RDONLY)};
	void *result = NULL;
	struct stat named, held;
	char data[64], text[8] = "";
	pthread_t thread;

	pread(fd[1], text, 4, 0);
	pthread_create(&thread, NULL, part, fd);
	pthread_join(thread, &result);
	say("parted", (long)result);
	say("cloud-still", pread(fd[0], data, sizeof(data), 70000) == (long)sizeof(data) &&
				   probe_same(data, 70000, sizeof(data)));
	say("cloud-known",
	    !stat(hazard_big, &named) && !fstat(fd[0], &held) && named.st_ino == held.st_ino);
	say("local-still", pread(fd[1], text, 4, 0) == 4 && !memcmp(text, "\177ELF", 4));
	close(fd[0]);
	close(fd[1]);
}

void hazard_fork(void)
{
	fork_and_map();
	unshared();
}
