/* SPDX-License-Identifier: Apache-2.0 */
/* Several at once: under flock, appending, sharing an offset, threads; and what sync calls say. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/apps/write/writes.h"

#define PROCESSES 4
#define EDITS	  360 /* of each */
#define LINES	  200
#define LINE	  "one whole line of forty bytes, counted.\n"

/* A number in the middle of the file, read, raised and written back under a lock. */
static int edit(int number)
{
	char text[12];

	for (int i = 0; i < EDITS; i++) {
		int fd = open("counter", O_RDWR);
		int bad = fd < 0 || flock(fd, LOCK_EX) || pread(fd, text, 8, 70000) != 8;

		text[8] = '\0';
		if (bad)
			return 1;
		snprintf(text, sizeof(text), "%08d", (atoi(text) + 1) % 100000000);
		if (pwrite(fd, text, 8, 70000) != 8)
			return 2;
		if (pwrite(fd, "x", 1, 100000 + number * EDITS + i) != 1)
			return 3;
		if (i % 40 == 0 && fsync(fd))
			return 4;
		flock(fd, LOCK_UN);
		if (i % 2 ? close(fd) : 0)
			return 5;
		if (i % 2 == 0 && i % 20 == 0)
			close(fd);
	}
	return 0;
}

static int append(int number)
{
	int fd = open("appended", O_WRONLY | O_APPEND | O_CREAT, 0644);

	(void)number;
	for (int i = 0; i < LINES; i++)
		if (write(fd, LINE, 40) != 40)
			return 1;
	return close(fd) ? 2 : 0;
}

static int shared_fd;

static int share(int number)
{
	char line[41];

	snprintf(line, sizeof(line), "%s", LINE);
	line[0] = (char)('0' + number);
	for (int i = 0; i < LINES; i++)
		if (write(shared_fd, line, 40) != 40)
			return 1;
	return 0;
}

static void all(const char *what, int (*run)(int number))
{
	pid_t pids[PROCESSES];

	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		if (!pids[i])
			_exit(run(i));
	}
	for (int i = 0; i < PROCESSES; i++)
		writes_wait(what, pids[i]);
}

/* How many whole lines, and are they all? */
static void say_lines(const char *what, const char *name, long from)
{
	char line[41];
	int fd = open(name, O_RDONLY);
	long good = 0, n;

	lseek(fd, from, SEEK_SET);
	while ((n = read(fd, line, 40)) == 40)
		good += !memcmp(line + 1, LINE + 1, 39);
	close(fd);
	say(what, good);
	say("rest", n);
}

void writes_sharing(void)
{
	char text[9] = "";
	int fd = writes_fresh("counter", WRITES_BASE);

	say("zero", res(pwrite(fd, "00000000", 8, 70000)));
	say("close", res(close(fd)));
	all("edit", edit);
	fd = open("counter", O_RDONLY);
	say("read", res(pread(fd, text, 8, 70000)));
	say_text("edits", text);
	close(fd);
	writes_sum("counter", "counter");
	all("append", append);
	say_lines("appended", "appended", 0);
	shared_fd = open("base.bin", O_RDWR);
	all("share", share);
	say("offset", res(lseek(shared_fd, 0, SEEK_CUR)));
	say("close-shared", res(close(shared_fd)));
	fd = open("base.bin", O_RDWR);
	say("cut", res(ftruncate(fd, 40l * LINES * PROCESSES)));
	close(fd);
	say_lines("shared", "base.bin", 0);
	/* whose line is where, is not the same twice */
	unlink("appended");
	unlink("base.bin");
}

void writes_sync(void)
{
	int fd = writes_fresh("synced", 5000), reader = open("base.bin", O_RDONLY);
	int folder = open(".", O_RDONLY | O_DIRECTORY);

	say("fsync", res(fsync(fd)));
	say("fdatasync", res(fdatasync(fd)));
	say("fsync-reader", res(fsync(reader)));
	say("fsync-folder", res(fsync(folder)));
	say("write", res(write(fd, "more", 4)));
	say("range", res(sync_file_range(fd, 0, 0,
					 SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
						 SYNC_FILE_RANGE_WAIT_AFTER)));
	say("range-bad", res(sync_file_range(fd, -1, 0, 0)));
	say("syncfs", res(syncfs(fd)));
	say("lock", res(flock(fd, LOCK_EX | LOCK_NB)));
	say("lockf", res(lockf(fd, F_TLOCK, 0)));
	say("close", res(close(fd) | close(reader) | close(folder)));
	say("fsync-closed", res(fsync(fd)));
	writes_sum("sum", "synced");
}

static void *threaded(void *arg)
{
	int number = (int)(size_t)arg;
	char line[41] = LINE;

	line[0] = (char)('a' + number);
	for (int i = 0; i < LINES; i++)
		if (pwrite(shared_fd, line, 40, 40l * (i * PROCESSES + number)) != 40)
			return (void *)1;
	return NULL;
}

static void *last(void *arg)
{
	(void)arg;
	usleep(100000); /* the first thread is gone by then */
	say("write", res(write(shared_fd, "by the last thread", 18)));
	return NULL;
}

/* A process that ends with its last thread, and not by its first. */
void writes_outlived(void)
{
	pthread_t thread;

	shared_fd = writes_fresh("outlived", 10);
	writes_sum("before", "outlived");
	say("thread", pthread_create(&thread, NULL, last, NULL));
	pthread_exit(NULL);
}

void writes_threads(void)
{
	pthread_t threads[PROCESSES];
	void *bad;
	long sum = 0;

	shared_fd = open("base.bin", O_RDWR);
	for (size_t i = 0; i < PROCESSES; i++)
		pthread_create(&threads[i], NULL, threaded, (void *)i);
	for (size_t i = 0; i < PROCESSES; i++) {
		pthread_join(threads[i], &bad);
		sum += bad != NULL;
	}
	say("failed", sum);
	say("close", res(close(shared_fd)));
	writes_sum("sum", "base.bin");
}
