/* SPDX-License-Identifier: Apache-2.0 */
/* Input and output without files: pipes, events, waiting for descriptors, POSIX AIO. */
#include "tests/apps/families/families.h"

#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

void family_pipes(void)
{
	struct iovec iov = {"lent bytes", 10};
	int a[2], b[2], fd = open(file, O_RDONLY);
	char buf[64] = "";

	if (pipe(a) || pipe(b))
		return;
	say("vmsplice", vmsplice(a[1], &iov, 1, 0));
	say("tee", tee(a[0], b[1], 64, 0));
	say("read", read(b[0], buf, sizeof(buf)));
	puts(buf);
	say("splice", splice(fd, NULL, a[1], NULL, 20, 0));
	say("tee", tee(a[0], b[1], 64, 0));
	say("read", read(b[0], buf, sizeof(buf)));
	close(fd);
}

void family_events(void)
{
	struct itimerspec soon = {.it_value = {0, 1000000}};
	char buf[4096];
	uint64_t ticks = 0;
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), watch = inotify_init1(IN_CLOEXEC);

	say("inotify", inotify_add_watch(watch, ".", IN_CREATE) < 0 ? -1 : 0);
	close(open("families-made", O_CREAT | O_WRONLY, 0600));
	say("event", read(watch, buf, sizeof(buf)) > 0);
	puts(((struct inotify_event *)buf)->name);
	unlink("families-made");
	timerfd_settime(timer, 0, &soon, NULL);
	read_file();
	say("timer", read(timer, &ticks, sizeof(ticks)));
}

/* Cloud files beside what can be waited for. */
void family_polls(void)
{
	struct epoll_event event = {.events = EPOLLIN}, got[4];
	int cloud = open(beside[0], O_RDONLY), epoll = epoll_create1(EPOLL_CLOEXEC), pair[2];
	int folder = open(beside[1], O_RDONLY | O_DIRECTORY), counter = eventfd(0, EFD_CLOEXEC);
	struct pollfd polled[] = {{cloud, POLLIN | POLLOUT, 0}, {counter, POLLIN, 0}};
	struct timeval moment = {0, 1000};
	fd_set set;

	say("epoll, a file", epoll_ctl(epoll, EPOLL_CTL_ADD, cloud, &event));
	say("epoll, a folder", epoll_ctl(epoll, EPOLL_CTL_ADD, folder, &event));
	event.data.u64 = 0x123456789abcdefu;
	say("epoll, a counter", epoll_ctl(epoll, EPOLL_CTL_ADD, counter, &event));
	say("poll", poll(polled, 2, 1));
	say("a file", polled[0].revents);
	FD_ZERO(&set);
	FD_SET(cloud, &set);
	FD_SET(counter, &set);
	say("select", select(counter + 1, &set, NULL, NULL, &moment));
	say("a file", FD_ISSET(cloud, &set));
	say("nothing yet", epoll_wait(epoll, got, 4, 1));
	eventfd_write(counter, 3);
	read_file();
	say("one", epoll_wait(epoll, got, 4, 1000));
	say("its data", got[0].data.u64 == 0x123456789abcdefu);
	/* A number that was waited for and is a cloud file's now. */
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return;
	say("a socket", epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event));
	dup2(cloud, pair[0]);
	say("no longer there", epoll_ctl(epoll, EPOLL_CTL_DEL, pair[0], &event));
	say("its bytes", descriptor_sum(pair[0], 77777));
	eventfd_read(counter, &(eventfd_t){0});
	say("nothing", epoll_wait(epoll, got, 4, 1));
}

static volatile sig_atomic_t told;

static void on_done(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	told += info->si_value.sival_int;
}

static void say_request(const char *name, struct aiocb *request, const char *data)
{
	const struct aiocb *list[] = {request};
	long sum = 0;
	ssize_t got;

	while (aio_error(request) == EINPROGRESS)
		aio_suspend(list, 1, NULL);
	errno = aio_error(request);
	got = aio_return(request);
	for (ssize_t i = 0; i < got; i++)
		sum = sum * 31 + (unsigned char)data[i];
	say(name, got);
	say("sum", sum & 0xffffff);
}

/* Requests to a cloud file, where nobody has been, and to a pipe; one by one and in a list. */
void family_posixaio(void)
{
	static char data[4][70000];
	struct sigaction action = {.sa_sigaction = on_done, .sa_flags = SA_SIGINFO};
	int cloud = open(beside[0], O_RDONLY), bad = open("/dev/null", O_WRONLY);
	struct aiocb request[4];
	sigset_t set;

	memset(request, 0, sizeof(request));
	sigaction(SIGRTMIN + 5, &action, NULL);
	for (int i = 0; i < 4; i++) {
		request[i].aio_fildes = i == 2 ? bad : cloud;
		request[i].aio_buf = data[i];
		request[i].aio_nbytes = i == 3 ? 1000 : sizeof(data[i]);
		request[i].aio_offset = i == 3 ? 3 << 20 : 100000 + i * 900000;
		request[i].aio_sigevent.sigev_notify = SIGEV_NONE;
	}
	say("read", aio_read(&request[0]));
	say_request("got", &request[0], data[0]);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 5);
	sigprocmask(SIG_BLOCK, &set, NULL);
	request[1].aio_sigevent.sigev_notify = SIGEV_SIGNAL;
	request[1].aio_sigevent.sigev_signo = SIGRTMIN + 5;
	request[1].aio_sigevent.sigev_value.sival_int = 17;
	say("read", aio_read(&request[1]));
	say_request("got", &request[1], data[1]);
	for (int i = 0; i < 4; i++)
		request[i].aio_sigevent.sigev_notify = SIGEV_NONE;
	sigtimedwait(&set, &(siginfo_t){0}, &(struct timespec){5, 0});
	for (int i = 0; i < 4; i++)
		request[i].aio_lio_opcode = LIO_READ;
	say("list",
	    lio_listio(LIO_WAIT,
		       (struct aiocb *[]){&request[0], &request[1], &request[2], &request[3]}, 4,
		       NULL));
	for (int i = 0; i < 4; i++)
		say_request("of the list", &request[i], data[i]);
	say("cancel", aio_cancel(cloud, NULL) == AIO_ALLDONE);
	say("fsync", aio_fsync(O_SYNC, &request[0]));
	while (aio_error(&request[0]) == EINPROGRESS)
		usleep(1000);
	say("synced", aio_error(&request[0]));
	read_file();
}
