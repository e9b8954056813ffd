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
#include "fs/movewhere.h"

struct move *move_new(struct lookup *from, struct lookup *to, const char *old, const char *new)
{
	struct move *m = calloc(1, sizeof(*m));
	char scheme[8], bucket[256];

	if (!m)
		return NULL;
	m->from = from;
	m->to = to;
	m->ctx = context_id(from->ctx);
	snprintf(m->old_prefix, sizeof(m->old_prefix), "%s", old);
	snprintf(m->new_prefix, sizeof(m->new_prefix), "%s", new);
	m->old_key = name_split(m->old_prefix, scheme, bucket);
	m->new_key = name_split(m->new_prefix, scheme, bucket);
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->ended, NULL);
	return m;
}

void move_free(struct move *m)
{
	for (size_t i = 0; i < m->count; i++)
		free(m->entries[i].name);
	free(m->entries);
	free(m->done);
	free(m->copied);
	free(m->was);
	pthread_mutex_destroy(&m->lock);
	pthread_cond_destroy(&m->ended);
	free(m);
}

/* What the log says, which is ended. */
static int run(struct move *m, bool *is_done)
{
	int ret;

	if (!m->log->is_resumed)
		movewhere_note(m->log);
	ret = move_run(m, is_done);
	if (*is_done)
		movelog_end(m->log);
	else
		movelog_fail(m->log, ret, m->from->message);
	return ret;
}

static int move_on(struct movelog *log)
{
	struct lookup *from = lookup_of(log->ctx, log->from);
	struct lookup *to = lookup_of(log->ctx, log->to);
	struct move *m = from && to && from->ctx ? move_new(from, to, log->from, log->to) : NULL;
	int ret = -ENOMEM;
	bool is_done;

	if (m) {
		m->log = log;
		ret = run(m, &is_done);
		if (ret)
			log_warn("%s: its renaming was not finished: %s", m->old_prefix,
				 *from->message ? from->message : strerror(-ret));
		else
			log_info("%s: its renaming is finished", m->old_prefix);
		ret = is_done ? 0 : ret;
		move_free(m);
	} else {
		movelog_fail(log, ret, "");
	}
	free(from);
	free(to);
	return ret;
}

int move_go_on(struct movelog *log)
{
	char message[STORE_MESSAGE_BYTES];
	int ret = movewhere_check(log->where, log->from, log->ctx, message);

	if (ret) {
		movelog_fail(log, ret, message);
		return ret;
	}
	return log->is_exchange ? move_exchange_on(log) : move_on(log);
}

/* Where one of movelog_each_left() was begun. */
struct begun_at {
	int64_t id;
	uint8_t ctx[WIRE_CTX_BYTES]; /* by which it is gone on with */
	char where[MOVELOG_WHERE_BYTES], from[NAME_OBJECT_MAX];
};

static int find_where(void *arg, const struct movelog_left *left)
{
	struct begun_at *at = arg;

	if (left->id != at->id)
		return 0;
	if (left->is_known)
		memcpy(at->ctx, left->log->ctx, sizeof(at->ctx));
	memcpy(at->where, left->log->where, sizeof(at->where));
	memcpy(at->from, left->log->from, sizeof(at->from));
	return 1;
}

int movedir_retry(int64_t id, const uint8_t *ctx, char message[STORE_MESSAGE_BYTES])
{
	struct begun_at at = {.id = id};
	struct movelog *log;
	int ret = 0;

	message[0] = '\0';
	memcpy(at.ctx, ctx, sizeof(at.ctx));
	if (movelog_each_left(find_where, &at))
		ret = movewhere_check(at.where, at.from, at.ctx, message);
	if (!ret)
		ret = movelog_take_left(id, ctx, &log);
	return ret < 0 ? ret : ret ? 0 : move_go_on(log);
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
		move_go_on(log);
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

/* Somebody else went on with it: is nothing left below the old name? Otherwise it was refused or
 * taken back, for reasons that he was told: who asks begins anew, without names, and meets his own.
 */
static int is_gone(struct move *m)
{
	int ret = move_list(m);

	return ret ? ret : m->count ? -EDEADLK : 0;
}

int movedir_settle(const char *object)
{
	struct movelog *other;
	int ret = 0;

	while (!ret && (other = movelog_take(object)))
		ret = move_go_on(other);
	return ret;
}

/* The log was begun, as movelog_begin() says. */
static int begun(struct move *m, int ret)
{
	bool is_done;

	if (ret < 0)
		return ret;
	return ret ? is_gone(m) : run(m, &is_done);
}

int movedir(struct lookup *from, struct lookup *to)
{
	char old[NAME_OBJECT_MAX], new[NAME_OBJECT_MAX];
	struct move *m;
	int ret;

	name_prefix(&from->name, old);
	name_prefix(&to->name, new);
	if (!strcmp(old, new))
		return 0;
	if (!strncmp(new, old, strlen(old)))
		return -EINVAL;
	m = move_new(from, to, old, new);
	if (!m)
		return -ENOMEM;
	ret = begun(m, movelog_begin(m->ctx, old, new, &m->log));
	move_free(m);
	return ret;
}
