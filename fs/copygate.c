/* SPDX-License-Identifier: Apache-2.0 */
/* See copygate.h. There are as many at a time as threads that serve. */
#include "fs/copygate.h"

#include <pthread.h>
#include <stddef.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER;
static struct copygate *shut;

/* With the lock. */
static bool is_shut(const char *object)
{
	const struct copygate *g = shut;

	while (g && strcmp(g->object, object) != 0)
		g = g->next;
	return g;
}

/* With the lock, which it gives away. */
static bool wait_for(const char *object)
{
	bool waited = false;

	while (is_shut(object)) {
		waited = true;
		pthread_cond_wait(&opened, &lock);
	}
	return waited;
}

void copygate_shut(struct copygate *g)
{
	pthread_mutex_lock(&lock);
	wait_for(g->object);
	g->next = shut;
	shut = g;
	pthread_mutex_unlock(&lock);
}

void copygate_open(struct copygate *g)
{
	struct copygate **at = &shut;

	pthread_mutex_lock(&lock);
	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	pthread_cond_broadcast(&opened);
	pthread_mutex_unlock(&lock);
}

bool copygate_is_shut(const char *object)
{
	bool is;

	pthread_mutex_lock(&lock);
	is = is_shut(object);
	pthread_mutex_unlock(&lock);
	return is;
}

bool copygate_wait(const char *object)
{
	bool waited;

	pthread_mutex_lock(&lock);
	waited = wait_for(object);
	pthread_mutex_unlock(&lock);
	return waited;
}
