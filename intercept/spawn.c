/* SPDX-License-Identifier: Apache-2.0 */
/* See spawn.h. The program's own SIGCHLD and wait status stay untouched: the child in between is
 * made without an exit signal and waited for with __WCLONE. */
#include "intercept/spawn.h"

#include <errno.h>
#include <linux/wait.h>

#include "intercept/request.h"
#include "intercept/thread.h"

#define WAIT_STEP_MS 10
#define NS_PER_MS    1000000L

static void exec_daemon(void)
{
	const char *argv[] = {rt.handoff.bin,  "daemon",      "--autostart",	"--socket",
			      rt.handoff.sock, "--cache-dir", rt.handoff.cache, 0};
	uint64_t none = 0;
	struct ksigaction dfl = {0};

	for (int sig = 1; sig <= K_NSIG; sig++)
		sys4(__NR_rt_sigaction, sig, &dfl, 0, 8);
	sys4(__NR_rt_sigprocmask, K_SIG_SETMASK, &none, 0, 8);
	sys3(__NR_close_range, 3, ~0u, 0);
	sys0(__NR_setsid);
	sys3(__NR_execve, rt.handoff.bin, argv, rt.envp);
	sys1(__NR_exit_group, 127);
}

int spawn_daemon(void)
{
	int status = 0;
	long pid;

	if (sys2(__NR_access, rt.handoff.bin, 1 /* X_OK */))
		return -ENOENT; /* in another root, say: there will be none to wait for */
	pid = sys5(__NR_clone, 0, 0, 0, 0, 0);
	if (pid < 0)
		return (int)pid;
	if (pid == 0) {
		long grandchild = sys5(__NR_clone, 0, 0, 0, 0, 0);

		if (grandchild == 0)
			exec_daemon();
		sys1(__NR_exit_group, grandchild < 0);
	}
	while (sys4(__NR_wait4, pid, &status, __WCLONE, 0) == -EINTR)
		;
	return status ? -EAGAIN : 0;
}

int spawn_wait(int (*try)(void), int milliseconds)
{
	int64_t step[2] = {0, WAIT_STEP_MS * NS_PER_MS};
	int ret = -ECONNREFUSED;

	for (int waited = 0; waited < milliseconds; waited += WAIT_STEP_MS) {
		ret = try();
		if (ret != -ENOENT && ret != -ECONNREFUSED)
			return ret;
		sys2(__NR_nanosleep, step, 0);
	}
	return -EPIPE;
}
