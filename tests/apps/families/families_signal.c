/* SPDX-License-Identifier: Apache-2.0 */
/* Signals beside system calls: stacks of their own, handlers in handlers, queues, timers. */
#include "tests/apps/families/families.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif
#define PAGE	4096ul
#define HANDLER 1024ul /* bytes that the handlers here need themselves */
#define MISSING 400

static volatile sig_atomic_t handled, outside, depth, deepest;
static volatile long sum_there, value;
static char *stack_from, *stack_to;

void family_waiting(void)
{
	struct signalfd_siginfo got = {0};
	struct timespec second = {5, 0};
	siginfo_t info = {0};
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 3);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	say("signalfd", fd < 0 ? -1 : 0);
	kill(getpid(), SIGUSR1);
	read_file();
	say("read", read(fd, &got, sizeof(got)));
	say("signal", (long)got.ssi_signo);
	for (int i = 0; i < 3; i++)
		sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = 40 + i});
	read_file();
	for (int i = 0; i < 3; i++) {
		say("sigtimedwait", sigtimedwait(&set, &info, &second) - SIGRTMIN);
		say("value", info.si_value.sival_int);
	}
}

static void handle(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = flags | SA_SIGINFO};

	sigaction(number, &action, NULL);
}

static void on_small_stack(int number, siginfo_t *info, void *context)
{
	const char *here = (const char *)&number;

	(void)info;
	(void)context;
	handled++;
	outside += here < stack_from || here >= stack_to;
}

/* A stack for signals that is as small as the kernel allows, and unmapped memory below. */
static void make_stack(void)
{
	size_t frame = getauxval(AT_MINSIGSTKSZ), bytes = (frame ? frame : 2048) + HANDLER;
	size_t room = (bytes + PAGE - 1) & ~(PAGE - 1);
	char *below = mmap(NULL, room + PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack_t stack = {.ss_size = bytes};

	say("room", mprotect(below + PAGE, room, PROT_READ | PROT_WRITE));
	/* What is above is not the stack's: it is looked at afterwards. */
	stack_from = below + PAGE;
	stack_to = stack_from + bytes;
	memset(stack_to, 0x55, room - bytes);
	stack.ss_sp = stack_from;
	say("sigaltstack", sigaltstack(&stack, NULL));
	stack.ss_size = 1024;
	say("too small a one", sigaltstack(&stack, NULL));
}

void family_altstack(void)
{
	struct itimerval every = {{0, 400}, {0, 400}}, off = {{0, 0}, {0, 0}};
	long wrong = 0, spoilt = 0, sum = file_sum(), far = big_sum(999999);
	stack_t stack;

	make_stack();
	handle(SIGALRM, on_small_stack, SA_ONSTACK | SA_RESTART);
	raise(SIGALRM);
	say("raised", handled);
	setitimer(ITIMER_REAL, &every, NULL);
	while (handled < 300)
		wrong += file_sum() != sum || big_sum(999999) != far || access("/none", F_OK) == 0;
	setitimer(ITIMER_REAL, &off, NULL);
	say("wrong", wrong);
	say("elsewhere", outside);
	for (char *at = stack_to; (unsigned long)at % PAGE; at++)
		spoilt += *at != 0x55;
	say("spoilt", spoilt);
	sigaltstack(NULL, &stack);
	say("still the same", stack.ss_sp == stack_from && !stack.ss_flags);
	read_file();
}

/* Goes five handlers deep, by the same signal and another in turn, each of which reads. */
static void deeper(int number, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	depth++;
	deepest = depth > deepest ? depth : deepest;
	handled++;
	if (depth < 5)
		raise(depth % 2 ? SIGUSR2 : number);
	sum_there += file_sum();
	depth--;
}

static void note_depth(int number, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	depth++;
	deepest = depth > deepest ? depth : deepest;
	if (!handled++)
		raise(number); /* blocked until this one returns */
	sum_there += file_sum();
	depth--;
}

void family_nested(void)
{
	struct itimerval every = {{0, 500}, {0, 500}}, off = {{0, 0}, {0, 0}};
	long sum = file_sum(), wrong = 0;

	handle(SIGUSR1, deeper, SA_NODEFER);
	handle(SIGUSR2, deeper, SA_NODEFER);
	raise(SIGUSR1);
	say("handled", handled);
	say("deepest", deepest);
	say("sums", sum_there / sum);
	handled = deepest = 0;
	sum_there = 0;
	handle(SIGUSR1, note_depth, 0);
	raise(SIGUSR1);
	say("one after the other", handled);
	say("never both", deepest);
	say("sums", sum_there / sum);
	/* And while a call of ours is under way. */
	handle(SIGALRM, deeper, SA_NODEFER);
	handle(SIGUSR2, deeper, SA_NODEFER);
	handled = 0;
	setitimer(ITIMER_REAL, &every, NULL);
	while (handled < 500)
		wrong += file_sum() != sum;
	setitimer(ITIMER_REAL, &off, NULL);
	say("wrong", wrong);
	say("depth at the end", depth);
}

static void count(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	handled++;
	value += info->si_value.sival_int;
}

/* Names that nobody has asked for before, so the daemon is: no wait for it is cut short, and no
 * signal waits for long. */
static void missing_names(const char *what, int flags)
{
	static int next;
	struct itimerval every = {{0, 300}, {0, 300}}, off = {{0, 0}, {0, 0}};
	char name[5000];
	long missing = 0, other = 0;

	handle(SIGALRM, count, flags);
	handled = 0;
	setitimer(ITIMER_REAL, &every, NULL);
	for (int i = 0; i < MISSING || handled < 10; i++) {
		snprintf(name, sizeof(name), "%s/none-%d", beside[1], next++);
		if (open(name, O_RDONLY) < 0 && errno == ENOENT)
			missing++;
		else
			other++;
	}
	setitimer(ITIMER_REAL, &off, NULL);
	say(what, missing >= MISSING);
	say("otherwise", other);
}

/* Short calls of one kind, a signal before or behind many of them: each is ours all the same. */
static void storm(void)
{
	struct itimerval every = {{0, 60}, {0, 60}}, off = {{0, 0}, {0, 0}};
	long wrong = 0;

	handle(SIGALRM, count, SA_RESTART);
	handled = 0;
	setitimer(ITIMER_REAL, &every, NULL);
	while (handled < 6000)
		wrong += syscall(SYS_access, file, R_OK) != 0;
	setitimer(ITIMER_REAL, &off, NULL);
	say("short calls gone wrong", wrong);
}

static void *wait_for_value(void *set)
{
	struct timespec limit = {10, 0};
	siginfo_t info = {0};

	if (sigtimedwait(set, &info, &limit) < 0)
		return NULL;
	return (void *)(long)info.si_value.sival_int;
}

/* While the daemon is waited for; and signals for one thread of several. */
void family_waits(void)
{
	pthread_t thread[2];
	void *got[2];
	sigset_t set;

	storm();
	missing_names("restarting", SA_RESTART);
	missing_names("interrupting", 0);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, wait_for_value, &set);
#ifdef __GLIBC__
	for (int i = 1; i >= 0; i--)
		pthread_sigqueue(thread[i], SIGRTMIN + 1, (union sigval){.sival_int = 70 + i});
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], &got[i]);
	say("first", (long)got[0]);
	say("second", (long)got[1]);
#else
	for (int i = 0; i < 2; i++)
		sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 70 + i});
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], &got[i]);
	say("both", (long)got[0] + (long)got[1]);
#endif
	read_file();
}

static void by_thread(union sigval which)
{
	value += which.sival_int;
	sum_there = file_sum();
	handled++;
}

static void wait_until(int times)
{
	for (int i = 0; i < 10000 && handled < times; i++)
		usleep(1000);
}

void family_timers(void)
{
	struct itimerspec soon = {.it_value = {0, 2000000}}, often = {{0, 50000}, {0, 50000}}, left;
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 2};
	struct timespec later;
	siginfo_t info = {0};
	sigset_t set;
	timer_t timer;

	handle(SIGRTMIN + 2, count, 0);
	event.sigev_value.sival_int = 11;
	say("create", timer_create(CLOCK_MONOTONIC, &event, &timer));
	say("set", timer_settime(timer, 0, &soon, NULL));
	read_file();
	wait_until(1);
	say("value", value);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	timer_settime(timer, 0, &often, NULL);
	usleep(5000);
	say("waited for", sigtimedwait(&set, &info, &(struct timespec){5, 0}) - SIGRTMIN);
	say("overrun", info.si_overrun > 5 && timer_getoverrun(timer) >= info.si_overrun);
	timer_settime(timer, 0, &(struct itimerspec){.it_value = {0, 0}}, NULL);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	say("gettime", timer_gettime(timer, &left));
	say("left", left.it_value.tv_nsec);
	say("delete", timer_delete(timer));
	event = (struct sigevent){.sigev_notify = SIGEV_THREAD, .sigev_notify_function = by_thread};
	event.sigev_value.sival_int = 5;
	handled = 0;
	value = 0;
	say("by a thread", timer_create(CLOCK_REALTIME, &event, &timer));
	timer_settime(timer, 0, &soon, NULL);
	wait_until(1);
	say("value", value);
	say("sum there", sum_there);
	timer_delete(timer);
	event = (struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 2};
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	timer_settime(timer, 0, &soon, NULL);
	clock_gettime(CLOCK_MONOTONIC, &later);
	later.tv_sec += 20;
	say("sleep until", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &later, NULL) == EINTR);
	timer_delete(timer);
}
