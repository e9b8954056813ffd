/* SPDX-License-Identifier: Apache-2.0 */
/* A hash of pids with a pidfd each, so that a pid used again is not taken for the process that had
 * it. */
#include "fs/clients.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLOTS	 (2 * CLIENTS_MAX)
#define TIDY_MIN 64 /* descriptors of dead processes are not worth a look */

struct client {
	pid_t pid; /* 0: free */
	int fd;
	uint32_t job; /* 0: none that asks for it */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct client slots[SLOTS];
static unsigned count;
static unsigned tidy_at = TIDY_MIN; /* how many make it worth looking for dead ones */

static bool is_dead(const struct client *c)
{
	struct pollfd p = {.fd = c->fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

/* The slot of pid, or the free one where it belongs. */
static struct client *find(pid_t pid)
{
	unsigned at = (unsigned)pid * 2654435761u % SLOTS;

	while (slots[at].pid && slots[at].pid != pid)
		at = (at + 1) % SLOTS;
	return &slots[at];
}

static int open_pid(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* Takes out the dead, with the lock. */
static void tidy(void)
{
	static struct client live[CLIENTS_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < SLOTS; i++) {
		if (!slots[i].pid)
			continue;
		if (is_dead(&slots[i]))
			close(slots[i].fd);
		else
			live[n++] = slots[i];
		slots[i].pid = 0;
	}
	/* without deletion marks: put those that are left in anew */
	for (unsigned i = 0; i < n; i++)
		*find(live[i].pid) = live[i];
	count = n;
	tidy_at = 2 * n + TIDY_MIN;
}

static void add(pid_t pid)
{
	int fd;

	if (count >= tidy_at || count >= CLIENTS_MAX)
		tidy();
	fd = count < CLIENTS_MAX ? open_pid(pid) : -1;
	if (fd < 0)
		return;
	*find(pid) = (struct client){.pid = pid, .fd = fd};
	count++;
}

void clients_seen(pid_t pid)
{
	struct client *c;

	if (pid <= 0)
		return; /* of another pid namespace */
	pthread_mutex_lock(&lock);
	c = find(pid);
	if (!c->pid) {
		add(pid);
	} else if (is_dead(c)) {
		close(c->fd);
		c->fd = open_pid(pid);
		if (c->fd < 0)
			c->fd = open("/dev/null", O_RDONLY | O_CLOEXEC); /* always ready: dead */
	}
	pthread_mutex_unlock(&lock);
}

unsigned clients_alive(void)
{
	unsigned n;

	pthread_mutex_lock(&lock);
	tidy();
	n = count;
	pthread_mutex_unlock(&lock);
	return n;
}

void clients_joined(pid_t pid, uint32_t job)
{
	pthread_mutex_lock(&lock);
	if (pid > 0 && find(pid)->pid)
		find(pid)->job = job;
	pthread_mutex_unlock(&lock);
}

bool clients_any_of(uint32_t job)
{
	bool any = false;

	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < SLOTS && !any; i++)
		any = slots[i].pid && slots[i].job == job && !is_dead(&slots[i]);
	pthread_mutex_unlock(&lock);
	return any;
}

void clients_forget(void)
{
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < SLOTS; i++) {
		if (slots[i].pid)
			close(slots[i].fd);
		slots[i].pid = 0;
	}
	count = 0;
	tidy_at = TIDY_MIN;
	pthread_mutex_unlock(&lock);
}
