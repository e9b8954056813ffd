/* SPDX-License-Identifier: Apache-2.0 */
/* Leaving a handler by siglongjmp(3) that has interrupted a system call, ours or the kernel's, at
 * any of its instructions: no lock, no reference and no blocked signal may stay behind. */
#include "tests/apps/hazard/hazard.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define JUMPS 300

static sigjmp_buf jump;
static char alternate[65536];

static void jump_out(int number)
{
	siglongjmp(jump, number);
}

static void alarm_after(long us)
{
	struct itimerval timer = {{0, 0}, {0, us}};

	setitimer(ITIMER_REAL, &timer, NULL);
}

/* One round of calls that never ends by itself. */
static void call_for_ever(int fd, volatile long *wrong)
{
	static unsigned char data[8192];
	struct stat st;

	for (unsigned at = 0;; at = (at + 8192) % 2000000) {
		if (pread(fd, data, sizeof(data), at) != (long)sizeof(data) ||
		    !probe_same(data, at, sizeof(data)) || stat(hazard_small, &st) ||
		    st.st_size != 14 || hazard_raw(SYS_getppid, 0, 0, 0) != getppid())
			*wrong += 1;
	}
}

static void jump_many(const char *name, int flags)
{
	struct sigaction action = {.sa_handler = jump_out, .sa_flags = flags};
	volatile long wrong = 0;
	volatile int jumps = 0, fd = open(hazard_big, O_RDONLY);
	sigset_t mask;

	sigaction(SIGALRM, &action, NULL);
	while (jumps < JUMPS) {
		if (sigsetjmp(jump, 1)) {
			jumps++;
			continue;
		}
		alarm_after(100 + jumps * 7 % 300);
		call_for_ever(fd, &wrong);
	}
	alarm_after(0);
	signal(SIGALRM, SIG_DFL);
	say(name, jumps);
	say("wrong", wrong);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	say("blocked", sigismember(&mask, SIGALRM) + sigismember(&mask, SIGSYS));
	say("after", hazard_reads_small(hazard_raw));
	close(fd);
	fd = open(hazard_small, O_RDONLY);
	say("descriptor", fd);
	close(fd);
}

void hazard_jump(void)
{
	stack_t stack = {.ss_sp = alternate, .ss_size = sizeof(alternate)};

	jump_many("jumps", 0);
	sigaltstack(&stack, NULL);
	jump_many("jumps-from-alternate-stack", SA_ONSTACK);
}
