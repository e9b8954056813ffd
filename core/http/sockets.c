// SPDX-License-Identifier: Apache-2.0
/*
 * Which descriptors are libcurl's is learned from its callbacks; when data has come last, the
 * kernel knows (TCP_INFO of tcp(7)): also what was for other streams, or for none.
 */
#include "core/http/sockets.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"

/* Twice the engine's connections: of a name with two addresses both are tried at once. Of more
 * nothing is known, and what is dead is found out by each stream for itself. */
#define SOCKETS_MAX 256

/* Each I/O thread's own. */
static _Thread_local int open_fd[SOCKETS_MAX];
static _Thread_local unsigned open_count;

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

	(void)purpose;
	if (fd < 0)
		return CURL_SOCKET_BAD;
	addresses_try(arg, &address->addr, clock_mono_ms());
	if (open_count < SOCKETS_MAX)
		open_fd[open_count++] = fd;
	return fd;
}

static int on_close(void *arg, curl_socket_t fd)
{
	(void)arg;
	for (unsigned i = 0; i < open_count; i++) {
		if (open_fd[i] != fd)
			continue;
		open_fd[i] = open_fd[--open_count];
		break;
	}
	return close(fd);
}

bool sockets_follow(CURL *easy, struct addresses_want *want)
{
	return !curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open) &&
	       !curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, want) &&
	       !curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
}

static long local_port_of(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in four;
		struct sockaddr_in6 six;
	} at;
	socklen_t len = sizeof(at);

	if (getsockname(fd, &at.any, &len))
		return -1;
	switch (at.any.sa_family) {
	case AF_INET:
		return ntohs(at.four.sin_port);
	case AF_INET6:
		return ntohs(at.six.sin6_port);
	default:
		return -1;
	}
}

bool sockets_end_silent(long local_port, int64_t silent_ms)
{
	for (unsigned i = 0; i < open_count; i++) {
		struct tcp_info info;
		socklen_t len = sizeof(info);

		if (local_port <= 0 || local_port_of(open_fd[i]) != local_port)
			continue;
		return !getsockopt(open_fd[i], IPPROTO_TCP, TCP_INFO, &info, &len) &&
		       (int64_t)info.tcpi_last_data_recv >= silent_ms &&
		       !shutdown(open_fd[i], SHUT_RDWR);
	}
	return false;
}
