/* SPDX-License-Identifier: Apache-2.0 */
/* One connection, one request, one reply. */
#include "fs/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/scope.h"
#include "fs/autostart.h"

#define MS_PER_S  1000
#define US_PER_MS 1000

/* What waits for longer fails with EAGAIN (unix(7)), also connect(2), whose queue may be full. */
static int limit_waits(int fd, int wait_ms)
{
	struct timeval wait = {.tv_sec = wait_ms / MS_PER_S,
			       .tv_usec = wait_ms % MS_PER_S * US_PER_MS};

	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) ||
			       setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait))
		       ? -errno
		       : 0;
}

static int late(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK ? -ETIMEDOUT : -error;
}

/* The process that listens, or 0: it is of another pid namespace. */
static pid_t peer_of(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) ? 0 : peer.pid;
}

/* wait_ms: of each step; 0: for ever. */
static int connect_to(const char *sock, int wait_ms)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	SCOPE_FD int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int ret;

	if (fd < 0)
		return -errno;
	if (strlen(sock) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, sock, strlen(sock) + 1);
	ret = limit_waits(fd, wait_ms);
	if (ret)
		return ret;
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)))
		return late(errno);
	return take_fd(&fd);
}

static void take_fds(struct msghdr *msg, struct ask_reply *out)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		size_t bytes = c->cmsg_len - CMSG_LEN(0);

		if (bytes <= sizeof(out->fd))
			memcpy(out->fd, CMSG_DATA(c), bytes);
	}
}

static int receive(int fd, struct ask_reply *out)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * WIRE_FDS_MAX)];
	} control = {0};
	SCOPE_FREE char *text = malloc(WIRE_MSG_MAX + 1);
	struct iovec iov[2] = {{&out->head, sizeof(out->head)}, {text, WIRE_MSG_MAX}};
	struct msghdr msg = {
		.msg_iov = iov,
		.msg_iovlen = 2,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	if (!text)
		return -ENOMEM;
	do {
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? late(errno) : -ECONNRESET;
	take_fds(&msg, out);
	if ((size_t)n < sizeof(out->head) || out->head.magic != WIRE_MAGIC ||
	    out->head.text_len != (size_t)n - sizeof(out->head))
		return -EPROTO;
	text[out->head.text_len] = '\0';
	out->text = take_ptr(&text);
	return 0;
}

static void give_fd(struct msghdr *msg, void *control, int fd)
{
	struct cmsghdr *c;

	msg->msg_control = control;
	msg->msg_controllen = CMSG_SPACE(sizeof(int));
	c = CMSG_FIRSTHDR(msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
}

/* What waits in connect(2) for a daemon that is stopped never learns who that is. */
static int ask_over(int fd, struct wire_request *request, const void *text, size_t text_bytes,
		    int send_fd, struct ask_reply *out)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov[2] = {{request, sizeof(*request)}, {(void *)text, text_bytes}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	int ret;

	*out = (struct ask_reply){.fd = {-1, -1, -1}};
	if (fd < 0)
		return fd;
	if (text_bytes > WIRE_MSG_MAX)
		return -EMSGSIZE;
	request->magic = WIRE_MAGIC;
	request->version = WIRE_VERSION;
	request->text_len = (uint32_t)text_bytes;
	if (send_fd >= 0)
		give_fd(&msg, &control, send_fd);
	if (sendmsg(fd, &msg, MSG_NOSIGNAL) < 0)
		return errno == EPIPE ? -ECONNRESET : late(errno);
	ret = receive(fd, out);
	if (!ret && out->head.error == -EPROTONOSUPPORT)
		ret = -EPROTONOSUPPORT;
	if (ret)
		ask_free(out);
	if (ret == -ETIMEDOUT)
		out->peer = peer_of(fd);
	return ret;
}

int ask(const char *sock, struct wire_request *request, const void *text, size_t text_bytes,
	struct ask_reply *out)
{
	SCOPE_FD int fd = connect_to(sock, 0);

	return ask_over(fd, request, text, text_bytes, -1, out);
}

int ask_soon(const char *sock, struct wire_request *request, const void *text, size_t text_bytes,
	     int send_fd, struct ask_reply *out)
{
	SCOPE_FD int fd = connect_to(sock, autostart_wait_ms());

	return ask_over(fd, request, text, text_bytes, send_fd, out);
}

/* Versions up to 10 had another message; those end on a signal as well. */
static int end_by_signal(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return -errno;
	if (peer.uid != geteuid())
		return -EPERM;
	if (peer.pid <= 0) /* of another pid namespace */
		return -ESRCH;
	return kill(peer.pid, SIGTERM) ? -errno : 0;
}

int ask_stop(const char *sock, pid_t *peer_out)
{
	SCOPE_FD int fd = connect_to(sock, autostart_wait_ms());
	struct ask_reply reply = {.fd = {-1, -1, -1}};
	int ret;

	*peer_out = 0;
	if (fd < 0)
		return fd;
	if (send(fd, WIRE_STOP, strlen(WIRE_STOP), MSG_NOSIGNAL) < 0)
		return errno == EPIPE ? 0 : late(errno);
	ret = receive(fd, &reply);
	if (!ret)
		ret = reply.head.error;
	ask_free(&reply);
	if (ret == -ECONNRESET) /* it went */
		return 0;
	if (ret == -ETIMEDOUT)
		*peer_out = peer_of(fd);
	return ret && ret != -ETIMEDOUT ? end_by_signal(fd) : ret;
}

/* Is the process stopped, by a signal or a debugger? See proc(5), stat. */
static bool is_stopped(pid_t pid)
{
	char path[32], text[128] = "";
	SCOPE_FD int fd = -1;
	const char *state;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return false;
	state = strrchr(text, ')');
	return state && state[1] == ' ' && (state[2] == 'T' || state[2] == 't');
}

void ask_complain(int error, pid_t peer)
{
	char who[32] = "";

	if (error != -ETIMEDOUT) {
		fprintf(stderr, "skyshim: the daemon does not answer: %s\n",
			error == -EPROTONOSUPPORT ? WIRE_OTHER_VERSION : strerror(-error));
		return;
	}
	if (peer > 0)
		snprintf(who, sizeof(who), ", process %d,", (int)peer);
	if (peer > 0 && is_stopped(peer))
		fprintf(stderr,
			"skyshim: the daemon%s does not answer: it is stopped; `kill -CONT %d` "
			"lets it go on\n",
			who, (int)peer);
	else
		fprintf(stderr,
			"skyshim: the daemon%s has not answered for %d s: it hangs, or the machine "
			"is too busy\n",
			who, autostart_wait_ms() / MS_PER_S);
}

void ask_free(struct ask_reply *reply)
{
	free(reply->text);
	reply->text = NULL;
	for (unsigned i = 0; i < WIRE_FDS_MAX; i++) {
		if (reply->fd[i] >= 0)
			close(reply->fd[i]);
		reply->fd[i] = -1;
	}
}
