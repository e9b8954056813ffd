/* SPDX-License-Identifier: Apache-2.0 */
/* Cancelled threads. musl decides by where the signal found the thread: before its syscall
 * instruction, or behind. Shown another place, it never cancels, or loses a descriptor that was
 * opened already. */
#include "tests/apps/hazard/hazard.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS 40

static int pipes[2], shared;
static volatile long cleaned, ran;

static void clean(void *fd)
{
	cleaned++;
	if (fd)
		close(*(int *)fd);
}

static void *read_pipe(void *arg)
{
	char byte;

	(void)arg;
	pthread_cleanup_push(clean, NULL);
	ran++;
	if (read(pipes[0], &byte, 1) != 1)
		cleaned += 1000;
	pthread_cleanup_pop(0);
	return NULL;
}

static void *read_cloud(void *arg)
{
	char data[4096];

	(void)arg;
	pthread_cleanup_push(clean, NULL);
	ran++;
	for (;;)
		if (read(shared, data, sizeof(data)) < (long)sizeof(data))
			lseek(shared, 0, SEEK_SET);
	pthread_cleanup_pop(0);
	return NULL;
}

/* A descriptor that an open has given is the program's, and closed by it. */
static void *open_cloud(void *arg)
{
	int fd = -1;

	(void)arg;
	pthread_cleanup_push(clean, NULL);
	ran++;
	for (;;) {
		int was;

		fd = open(hazard_small, O_RDONLY);
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &was);
		close(fd);
		pthread_setcancelstate(was, NULL);
	}
	pthread_cleanup_pop(0);
	return NULL;
}

static void *spin(void *arg)
{
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	(void)arg;
	ran++;
	for (;;)
		__asm__ volatile("" ::: "memory");
	return NULL;
}

static void cancel_many(const char *name, void *(*start)(void *), useconds_t wait_us)
{
	long cancelled = 0;

	cleaned = 0;
	for (int i = 0; i < ROUNDS; i++) {
		pthread_t thread;
		void *result = NULL;

		ran = 0;
		pthread_create(&thread, NULL, start, NULL);
		while (!ran)
			usleep(50);
		usleep(wait_us + (useconds_t)i * 11);
		pthread_cancel(thread);
		pthread_join(thread, &result);
		cancelled += result == PTHREAD_CANCELED;
	}
	say(name, cancelled);
	say("cleaned", cleaned);
}

void hazard_cancel(void)
{
	int fd;

	if (pipe(pipes))
		return;
	shared = open(hazard_big, O_RDONLY);
	cancel_many("blocked-in-read", read_pipe, 300);
	cancel_many("reading", read_cloud, 100);
	cancel_many("opening", open_cloud, 100);
	cancel_many("asynchronous", spin, 100);
	close(shared);
	close(pipes[0]);
	close(pipes[1]);
	fd = open(hazard_small, O_RDONLY);
	say("descriptor", fd);
	say("after", hazard_reads_small(hazard_raw));
	close(fd);
}
