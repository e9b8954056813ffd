/* SPDX-License-Identifier: Apache-2.0 */
/* See spawn.h. The program's own SIGCHLD and wait status stay untouched: the child in between is
 * made without an exit signal and waited for with __WCLONE. Who traces the program and all its
 * children (strace -f) is not to wait for the daemon. */
#include "intercept/spawn.h"

#include <errno.h>
#include <linux/mman.h>
#include <linux/sched.h>
#include <linux/wait.h>
#include <string.h>

#include "intercept/filter.h"
#include "intercept/request.h"
#include "intercept/thread.h"

#define WAIT_STEP_MS 10
#define NS_PER_MS    1000000L

/* In a process whose trap is a filter nothing can run natively any more: the daemon is a program
 * under the runtime like others, without clouds of its own. */
static void exec_filtered(const char **argv)
{
	size_t n = 0;
	struct handoff h = rt.handoff;
	const char **envp;
	long at;

	while (rt.envp[n])
		n++;
	at = sys6(__NR_mmap, 0, HANDOFF_BYTES + (n + 2) * sizeof(*envp), PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (sys_failed(at))
		return;
	h.sock = "";
	h.cwd = h.mask = h.fd = h.strict = h.report = h.uring = NULL;
	h.filtered = "1";
	h.exec = h.bin;
	if (handoff_build(&h, (char *)at, HANDOFF_BYTES) < 0)
		return;
	envp = (const char **)(at + HANDOFF_BYTES);
	memcpy(envp, rt.envp, n * sizeof(*envp));
	envp[n] = (const char *)at;
	sys3(__NR_execve, rt.handoff.rt, argv, envp);
}

static void exec_daemon(void)
{
	const char *argv[] = {"skyshim",       "daemon",      "--autostart",	"--socket",
			      rt.handoff.sock, "--cache-dir", rt.handoff.cache, 0};
	uint64_t none = 0;
	struct ksigaction dfl = {0};

	for (int sig = 1; sig <= K_NSIG; sig++)
		sys4(__NR_rt_sigaction, sig, &dfl, 0, 8);
	sys4(__NR_rt_sigprocmask, K_SIG_SETMASK, &none, 0, 8);
	sys3(__NR_close_range, 3, ~0u, 0);
	sys0(__NR_setsid);
	if (thread_current()->armed && filter_wanted())
		exec_filtered(argv);
	else
		sys3(__NR_execve, rt.handoff.bin, argv, rt.envp);
	sys1(__NR_exit_group, 127);
}

/* Waits in between for `skyshim daemon`, which ends when the daemon listens, or has died. */
static void start_and_wait(void)
{
	int status = -1;
	long pid;

	sys3(__NR_close_range, 3, ~0u, 0);
	pid = sys5(__NR_clone, CLONE_UNTRACED, 0, 0, 0, 0);
	if (pid == 0)
		exec_daemon();
	/* execve has made it a child like others */
	while (pid > 0 && sys4(__NR_wait4, pid, &status, __WALL, 0) == -EINTR)
		;
	sys1(__NR_exit_group, status != 0);
}

/* Calls try until somebody listens, or the child has ended without success, or the time is over. */
static int try_until(int (*try)(void), long child, int milliseconds)
{
	int64_t step[2] = {0, WAIT_STEP_MS * NS_PER_MS};
	int status = 0, ret = -EPIPE;
	long ended = 0;

	for (int waited = 0; waited < milliseconds; waited += WAIT_STEP_MS) {
		if (!ended)
			ended = sys4(__NR_wait4, child, &status, __WCLONE | WNOHANG, 0);
		ret = try();
		if (ret != -ENOENT && ret != -ECONNREFUSED)
			break;
		ret = -EPIPE;
		if (ended && status)
			break;
		sys2(__NR_nanosleep, step, 0);
	}
	if (!ended) {
		sys2(__NR_kill, child, K_SIGKILL);
		while (sys4(__NR_wait4, child, &status, __WCLONE, 0) == -EINTR)
			;
	}
	return ret;
}

int spawn_daemon(int (*try)(void), int milliseconds)
{
	long pid;

	if (sys2(__NR_access, rt.handoff.bin, 1 /* X_OK */))
		return -EPIPE; /* in another root, say: there will be none to wait for */
	pid = sys5(__NR_clone, CLONE_UNTRACED, 0, 0, 0, 0);
	if (pid == 0)
		start_and_wait();
	return pid < 0 ? (int)pid : try_until(try, pid, milliseconds);
}
