/* SPDX-License-Identifier: Apache-2.0 */
/* What programs left dirty when they ended, or were killed: published by the daemon. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <time.h>

#include "cache/clock.h"
#include "core/context.h"
#include "core/log.h"
#include "fs/publish.h"
#include "fs/stream.h"

#define THREADS_MAX 16
#define STACK_BYTES (256u << 10)
#define ROUNDS_MAX  64 /* of one sweep */
#define PAUSE_MS    1  /* between them: a lock that is only let go is had again at once */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static unsigned active;
static bool stopping;

/* May it be tried again by itself? */
static bool goes_on(int error)
{
	return error == -EKEYREJECTED || error == -ECANCELED || error == -ENOMEM;
}

static void *publish_one(void *arg)
{
	char message[STORE_MESSAGE_BYTES], object[CACHE_OBJECT_MAX];
	struct cache_file *file = arg;
	struct context *ctx = context_find(cache_ctx(file));
	int ret = publish(file, message);

	if (!ret && ctx)
		stream_clean(file, ctx); /* of one that is not to be published */
	if (!ret)
		draft_put_off(file);
	if (ret && !goes_on(ret)) {
		cache_object(file, object);
		draft_park(file, ret, message);
		log_warn("%s: what a program wrote before it ended is not in the bucket, and is "
			 "kept "
			 "(skyshim recover): %s",
			 object, message);
	}
	cache_put(file);
	pthread_mutex_lock(&lock);
	active--;
	pthread_cond_broadcast(&ended);
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void start(struct cache_file *file)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_mutex_lock(&lock);
	if (!stopping && !pthread_create(&thread, &attr, publish_one, file)) {
		active++;
		file = NULL;
	}
	pthread_mutex_unlock(&lock);
	pthread_attr_destroy(&attr);
	if (file)
		cache_put(file); /* another time */
}

/* Returns whether there is more to do at once. */
static bool sweep_some(void)
{
	struct cache_file *files[THREADS_MAX];
	unsigned busy = publish_active();
	bool more;
	size_t n =
		draft_sweep(files, THREADS_MAX - (busy < THREADS_MAX ? busy : THREADS_MAX), &more);

	for (size_t i = 0; i < n; i++)
		start(files[i]);
	return more;
}

void publish_sweep(void)
{
	for (int i = 0; sweep_some() && i < ROUNDS_MAX; i++)
		poll(NULL, 0, PAUSE_MS);
}

unsigned publish_active(void)
{
	unsigned n;

	pthread_mutex_lock(&lock);
	n = active;
	pthread_mutex_unlock(&lock);
	return n;
}

unsigned publish_stop(unsigned wait_ms)
{
	struct timespec until;
	unsigned left;
	int ret = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += wait_ms % 1000 * 1000000L;
	until.tv_sec += until.tv_nsec / CLOCK_NS_PER_S;
	until.tv_nsec %= CLOCK_NS_PER_S;
	pthread_mutex_lock(&lock);
	stopping = true;
	while (active && !ret)
		ret = pthread_cond_timedwait(&ended, &lock, &until);
	left = active;
	stopping = left > 0;
	pthread_mutex_unlock(&lock);
	return left;
}
