/* SPDX-License-Identifier: Apache-2.0 */
/* The objects below a prefix, and copies of them by the service under another. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/copy.h"
#include "fs/copyparts.h"
#include "fs/move.h"
#include "fs/moverecord.h"
#include "fs/movedir.h"
#include "fs/untold.h"

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

/* The one object. */
static int list_file(struct move *m)
{
	struct store_call call = {
		.verb = STORE_HEAD,
		.ctx = m->from->ctx,
		.scheme = m->from->name.scheme,
		.bucket = m->from->name.bucket,
		.key = m->old_key,
	};
	struct store_entry entry = {.name = strdup(m->old_key)};
	struct store_list page = {.entries = &entry, .count = 1};
	int ret = entry.name ? store_run(&call) : -ENOMEM;

	if (!ret) {
		lookup_file_fact(m->old_prefix, &call.object, &call.user, &call.fields, &m->fact);
		untold_learn(m->old_prefix, &m->fact, NULL, lookup_xattr(&call.user));
		entry.object = call.object;
		ret = keep_page(m, &page);
	} else if (ret == -ENOENT && m->log->deletes) {
		ret = 0; /* by whoever came before */
	} else {
		memcpy(m->from->message, call.message, sizeof(call.message));
	}
	free(entry.name);
	store_call_reset(&call);
	return ret;
}

int move_by_name(const void *a, const void *b)
{
	return strcmp(((const struct store_entry *)a)->name, ((const struct store_entry *)b)->name);
}

int move_list(struct move *m)
{
	char *token = NULL;
	int ret = 0;

	if (m->is_file)
		return list_file(m);
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
		if (!ret && call.list.next_token && !token)
			ret = -ENOMEM;
		store_call_reset(&call);
	} while (token);
	return ret;
}

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
		moverecord_copied(m->log, c->entry->name, c->etag, call->object.etag);
		m->copied[c->entry - m->entries] = true;
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

/* Here and now: in parts, or a file with all that it has. */
static int copy_here(struct move *m, struct store_entry *e)
{
	char old[NAME_OBJECT_MAX], new[NAME_OBJECT_MAX];
	struct meta_fact fact = {.kind = META_FILE, .object = e->object};
	struct lookup *from, *to;
	int ret = -ENOMEM;

	if (m->is_file)
		fact = m->fact;

	snprintf(old, sizeof(old), "%s%s", m->old_prefix, e->name + strlen(m->old_key));
	snprintf(new, sizeof(new), "%s%s", m->new_prefix, e->name + strlen(m->old_key));
	from = lookup_of(m->ctx, old);
	to = lookup_of(m->ctx, new);
	if (from && to)
		ret = copy_object(from, to, false, NULL, &fact);
	if (!ret) {
		moverecord_copied(m->log, e->name, e->object.etag, fact.object.etag);
		memcpy(e->object.etag, fact.object.etag, STORE_ETAG_BYTES);
		m->copied[e - m->entries] = true;
		m->fact = fact;
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

	if (m->is_file || e->object.size > copyparts_limit(m->to->name.scheme))
		return copy_here(m, e);
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

/* Of a directory that is replaced the mark waits for all the others. */
static bool waits(const struct move *m)
{
	return m->active == MOVEDIR_PARALLEL ||
	       (m->active && m->log->has_mark && !strcmp(m->entries[m->next].name, m->old_key));
}

int move_copy(struct move *m)
{
	pthread_mutex_lock(&m->lock);
	while (m->active || (!m->error && m->next < m->count)) {
		if (m->error || m->next == m->count || waits(m)) {
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
