/* SPDX-License-Identifier: Apache-2.0 */
/* See namelock.h. There are as many at a time as threads that serve. */
#include "fs/namelock.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t dropped = PTHREAD_COND_INITIALIZER;
static struct namelock *held;

static bool is_same(const char *a, const char *b)
{
	size_t n = strlen(a), len = strlen(b);

	n -= n && a[n - 1] == '/';
	len -= len && b[len - 1] == '/';
	return n == len && !memcmp(a, b, n);
}

static bool meets(const struct namelock *a, const struct namelock *b)
{
	for (unsigned i = 0; i < a->count; i++) {
		for (unsigned k = 0; k < b->count; k++) {
			if (is_same(a->object[i], b->object[k]))
				return true;
		}
	}
	return false;
}

static bool is_held(const struct namelock *l)
{
	const struct namelock *other = held;

	while (other && !meets(l, other))
		other = other->next;
	return other;
}

void namelock_take(struct namelock *l)
{
	if (!l->count)
		return;
	pthread_mutex_lock(&lock);
	while (is_held(l))
		pthread_cond_wait(&dropped, &lock);
	l->next = held;
	held = l;
	pthread_mutex_unlock(&lock);
}

void namelock_drop(struct namelock *l)
{
	struct namelock **at = &held;

	if (!l->count)
		return;
	pthread_mutex_lock(&lock);
	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	pthread_cond_broadcast(&dropped);
	pthread_mutex_unlock(&lock);
}
