/* SPDX-License-Identifier: Apache-2.0 */
/* Signals: delivery, masks, restarts, jumps, and what a handler is shown. */
#include "tests/apps/probe/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t count;
static sigjmp_buf jump;

static void count_up(int number)
{
	(void)number;
	count++;
}

static void jump_out(int number)
{
	siglongjmp(jump, number);
}

static void handle(int number, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	sigaction(number, &action, NULL);
}

static void alarm_after(long first_us, long every_us)
{
	struct itimerval timer = {{0, every_us}, {0, first_us}};

	setitimer(ITIMER_REAL, &timer, NULL);
}

/* A read from a pipe that gets a byte after 150 ms and an alarm after 30 ms. */
static void interrupted_read(const char *label, int flags)
{
	int pipes[2];
	char byte;
	pid_t pid;

	if (pipe(pipes))
		return;
	count = 0;
	handle(SIGALRM, count_up, flags);
	if (!(pid = fork())) {
		alarm_after(0, 0);
		usleep(150000);
		_exit(write(pipes[1], "x", 1) != 1);
	}
	alarm_after(30000, 0);
	say(label, res(read(pipes[0], &byte, 1)));
	say("handled", count);
	waitpid(pid, NULL, 0);
	close(pipes[0]);
	close(pipes[1]);
}

static void signal_interrupts(void)
{
	struct timespec rest = {0, 200000000};
	struct pollfd nothing = {.fd = -1};

	interrupted_read("read-restarted", SA_RESTART);
	interrupted_read("read-interrupted", 0);
	handle(SIGALRM, count_up, SA_RESTART);
	alarm_after(20000, 0);
	say("poll-interrupted", res(poll(&nothing, 1, 500)));
	alarm_after(20000, 0);
	say("nanosleep-interrupted", res(nanosleep(&rest, &rest)));
	say("nanosleep-rest", rest.tv_nsec > 0 && rest.tv_nsec < 200000000);
	alarm_after(20000, 0);
	say("pause", res(pause()));
}

/* Alarms every millisecond while cloud bytes are read: not a byte may be lost, no call may fail. */
static void signal_storm(const char *label, int flags)
{
	static unsigned char data[70000];
	int fd = open("big.bin", O_RDONLY), wrong = 0, again, late = 0;

	count = 0;
	handle(SIGALRM, count_up, flags);
	alarm_after(1000, 1000);
	for (int i = 0; (i < 300 || !count) && late < 100000; i++, late++) {
		size_t at = (size_t)(i * 9973) % (PROBE_BIG - sizeof(data));

		wrong += pread(fd, data, sizeof(data), (off_t)at) != (long)sizeof(data) ||
			 !probe_same(data, at, sizeof(data));
		again = open("small.txt", O_RDONLY);
		wrong += again < 0 || access("sub/deeper/x", R_OK);
		close(again);
	}
	alarm_after(0, 0);
	say(label, wrong);
	say("storm-handled", count > 0);
	close(fd);
}

static void signal_jump(void)
{
	int fd = open("big.bin", O_RDONLY), pipes[2], round = 0;
	volatile int jumps = 0;
	char data[4096];
	sigset_t mask;

	if (pipe(pipes))
		return;
	handle(SIGALRM, jump_out, 0);
	if (!sigsetjmp(jump, 1)) {
		alarm_after(20000, 0);
		say("never", read(pipes[0], data, 1));
	}
	sigprocmask(SIG_SETMASK, NULL, &mask);
	say("jump-mask-restored", sigismember(&mask, SIGALRM));
	say("jump-then-read",
	    pread(fd, data, 4096, 12345) == 4096 && probe_same(data, 12345, 4096));
	/* Jump out of whatever stands between two cloud calls, many times. */
	while (jumps < 30) {
		if (sigsetjmp(jump, 1)) {
			jumps++;
			continue;
		}
		alarm_after(500 + 37 * round++ % 400, 0);
		for (;;)
			if (access("small.txt", R_OK) || pread(fd, data, 4096, 4096) != 4096)
				say("jump-wrong", -errno);
	}
	alarm_after(0, 0);
	say("jumps", jumps);
	say("jump-after", res(access("small.txt", R_OK)));
	close(fd);
	close(pipes[0]);
	close(pipes[1]);
}

static void signal_masks(void)
{
	struct timespec soon = {0, 50000000};
	struct signalfd_siginfo info;
	sigset_t set, pending, old;
	siginfo_t got;
	int fd;

	count = 0;
	handle(SIGUSR1, count_up, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	say("block", sigprocmask(SIG_BLOCK, &set, &old));
	raise(SIGUSR1);
	say("blocked-open", res(access("small.txt", R_OK)));
	say("blocked-count", count);
	sigpending(&pending);
	say("pending", sigismember(&pending, SIGUSR1));
	say("unblock", sigprocmask(SIG_UNBLOCK, &set, NULL));
	say("delivered", count);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	say("sigtimedwait", res(sigtimedwait(&set, &got, &soon)));
	say("sigtimedwait-nothing", res(sigtimedwait(&set, &got, &soon)));
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	raise(SIGUSR1);
	say("signalfd", read(fd, &info, sizeof(info)) == sizeof(info) && info.ssi_signo == SIGUSR1);
	close(fd);
	raise(SIGUSR1);
	sigdelset(&old, SIGUSR1);
	say("sigsuspend", res(sigsuspend(&old)));
	say("after-sigsuspend", count);
	sigprocmask(SIG_SETMASK, &old, NULL);
	/* Everything blocked, those that the runtime needs included. */
	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, &old);
	say("all-blocked-open", res(access("small.txt", R_OK)));
	sigprocmask(SIG_SETMASK, NULL, &pending);
	say("sees-blocked-sigsys", sigismember(&pending, SIGSYS));
	say("sees-blocked-kill", sigismember(&pending, SIGKILL));
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void signal_actions(void)
{
	struct sigaction action = {.sa_handler = count_up, .sa_flags = SA_RESETHAND | SA_NODEFER},
			 was;
	pid_t pid;
	int status;

	sigaction(SIGUSR2, &action, NULL);
	sigaction(SIGUSR2, NULL, &was);
	say("action-handler", was.sa_handler == count_up);
	say("action-flags", was.sa_flags & (SA_RESETHAND | SA_NODEFER | SA_RESTART | SA_SIGINFO));
	count = 0;
	raise(SIGUSR2);
	sigaction(SIGUSR2, NULL, &was);
	say("action-once", count == 1 && was.sa_handler == SIG_DFL);
	sigaction(SIGSYS, NULL, &was);
	say("sigsys-default", was.sa_handler == SIG_DFL);
	handle(SIGSYS, count_up, 0);
	raise(SIGSYS);
	say("sigsys-own-handler", count);
	say("sigsys-own-open", res(access("small.txt", R_OK)));
	handle(SIGSYS, SIG_IGN, 0);
	raise(SIGSYS);
	say("sigsys-ignored-open", res(access("small.txt", R_OK)));
	handle(SIGSYS, SIG_DFL, 0);
	if (!(pid = fork())) {
		raise(SIGSYS);
		_exit(1);
	}
	waitpid(pid, &status, 0);
	say("sigsys-kills", WIFSIGNALED(status) ? WTERMSIG(status) : -1);
	if (!(pid = fork()))
		abort();
	waitpid(pid, &status, 0);
	say("abort-kills", WIFSIGNALED(status) ? WTERMSIG(status) : -1);
	say("action-sigkill", res(sigaction(SIGKILL, &action, NULL)));
}

void probe_signal(void)
{
	signal_interrupts();
	signal_storm("storm", 0);
	signal_storm("storm-restart", SA_RESTART);
	signal_jump();
	signal_masks();
	signal_actions();
	handle(SIGALRM, SIG_DFL, 0);
}
