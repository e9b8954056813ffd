/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parent is to be as little noticed as that of time(1): it is stopped and ended as the child
 * is. What a terminal sends goes to both by itself; what somebody sends to this process, which is
 * the one that he knows, is passed on.
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

static volatile sig_atomic_t child;

static void on_signal(int number, siginfo_t *info, void *context)
{
	int error = errno;

	(void)context;
	if (info->si_code <= 0) /* of a process, not of the kernel: see sigaction(2) */
		kill(child, number);
	errno = error;
}

static void pass_on(void)
{
	const struct sigaction act = {.sa_sigaction = on_signal,
				      .sa_flags = SA_SIGINFO | SA_RESTART};

	signal(SIGPIPE, SIG_IGN); /* who does not want to read it all is no reason to end so */
	/* when the child stops, this does */
	signal(SIGTSTP, SIG_IGN);
	signal(SIGTTIN, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(*passed_on); i++) {
		struct sigaction now;

		/* what is ignored here is ignored by the child */
		if (!sigaction(passed_on[i], NULL, &now) && now.sa_handler != SIG_IGN)
			sigaction(passed_on[i], &act, NULL);
	}
}

/* Until the child has ended. Returns what waitpid(2) tells. */
static int wait_for_end(void)
{
	int told = 0;

	while (waitpid(child, &told, WUNTRACED) < 0 ? errno == EINTR : WIFSTOPPED(told)) {
		if (WIFSTOPPED(told)) {
			/* so that the shell sees it; whoever lets this go on lets that */
			raise(SIGSTOP);
			kill(child, SIGCONT);
		}
		told = 0;
	}
	return told;
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
	tell(job);
	*status = WIFSIGNALED(told) ? end_by(WTERMSIG(told)) : WEXITSTATUS(told);
	return true;
}
