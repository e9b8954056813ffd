/* SPDX-License-Identifier: Apache-2.0 */
/* See movedir.h: who moves what, and who goes on with what was interrupted. */
#include "fs/movedir.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/context.h"
#include "core/log.h"
#include "fs/move.h"

static struct move *move_new(struct lookup *from, struct lookup *to)
{
	struct move *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->from = from;
	m->to = to;
	m->ctx = context_id(from->ctx);
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->ended, NULL);
	return m;
}

static void move_free(struct move *m)
{
	for (size_t i = 0; i < m->count; i++)
		free(m->entries[i].name);
	free(m->entries);
	free(m->done);
	pthread_mutex_destroy(&m->lock);
	pthread_cond_destroy(&m->ended);
	free(m);
}

static void split_prefixes(struct move *m)
{
	char scheme[8], bucket[256];

	m->old_key = name_split(m->old_prefix, scheme, bucket);
	m->new_key = name_split(m->new_prefix, scheme, bucket);
}

/* One that was interrupted. */
static void go_on(struct movelog *log)
{
	struct lookup *from = lookup_of(log->ctx, log->from);
	struct lookup *to = lookup_of(log->ctx, log->to);
	struct move *m = from && to && from->ctx ? move_new(from, to) : NULL;
	int ret;

	if (m) {
		m->log = log;
		snprintf(m->old_prefix, sizeof(m->old_prefix), "%s", log->from);
		snprintf(m->new_prefix, sizeof(m->new_prefix), "%s", log->to);
		split_prefixes(m);
		ret = move_run(m);
		if (ret)
			log_warn("%s: its renaming was not finished: %s", m->old_prefix,
				 *from->message ? from->message : strerror(-ret));
		else
			log_info("%s: its renaming is finished", m->old_prefix);
		move_free(m);
	} else {
		movelog_end(log, false);
	}
	free(from);
	free(to);
}

static struct {
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool is_running;
} sweeper = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};

static void *sweep(void *arg)
{
	struct movelog *log;

	while ((log = movelog_take(NULL)))
		go_on(log);
	pthread_mutex_lock(&sweeper.lock);
	sweeper.is_running = false;
	pthread_cond_broadcast(&sweeper.ended);
	pthread_mutex_unlock(&sweeper.lock);
	return arg;
}

void movedir_sweep(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	if (!movelog_pending())
		return;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_mutex_lock(&sweeper.lock);
	if (!sweeper.is_running)
		sweeper.is_running = !pthread_create(&thread, &attr, sweep, NULL);
	pthread_mutex_unlock(&sweeper.lock);
	pthread_attr_destroy(&attr);
}

void movedir_stop(void)
{
	pthread_mutex_lock(&sweeper.lock);
	while (sweeper.is_running)
		pthread_cond_wait(&sweeper.ended, &sweeper.lock);
	pthread_mutex_unlock(&sweeper.lock);
	movelog_stop();
}

/* Somebody else went on with it: is nothing left below the old name? */
static int is_gone(struct move *m)
{
	int ret = move_list(m);

	return ret ? ret : m->count ? -EIO : 0;
}

int movedir(struct lookup *from, struct lookup *to)
{
	struct move *m = move_new(from, to);
	struct movelog *other;
	int ret;

	if (!m)
		return -ENOMEM;
	name_prefix(&from->name, m->old_prefix);
	name_prefix(&to->name, m->new_prefix);
	split_prefixes(m);
	if (!strcmp(m->old_prefix, m->new_prefix)) {
		ret = 0;
	} else if (!strncmp(m->new_prefix, m->old_prefix, strlen(m->old_prefix))) {
		ret = -EINVAL;
	} else {
		ret = movelog_begin(m->ctx, m->old_prefix, m->new_prefix, &m->log);
		/* what was interrupted above or below comes first */
		while (!ret && (other = movelog_take(m->old_prefix)))
			go_on(other);
		ret = ret < 0 ? ret : ret ? is_gone(m) : move_run(m);
	}
	move_free(m);
	return ret;
}
