/* SPDX-License-Identifier: Apache-2.0 */
/* Signal masks: the one that a waiting call brings, whose handlers run with it; the one that blocks
 * what tells of bad pointers; the one that a thread begins with while signals rain on its maker. */
#include "tests/apps/hazard/hazard.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 400

static volatile long handled;
static volatile uint64_t inside;

static uint64_t mask_now(void)
{
	sigset_t mask;
	uint64_t bits;

	sigemptyset(&mask);
	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	memcpy(&bits, &mask, sizeof(bits));
	return bits;
}

static void count(int number)
{
	(void)number;
	handled++;
	inside = mask_now();
}

static void handle(int number, int flags)
{
	struct sigaction action = {.sa_handler = count, .sa_flags = flags};

	sigaction(number, &action, NULL);
}

static void block(int first, int second)
{
	sigset_t mask;

	sigemptyset(&mask);
	if (first)
		sigaddset(&mask, first);
	if (second)
		sigaddset(&mask, second);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

/* Two signals are there; both are let in by one call, since the first one's handler runs with the
 * call's mask. */
static void begin_two(void)
{
	handled = 0;
	handle(SIGUSR1, 0);
	handle(SIGUSR2, 0);
	block(SIGUSR1, SIGUSR2);
	raise(SIGUSR1);
	raise(SIGUSR2);
}

static void end_two(const char *name, long result)
{
	say(name, result);
	say("handled", handled);
	say("inside", (long)(inside & 0xffffffff));
	say("mask", (long)mask_now());
	block(0, 0);
}

static void mask_waits(void)
{
	struct timespec second = {1, 0};
	struct epoll_event event;
	struct pollfd none = {.fd = -1};
	int epoll = epoll_create1(0);
	sigset_t empty;

	sigemptyset(&empty);
	begin_two();
	end_two("sigsuspend", res(sigsuspend(&empty)));
	begin_two();
	end_two("ppoll", res(ppoll(&none, 1, &second, &empty)));
	begin_two();
	end_two("pselect", res(pselect(0, NULL, NULL, NULL, &second, &empty)));
	begin_two();
	end_two("epoll_pwait", res(epoll_pwait(epoll, &event, 1, 1000, &empty)));
	/* A call without one of its own, after those. */
	handled = 0;
	block(SIGUSR2, 0);
	raise(SIGUSR2);
	raise(SIGUSR1);
	say("others", handled);
	end_two("none", 0);
	close(epoll);
}

/* With faults blocked, handlers run as ever, and the mask stays. */
static void mask_faults(void)
{
	handled = 0;
	handle(SIGUSR1, 0);
	block(SIGSEGV, SIGBUS);
	raise(SIGUSR1);
	say("faults-handled", handled);
	say("faults-inside", (long)inside);
	say("faults-mask", (long)mask_now());
	say("faults-mask-again", (long)mask_now());
	raise(SIGUSR1);
	say("faults-handled-again", handled);
	block(0, 0);
}

/* All of them: a C library keeps some for itself. */
static long set_mask(uint64_t *mask)
{
	return syscall(SYS_rt_sigprocmask, SIG_SETMASK, mask, NULL, sizeof(*mask));
}

static void block_all(void)
{
	uint64_t all = ~UINT64_C(0);

	set_mask(&all);
}

static long is_pending(int number)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, number);
}

/* With all of them blocked, what tells of bad pointers waits like the others when it is sent, and
 * kills when an instruction causes it. A bad pointer is still only that. */
static void mask_everything(void)
{
	struct sigaction now;
	pid_t pid;

	handled = 0;
	handle(SIGSEGV, 0);
	block_all();
	sigaction(SIGUSR1, NULL, &now);
	kill(getpid(), SIGSEGV);
	sigaction(SIGUSR2, NULL, &now);
	say("all-handled", handled);
	say("all-pending", is_pending(SIGSEGV));
	say("all-mask", (long)mask_now());
	say("all-efault", res(set_mask((uint64_t *)8)));
	block(0, 0);
	say("all-handled-then", handled);
	if (!(pid = fork())) {
		block_all();
		sigaction(SIGUSR1, NULL, &now);
		*(volatile long *)8 = 1;
		_exit(1);
	}
	say("all-caused", hazard_wait(pid));
	if (!(pid = fork())) {
		block_all();
		sigaction(SIGUSR1, NULL, &now);
		raise(SIGBUS);
		execlp("grep", "grep", "SigPnd", "/proc/self/status", NULL);
		_exit(1);
	}
	say("all-inherited", hazard_wait(pid));
}

static void *look_at_mask(void *arg)
{
	(void)arg;
	return (void *)(long)(mask_now() != 0 || mask_now() != 0);
}

/* Raw, since pthread_create blocks signals itself: the timer's signal hits in between. */
static void mask_threads(void)
{
	struct itimerval soon = {{0, 150}, {0, 150}}, off = {{0, 0}, {0, 0}};
	long wrong = 0, wrong_forked = 0;
	pthread_t thread;

	handle(SIGALRM, SA_RESTART);
	setitimer(ITIMER_REAL, &soon, NULL);
	for (int i = 0; i < THREADS; i++) {
		void *result = NULL;
		pid_t pid;

		if (!pthread_create(&thread, NULL, look_at_mask, NULL)) {
			pthread_join(thread, &result);
			wrong += (long)result;
		}
		if (i % 4)
			continue;
		if (!(pid = vfork()))
			_exit(mask_now() != 0 || mask_now() != 0);
		wrong_forked += hazard_wait(pid);
	}
	setitimer(ITIMER_REAL, &off, NULL);
	say("wrong-in-thread", wrong);
	say("wrong-in-vfork", wrong_forked);
	say("after", (long)mask_now());
}

void hazard_mask(void)
{
	mask_waits();
	mask_faults();
	mask_everything();
	mask_threads();
}
