/* SPDX-License-Identifier: Apache-2.0 */
/* A queue, and threads that leave when it has been empty for a while. */
#include "fs/later.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cache/clock.h"
#include "core/log.h"
#include "core/tally.h"
#include "fs/publish.h"
#include "fs/sent.h"

#define STACK_BYTES (256u << 10)
#define LINGER_S    1 /* a thread costs more than the upload of a small file does here */

/* Of one process. */
struct owner {
	struct owner *next;
	pid_t pid;
	unsigned pending, failed, waiters;
	uint64_t total, ended; /* bytes that were added, and those of them that are through */
	int error;	       /* the first */
	char message[STORE_MESSAGE_BYTES];
};

struct item {
	struct item *next;
	struct cache_file *file; /* a reference */
	struct owner *owner;
	struct job *job; /* a reference, or NULL */
	uint64_t bytes;	 /* of the file when it was added */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER; /* in the queue, or it stops */
static struct owner *owners;
static struct item *first, **last = &first;
static struct item *running; /* by next */
static unsigned threads, idle, waiting;
static bool stopping;

/* With the lock. NULL: without memory, when one is to be made. */
static struct owner *owner_of(pid_t pid, bool make)
{
	struct owner *o = owners;

	while (o && o->pid != pid)
		o = o->next;
	if (o || !make)
		return o;
	o = calloc(1, sizeof(*o));
	if (!o)
		return NULL;
	o->pid = pid;
	o->next = owners;
	owners = o;
	return o;
}

static void owner_drop(struct owner *o)
{
	struct owner **at = &owners;

	while (*at != o)
		at = &(*at)->next;
	*at = o->next;
	free(o);
}

/* With the lock. */
static void note_end(const struct item *i, int error, const char *message)
{
	struct owner *o = i->owner;

	o->pending--;
	o->ended += i->bytes;
	if (error) {
		o->failed++;
		if (!o->error) {
			o->error = error;
			snprintf(o->message, sizeof(o->message), "%s", message);
		}
	}
	pthread_cond_broadcast(&ended);
}

static struct item *take(void)
{
	struct item *i = first;

	if (i) {
		first = i->next;
		if (!first)
			last = &first;
		waiting--;
	}
	return i;
}

/* With the lock, which is given away meanwhile. NULL: there is nothing to do any more. */
static struct item *wait_item(void)
{
	struct timespec until;
	int ret = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += LINGER_S;
	idle++;
	while (!first && !stopping && !ret)
		ret = pthread_cond_timedwait(&more, &lock, &until);
	idle--;
	return stopping ? NULL : take();
}

/* With the lock. */
static void stops_running(const struct item *i)
{
	struct item **at = &running;

	while (*at != i)
		at = &(*at)->next;
	*at = i->next;
}

static void *work(void *arg)
{
	char message[STORE_MESSAGE_BYTES];
	struct item *i;

	pthread_mutex_lock(&lock);
	while ((i = wait_item())) {
		int ret;

		i->next = running;
		running = i;
		pthread_mutex_unlock(&lock);
		job_switch(i->job);
		ret = publish(i->file, message);
		cache_put(i->file);
		job_put(job_switch(NULL));
		pthread_mutex_lock(&lock);
		stops_running(i);
		note_end(i, ret, message);
		free(i);
	}
	threads--;
	pthread_cond_broadcast(&ended);
	pthread_mutex_unlock(&lock);
	return arg;
}

/* With the lock. */
static int add_thread(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	int ret;

	if (idle > waiting || threads >= LATER_PARALLEL)
		return 0;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	ret = pthread_create(&thread, &attr, work, NULL);
	pthread_attr_destroy(&attr);
	if (!ret)
		threads++;
	return threads ? 0 : -EAGAIN;
}

int later_add(struct cache_file *file, pid_t pid)
{
	struct item *i = calloc(1, sizeof(*i));
	struct wire_attr attr;
	struct owner *o;
	int ret;

	if (!i)
		return -ENOMEM;
	draft_attr(file, &attr);
	pthread_mutex_lock(&lock);
	o = owner_of(pid, true);
	ret = !o ? -ENOMEM : stopping ? -EAGAIN : add_thread();
	if (!ret) {
		cache_ref(file);
		*i = (struct item){.file = file,
				   .owner = o,
				   .bytes = attr.size,
				   .job = job_ref(job_current())};
		o->pending++;
		o->total += attr.size;
		*last = i;
		last = &i->next;
		waiting++;
		pthread_cond_signal(&more);
		i = NULL;
	}
	pthread_mutex_unlock(&lock);
	free(i);
	return ret;
}

int later_settle(pid_t pid, unsigned *failed, char message[STORE_MESSAGE_BYTES])
{
	struct owner *o;
	int ret = 0;

	message[0] = '\0';
	*failed = 0;
	pthread_mutex_lock(&lock);
	o = owner_of(pid, false);
	if (o) {
		o->waiters++;
		while (o->pending && !stopping)
			pthread_cond_wait(&ended, &lock);
		ret = o->pending ? -ECANCELED : o->error;
		*failed = o->failed;
		snprintf(message, STORE_MESSAGE_BYTES, "%s", o->message);
		o->error = 0;
		o->failed = 0;
		if (!o->pending)
			o->total = o->ended = 0;
		o->waiters--;
		if (!o->pending && !o->waiters)
			owner_drop(o);
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

unsigned later_left(pid_t pid, uint64_t *total_out, uint64_t *done_out)
{
	struct owner *o;
	unsigned files;

	pthread_mutex_lock(&lock);
	o = owner_of(pid, false);
	files = o ? o->pending : 0;
	*total_out = o ? o->total : 0;
	*done_out = o ? o->ended : 0;
	for (struct item *i = running; i; i = i->next) {
		uint64_t bytes = i->owner == o ? sent_bytes(i->file) : 0;

		*done_out += bytes < i->bytes ? bytes : i->bytes;
	}
	pthread_mutex_unlock(&lock);
	return files;
}

void later_sweep(void)
{
	struct owner *next;

	pthread_mutex_lock(&lock);
	for (struct owner *o = owners; o; o = next) {
		next = o->next;
		if (!o->pending && !o->waiters && kill(o->pid, 0) && errno == ESRCH)
			owner_drop(o);
	}
	pthread_mutex_unlock(&lock);
}

unsigned later_stop(unsigned wait_ms)
{
	struct timespec until;
	struct item *i;
	unsigned left;
	int ret = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += wait_ms / 1000 + 1;
	pthread_mutex_lock(&lock);
	stopping = true;
	pthread_cond_broadcast(&more);
	pthread_cond_broadcast(&ended);
	while ((i = take())) {
		note_end(i, -ECANCELED, "the daemon was stopped");
		job_put(i->job);
		cache_put(i->file);
		free(i);
	}
	while (threads && !ret)
		ret = pthread_cond_timedwait(&ended, &lock, &until);
	left = threads;
	while (!left && owners)
		owner_drop(owners);
	stopping = left > 0;
	pthread_mutex_unlock(&lock);
	return left;
}
