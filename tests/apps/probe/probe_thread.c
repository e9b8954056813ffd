/* SPDX-License-Identifier: Apache-2.0 */
/* Threads: reading in parallel, being signalled and cancelled, forking, exiting. */
#include "tests/apps/probe/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 8

static int shared_fd;
static volatile sig_atomic_t woken;
static pthread_key_t key;

static void wake(int number)
{
	(void)number;
	woken++;
}

/* Reads its own strided part of big.bin, and opens what others open. */
static void *read_part(void *arg)
{
	size_t number = (size_t)(uintptr_t)arg, wrong = 0;
	char *data = malloc(65536);

	pthread_setspecific(key, arg);
	for (size_t at = number * 65536; at + 65536 <= PROBE_BIG; at += THREADS * 65536) {
		int own = open("big.bin", O_RDONLY);

		wrong += pread(shared_fd, data, 65536, (off_t)at) != 65536 ||
			 !probe_same(data, at, 65536);
		wrong += lseek(own, (off_t)at, SEEK_SET) < 0 || read(own, data, 1000) != 1000 ||
			 !probe_same(data, at, 1000);
		close(own);
		wrong += access("sub/deeper/x", R_OK) != 0;
	}
	wrong += pthread_getspecific(key) != arg;
	free(data);
	return (void *)(uintptr_t)wrong;
}

static void thread_parallel(void)
{
	pthread_t thread[THREADS];
	uintptr_t wrong = 0;
	void *result;

	shared_fd = open("big.bin", O_RDONLY);
	pthread_key_create(&key, NULL);
	for (uintptr_t i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, read_part, (void *)i))
			say("create", -errno);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &result);
		wrong += (uintptr_t)result;
	}
	say("parallel-wrong", (long)wrong);
	close(shared_fd);
}

static volatile int reader;

static void *read_pipe(void *arg)
{
	char byte;

	reader = (int)syscall(SYS_gettid);
	long got = read(*(int *)arg, &byte, 1);

	return (void *)(got < 0 ? (intptr_t)-errno : (intptr_t)got);
}

/* Until the reader sleeps in its read: before that, a signal would not interrupt it. */
static void await_reader(void)
{
	char path[64], text[256], *state = NULL;

	while (!reader)
		usleep(1000);
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", reader);
	while (!state || state[2] != 'S') {
		int fd = open(path, O_RDONLY);
		long n = read(fd, text, sizeof(text) - 1);

		close(fd);
		text[n > 0 ? n : 0] = '\0';
		state = strrchr(text, ')');
		usleep(1000);
	}
	reader = 0;
}

static void thread_signals(void)
{
	struct sigaction action = {.sa_handler = wake};
	int pipes[2];
	pthread_t thread;
	void *result;

	if (pipe(pipes))
		return;
	sigaction(SIGUSR1, &action, NULL);
	pthread_create(&thread, NULL, read_pipe, &pipes[0]);
	await_reader();
	say("kill", pthread_kill(thread, SIGUSR1));
	pthread_join(thread, &result);
	say("kill-interrupts", (long)(intptr_t)result);
	say("kill-handled", woken);
	pthread_create(&thread, NULL, read_pipe, &pipes[0]);
	await_reader();
	say("cancel", pthread_cancel(thread));
	pthread_join(thread, &result);
	say("cancelled", result == PTHREAD_CANCELED);
	close(pipes[0]);
	close(pipes[1]);
}

static void *fork_child(void *arg)
{
	int status = 0;
	pid_t pid = fork();

	(void)arg;
	if (!pid)
		_exit(access("small.txt", R_OK) ? 1 : 33);
	waitpid(pid, &status, 0);
	return (void *)(intptr_t)WEXITSTATUS(status);
}

static void *many_opens(void *arg)
{
	for (int i = 0; i < 200; i++)
		close(open("small.txt", O_RDONLY));
	return arg;
}

static void thread_fork(void)
{
	pthread_t busy, thread[THREADS];
	long sum = 0;
	void *result;

	pthread_create(&busy, NULL, many_opens, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, fork_child, NULL);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &result);
		sum += (intptr_t)result;
	}
	pthread_join(busy, NULL);
	say("fork-statuses", sum);
}

static void *change_directory(void *arg)
{
	return (void *)(intptr_t)(chdir(arg) ? -errno : 0);
}

/* Many short-lived threads: nothing of one may stay behind. */
static void thread_many(void)
{
	pthread_t thread;
	int failed = 0;

	for (int i = 0; i < 500; i++) {
		if (pthread_create(&thread, NULL, change_directory, (void *)"."))
			failed++;
		else
			pthread_join(thread, NULL);
	}
	say("many-failed", failed);
	/* The working directory belongs to the process. */
	pthread_create(&thread, NULL, change_directory, (void *)"sub");
	pthread_join(thread, NULL);
	say("chdir-seen", res(access("deeper/x", R_OK)));
	say("chdir-back", res(chdir("..")));
}

/* exec and exit while other threads run. */
static void thread_ends(void)
{
	pthread_t thread;
	int pipes[2], status = 0;
	pid_t pid;

	if (pipe(pipes))
		return;
	if (!(pid = fork())) {
		pthread_create(&thread, NULL, read_pipe, &pipes[0]);
		execl("/bin/cat", "cat", "small.txt", NULL);
		_exit(1);
	}
	waitpid(pid, &status, 0);
	say("exec-with-threads", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	if (!(pid = fork())) {
		pthread_create(&thread, NULL, read_pipe, &pipes[0]);
		_exit(21);
	}
	waitpid(pid, &status, 0);
	say("exit-with-threads", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	close(pipes[0]);
	close(pipes[1]);
}

void probe_thread(void)
{
	thread_parallel();
	thread_signals();
	thread_fork();
	thread_many();
	thread_ends();
}
