/* SPDX-License-Identifier: Apache-2.0 */
/* Signals that arrive while a program writes, and handlers that write themselves. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/apps/write/writes.h"

#define WRITES 20000

static int log_fd = -1, file_fd = -1;
static volatile long written, bad, over;

static void on_alarm(int sig)
{
	int kept = errno;

	(void)sig;
	if (log_fd >= 0) {
		if (write(log_fd, "alarm\n", 6) == 6)
			written++;
		else
			bad++;
	}
	errno = kept;
}

static void on_limit(int sig)
{
	(void)sig;
	over++;
}

static void handle(int sig, void (*handler)(int))
{
	struct sigaction act = {.sa_handler = handler};

	sigaction(sig, &act, NULL);
}

static void every(long us)
{
	struct itimerval t = {{0, us}, {0, us}};

	setitimer(ITIMER_REAL, &t, NULL);
}

static void storm(void)
{
	long lost = 0;

	handle(SIGALRM, on_alarm);
	log_fd = open("alarms", O_WRONLY | O_CREAT | O_APPEND, 0644);
	file_fd = open("base.bin", O_RDWR);
	every(500);
	for (int i = 0; i < WRITES; i++) {
		lost += write(file_fd, "0123456789", 10) != 10;
		lost += pwrite(file_fd, "x", 1, i) != 1;
	}
	every(0);
	say("lost", lost);
	say("offset", res(lseek(file_fd, 0, SEEK_CUR)));
	say("some", written > 0);
	say("bad", bad);
	say("all", res(lseek(log_fd, 0, SEEK_END)) == 6 * written);
	say("close", res(close(file_fd) | close(log_fd)));
	log_fd = -1;
	writes_sum("sum", "base.bin");
	unlink("alarms");
}

/* A wait for a pipe is ended by a signal, also if it would end in a cloud file. */
static void interrupted(void)
{
	int pipes[2], fd = open("base.bin", O_WRONLY);

	if (pipe(pipes))
		return;
	every(50000);
	say("splice", res(syscall(SYS_splice, pipes[0], NULL, fd, NULL, 10ul, 0)));
	every(0);
	say("filled", res(write(pipes[1], "later", 5)));
	say("again", res(syscall(SYS_splice, pipes[0], NULL, fd, NULL, 10ul, 0)));
	say("close", res(close(fd) | close(pipes[0]) | close(pipes[1])));
	writes_sum("spliced", "base.bin");
}

static void limited(void)
{
	struct rlimit limit = {5000, RLIM_INFINITY}, old;
	int fd = writes_fresh("limited", 4990);
	char text[100] = "";

	getrlimit(RLIMIT_FSIZE, &old);
	limit.rlim_max = old.rlim_max;
	handle(SIGXFSZ, on_limit);
	setrlimit(RLIMIT_FSIZE, &limit);
	say("to-limit", res(write(fd, text, 100)));
	say("over-limit", res(write(fd, text, 100)));
	say("signals", over);
	say("longer", res(ftruncate(fd, 6000)));
	say("signals-then", over);
	setrlimit(RLIMIT_FSIZE, &old);
	say("close", res(close(fd)));
	writes_sum("limited", "limited");
}

void writes_signals(void)
{
	storm();
	interrupted();
	limited();
}
