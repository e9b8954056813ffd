// SPDX-License-Identifier: Apache-2.0
/* See events.h. */
#include "core/http/events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"

/* What the kernel gives back of a socket: those that were added first come first. */
static uint64_t mark_of(int fd, uint32_t serial)
{
	return (uint64_t)serial << 32 | (uint32_t)fd;
}

static int fd_of(const struct epoll_event *ev)
{
	return (int)(uint32_t)ev->data.u64;
}

static int add_wake(const struct events *e)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = mark_of(e->wake_fd, 0)};

	return epoll_ctl(e->epoll_fd, EPOLL_CTL_ADD, e->wake_fd, &ev) ? -errno : 0;
}

/* Level-triggered: libcurl need not read all there is. known: the socket's serial, NULL before it
 * was added. What the kernel has no memory for is not looked at, and given up like any exchange
 * that is silent; an error would end all that this thread does, for good. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct events *e = arg;
	uint32_t serial = (uint32_t)(uintptr_t)known;
	struct epoll_event ev = {0};

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		/* it may be closed already, which took it out */
		epoll_ctl(e->epoll_fd, EPOLL_CTL_DEL, fd, &ev);
		return 0;
	}
	if (!serial) {
		e->serial += e->serial == UINT32_MAX ? 2 : 1;
		serial = e->serial;
	}
	ev.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
	ev.data.u64 = mark_of(fd, serial);
	if (epoll_ctl(e->epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev))
		log_warn("http: a socket cannot be waited for: %s", strerror(errno));
	else if (!known)
		curl_multi_assign(e->multi, fd, (void *)(uintptr_t)serial);
	return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct events *e = arg;

	(void)multi;
	/* both are cut to whole milliseconds */
	e->due_ms = timeout_ms < 0 ? INT64_MAX : clock_mono_ms() + timeout_ms + (timeout_ms > 0);
	return 0;
}

int events_open(struct events *e, CURLM *multi)
{
	int ret;

	*e = (struct events){.multi = multi, .wake_fd = -1, .due_ms = INT64_MAX};
	e->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (e->epoll_fd >= 0)
		e->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = e->wake_fd < 0 ? -errno : add_wake(e);
	if (!ret && (curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket) ||
		     curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, e) ||
		     curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer) ||
		     curl_multi_setopt(multi, CURLMOPT_TIMERDATA, e)))
		ret = -ENOMEM;
	if (!ret)
		return 0;
	if (e->epoll_fd >= 0)
		close(e->epoll_fd);
	if (e->wake_fd >= 0)
		close(e->wake_fd);
	return ret;
}

void events_close(const struct events *e)
{
	close(e->epoll_fd);
	close(e->wake_fd);
}

void events_wake(const struct events *e)
{
	const uint64_t one = 1;

	/* EAGAIN: it has been woken 2^64 times and will look */
	while (write(e->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void woken(const struct events *e)
{
	uint64_t times;

	while (read(e->wake_fd, &times, sizeof(times)) < 0 && errno == EINTR)
		;
}

static int bits_of(uint32_t events)
{
	return (events & (EPOLLIN | EPOLLHUP | EPOLLERR) ? CURL_CSELECT_IN : 0) |
	       (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
	       (events & EPOLLERR ? CURL_CSELECT_ERR : 0);
}

static int wait_ms(const struct events *e, int64_t most_ms)
{
	int64_t ms = e->due_ms == INT64_MAX ? most_ms : e->due_ms - clock_mono_ms();

	ms = ms < most_ms ? ms : most_ms;
	return ms > 0 ? (int)ms : 0;
}

static int compare(const void *a, const void *b)
{
	uint64_t left = ((const struct epoll_event *)a)->data.u64;
	uint64_t right = ((const struct epoll_event *)b)->data.u64;

	return (left > right) - (left < right);
}

/* libcurl reads from a socket for as long as there is something, and of parts of a file the one
 * that was asked for first is waited for first. */
void events_wait(struct events *e, int64_t most_ms)
{
	e->ready_count = epoll_wait(e->epoll_fd, e->ready, EVENTS_READY_MAX, wait_ms(e, most_ms));
	if (e->ready_count > 1)
		qsort(e->ready, (size_t)e->ready_count, sizeof(e->ready[0]), compare);
}

void events_run_ready(struct events *e)
{
	int busy;

	for (int i = 0; i < e->ready_count; i++) {
		int fd = fd_of(&e->ready[i]);

		if (fd == e->wake_fd)
			woken(e);
		else /* what was closed meanwhile is unknown to libcurl, or somebody else's, who
		      * finds nothing to do */
			curl_multi_socket_action(e->multi, fd, bits_of(e->ready[i].events), &busy);
	}
	e->ready_count = 0;
}

void events_run_due(struct events *e)
{
	int busy;

	if (e->due_ms == INT64_MAX || clock_mono_ms() < e->due_ms)
		return;
	e->due_ms = INT64_MAX; /* it says so again, also if that was too early */
	curl_multi_socket_action(e->multi, CURL_SOCKET_TIMEOUT, 0, &busy);
}
