/* SPDX-License-Identifier: Apache-2.0 */
/* Signals that are queued: each comes, with what it brought, in the order in which it was sent,
 * whatever the program was about when it came. */
#include "tests/apps/hazard/hazard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COUNT 20000
#define BURST 4
#define PAUSE 30000

static volatile long came, wrong, last;

static void look(int number, siginfo_t *info, void *context)
{
	(void)context;
	came++;
	if (info->si_signo != number || info->si_code != SI_QUEUE ||
	    info->si_value.sival_int != last + 1)
		wrong++;
	last = info->si_value.sival_int;
}

static void send_all(pid_t to)
{
	for (int i = 1; i <= COUNT; i++) {
		siginfo_t info = {.si_signo = SIGRTMIN, .si_code = SI_QUEUE};

		info.si_value.sival_int = i;
		/* to the thread: what is for the process is another queue */
		while (syscall(SYS_rt_tgsigqueueinfo, to, to, SIGRTMIN, &info))
			if (errno != EAGAIN) /* so many are waiting already */
				_exit(1);
		if (i % BURST == 0) /* so that it comes to its calls again */
			for (volatile int wait = i % PAUSE; wait; wait--)
				;
	}
	_exit(0);
}

void hazard_order(void)
{
	struct sigaction action = {.sa_sigaction = look, .sa_flags = SA_SIGINFO | SA_RESTART};
	pid_t self = getpid(), child;
	long failed = 0;
	int fd;

	sigaction(SIGRTMIN, &action, NULL);
	if (!(child = fork()))
		send_all(self);
	while (last < COUNT && !kill(child, 0)) {
		fd = open(hazard_small, O_RDONLY);
		failed += fd < 0 || close(fd);
	}
	say("sender", hazard_wait(child));
	say("came", came);
	say("out-of-order", wrong);
	say("failed", failed);
	signal(SIGRTMIN, SIG_DFL);
}
