/* SPDX-License-Identifier: Apache-2.0 */
/* Who finds nobody listening starts a daemon; the lock in the cache directory settles who of them
 * stays. */
#include "fs/autostart.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/scope.h"

#define MS_PER_S   1000
#define WAIT_MAX_S 1e6
#define MARGIN_MS  3000 /* for whoever waits for the daemon to say so first */

int autostart_probe(const char *sock)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	SCOPE_FD int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (strlen(sock) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, sock, strlen(sock) + 1);
	if (!connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) || errno == EAGAIN)
		return 0; /* EAGAIN: its queue is full */
	return -errno;
}

int autostart_wait_ms(void)
{
	const char *text = getenv("SKYSHIM_DAEMON_WAIT");
	char *end;
	double s = text && *text ? strtod(text, &end) : AUTOSTART_WAIT_S;

	if (text && *text && (*end || !(s > 0) || s > WAIT_MAX_S))
		s = AUTOSTART_WAIT_S;
	return (int)(s * MS_PER_S) + 1;
}

/* Who traces this program and all its children (strace -f) is not to wait for the daemon, which
 * stays: clone(2), CLONE_UNTRACED. The child does nothing but execute, or say why not. */
static pid_t start_untraced(const char *bin, char *const argv[])
{
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, NULL, NULL, NULL, 0);

	if (pid == 0) {
		execve(bin, argv, environ);
		dprintf(STDERR_FILENO, "skyshim: %s: %s\n", bin, strerror(errno));
		_exit(127);
	}
	return pid;
}

/* Until the process has ended, or has had its time: then it is ended. Returns whether it was.
 * Kernels before 5.3 have no pidfd_open(2): there it has all the time in the world. */
static bool end_late(pid_t pid)
{
	SCOPE_FD int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int64_t end_ms = clock_mono_ms() + autostart_wait_ms() + MARGIN_MS;

	while (fd >= 0) {
		int64_t left_ms = end_ms - clock_mono_ms();
		int n = left_ms > 0 ? poll(&p, 1, (int)left_ms) : 0;

		if (!n)
			return !kill(pid, SIGKILL);
		if (n > 0 || errno != EINTR)
			break;
	}
	return false;
}

/* 0, or -ECHILD after it, or this, has said why. */
static int wait_for(pid_t pid, const char *bin)
{
	bool is_late = end_late(pid);
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	if (is_late)
		fprintf(stderr, "skyshim: %s: it has not come to anything in %d s\n", bin,
			autostart_wait_ms() / MS_PER_S);
	else if (WIFSIGNALED(status))
		fprintf(stderr, "skyshim: %s: %s\n", bin, strsignal(WTERMSIG(status)));
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -ECHILD;
}

int autostart(const char *bin, const char *cache_dir, const char *sock)
{
	char *const argv[] = {
		(char *)"skyshim", (char *)"daemon",   (char *)"--autostart", (char *)"--cache-dir",
		(char *)cache_dir, (char *)"--socket", (char *)sock,	      NULL};
	struct sigaction usual = {.sa_handler = SIG_DFL}, before;
	pid_t pid;
	int ret;

	if (!autostart_probe(sock))
		return 0;
	/* ignored, as whoever started this may do, it hides how a child has ended (wait(2)) */
	sigaction(SIGCHLD, &usual, &before);
	pid = start_untraced(bin, argv);
	ret = pid < 0 ? -errno : wait_for(pid, bin);
	sigaction(SIGCHLD, &before, NULL);
	return ret ? ret : autostart_probe(sock);
}
