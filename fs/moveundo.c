/* SPDX-License-Identifier: Apache-2.0 */
/* A rename that cannot be carried out: its copies are deleted again, and nothing else that has got
 * one of the new names since. Few services have a condition for that, so that it is asked for just
 * before as well. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "fs/change.h"
#include "fs/move.h"
#include "fs/moverecord.h"
#include "fs/stillthere.h"

/* Up to STORE_LIST_MAX copies: keys is in their object names. */
struct batch {
	struct stillthere at[STORE_LIST_MAX];
	char *object[STORE_LIST_MAX]; /* owned */
	size_t n;
};

/* Of those that are still what they were. */
static int delete_copies(struct move *m, struct batch *b)
{
	size_t at = strlen(m->new_prefix) - strlen(m->new_key), n = 0;
	const char *keys[STORE_LIST_MAX], *etags[STORE_LIST_MAX];
	bool stays[STORE_LIST_MAX];
	int ret = 0, gone;

	stillthere_look(b->at, b->n);
	for (size_t i = 0; i < b->n; i++) {
		if (!b->at[i].result) {
			etags[n] = b->at[i].etag;
			keys[n++] = b->object[i] + at;
		} else if (b->at[i].result == -ESTALE)
			log_warn("%s: was stored by somebody since, and stays", b->object[i]);
		else if (b->at[i].result != -ENOENT)
			ret = b->at[i].result;
	}
	gone = n ? change_delete_many(m->to, keys, etags, n, stays) : 0;
	for (size_t i = 0; !gone && i < n; i++) {
		if (stays[i])
			log_warn("%s/%s: was stored by somebody just now, and stays",
				 m->to->name.bucket, keys[i]);
	}
	if (gone)
		ret = gone;
	while (b->n)
		free(b->object[--b->n]);
	return ret;
}

static int add(struct move *m, struct batch *b, const char *rest, const char *etag)
{
	if (asprintf(&b->object[b->n], "%s%s", m->new_prefix, rest) < 0)
		return -ENOMEM;
	b->at[b->n] =
		(struct stillthere){.ctx = m->to->ctx, .object = b->object[b->n], .etag = etag};
	return ++b->n < STORE_LIST_MAX ? 0 : delete_copies(m, b);
}

/* Of one whose copy failed: was only the answer lost? */
static int find_lost(struct move *m, size_t i)
{
	struct store_entry *e = &m->entries[i];
	char *key, etag[STORE_ETAG_BYTES];
	enum movetarget what;
	int ret;

	if (asprintf(&key, "%s%s", m->new_key, e->name + strlen(m->old_key)) < 0)
		return -ENOMEM;
	ret = movetarget_compare(m, e->name, key, &what, etag);
	free(key);
	if (!ret && what == MOVETARGET_COPY) {
		memcpy(e->object.etag, etag, sizeof(etag));
		m->copied[i] = true;
	}
	return ret == -ENOENT || ret == -EACCES ? 0 : ret;
}

/* The new name was a directory, and stays one. */
static bool keeps_mark(const struct move *m, const char *name, const char *key)
{
	return m->log->has_mark && !m->is_file && !strcmp(name, key);
}

void move_undo(struct move *m, bool *is_done)
{
	char message[STORE_MESSAGE_BYTES];
	struct batch *b = calloc(1, sizeof(*b));
	int ret = b ? 0 : -ENOMEM, last;

	memcpy(message, m->from->message, sizeof(message)); /* that of the failure */
	for (size_t i = 0; b && i < m->count; i++) {
		if (keeps_mark(m, m->entries[i].name, m->old_key))
			continue;
		last = i < m->next && !m->copied[i] ? find_lost(m, i) : 0;
		ret = last ? last : ret;
		if (!m->copied[i])
			continue;
		last = add(m, b, m->entries[i].name + strlen(m->old_key),
			   m->entries[i].object.etag);
		ret = last ? last : ret;
	}
	last = b ? delete_copies(m, b) : 0;
	ret = last ? last : ret;
	free(b);
	*is_done = !ret;
	if (ret)
		log_warn("%s: copies of a rename that failed are left until it is tried again: %s",
			 m->new_prefix, m->to->message[0] ? m->to->message : strerror(-ret));
	memcpy(m->from->message, message, sizeof(message));
}

/* Is this below the new name a copy that was made before, of what is still under the old one? */
static int is_copy(struct move *m, const struct store_entry *e, char etag[STORE_ETAG_BYTES])
{
	enum movetarget what = MOVETARGET_OTHER;
	struct store_entry old = {0};
	int ret = 0;

	if (asprintf(&old.name, "%s%s", m->old_key, e->name + strlen(m->new_key)) < 0)
		return -ENOMEM;
	snprintf(etag, STORE_ETAG_BYTES, "%s", e->object.etag);
	if (!m->count || !bsearch(&old, m->entries, m->count, sizeof(old), move_by_name))
		ret = -ENOENT;
	else if (moverecord_is_copy(m->log, old.name, etag))
		what = MOVETARGET_COPY;
	else
		ret = movetarget_compare(m, old.name, e->name, &what, etag);
	if ((!ret || ret == -ENOENT) && what != MOVETARGET_COPY)
		log_warn("%s%s: is not known to be a copy of a rename that failed, and stays",
			 m->new_prefix, e->name + strlen(m->new_key));
	free(old.name);
	return ret == -ENOENT ? 0 : ret ? ret : what == MOVETARGET_COPY;
}

/* An earlier daemon died while it took everything back, or what it tried failed. */
int move_undo_rest(struct move *m)
{
	struct batch *b = calloc(1, sizeof(*b));
	struct store_entry *there = NULL;
	char etag[STORE_ETAG_BYTES];
	size_t count = 0;
	int ret = b ? move_list(m) : -ENOMEM, last;

	if (ret == -ENOENT && m->is_file)
		ret = 0;
	if (!ret)
		ret = movetarget_list(m, &there, &count);
	if (m->count)
		qsort(m->entries, m->count, sizeof(*m->entries), move_by_name);
	for (size_t i = 0; i < count && !ret; i++) {
		if (keeps_mark(m, there[i].name, m->new_key))
			continue;
		ret = is_copy(m, &there[i], etag);
		if (ret <= 0)
			continue;
		snprintf(there[i].object.etag, STORE_ETAG_BYTES, "%s", etag);
		ret = add(m, b, there[i].name + strlen(m->new_key), there[i].object.etag);
	}
	last = b ? delete_copies(m, b) : 0;
	movetarget_free(there, count);
	free(b);
	return ret ? ret : last;
}
