/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's side of rewriting: keeps a workshop, hands it jobs, waits for their results. */
#include "fs/rewriter.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache/clock.h"
#include "core/base/credenv.h"
#include "core/log.h"
#include "core/scope.h"

#define TRIES	    2	  /* it may leave for idleness just when it is needed */
#define WALL_MS	    3000u /* for any file ... */
#define WALL_MS_MIB 150u  /* ... and for each MiB */
#define WALL_MS_MAX 60000u
#define SEND_WAIT_S 5

static struct {
	pthread_mutex_t lock;
	const char *program;
	int sock; /* -1: no workshop */
	pid_t pid;
} shop = {.lock = PTHREAD_MUTEX_INITIALIZER, .sock = -1};

/* This environment without what concerns credentials; to free. */
static char **clean_environment(void)
{
	size_t n = 0, kept = 0;
	char **env;

	while (environ[n])
		n++;
	env = calloc(n + 1, sizeof(*env));
	for (size_t i = 0; env && i < n; i++) {
		if (!credenv_wanted(environ[i]))
			env[kept++] = environ[i];
	}
	return env;
}

/* With the lock. */
static int open_shop(void)
{
	char *const argv[] = {(char *)"skyshim", (char *)"rewrite", NULL};
	struct timeval wait = {.tv_sec = SEND_WAIT_S};
	const char *program = shop.program ? shop.program : "/proc/self/exe";
	SCOPE_FREE char **env = clean_environment();
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, usual;
	int fd[2], ret;

	if (!env || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd))
		return -EAGAIN;
	setsockopt(fd[0], SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	sigemptyset(&none);
	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	sigaddset(&usual, SIGHUP);
	sigaddset(&usual, SIGIO);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &usual);
	posix_spawnattr_setpgroup(&attr, 0); /* a ^C at the daemon's terminal is the daemon's */
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						POSIX_SPAWN_SETPGROUP);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fd[1], 0);
	/* not all that a library opens closes itself */
	posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	ret = posix_spawn(&shop.pid, program, &actions, &attr, argv, env);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	close(fd[1]);
	if (ret) {
		log_error("twins: cannot start %s: %s", program, strerror(ret));
		close(fd[0]);
		return -EAGAIN;
	}
	shop.sock = fd[0];
	return 0;
}

/* With the lock. */
static void close_shop(void)
{
	if (shop.sock < 0)
		return;
	close(shop.sock);
	shop.sock = -1;
	/* it waits for nothing but its socket */
	while (waitpid(shop.pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static bool shop_is_gone(void)
{
	struct pollfd p = {.fd = shop.sock, .events = 0};

	return shop.sock >= 0 && poll(&p, 1, 0) == 1;
}

static int send_job(struct iovec *iov, const int fds[REWRITER_FDS])
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * REWRITER_FDS)];
	} control = {0};
	struct msghdr msg = {
		.msg_iov = iov,
		.msg_iovlen = 2,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * REWRITER_FDS);
	memcpy(CMSG_DATA(c), fds, sizeof(int) * REWRITER_FDS);
	return sendmsg(shop.sock, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Hands the job to a workshop, which is opened if need be. */
static int hand_in(const struct rewriter_job *job, uint32_t wall_ms, int result_fd)
{
	struct {
		uint64_t size;
		uint32_t wall_ms, seen_count;
	} head = {job->size, wall_ms, (uint32_t)job->seen_count};
	struct iovec iov[2] = {{&head, sizeof(head)},
			       {(void *)job->seen, job->seen_count * sizeof(*job->seen)}};
	int fds[REWRITER_FDS] = {job->fd, job->out_fd, result_fd};
	int ret;

	_Static_assert(sizeof(head) == offsetof(struct rewriter_message, seen), "one layout");
	pthread_mutex_lock(&shop.lock);
	if (shop_is_gone())
		close_shop();
	ret = shop.sock < 0 ? open_shop() : 0;
	if (!ret)
		ret = send_job(iov, fds);
	pthread_mutex_unlock(&shop.lock);
	return ret;
}

/* The result, or -EPIPE when it ended without one. */
static int wait_result(int fd, uint32_t wall_ms)
{
	int64_t until_ns = clock_ns() + (wall_ms + REWRITER_GRACE_MS) * CLOCK_NS_PER_MS;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int32_t result;
	int n;

	do {
		int64_t left_ms = (until_ns - clock_ns()) / CLOCK_NS_PER_MS;

		n = poll(&p, 1, left_ms > 0 ? (int)left_ms : 0);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return -ETIMEDOUT;
	return read(fd, &result, sizeof(result)) == sizeof(result) ? result : -EPIPE;
}

static uint32_t limit_ms(const struct rewriter_job *job)
{
	uint64_t ms = job->wall_ms ? job->wall_ms : WALL_MS + (job->size >> 20) * WALL_MS_MIB;

	return ms < WALL_MS_MAX ? (uint32_t)ms : WALL_MS_MAX;
}

int rewriter_run(const struct rewriter_job *job)
{
	uint32_t wall_ms = limit_ms(job);
	int ret = -EPIPE;

	if (job->size > REWRITER_ORIGINAL_MAX)
		return -E2BIG;
	if (job->seen_count > TWINFILE_SEEN_MAX)
		return -EINVAL;
	for (int i = 0; i < TRIES && ret == -EPIPE; i++) {
		SCOPE_FD int read_fd = -1;
		bool gone;
		int fd[2];

		if (pipe2(fd, O_CLOEXEC))
			return -EAGAIN;
		read_fd = fd[0];
		ret = hand_in(job, wall_ms, fd[1]);
		close(fd[1]);
		if (!ret)
			ret = wait_result(read_fd, wall_ms);
		else if (ret == -ECONNRESET)
			ret = -EPIPE;
		pthread_mutex_lock(&shop.lock);
		gone = shop_is_gone();
		pthread_mutex_unlock(&shop.lock);
		if (ret == -EPIPE && !gone)
			return -EIO; /* the child alone died, of this file */
	}
	return ret == -EPIPE ? -EAGAIN : ret;
}

void rewriter_start(const char *program)
{
	shop.program = program;
}

void rewriter_stop(void)
{
	pthread_mutex_lock(&shop.lock);
	close_shop();
	pthread_mutex_unlock(&shop.lock);
}

void rewriter_sweep(void)
{
	pthread_mutex_lock(&shop.lock);
	if (shop_is_gone())
		close_shop();
	pthread_mutex_unlock(&shop.lock);
}
