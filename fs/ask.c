/* SPDX-License-Identifier: Apache-2.0 */
/* One connection, one request, one reply. */
#include "fs/ask.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/scope.h"

static int connect_to(const char *sock)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	SCOPE_FD int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (strlen(sock) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, sock, strlen(sock) + 1);
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)))
		return -errno;
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
		return n < 0 ? -errno : -ECONNRESET;
	take_fds(&msg, out);
	if ((size_t)n < sizeof(out->head) || out->head.magic != WIRE_MAGIC ||
	    out->head.text_len != (size_t)n - sizeof(out->head))
		return -EPROTO;
	text[out->head.text_len] = '\0';
	out->text = take_ptr(&text);
	return 0;
}

int ask(const char *sock, struct wire_request *request, const void *text, size_t text_bytes,
	struct ask_reply *out)
{
	return ask_with(sock, request, text, text_bytes, -1, out);
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

int ask_with(const char *sock, struct wire_request *request, const void *text, size_t text_bytes,
	     int send_fd, struct ask_reply *out)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	SCOPE_FD int fd = connect_to(sock);
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
		return errno == EPIPE ? -ECONNRESET : -errno;
	ret = receive(fd, out);
	if (!ret && out->head.error == -EPROTONOSUPPORT)
		ret = -EPROTONOSUPPORT;
	if (ret)
		ask_free(out);
	return ret;
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

int ask_stop(const char *sock)
{
	SCOPE_FD int fd = connect_to(sock);
	struct ask_reply reply = {.fd = {-1, -1, -1}};
	int ret;

	if (fd < 0)
		return fd;
	if (send(fd, WIRE_STOP, strlen(WIRE_STOP), MSG_NOSIGNAL) < 0)
		return errno == EPIPE ? 0 : -errno;
	ret = receive(fd, &reply);
	if (!ret)
		ret = reply.head.error;
	ask_free(&reply);
	if (ret == -ECONNRESET) /* it went */
		return 0;
	return ret ? end_by_signal(fd) : 0;
}

const char *ask_error(int error)
{
	return error == -EPROTONOSUPPORT ? WIRE_OTHER_VERSION : strerror(-error);
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
