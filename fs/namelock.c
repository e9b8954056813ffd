/* SPDX-License-Identifier: Apache-2.0 */
/* See namelock.h. There are as many at a time as threads that serve: both lists are short. */
#include "fs/namelock.h"

#include <pthread.h>
#include <stddef.h>

#include "fs/names.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t dropped = PTHREAD_COND_INITIALIZER;
static struct namelock *held;
static struct namelock *waiting; /* in the order in which they came */
static _Thread_local struct namelock *mine;

static bool meets(const struct namelock *a, const struct namelock *b)
{
	for (unsigned i = 0; i < a->count; i++) {
		for (unsigned k = 0; k < b->count; k++) {
			if (name_is_above(a->object[i], b->object[k]) &&
			    name_is_above(b->object[k], a->object[i]))
				return true;
		}
	}
	return false;
}

/* From the first of a list up to the one named, or to its end: does any want one of the same? */
static bool meets_any(const struct namelock *l, const struct namelock *first,
		      const struct namelock *end)
{
	while (first != end && !meets(l, first))
		first = first->next;
	return first != end;
}

static void append(struct namelock **list, struct namelock *l)
{
	while (*list)
		list = &(*list)->next;
	l->next = NULL;
	*list = l;
}

static void take_out(struct namelock **list, const struct namelock *l)
{
	while (*list != l)
		list = &(*list)->next;
	*list = l->next;
}

void namelock_take(struct namelock *l)
{
	if (!l->count)
		return;
	pthread_mutex_lock(&lock);
	append(&waiting, l);
	while (meets_any(l, held, NULL) || meets_any(l, waiting, l))
		pthread_cond_wait(&dropped, &lock);
	take_out(&waiting, l);
	l->next = held;
	held = l;
	mine = l;
	pthread_mutex_unlock(&lock);
}

void namelock_drop(struct namelock *l)
{
	if (!l->count || mine != l)
		return;
	mine = NULL;
	pthread_mutex_lock(&lock);
	take_out(&held, l);
	pthread_cond_broadcast(&dropped);
	pthread_mutex_unlock(&lock);
}

bool namelock_is_mine(void)
{
	return mine;
}

void namelock_leave(void)
{
	if (mine)
		namelock_drop(mine);
}

/* By another: one of them is that name, or below it. */
static bool is_held_below(const char *object)
{
	for (const struct namelock *l = held; l; l = l->next) {
		for (unsigned i = 0; i < l->count && l != mine; i++) {
			if (name_is_above(object, l->object[i]))
				return true;
		}
	}
	return false;
}

void namelock_wait(const char *object)
{
	pthread_mutex_lock(&lock);
	while (is_held_below(object))
		pthread_cond_wait(&dropped, &lock);
	pthread_mutex_unlock(&lock);
}
