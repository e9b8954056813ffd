/* SPDX-License-Identifier: Apache-2.0 */
/* See gonerefused.h. */
#include "fs/gonerefused.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/context.h"
#include "core/log.h"
#include "core/scope.h"
#include "fs/meta.h"
#include "fs/told.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct gonelog_left *refused;
static unsigned count;

/* With the lock, or before there are threads. */
static void keep(struct gonelog_left *l)
{
	l->next = refused;
	refused = l;
	count++;
}

/* With the lock: it is over. */
static void end(struct gonelog_left **at)
{
	struct gonelog_left *l = *at;

	*at = l->next;
	gonelog_done(&l->serial, 1);
	free(l);
	count--;
}

void gonerefused_take(struct gonelog_left **left)
{
	while (*left) {
		struct gonelog_left *l = *left;

		if (!l->error) {
			left = &l->next;
			continue;
		}
		*left = l->next;
		keep(l);
	}
}

bool gonerefused_add(const struct gone_item *i, pid_t pid, const char *message)
{
	size_t len = strlen(i->object);
	struct gonelog_left *l;

	pthread_mutex_lock(&lock);
	l = count < GONEREFUSED_MAX ? calloc(1, sizeof(*l) + len + 1) : NULL;
	if (!l || gonelog_refused(i->serial, i->error, message)) {
		log_warn("%s: could not be removed: %s", i->object, message);
		free(l);
		pthread_mutex_unlock(&lock);
		return false;
	}
	l->serial = i->serial;
	l->pid = pid;
	l->error = i->error;
	l->asked_s = i->asked_s;
	memcpy(l->ctx, context_id(i->ctx), WIRE_CTX_BYTES);
	memcpy(l->etag, i->etag, sizeof(l->etag));
	memcpy(l->object, i->object, len + 1);
	snprintf(l->message, sizeof(l->message), "%s", message);
	keep(l);
	pthread_mutex_unlock(&lock);
	return true;
}

void gonerefused_told(pid_t pid)
{
	struct gonelog_left **at = &refused;

	pthread_mutex_lock(&lock);
	while (*at) {
		if ((*at)->pid == pid)
			end(at);
		else
			at = &(*at)->next;
	}
	pthread_mutex_unlock(&lock);
}

void gonerefused_again(const char *object)
{
	struct gonelog_left **at = &refused;

	pthread_mutex_lock(&lock);
	while (*at) {
		if (!strcmp((*at)->object, object))
			end(at);
		else
			at = &(*at)->next;
	}
	pthread_mutex_unlock(&lock);
}

int gonerefused_each(int (*each)(void *arg, const struct gonelog_left *l), void *arg)
{
	int ret = 0;

	pthread_mutex_lock(&lock);
	for (struct gonelog_left *l = refused; l && !ret; l = l->next)
		ret = each(arg, l);
	pthread_mutex_unlock(&lock);
	return ret;
}

/* With the lock: where it stands, or the list's end. */
static struct gonelog_left **find(uint64_t serial)
{
	struct gonelog_left **at = &refused;

	while (*at && (*at)->serial != serial)
		at = &(*at)->next;
	return at;
}

/* The same deletion once more; NULL with an error. */
static struct gone_item *item_of(uint64_t serial, int *ret)
{
	struct gone_item *i = NULL;
	struct gonelog_left *l;

	pthread_mutex_lock(&lock);
	l = *find(serial);
	*ret = !l ? -ENOENT : context_find(l->ctx) ? 0 : -EKEYREJECTED;
	if (!*ret) {
		i = calloc(1, sizeof(*i) + strlen(l->object) + 1);
		*ret = i ? 0 : -ENOMEM;
	}
	if (i) {
		i->ctx = context_find(l->ctx);
		i->is_left = true;
		i->asked_s = l->asked_s;
		memcpy(i->etag, l->etag, sizeof(i->etag));
		strcpy(i->object, l->object);
	}
	pthread_mutex_unlock(&lock);
	return i;
}

int gonerefused_retry(uint64_t serial, char message[STORE_MESSAGE_BYTES])
{
	int ret;
	SCOPE_FREE struct gone_item *i = item_of(serial, &ret);

	if (!i)
		return ret;
	gone_send(i, 1, message);
	if (i->error || i->is_other)
		meta_forget(context_id(i->ctx), i->object);
	else
		told_no_file(context_id(i->ctx), i->object);
	return i->error ? i->error : gonerefused_discard(serial);
}

int gonerefused_discard(uint64_t serial)
{
	struct gonelog_left **at;
	int ret = 0;

	pthread_mutex_lock(&lock);
	at = find(serial);
	if (*at)
		end(at);
	else
		ret = -ENOENT;
	pthread_mutex_unlock(&lock);
	return ret;
}

void gonerefused_shrink(struct buffer *others)
{
	int ret = 0;

	pthread_mutex_lock(&lock);
	if (!refused && !others->len) {
		gonelog_empty();
	} else if (gonelog_is_long()) {
		for (const struct gonelog_left *l = refused; l && !ret; l = l->next)
			ret = gonelog_keep(others, l);
		if (!ret)
			gonelog_replace(others);
	}
	pthread_mutex_unlock(&lock);
}

void gonerefused_forget(void)
{
	pthread_mutex_lock(&lock);
	while (refused) {
		struct gonelog_left *next = refused->next;

		free(refused);
		refused = next;
	}
	count = 0;
	pthread_mutex_unlock(&lock);
}
