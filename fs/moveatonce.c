/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory's rename where the store has one (STORE_RENAME): it happens at once or not at all, so
 * what the journal has is that it was to be. A daemon that finds it there cannot know whether the
 * one before it has sent the request; it looks.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cache/cache.h"
#include "cache/draft.h"
#include "fs/backends.h"
#include "fs/move.h"

static int look(struct move *m, struct lookup *q, const char *key, enum store_names *names)
{
	struct store_call call = {
		.verb = STORE_HEAD,
		.ctx = q->ctx,
		.scheme = q->name.scheme,
		.bucket = q->name.bucket,
		.key = key,
	};
	int ret = store_run(&call);

	*names = call.names;
	if (ret && ret != -ENOENT)
		memcpy(m->from->message, call.message, sizeof(call.message));
	store_call_reset(&call);
	return ret;
}

/* Whoever reads a file below and has not got all of it would look for the rest under the old name,
 * while it has the new one and that is not known here yet. */
static int fetch_for_readers(struct move *m)
{
	int ret = 0;

	for (size_t i = 0; i < m->count && !ret; i++) {
		char object[NAME_OBJECT_MAX];
		struct cache_file *file;

		snprintf(object, sizeof(object), "%s%s", m->old_prefix,
			 m->entries[i].name + strlen(m->old_key));
		file = cache_find(m->ctx, object, NULL);
		if (!file)
			continue;
		if (cache_is_open(file) && !cache_complete(file)) {
			ret = draft_open(file, false, m->from->message);
			if (!ret)
				ret = cache_ensure(file, 0, UINT64_MAX, 0, m->from->message);
		}
		cache_put(file);
	}
	return ret;
}

static int send(struct move *m, bool *is_sure)
{
	struct store_call call = {
		.verb = STORE_RENAME,
		.ctx = m->to->ctx,
		.scheme = m->to->name.scheme,
		.bucket = m->to->name.bucket,
		.key = m->new_key,
		.from_bucket = m->from->name.bucket,
		.from_key = m->old_key,
	};
	int ret = store_run(&call);

	/* what was refused did not happen; what got no answer may have */
	*is_sure = !ret || (!call.is_unsure && ret != -EIO && ret != -ECANCELED);
	if (ret && ret != -ENOENT && ret != -EOPNOTSUPP)
		memcpy(m->from->message, call.message, sizeof(call.message));
	store_call_reset(&call);
	return ret;
}

/* Was it done by whoever came before? 0: yes; -EAGAIN: it is to be done now. */
static int done_before(struct move *m)
{
	enum store_names names;
	int ret = look(m, m->from, m->old_key, &names);

	if (names != STORE_NAMES_TREE)
		return ret && ret != -ENOENT ? ret : -EOPNOTSUPP;
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	ret = look(m, m->to, m->new_key, &names);
	if (ret)
		return ret == -ENOENT ? -EAGAIN : ret;
	snprintf(m->from->message, sizeof(m->from->message),
		 "%.200s and %.200s are both there: the first was made after the renaming, or it "
		 "was "
		 "not renamed",
		 m->old_prefix, m->new_prefix);
	return -EEXIST;
}

int move_at_once(struct move *m, bool *is_sure)
{
	bool is_resumed = m->log->is_resumed || m->goes_back;
	int ret;

	if (m->is_file || m->keeps || !backends_renames(m->to->name.scheme))
		return -EOPNOTSUPP;
	*is_sure = false;
	ret = is_resumed ? done_before(m) : -EAGAIN;
	if (ret != -EAGAIN) {
		*is_sure = !ret;
		return ret;
	}
	ret = fetch_for_readers(m);
	if (!ret)
		ret = send(m, is_sure);
	else
		*is_sure = !is_resumed;
	/* what stands in the journal, and is not over, is told */
	*is_sure &= !ret || !is_resumed;
	return ret;
}
