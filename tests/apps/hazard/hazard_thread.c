/* SPDX-License-Identifier: Apache-2.0 */
/* Many threads, and forks among them: each has its own state behind its segment register. */
#include "tests/apps/hazard/hazard.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 200

static pthread_barrier_t all_there;
static volatile int stop;

static void *work(void *arg)
{
	long wrong = 0;

	pthread_barrier_wait(&all_there);
	for (int i = 0; i < 20; i++) {
		wrong += hazard_reads_small(hazard_raw) != 1;
		wrong += hazard_raw(SYS_getppid, 0, 0, 0) != getppid();
		wrong += access(hazard_big, R_OK) != 0;
	}
	(void)arg;
	return (void *)wrong;
}

static void thread_crowd(void)
{
	static pthread_t thread[THREADS];
	pthread_attr_t small;
	long wrong = 0, made = 0;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	pthread_barrier_init(&all_there, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		made += !pthread_create(&thread[i], &small, work, NULL);
	say("made", made);
	for (long i = 0; made == THREADS && i < made; i++) {
		void *result = NULL;

		pthread_join(thread[i], &result);
		wrong += (long)result;
	}
	say("wrong", wrong);
}

static void *short_life(void *arg)
{
	(void)arg;
	return (void *)hazard_reads_small(hazard_raw);
}

static void thread_row(void)
{
	long good = 0;

	for (int i = 0; i < THREADS; i++) {
		pthread_t thread;
		void *result = NULL;

		if (pthread_create(&thread, NULL, short_life, NULL))
			break;
		pthread_join(thread, &result);
		good += (long)result;
	}
	say("one-after-the-other", good);
}

static void *busy(void *arg)
{
	(void)arg;
	while (!stop)
		if (hazard_reads_small(hazard_raw) != 1)
			return (void *)1;
	return NULL;
}

/* A child has one thread, whatever the others of its parent were doing just then. */
static void thread_fork(void)
{
	pthread_t thread[2];
	void *result;
	long good = 0, wrong = 0;

	stop = 0;
	for (int i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, busy, NULL);
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(short_life(NULL) == (void *)1 ? 5 : 6);
		good += hazard_wait(pid) == 5;
	}
	stop = 1;
	for (int i = 0; i < 2; i++) {
		pthread_join(thread[i], &result);
		wrong += (long)result;
	}
	say("forks", good);
	say("others-wrong", wrong);
}

static void *map_and_protect(void *arg)
{
	(void)arg;
	for (int i = 0; i < 50; i++) {
		unsigned char *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		memcpy(at, hazard_code, HAZARD_CODE_BYTES);
		mprotect(at, 4096, PROT_READ | PROT_EXEC);
		if (hazard_reads_small((hazard_call *)(void *)at) != 1)
			return (void *)1;
		munmap(at, 4096);
	}
	return NULL;
}

/* Code that comes and goes in one thread while others make calls and start threads. */
static void thread_code(void)
{
	pthread_t thread[4], other;
	void *result;
	long wrong = 0;

	stop = 0;
	pthread_create(&other, NULL, busy, NULL);
	for (int i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, map_and_protect, NULL);
	for (int i = 0; i < 4; i++) {
		pthread_join(thread[i], &result);
		wrong += (long)result;
	}
	stop = 1;
	pthread_join(other, &result);
	say("code-wrong", wrong);
	say("code-other-wrong", (long)result);
}

void hazard_thread(void)
{
	thread_crowd();
	thread_row();
	thread_fork();
	thread_code();
}
