/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parent is to be as little noticed as that of time(1): it is ended as the child is, and
 * stopped with it if the stop was for the whole job. What a terminal sends goes to both by itself;
 * what somebody sends to this process, which is the one that he knows, is passed on.
 */
#include "core/cli/attend.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/cli/where.h"

#define BY_SIGNAL 128 /* exit status of who was ended by one, as shells tell it */

static volatile sig_atomic_t child; /* 0: it has ended */
static volatile sig_atomic_t
	job_stops; /* this process, too, was told to, and has not stopped yet */
static volatile sig_atomic_t
	late; /* what was to end this process after the child has ended; 0: nothing */

/* What this process has done wrong itself: the kernel tells again where the handler returns to. */
static bool is_fault(int number)
{
	return number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE ||
	       number == SIGTRAP || number == SIGSYS;
}

/* By default it does; what stops is ignored by then. See signal(7). */
static bool is_end(int number)
{
	return number != SIGCHLD && number != SIGCONT && number != SIGURG && number != SIGWINCH;
}

/* Of another process, not of the kernel (see sigaction(2)) and not this one's own, as SIGPIPE is;
 * but the time that alarm(2) has set before all this ran goes on running here alone. */
static void on_signal(int number, siginfo_t *info, void *context)
{
	bool is_sent = info->si_code <= 0 && info->si_pid != getpid();
	int error = errno;

	(void)context;
	if (!is_sent && is_fault(number))
		signal(number, SIG_DFL);
	if (!child && !late && is_end(number))
		late = number; /* once all is told */
	if (child > 0 && info->si_code == SI_QUEUE)
		sigqueue(child, number, info->si_value);
	else if (child > 0 && (is_sent || number == SIGALRM))
		kill(child, number);
	errno = error;
}

static void on_stop(int number, siginfo_t *info, void *context)
{
	job_stops = 1;
	on_signal(number, info, context);
}

static bool is_stop(int number)
{
	return number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
}

static void pass_on(void)
{
	/* without SA_RESTART: wait_for_end() is to see it */
	const struct sigaction stop = {.sa_sigaction = on_stop, .sa_flags = SA_SIGINFO};
	const struct sigaction act = {.sa_sigaction = on_signal,
				      .sa_flags = SA_SIGINFO | SA_RESTART};

	for (int number = 1; number <= SIGRTMAX; number++) {
		struct sigaction now;

		/* what is ignored here is ignored by the child */
		if (number != SIGCHLD && !sigaction(number, NULL, &now) &&
		    now.sa_handler != SIG_IGN)
			/* SIGKILL and the like are refused */
			sigaction(number, is_stop(number) ? &stop : &act, NULL);
	}
}

/* In the child: nothing can pass on what ends the parent unasked. An execve(2) leaves it so. */
static void end_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		raise(SIGKILL); /* it has ended already */
}

static void ignore_stops(void)
{
	for (int number = 1; number <= SIGRTMAX; number++)
		if (is_stop(number))
			signal(number, SIG_IGN);
}

/* Until the child has ended. Returns what waitpid(2) tells. A child that has stopped, or was
 * stopped, alone is let go on alone, which nobody could see who has stopped as well. */
static int wait_for_end(void)
{
	bool is_stopped = false;

	for (;;) {
		int told = 0;
		pid_t pid = waitpid(child, &told, WUNTRACED | WCONTINUED);

		if (pid < 0 && errno != EINTR)
			return 0;
		if (pid > 0 && !WIFSTOPPED(told) && !WIFCONTINUED(told))
			return told;
		if (pid > 0)
			is_stopped = WIFSTOPPED(told);
		if (is_stopped && job_stops) {
			job_stops = 0;
			/* so that the shell sees it; whoever lets this go on lets that */
			raise(SIGSTOP);
			kill(child, SIGCONT);
		}
	}
}

/* The daemon's program can read what it tells (core/cli/ended.c). Nothing is to end that before it
 * has said it. */
static void tell(const char *daemon, uint32_t job)
{
	char id[9];
	char *const argv[] = {(char *)"skyshim", (char *)"ended", id, NULL};
	pid_t pid;

	snprintf(id, sizeof(id), "%08" PRIx32, job);
	pid = fork();
	if (!pid) {
		sigset_t all;

		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		execv(daemon, argv);
		where_complain("cannot execute", daemon, -errno);
		_exit(1);
	}
	if (pid < 0)
		fprintf(stderr, "skyshim: run: --stats: %s\n", strerror(errno));
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* Ends as the child did, without a second dump of core. */
static int end_by(int number)
{
	const struct rlimit none = {0, 0};
	sigset_t set;

	setrlimit(RLIMIT_CORE, &none);
	signal(number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(number);
	return BY_SIGNAL + number;
}

bool attend(const char *daemon, uint32_t job, int *status)
{
	struct sigaction ours = {.sa_handler = SIG_DFL}, before;
	sigset_t all, mask;
	pid_t parent = getpid(), pid;
	int told;

	/* nothing is to come to the parent before it can pass it on; and a child whose end is
	 * ignored leaves no status */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &mask);
	sigaction(SIGCHLD, &ours, &before);
	pid = fork();
	if (pid > 0) {
		child = pid;
		pass_on();
	} else {
		if (!pid)
			end_with(parent);
		sigaction(SIGCHLD, &before, NULL);
	}
	sigprocmask(SIG_SETMASK, &mask, NULL);
	if (pid < 0)
		fprintf(stderr, "skyshim: run: --stats: %s\n", strerror(errno));
	if (pid <= 0)
		return false;
	/* who reads from the program is not to wait for this; what is told goes to stderr */
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	told = wait_for_end();
	child = 0;	/* whose number may be another's soon */
	ignore_stops(); /* it may be in the background, and has something to say */
	tell(daemon, job);
	if (late)
		*status = end_by(late);
	else
		*status = WIFSIGNALED(told) ? end_by(WTERMSIG(told)) : WEXITSTATUS(told);
	return true;
}
