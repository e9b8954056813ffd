/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parent is to be as little noticed as that of time(1): it is ended as the child is, and
 * stopped with it if the stop was for the whole job. What a terminal sends goes to both by itself;
 * what somebody sends to this process, which is the one that he knows, is passed on.
 */
#include "core/cli/attend.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/cli/report.h"
#include "core/cli/statsview.h"

#define LOOKS	  100 /* for so many times 10 ms: what was read ahead in vain may take longer */
#define BY_SIGNAL 128 /* exit status of who was ended by one, as shells tell it */

static const int passed_on[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};

static const int stops[] = {SIGTSTP, SIGTTIN, SIGTTOU};

static volatile sig_atomic_t child;
static volatile sig_atomic_t
	job_stops; /* this process, too, was told to, and has not stopped yet */

static void on_signal(int number, siginfo_t *info, void *context)
{
	int error = errno;

	(void)context;
	if (info->si_code <= 0) /* of a process, not of the kernel: see sigaction(2) */
		kill(child, number);
	errno = error;
}

static void on_stop(int number)
{
	(void)number;
	job_stops = 1;
}

static void for_stops(void (*handler)(int))
{
	/* without SA_RESTART: wait_for_end() is to see it */
	const struct sigaction act = {.sa_handler = handler};

	for (size_t i = 0; i < sizeof(stops) / sizeof(*stops); i++)
		sigaction(stops[i], &act, NULL);
}

static void pass_on(void)
{
	const struct sigaction act = {.sa_sigaction = on_signal,
				      .sa_flags = SA_SIGINFO | SA_RESTART};

	signal(SIGPIPE, SIG_IGN); /* who does not want to read it all is no reason to end so */
	for_stops(on_stop);
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(*passed_on); i++) {
		struct sigaction now;

		/* what is ignored here is ignored by the child */
		if (!sigaction(passed_on[i], NULL, &now) && now.sa_handler != SIG_IGN)
			sigaction(passed_on[i], &act, NULL);
	}
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

/* The program may have its bytes a moment before their request is counted. */
static int get_all(uint32_t job, json_t **root)
{
	const struct timespec rest = {.tv_nsec = 10000000};
	int ret = report_get(WIRE_STATS, job, root);

	for (int i = 0; i < LOOKS && !ret && stats_number(*root, "requests_under_way"); i++) {
		json_decref(*root);
		*root = NULL;
		nanosleep(&rest, NULL);
		ret = report_get(WIRE_STATS, job, root);
	}
	return ret;
}

static void tell(uint32_t job)
{
	json_t *root = NULL;
	int ret = get_all(job, &root);

	if (ret == 1)
		fputs("skyshim: run: --stats: the daemon has ended\n", stderr);
	if (ret == 2)
		fputs("skyshim: run: --stats: the daemon does not know the job any more\n", stderr);
	if (!ret)
		statstext_print(stderr, root, true);
	json_decref(root);
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

bool attend(uint32_t job, int *status)
{
	struct sigaction ours = {.sa_handler = SIG_DFL}, before;
	sigset_t all, mask;
	int told;
	pid_t pid;

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
	for_stops(SIG_IGN); /* it may be in the background, and has something to say */
	tell(job);
	*status = WIFSIGNALED(told) ? end_by(WTERMSIG(told)) : WEXITSTATUS(told);
	return true;
}
