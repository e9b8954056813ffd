// SPDX-License-Identifier: Apache-2.0
/* Who asks a daemon that does not answer. */
#include "fs/ask.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fs/autostart.h"

static char sock[108];
static int listener;

static int open_socket(struct sockaddr_un *addr, int flags)
{
	*addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	strcpy(addr->sun_path, sock);
	return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);
}

/* It listens and takes nobody, as a process that is stopped. */
static void setup(void)
{
	struct sockaddr_un addr;

	snprintf(sock, sizeof(sock), "/tmp/skyshim-ask-%d", (int)getpid());
	listener = open_socket(&addr, 0);
	cr_assert_eq(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	cr_assert_eq(listen(listener, 1), 0);
	setenv("SKYSHIM_DAEMON_WAIT", "0.1", 1);
	alarm(60); /* who waits for ever fails */
}

static void teardown(void)
{
	close(listener);
	unlink(sock);
}

TestSuite(fs_ask, .init = setup, .fini = teardown);

static int ask_it(struct ask_reply *reply)
{
	struct wire_request request = {.op = WIRE_STATUS};

	return ask_soon(sock, &request, NULL, 0, -1, reply);
}

Test(fs_ask, whoever_does_not_answer)
{
	struct ask_reply reply;
	pid_t peer = 0;

	cr_assert_eq(ask_it(&reply), -ETIMEDOUT);
	cr_assert_eq(reply.peer, getpid());
	cr_assert_eq(ask_stop(sock, &peer), -ETIMEDOUT);
	cr_assert_eq(peer, getpid());
}

/* Where so many wait that connect(2) waits, too. */
Test(fs_ask, whoever_has_a_full_queue)
{
	struct sockaddr_un addr;
	struct ask_reply reply;
	int ret;

	do {
		ret = connect(open_socket(&addr, SOCK_NONBLOCK), (struct sockaddr *)&addr,
			      sizeof(addr));
	} while (!ret);
	cr_assert_eq(errno, EAGAIN);
	cr_assert_eq(ask_it(&reply), -ETIMEDOUT);
	cr_assert_eq(autostart_probe(sock), 0);
}

Test(fs_ask, whoever_does_not_listen)
{
	struct ask_reply reply;

	close(listener);
	cr_assert_eq(ask_it(&reply), -ECONNREFUSED);
	cr_assert_eq(autostart_probe(sock), -ECONNREFUSED);
	unlink(sock);
	cr_assert_eq(ask_it(&reply), -ENOENT);
	cr_assert_eq(autostart_probe(sock), -ENOENT);
}

Test(fs_ask, a_time_that_is_none)
{
	static const char *const none[] = {"", "0", "-1", "soon", "1e9", "nan"};

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		setenv("SKYSHIM_DAEMON_WAIT", none[i], 1);
		cr_expect_eq(autostart_wait_ms() / 1000, AUTOSTART_WAIT_S, "%s", none[i]);
	}
}
