// SPDX-License-Identifier: Apache-2.0
/* The daemon's threads behind its socket: which come, which go, and which must not. */
#include "fs/listener.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cache/clock.h"
#include "core/base/wire.h"

#define IDLE_MS	   20
#define IDLE_TIMES 20 /* so often might a thread have gone that must not */
#define PATIENCE_S 60 /* nothing is late before, on however slow a machine */

static char dir[] = "/tmp/skyshim-listener-XXXXXX";
static char path[64];
static struct session_env env;
static sem_t entered, left;

/* What a client's wish that the daemon leaves comes to: a thread that is at work until leave(). */
static void work(void)
{
	sem_post(&entered);
	sem_wait(&left);
}

static void leave(unsigned count)
{
	while (count--)
		sem_post(&left);
}

static unsigned entries(const char *of)
{
	DIR *d = opendir(of);
	unsigned n = 0;

	cr_assert_not_null(d);
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static unsigned threads(void)
{
	return entries("/proc/self/task");
}

static int try_connect(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	cr_assert_geq(fd, 0);
	strcpy(addr.sun_path, path);
	if (!connect(fd, (const struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	close(fd);
	return -errno;
}

static int say(const void *text, size_t bytes)
{
	int fd = try_connect();

	cr_assert_geq(fd, 0, "%s", strerror(-fd));
	cr_assert_eq(send(fd, text, bytes, MSG_NOSIGNAL), (ssize_t)bytes);
	return fd;
}

static bool is_answered(int fd, int wait_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, wait_ms) == 1;
}

/* Closes the connection. */
static int answer(int fd)
{
	struct wire_reply reply;
	char text[SESSION_LINE_BYTES];
	struct iovec iov[2] = {{&reply, sizeof(reply)}, {text, sizeof(text)}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

	cr_assert(is_answered(fd, PATIENCE_S * 1000), "nobody listens");
	cr_assert_geq(recvmsg(fd, &msg, 0), (ssize_t)sizeof(reply));
	close(fd);
	return reply.error;
}

static int ask(const char *text)
{
	return answer(say(text, strlen(text)));
}

/* So many threads are at work. */
static void occupy(unsigned count)
{
	struct timespec until;

	while (count--) {
		cr_assert_eq(ask(WIRE_STOP), 0);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += PATIENCE_S;
		cr_assert_eq(sem_timedwait(&entered, &until), 0);
	}
}

static void wait_for_threads(unsigned count)
{
	int64_t until = clock_ns() + PATIENCE_S * CLOCK_NS_PER_S;

	while (threads() != count && clock_ns() < until)
		usleep(1000);
	cr_assert_eq(threads(), count);
}

static void setup(void)
{
	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/sock", dir);
	env = (struct session_env){.sock = path, .cache_dir = dir};
	sem_init(&entered, 0, 0);
	sem_init(&left, 0, 0);
	listener_idle_ms = IDLE_MS;
	cr_assert_eq(listener_start(&env, work), 0);
}

static void teardown(void)
{
	leave(LISTENER_THREADS_MAX);
	cr_assert_eq(listener_stop(PATIENCE_S * 1000), 0u);
	cr_assert_eq(rmdir(dir), 0, "something is left of the socket");
}

TestSuite(fs_listener, .init = setup, .fini = teardown, .timeout = 3 * PATIENCE_S);

/* More are at work than are kept when idle, and for longer: the one that waits for the next client
 * is needed. */
Test(fs_listener, who_listens_stays_while_others_are_at_work)
{
	occupy(3 * LISTENER_THREADS_MIN);
	usleep(IDLE_TIMES * IDLE_MS * 1000);
	cr_assert_eq(ask("nonsense"), -EPROTO);
}

Test(fs_listener, those_that_nobody_needs_go)
{
	unsigned before = threads();

	occupy(20);
	cr_assert_gt(threads(), before + 18 - LISTENER_THREADS_MIN);
	leave(20);
	wait_for_threads(before);
	usleep(IDLE_TIMES * IDLE_MS * 1000);
	cr_assert_eq(threads(), before, "those that are kept are gone");
	cr_assert_eq(ask("nonsense"), -EPROTO);
}

Test(fs_listener, there_are_never_more_and_the_next_client_waits)
{
	unsigned others = threads() - LISTENER_THREADS_MIN;
	int next;

	occupy(LISTENER_THREADS_MAX);
	cr_assert_eq(threads(), others + LISTENER_THREADS_MAX);
	next = say("nonsense", 8);
	cr_assert_not(is_answered(next, 100), "by whom?");
	leave(1);
	cr_assert_eq(answer(next), -EPROTO);
}

Test(fs_listener, is_active_while_somebody_is_served)
{
	int64_t at;

	occupy(1);
	at = clock_ns();
	cr_assert_geq(listener_active_ns(), at);
	leave(1);
	cr_assert_eq(ask("nonsense"), -EPROTO);
	cr_assert_geq(listener_active_ns(), at);
}

Test(fs_listener, who_is_at_work_is_waited_for_at_the_end)
{
	int fd;

	occupy(2);
	cr_assert_geq(listener_stop(0), 2u);
	cr_assert_eq(access(path, F_OK), -1);
	fd = try_connect();
	cr_assert_eq(fd, -ENOENT);
	leave(2);
}

/* Also of a message that is none, and of one that is cut. */
Test(fs_listener, what_clients_send_along_is_closed)
{
	static char long_text[sizeof(struct wire_request) + WIRE_MSG_MAX + 1];
	unsigned before = entries("/proc/self/fd");
	int64_t until = clock_ns() + PATIENCE_S * CLOCK_NS_PER_S;
	int sent[3];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(sent))];
	} control = {0};
	struct iovec iov = {long_text, 0};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	for (int i = 0; i < 3; i++)
		cr_assert_geq(sent[i] = open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(sent));
	memcpy(CMSG_DATA(c), sent, sizeof(sent));
	for (int i = 0; i < 50; i++) {
		int fd = try_connect();

		iov.iov_len = i % 2 ? sizeof(long_text) : 8;
		cr_assert_geq(fd, 0);
		cr_assert_eq(sendmsg(fd, &msg, MSG_NOSIGNAL), (ssize_t)iov.iov_len);
		cr_assert_eq(answer(fd), -EPROTO);
	}
	for (int i = 0; i < 3; i++)
		close(sent[i]);
	/* a thread closes after it has answered; clients are remembered by one descriptor */
	while (entries("/proc/self/fd") > before + 1 && clock_ns() < until)
		usleep(1000);
	cr_assert_leq(entries("/proc/self/fd"), before + 1);
}
