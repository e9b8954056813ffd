/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads block in accept(2), of which the kernel wakes one per connection. A client may die or
 * talk nonsense at any instant: what it gets then is a closed connection, and the thread the next
 * client.
 */
#include "fs/listener.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cache/clock.h"
#include "core/log.h"
#include "core/scope.h"
#include "fs/clients.h"

#define STACK_BYTES   (1u << 20) /* ThreadSanitizer makes several of 512 KiB */
#define REQUEST_BYTES (sizeof(struct wire_request) + WIRE_MSG_MAX)

unsigned listener_idle_ms = LISTENER_IDLE_S * 1000;

static struct {
	pthread_mutex_t lock;
	pthread_cond_t gone; /* a thread ended */
	const struct session_env *env;
	void (*stop)(void);
	int fd;
	unsigned threads, busy;
	int64_t active_ns;
	bool stopping;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .gone = PTHREAD_COND_INITIALIZER, .fd = -1};

static void *worker(void *arg);

/* With the lock. */
static void add_thread(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (!pthread_create(&thread, &attr, worker, NULL))
		state.threads++;
	else
		log_warn("daemon: cannot start another thread");
	pthread_attr_destroy(&attr);
}

/* How long this client may take to send; also counts the thread as busy and sees to a successor. */
static int begin(void)
{
	int wait_ms;

	pthread_mutex_lock(&state.lock);
	state.busy++;
	if (state.busy == state.threads && state.threads < LISTENER_THREADS_MAX && !state.stopping)
		add_thread();
	wait_ms = state.busy > LISTENER_THREADS_MAX / 2 ? LISTENER_BUSY_MS : LISTENER_QUIET_MS;
	pthread_mutex_unlock(&state.lock);
	return wait_ms;
}

static void end(void)
{
	pthread_mutex_lock(&state.lock);
	state.busy--;
	state.active_ns = clock_ns();
	pthread_mutex_unlock(&state.lock);
}

static void send_reply(int fd, const struct session_reply *reply)
{
	const char *text = reply->text ? reply->text : reply->line;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * WIRE_FDS_MAX)];
	} control = {0};
	struct iovec iov[2] = {{(void *)&reply->head, sizeof(reply->head)},
			       {(void *)text, reply->head.text_len}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

	if (reply->head.fds) {
		struct cmsghdr *c;

		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * reply->head.fds);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * reply->head.fds);
		memcpy(CMSG_DATA(c), reply->fd, sizeof(int) * reply->head.fds);
	}
	/* a client that is gone gets nothing, and that is all */
	if (sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug("daemon: a client went away: %s", strerror(errno));
}

static bool is_ours(int fd, pid_t *pid_out)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) || cred.uid != geteuid())
		return false;
	*pid_out = cred.pid;
	return true;
}

/* Closes all descriptors that came with a message but the first. Returns that, or -1. */
static int take_first_fd(struct msghdr *msg)
{
	int first = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t count = c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS
				       ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int)
				       : 0;

		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			if (first < 0)
				first = fd;
			else
				close(fd);
		}
	}
	return first;
}

/* One message of at most REQUEST_BYTES. Returns its bytes, 0 when it is no request of ours, -EAGAIN
 * when there is none yet, or -1 when there will be none. */
static ssize_t receive(int fd, char *request, int *fd_out)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {request, REQUEST_BYTES};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n <= 0) /* or it only looked whether somebody listens */
		return n < 0 && errno == EAGAIN ? -EAGAIN : -1;
	*fd_out = take_first_fd(&msg);
	return msg.msg_flags & MSG_TRUNC ? 0 : n;
}

static void serve(int fd, char *request, int wait_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct session_reply reply;
	SCOPE_FD int sent_fd = -1;
	pid_t pid;
	ssize_t n;

	if (!is_ours(fd, &pid))
		return;
	n = receive(fd, request, &sent_fd);
	if (n == -EAGAIN && poll(&p, 1, wait_ms) == 1)
		n = receive(fd, request, &sent_fd);
	if (n < 0)
		return;
	clients_seen(pid);
	session_serve(state.env, pid, request, (size_t)n, sent_fd, &reply);
	if (!reply.is_silent)
		send_reply(fd, &reply);
	if (reply.stop)
		state.stop();
	session_free(&reply);
}

/* Of those who wait for a client some stay: only they let others begin, however long those who
 * serve one are at it. */
static bool may_go(void)
{
	bool go;

	pthread_mutex_lock(&state.lock);
	go = state.threads - state.busy > LISTENER_THREADS_MIN;
	if (go)
		state.threads--;
	pthread_mutex_unlock(&state.lock);
	return go;
}

static void *worker(void *arg)
{
	SCOPE_FREE char *request = malloc(REQUEST_BYTES);

	(void)arg;
	while (request) {
		int fd = accept4(state.fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0) {
			int wait_ms = begin();

			serve(fd, request, wait_ms);
			close(fd);
			end();
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			if (may_go())
				return NULL;
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			   errno == ENOBUFS) {
			log_warn("daemon: cannot take a connection: %s", strerror(errno));
			poll(NULL, 0, 100);
		} else if (errno != EINTR && errno != ECONNABORTED) {
			break; /* EINVAL: shut down */
		}
	}
	pthread_mutex_lock(&state.lock);
	state.threads--;
	pthread_cond_signal(&state.gone);
	pthread_mutex_unlock(&state.lock);
	return NULL;
}

unsigned listener_threads(void)
{
	unsigned n;

	pthread_mutex_lock(&state.lock);
	n = state.threads;
	pthread_mutex_unlock(&state.lock);
	return n;
}

static int bind_socket(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct timeval idle = {.tv_sec = listener_idle_ms / 1000,
			       .tv_usec = listener_idle_ms % 1000 * 1000};
	SCOPE_FD int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	mode_t mask;
	int ret;

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	if (unlink(path) && errno != ENOENT)
		return -errno;
	mask = umask(0077);
	ret = bind(fd, (const struct sockaddr *)&addr, sizeof(addr));
	umask(mask);
	if (ret || listen(fd, LISTENER_BACKLOG))
		return -errno;
	/* accept(2) returns EAGAIN after this */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof(idle)))
		return -errno;
	return take_fd(&fd);
}

int listener_start(const struct session_env *env, void (*stop)(void))
{
	int fd = bind_socket(env->sock);

	if (fd < 0)
		return fd;
	pthread_mutex_lock(&state.lock);
	state.env = env;
	state.stop = stop;
	state.fd = fd;
	state.active_ns = clock_ns();
	state.stopping = false;
	for (unsigned i = 0; i < LISTENER_THREADS_MIN; i++)
		add_thread();
	pthread_mutex_unlock(&state.lock);
	return 0;
}

unsigned listener_stop(unsigned drain_ms)
{
	struct timespec until;
	unsigned left;

	if (state.fd < 0)
		return 0;
	unlink(state.env->sock);
	pthread_mutex_lock(&state.lock);
	state.stopping = true;
	pthread_mutex_unlock(&state.lock);
	/* whoever connected already is refused by this: as if he had come a little later */
	shutdown(state.fd, SHUT_RDWR);

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += drain_ms / 1000;
	until.tv_nsec += (long)(drain_ms % 1000) * CLOCK_NS_PER_MS;
	until.tv_sec += until.tv_nsec / CLOCK_NS_PER_S;
	until.tv_nsec %= CLOCK_NS_PER_S;
	pthread_mutex_lock(&state.lock);
	while (state.threads) {
		if (pthread_cond_timedwait(&state.gone, &state.lock, &until))
			break;
	}
	left = state.threads;
	pthread_mutex_unlock(&state.lock);
	if (!left) {
		close(state.fd);
		state.fd = -1;
	}
	return left;
}

int64_t listener_active_ns(void)
{
	int64_t ns;

	pthread_mutex_lock(&state.lock);
	ns = state.busy ? clock_ns() : state.active_ns;
	pthread_mutex_unlock(&state.lock);
	return ns;
}
