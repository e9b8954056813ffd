/* SPDX-License-Identifier: Apache-2.0 */
/* See movedir.h. */
#include "fs/movedir.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/draft.h"
#include "core/context.h"
#include "core/log.h"
#include "fs/change.h"
#include "fs/copy.h"
#include "fs/copyparts.h"
#include "fs/untold.h"
#include "fs/dirattr.h"
#include "fs/listing.h"
#include "fs/movelog.h"
#include "fs/publish.h"
#include "fs/told.h"

struct move {
	struct lookup *from, *to;
	const uint8_t *ctx;
	char old_prefix[NAME_OBJECT_MAX], new_prefix[NAME_OBJECT_MAX];
	const char *old_key, *new_key; /* in them */
	struct movelog *log;
	struct store_entry *entries; /* owned: everything below the old prefix */
	bool *done;		     /* owned; of each: it was copied by whoever came before */
	size_t count, cap;

	/* of the copies */
	pthread_mutex_t lock;
	pthread_cond_t ended;
	size_t next;
	unsigned active;
	int error;
};

static int keep_page(struct move *m, struct store_list *page)
{
	struct store_entry *grown;

	if (m->count + page->count > m->cap) {
		size_t cap = 2 * m->cap + page->count;

		grown = reallocarray(m->entries, cap, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		m->entries = grown;
		m->cap = cap;
	}
	for (size_t i = 0; i < page->count; i++) {
		m->entries[m->count++] = page->entries[i];
		page->entries[i].name = NULL;
	}
	return 0;
}

static int list_all(struct move *m)
{
	char *token = NULL;
	int ret = 0;

	do {
		struct store_call call = {
			.verb = STORE_LIST,
			.ctx = m->from->ctx,
			.scheme = m->from->name.scheme,
			.bucket = m->from->name.bucket,
			.key = m->old_key,
			.token = token,
		};

		ret = store_run(&call);
		if (ret)
			memcpy(m->from->message, call.message, sizeof(call.message));
		else
			ret = keep_page(m, &call.list);
		free(token);
		token = ret || !call.list.next_token ? NULL : strdup(call.list.next_token);
		store_call_reset(&call);
	} while (token);
	return ret;
}

/* --- copying --- */

struct copying {
	struct store_call call;
	struct move *move;
	struct store_entry *entry;
	char key[WIRE_PATH_MAX], etag[STORE_ETAG_BYTES];
};

static void copy_done(struct store_call *call)
{
	struct copying *c = call->arg;
	struct move *m = c->move;

	pthread_mutex_lock(&m->lock);
	if (!call->error) {
		movelog_copied(m->log, c->entry->name, c->etag, call->object.etag);
		memcpy(c->entry->object.etag, call->object.etag, STORE_ETAG_BYTES);
	} else if (!m->error) {
		m->error = call->error;
		memcpy(m->from->message, call->message, sizeof(call->message));
	}
	m->active--;
	pthread_cond_signal(&m->ended);
	pthread_mutex_unlock(&m->lock);
	store_call_reset(call);
	free(c);
}

/* Here and now, in parts. */
static int copy_large(struct move *m, struct store_entry *e)
{
	char old[NAME_OBJECT_MAX], new[NAME_OBJECT_MAX];
	struct meta_fact fact = {.kind = META_FILE, .object = e->object};
	struct lookup *from, *to;
	int ret = -ENOMEM;

	snprintf(old, sizeof(old), "%s%s", m->old_prefix, e->name + strlen(m->old_key));
	snprintf(new, sizeof(new), "%s%s", m->new_prefix, e->name + strlen(m->old_key));
	from = lookup_of(m->ctx, old);
	to = lookup_of(m->ctx, new);
	if (from && to)
		ret = copy_object(from, to, false, NULL, &fact);
	if (!ret) {
		movelog_copied(m->log, e->name, e->object.etag, fact.object.etag);
		memcpy(e->object.etag, fact.object.etag, STORE_ETAG_BYTES);
	} else if (from) {
		memcpy(m->from->message, from->message, sizeof(from->message));
	}
	free(from);
	free(to);
	return ret ? ret : 1;
}

/* 0: it ends by copy_done(); 1: it has ended; or an error. */
static int start_copy(struct move *m, struct store_entry *e)
{
	struct copying *c;
	int ret;

	if (e->object.size > copyparts_limit(m->to->name.scheme))
		return copy_large(m, e);
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	if (snprintf(c->key, sizeof(c->key), "%s%s", m->new_key, e->name + strlen(m->old_key)) >=
	    (int)sizeof(c->key)) {
		free(c);
		return -ENAMETOOLONG;
	}
	c->move = m;
	c->entry = e;
	memcpy(c->etag, e->object.etag, sizeof(c->etag));
	c->call = (struct store_call){
		.verb = STORE_COPY,
		.ctx = m->to->ctx,
		.scheme = m->to->name.scheme,
		.bucket = m->to->name.bucket,
		.key = c->key,
		.from_bucket = m->from->name.bucket,
		.from_key = e->name,
		.from_etag = c->etag[0] ? c->etag : NULL,
		.done = copy_done,
		.arg = c,
	};
	ret = store_submit(&c->call);
	if (ret)
		free(c);
	return ret;
}

static int copy_all(struct move *m)
{
	pthread_mutex_lock(&m->lock);
	while (m->active || (!m->error && m->next < m->count)) {
		if (m->error || m->next == m->count || m->active == MOVEDIR_PARALLEL) {
			pthread_cond_wait(&m->ended, &m->lock);
			continue;
		}
		if (m->done[m->next]) {
			m->next++;
			continue;
		}
		m->active++;
		pthread_mutex_unlock(&m->lock);
		int ret = start_copy(m, &m->entries[m->next]);

		pthread_mutex_lock(&m->lock);
		m->next++;
		if (ret)
			m->active--;
		if (ret < 0)
			m->error = m->error ? m->error : ret;
	}
	pthread_mutex_unlock(&m->lock);
	return m->error;
}

/* --- and deleting --- */

/* Whoever writes to such a file goes on under its new name. */
static void take_draft_along(const struct move *m, const char *old, const char *new,
			     const struct store_object *copy)
{
	struct cache_file *file = cache_find(m->ctx, old, NULL);

	if (!file)
		return;
	if (draft_is(file) && draft_rename(file, new, name_ino(new, strlen(new), false), copy))
		draft_unlink(file);
	cache_put(file);
}

/* What else was cached of the old name is of no use any more: the copy is another object. */
static void tell(const struct move *m, const struct store_entry *e)
{
	char old[NAME_OBJECT_MAX], new[NAME_OBJECT_MAX];

	snprintf(old, sizeof(old), "%s%s", m->old_prefix, e->name + strlen(m->old_key));
	snprintf(new, sizeof(new), "%s%s", m->new_prefix, e->name + strlen(m->old_key));
	take_draft_along(m, old, new, &e->object);
	untold_copied(old, new, &e->object);
	told_no_file(m->ctx, old);
	meta_forget(m->ctx, new);
	listing_changed(new);
}

static int delete_all(struct move *m)
{
	const char *keys[STORE_LIST_MAX];
	int ret = 0;

	for (size_t at = 0, n; !ret && at < m->count; at += n) {
		n = m->count - at < STORE_LIST_MAX ? m->count - at : STORE_LIST_MAX;
		for (size_t i = 0; i < n; i++)
			keys[i] = m->entries[at + i].name;
		ret = change_delete_many(m->from, keys, n);
		for (size_t i = 0; !ret && i < n; i++)
			tell(m, &m->entries[at + i]);
	}
	return ret;
}

/* Not everything could be copied: what was goes again, so that all is as before. *is_done: it is.
 */
static void undo(struct move *m, bool *is_done)
{
	char message[STORE_MESSAGE_BYTES];
	const char *keys[STORE_LIST_MAX];
	char *owned[STORE_LIST_MAX];
	size_t n = 0;

	*is_done = true;
	memcpy(message, m->from->message, sizeof(message)); /* that of the failure */
	for (size_t i = 0; i < m->next; i++) {
		if (asprintf(&owned[n], "%s%s", m->new_key,
			     m->entries[i].name + strlen(m->old_key)) < 0)
			continue;
		keys[n] = owned[n];
		n++;
		if (n < STORE_LIST_MAX && i + 1 < m->next)
			continue;
		if (change_delete_many(m->to, keys, n)) {
			*is_done = false;
			log_warn("%s: copies of a rename that failed are left until it is tried "
				 "again: %s",
				 m->new_prefix, m->to->message);
		}
		while (n)
			free(owned[--n]);
	}
	memcpy(m->from->message, message, sizeof(message));
}

/* What is being written below: the same in the bucket first, so that it is copied. */
static int publish_one(void *arg, struct cache_file *file)
{
	struct move *m = arg;
	char object[CACHE_OBJECT_MAX];
	const char *why;

	cache_object(file, object);
	if (strncmp(object, m->old_prefix, strlen(m->old_prefix)) != 0 ||
	    memcmp(cache_ctx(file), m->ctx, WIRE_CTX_BYTES) != 0 || draft_parked(file, &why))
		return 0;
	return publish(file, m->from->message);
}

static int check_target(struct move *m)
{
	struct store_call call = {
		.verb = STORE_LIST,
		.ctx = m->to->ctx,
		.scheme = m->to->name.scheme,
		.bucket = m->to->name.bucket,
		.key = m->new_key,
		.max_entries = 2,
	};
	int ret = store_run(&call);

	if (ret)
		memcpy(m->from->message, call.message, sizeof(call.message));
	for (size_t i = 0; !ret && i < call.list.count; i++) {
		if (strcmp(call.list.entries[i].name, m->new_key) != 0)
			ret = -ENOTEMPTY;
	}
	store_call_reset(&call);
	if (!ret && draft_below(m->ctx, m->new_prefix))
		ret = -ENOTEMPTY;
	return ret;
}

/* What an earlier daemon did of this. Once all is copied, what has been made or changed under the
 * old name since is no part of it. */
static int know_done(struct move *m)
{
	size_t kept = 0;

	m->done = calloc(m->count + 1, sizeof(*m->done));
	if (!m->done)
		return -ENOMEM;
	for (size_t i = 0; i < m->count; i++) {
		struct store_entry *e = &m->entries[i];
		const struct movelog_copy *copy = movelog_find(m->log, e->name, e->object.etag);

		if (!copy && m->log->deletes) {
			free(e->name);
			continue;
		}
		if (copy)
			snprintf(e->object.etag, sizeof(e->object.etag), "%s", copy->now);
		m->done[kept] = copy;
		m->entries[kept++] = *e;
	}
	m->count = kept;
	return 0;
}

/* Nothing is moved when one of them would get a name that no store takes. */
static int check_names(const struct move *m)
{
	size_t old_bytes = strlen(m->old_key), new_bytes = strlen(m->new_key);

	for (size_t i = 0; i < m->count; i++) {
		if (strlen(m->entries[i].name) - old_bytes + new_bytes > NAME_KEY_MAX)
			return -ENAMETOOLONG;
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct store_entry *)a)->name, ((const struct store_entry *)b)->name);
}

/* An earlier daemon died while it took everything back: what is below the new name and, with the
 * same size, below the old one is a copy. */
static int undo_rest(struct move *m)
{
	struct move copies = {.from = m->to, .old_key = m->new_key};
	const char *key;
	int ret = list_all(m);

	if (!ret)
		ret = list_all(&copies);
	if (m->count)
		qsort(m->entries, m->count, sizeof(*m->entries), by_name);
	for (size_t i = 0; i < copies.count && !ret; i++) {
		struct store_entry wanted = {0}, *old;

		key = copies.entries[i].name;
		if (asprintf(&wanted.name, "%s%s", m->old_key, key + strlen(m->new_key)) < 0) {
			ret = -ENOMEM;
			break;
		}
		old = m->count ? bsearch(&wanted, m->entries, m->count, sizeof(wanted), by_name)
			       : NULL;
		if (old && old->object.size == copies.entries[i].object.size)
			ret = change_delete_many(m->to, &key, 1);
		free(wanted.name);
	}
	for (size_t i = 0; i < copies.count; i++)
		free(copies.entries[i].name);
	free(copies.entries);
	return ret;
}

/* Copies all, or takes it back. *is_done: it is over, either way. */
static int copy_or_undo(struct move *m, bool *is_done)
{
	int ret = copy_all(m);

	if (ret == -ECANCELED) { /* the daemon leaves: the next one goes on */
		*is_done = false;
	} else if (ret) {
		movelog_undoes(m->log);
		undo(m, is_done);
	}
	return ret;
}

static int carry_out(struct move *m, bool *is_done)
{
	int ret = m->log->is_resumed ? 0 : check_target(m);

	if (!ret)
		ret = draft_each(publish_one, m);
	if (!ret)
		ret = list_all(m);
	if (!ret)
		ret = know_done(m);
	if (!ret && !m->log->is_resumed)
		ret = check_names(m);
	*is_done = !ret || !m->log->is_resumed; /* nothing was done yet */
	if (ret)
		return ret;
	if (!m->log->deletes)
		ret = copy_or_undo(m, is_done);
	if (ret)
		return ret;
	movelog_deletes(m->log);
	ret = delete_all(m);
	*is_done = !ret;
	if (!ret) {
		dirattr_move(m->ctx, m->old_prefix, m->new_prefix);
		told_no_dir(m->ctx, m->old_prefix);
		told_dir(m->ctx, m->new_prefix, 0);
	}
	return ret;
}

/* What the log says, which is ended. */
static int run(struct move *m)
{
	bool is_done;
	int ret;

	if (m->log->undoes) {
		ret = undo_rest(m);
		is_done = !ret;
		ret = ret ? ret : -EIO; /* of the copies, when they were made */
	} else {
		ret = carry_out(m, &is_done);
	}
	movelog_end(m->log, is_done);
	return ret;
}

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
		ret = run(m);
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
	int ret = list_all(m);

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
		ret = ret < 0 ? ret : ret ? is_gone(m) : run(m);
	}
	move_free(m);
	return ret;
}
