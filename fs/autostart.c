/* SPDX-License-Identifier: Apache-2.0 */
/* Who finds nobody listening starts a daemon; the lock in the cache directory settles who of them
 * stays. */
#include "fs/autostart.h"

#include <errno.h>
#include <signal.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/scope.h"

int autostart_probe(const char *sock)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	SCOPE_FD int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (strlen(sock) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, sock, strlen(sock) + 1);
	return connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) ? -errno : 0;
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

/* 0, or -ECHILD after it, or this, has said why. */
static int wait_for(pid_t pid, const char *bin)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	if (WIFSIGNALED(status))
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
