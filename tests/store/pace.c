/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting on an event descriptor that nobody ever reads: once it is written, every wait returns. */
#include "tests/store/pace.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S       1000000000ull
#define STEP_NS	       (NS_PER_S / 100) /* a step under a limit lasts about 10 ms */
#define STEP_BYTES_MIN 1024u

static int stop_fd = -1;

int pace_init(void)
{
	stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return stop_fd < 0 ? -errno : 0;
}

void pace_stop(void)
{
	uint64_t one = 1;
	ssize_t done = write(stop_fd, &one, sizeof(one));

	(void)done; /* only a full counter fails, and that wakes everybody as well */
}

uint64_t pace_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

bool pace_wait_ns(uint64_t ns, int fd)
{
	struct pollfd fds[2] = {{.fd = stop_fd, .events = POLLIN}, {.fd = fd, .events = POLLRDHUP}};
	uint64_t end = pace_now_ns() + ns;

	for (uint64_t now = end - ns; now < end; now = pace_now_ns()) {
		struct timespec rest = {.tv_sec = (time_t)((end - now) / NS_PER_S),
					.tv_nsec = (long)((end - now) % NS_PER_S)};
		int ready = ppoll(fds, 2, &rest, NULL);

		if (ready > 0 || (ready < 0 && errno != EINTR))
			return false;
	}
	return true;
}

bool pace_writable(int fd, unsigned ms)
{
	struct pollfd fds[2] = {{.fd = stop_fd, .events = POLLIN}, {.fd = fd, .events = POLLOUT}};
	int ready = poll(fds, 2, (int)ms);

	return ready > 0 && !fds[0].revents && !(fds[1].revents & (POLLERR | POLLHUP));
}

size_t pace_step(uint64_t bytes_per_s, size_t most)
{
	uint64_t step = bytes_per_s / (NS_PER_S / STEP_NS);

	if (!bytes_per_s || step > most)
		return most;
	return step < STEP_BYTES_MIN ? STEP_BYTES_MIN : (size_t)step;
}

bool pace_bytes(struct pace *p, uint64_t bytes_per_s, size_t bytes, int fd)
{
	uint64_t now = pace_now_ns();
	uint64_t cost;
	bool ok = true;

	if (!bytes_per_s)
		return true;
	cost = (uint64_t)((double)bytes * (double)NS_PER_S / (double)bytes_per_s);
	if (p->free_ns > now)
		ok = pace_wait_ns(p->free_ns - now, fd);
	p->free_ns = (p->free_ns > now ? p->free_ns : now) + cost;
	return ok;
}
