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
#include "fs/links.h"
#include "fs/dirattr.h"
#include "fs/listing.h"
#include "fs/publish.h"
#include "fs/told.h"

struct move {
	struct lookup *from, *to;
	const uint8_t *ctx;
	char old_prefix[NAME_OBJECT_MAX], new_prefix[NAME_OBJECT_MAX];
	const char *old_key, *new_key; /* in them */
	struct store_entry *entries;   /* owned: everything below the old prefix */
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

static int start_copy(struct move *m, struct store_entry *e)
{
	struct copying *c = calloc(1, sizeof(*c));
	int ret;

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
		m->active++;
		pthread_mutex_unlock(&m->lock);
		int ret = start_copy(m, &m->entries[m->next]);

		pthread_mutex_lock(&m->lock);
		m->next++;
		if (ret) {
			m->active--;
			m->error = m->error ? m->error : ret;
		}
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
	links_copied(old, new, &e->object);
	told_no_file(m->ctx, old);
	meta_forget(m->ctx, new);
	listing_changed(new);
}

/* Up to STORE_LIST_MAX keys, which need not be there. */
static int delete_keys(struct lookup *q, const char *const *keys, size_t count)
{
	struct store_call call = {
		.verb = STORE_DELETE_MANY,
		.ctx = q->ctx,
		.scheme = q->name.scheme,
		.bucket = q->name.bucket,
		.keys = keys,
		.key_count = count,
	};
	int ret = count ? store_run(&call) : 0;

	if (ret)
		memcpy(q->message, call.message, sizeof(call.message));
	store_call_reset(&call);
	if (ret != -EINVAL && ret != -EOPNOTSUPP)
		return ret;
	ret = 0; /* a key that this request cannot name, or no such request */
	for (size_t i = 0; !ret && i < count; i++)
		ret = change_delete(q, keys[i]);
	return ret;
}

static int delete_all(struct move *m)
{
	const char *keys[STORE_LIST_MAX];
	int ret = 0;

	for (size_t at = 0, n; !ret && at < m->count; at += n) {
		n = m->count - at < STORE_LIST_MAX ? m->count - at : STORE_LIST_MAX;
		for (size_t i = 0; i < n; i++)
			keys[i] = m->entries[at + i].name;
		ret = delete_keys(m->from, keys, n);
		for (size_t i = 0; !ret && i < n; i++)
			tell(m, &m->entries[at + i]);
	}
	return ret;
}

/* Not everything could be copied: what was goes again, so that all is as before. */
static void undo(struct move *m)
{
	char message[STORE_MESSAGE_BYTES];
	const char *keys[STORE_LIST_MAX];
	char *owned[STORE_LIST_MAX];
	size_t n = 0;

	memcpy(message, m->from->message, sizeof(message)); /* that of the failure */
	for (size_t i = 0; i < m->next; i++) {
		if (asprintf(&owned[n], "%s%s", m->new_key,
			     m->entries[i].name + strlen(m->old_key)) < 0)
			continue;
		keys[n] = owned[n];
		n++;
		if (n < STORE_LIST_MAX && i + 1 < m->next)
			continue;
		if (delete_keys(m->to, keys, n))
			log_warn("%s: copies of a rename that failed are left: %s", m->new_prefix,
				 m->to->message);
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

static int run(struct move *m)
{
	int ret = check_target(m);

	if (!ret)
		ret = draft_each(publish_one, m);
	if (!ret)
		ret = list_all(m);
	if (!ret)
		ret = copy_all(m);
	if (ret)
		undo(m);
	else
		ret = delete_all(m);
	if (!ret) {
		dirattr_move(m->ctx, m->old_prefix, m->new_prefix);
		told_no_dir(m->ctx, m->old_prefix);
		told_dir(m->ctx, m->new_prefix, 0);
	}
	return ret;
}

int movedir(struct lookup *from, struct lookup *to)
{
	struct move *m = calloc(1, sizeof(*m));
	char scheme[8], bucket[256];
	int ret;

	if (!m)
		return -ENOMEM;
	m->from = from;
	m->to = to;
	m->ctx = context_id(from->ctx);
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->ended, NULL);
	name_prefix(&from->name, m->old_prefix);
	name_prefix(&to->name, m->new_prefix);
	m->old_key = name_split(m->old_prefix, scheme, bucket);
	m->new_key = name_split(m->new_prefix, scheme, bucket);
	if (!strcmp(m->old_prefix, m->new_prefix))
		ret = 0;
	else if (!strncmp(m->new_prefix, m->old_prefix, strlen(m->old_prefix)))
		ret = -EINVAL;
	else
		ret = run(m);
	for (size_t i = 0; i < m->count; i++)
		free(m->entries[i].name);
	free(m->entries);
	pthread_mutex_destroy(&m->lock);
	pthread_cond_destroy(&m->ended);
	free(m);
	return ret;
}
