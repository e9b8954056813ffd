/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is under the new names already, where a rename or an exchange is gone on with or taken back:
 * copies that it has made itself, and what others have stored since, which is neither replaced nor
 * deleted. An answer may have been lost, or a daemon killed before it could note a copy: then
 * copies are known by what they have from what they were made of.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/metadata.h"
#include "fs/move.h"
#include "fs/moverecord.h"

struct seen {
	struct store_object object;
	struct metadata meta;
};

static int look_at(struct move *m, struct lookup *q, const char *key, struct seen *out)
{
	struct store_call call = {
		.verb = STORE_HEAD,
		.ctx = q->ctx,
		.scheme = q->name.scheme,
		.bucket = q->name.bucket,
		.key = key,
	};
	int ret = store_run(&call);

	if (!ret) {
		out->object = call.object;
		metadata_read(&call.user, &out->meta);
	} else if (ret != -ENOENT) {
		memcpy(m->from->message, call.message, sizeof(call.message));
	}
	store_call_reset(&call);
	return ret;
}

static enum movetarget compare(const struct seen *old, const struct seen *copy)
{
	int64_t mtime_ns = old->meta.has_mtime ? old->meta.mtime_ns : old->object.mtime_ns;

	if (old->object.size != copy->object.size)
		return MOVETARGET_OTHER;
	if (old->object.etag[0] && !strcmp(old->object.etag, copy->object.etag))
		return MOVETARGET_COPY;
	if (old->meta.mark != copy->meta.mark)
		return MOVETARGET_OTHER;
	if (old->meta.mark)
		return MOVETARGET_COPY;
	if (copy->meta.has_mtime)
		return copy->meta.mtime_ns == mtime_ns ? MOVETARGET_COPY : MOVETARGET_OTHER;
	return old->meta.has_mtime ? MOVETARGET_OTHER : MOVETARGET_ALIKE;
}

int movetarget_compare(struct move *m, const char *old_key, const char *new_key,
		       enum movetarget *what, char etag[STORE_ETAG_BYTES])
{
	struct seen old, copy;
	int ret = look_at(m, m->to, new_key, &copy);

	*what = MOVETARGET_OTHER;
	if (!ret)
		memcpy(etag, copy.object.etag, STORE_ETAG_BYTES);
	if (!ret)
		ret = look_at(m, m->from, old_key, &old);
	if (!ret)
		*what = compare(&old, &copy);
	return ret;
}

/* It is copied already. */
static void is_done(struct move *m, size_t i, const char *etag)
{
	struct store_object *object = &m->entries[i].object;

	moverecord_copied(m->log, m->entries[i].name, object->etag, etag);
	snprintf(object->etag, sizeof(object->etag), "%s", etag);
	m->done[i] = m->copied[i] = true;
}

/* there: what has the new name of m->entries[i]. 0: that may be replaced, or it is done. */
static int judge(struct move *m, size_t i, const struct store_entry *there)
{
	const char *etag = there->object.etag;
	char now[STORE_ETAG_BYTES];
	enum movetarget what;
	size_t len = strlen(there->name);
	int ret;

	if (m->stays && *etag && !strcmp(etag, m->stays)) {
		is_done(m, i, etag);
		return 0;
	}
	if ((m->expects && *etag && !strcmp(etag, m->expects)) ||
	    moverecord_is_copy(m->log, m->entries[i].name, etag))
		return 0;
	/* of a service that has none, who has just looked knows no better */
	if (!*etag && !m->log->is_resumed && !m->goes_back)
		return 0;
	/* a directory's mark */
	if (!there->object.size && len && there->name[len - 1] == '/')
		return 0;
	ret = movetarget_compare(m, m->entries[i].name, there->name, &what, now);
	if (ret == -ENOENT) /* one of them went just now: that is seen with the next try */
		ret = -ESTALE;
	/* a copy of a file by itself has always got its time */
	if (ret || (what == MOVETARGET_ALIKE && !m->is_file))
		return ret;
	if (what == MOVETARGET_COPY) {
		is_done(m, i, now);
		return 0;
	}
	snprintf(m->from->message, sizeof(m->from->message),
		 "another version has been stored since as %.300s, which is not replaced",
		 there->name);
	return -EEXIST;
}

int movetarget_list(struct move *m, struct store_entry **out, size_t *count)
{
	struct move there = {
		.from = m->to, .old_key = m->new_key, .is_file = m->is_file, .log = m->log};
	int ret;

	snprintf(there.old_prefix, sizeof(there.old_prefix), "%s", m->new_prefix);
	ret = move_list(&there);
	if (ret == -ENOENT && m->is_file)
		ret = 0;
	if (ret)
		memcpy(m->from->message, m->to->message, sizeof(m->to->message));
	if (there.count)
		qsort(there.entries, there.count, sizeof(*there.entries), move_by_name);
	*out = there.entries;
	*count = there.count;
	return ret;
}

void movetarget_free(struct store_entry *entries, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(entries[i].name);
	free(entries);
}

int movetarget_check(struct move *m)
{
	struct store_entry *there = NULL;
	size_t count = 0;
	int ret = movetarget_list(m, &there, &count);

	for (size_t i = 0; i < m->count && !ret && count; i++) {
		struct store_entry wanted = {0}, *found;

		if (m->done[i])
			continue;
		if (asprintf(&wanted.name, "%s%s", m->new_key,
			     m->entries[i].name + strlen(m->old_key)) < 0) {
			ret = -ENOMEM;
			break;
		}
		found = bsearch(&wanted, there, count, sizeof(wanted), move_by_name);
		free(wanted.name);
		if (found)
			ret = judge(m, i, found);
	}
	movetarget_free(there, count);
	return ret;
}

/* Below the new name, of a directory: is it a copy of what is below the old one? */
static int is_of_move(struct move *m, const struct store_entry *e)
{
	enum movetarget what = MOVETARGET_OTHER;
	char etag[STORE_ETAG_BYTES], *old;
	int ret;

	if (!strcmp(e->name, m->new_key))
		return 0;
	if (asprintf(&old, "%s%s", m->old_key, e->name + strlen(m->new_key)) < 0)
		return -ENOMEM;
	if (moverecord_is_copy(m->log, old, e->object.etag)) {
		free(old);
		return 0;
	}
	ret = movetarget_compare(m, old, e->name, &what, etag);
	free(old);
	if ((ret && ret != -ENOENT) || what == MOVETARGET_COPY)
		return ret;
	snprintf(m->from->message, sizeof(m->from->message),
		 "%.300s is there, which is no part of what is renamed", e->name);
	return -EEXIST;
}

int movetarget_only_copies(struct move *m)
{
	struct store_entry *there = NULL;
	size_t count = 0;
	int ret = movetarget_list(m, &there, &count);

	for (size_t i = 0; i < count && !ret; i++)
		ret = is_of_move(m, &there[i]);
	movetarget_free(there, count);
	return ret;
}
