/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a start costs, in counts that no other job on the machine changes: the system calls that the
 * kernel sees from before an execve to the end of what it executes, and the page faults.
 *
 *	starts PROGRAM [ARG]...		prints "CALLS FAULTS"
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALL_STOP (SIGTRAP | 0x80)

static int count(pid_t pid, long *stops)
{
	int status, number = 0;

	/* Taken hold of from outside, as by strace: a child that asks for it is a debugger's. */
	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC) ||
	    waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return -1;
	for (;;) {
		if (ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)number) ||
		    waitpid(pid, &status, 0) != pid)
			return -1;
		if (!WIFSTOPPED(status))
			return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -1;
		number = WSTOPSIG(status);
		if (number == CALL_STOP)
			++*stops;
		if (number == CALL_STOP || number == SIGTRAP)
			number = 0;
	}
}

int main(int argc, char **argv)
{
	struct rusage used;
	long stops = 0;
	pid_t pid;

	if (argc < 2)
		return 2;
	pid = fork();
	if (!pid) {
		raise(SIGSTOP);
		execv(argv[1], argv + 1);
		_exit(127);
	}
	if (count(pid, &stops)) {
		fprintf(stderr, "starts: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	getrusage(RUSAGE_CHILDREN, &used);
	printf("%ld %ld\n", (stops + 1) / 2, used.ru_minflt); /* the last call has no end */
	return 0;
}
