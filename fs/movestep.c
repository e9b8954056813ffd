/* SPDX-License-Identifier: Apache-2.0 */
/* What a rename does one after the other: it publishes, looks, copies and deletes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/draft.h"
#include "cache/links.h"
#include "core/log.h"
#include "fs/change.h"
#include "fs/gone.h"
#include "fs/move.h"
#include "fs/moverecord.h"
#include "fs/namelock.h"
#include "fs/publish.h"
#include "fs/told.h"

static int is_below(void *arg, const char *object)
{
	const struct move *m = arg;

	return m->is_file ? !strcmp(object, m->old_prefix)
			  : !strncmp(object, m->old_prefix, strlen(m->old_prefix));
}

static bool is_of_move(struct move *m, struct cache_file *file)
{
	return draft_each_name(file, is_below, m) && !draft_parked(file, NULL);
}

/* With other credentials it is somebody else's to do. */
static int publish_one(void *arg, struct cache_file *file)
{
	struct move *m = arg;

	if (!is_of_move(m, file) || memcmp(cache_ctx(file), m->ctx, WIRE_CTX_BYTES) != 0)
		return 0;
	return publish(file, m->from->message);
}

static int wait_for_one(void *arg, struct cache_file *file)
{
	if (is_of_move(arg, file)) {
		draft_stop(file);
		draft_release(file);
	}
	return 0;
}

/* What is being written below: the same in the bucket first, so that it is copied; once all is
 * copied it is too late for that. What others have on their way there must have got there before
 * somebody looks which versions are there, and nothing more gets there afterwards. */
static int settle_drafts(struct move *m)
{
	int ret = m->log->deletes ? 0 : draft_each(publish_one, m);

	if (ret)
		return ret;
	movelog_copies(m->log, true);
	return draft_each(wait_for_one, m);
}

/* A file's new name: is it free? */
static int check_file(struct move *m)
{
	struct store_call call = {
		.verb = STORE_HEAD,
		.ctx = m->to->ctx,
		.scheme = m->to->name.scheme,
		.bucket = m->to->name.bucket,
		.key = m->new_key,
	};
	int ret = store_run(&call);

	if (ret && ret != -ENOENT)
		memcpy(m->from->message, call.message, sizeof(call.message));
	store_call_reset(&call);
	return ret == -ENOENT ? 0 : ret ? ret : -EEXIST;
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
	bool has_mark = false;
	int ret;

	if (m->is_file)
		return check_file(m);
	ret = store_run(&call);
	if (ret)
		memcpy(m->from->message, call.message, sizeof(call.message));
	for (size_t i = 0; !ret && i < call.list.count; i++) {
		if (strcmp(call.list.entries[i].name, m->new_key) != 0)
			ret = -ENOTEMPTY;
		else
			has_mark = true;
	}
	store_call_reset(&call);
	if (!ret && draft_below(m->ctx, m->new_prefix))
		ret = -ENOTEMPTY;
	return ret || !has_mark ? ret : moverecord_mark(m->log);
}

/* What an earlier daemon did of this. Once all is copied, what has been made or changed under the
 * old name since is no part of it. */
static int know_done(struct move *m)
{
	size_t kept = 0;

	m->done = calloc(m->count + 1, sizeof(*m->done));
	m->copied = calloc(m->count + 1, sizeof(*m->copied));
	m->was = calloc(m->count + 1, sizeof(*m->was));
	if (!m->done || !m->copied || !m->was)
		return -ENOMEM;
	for (size_t i = 0; i < m->count; i++) {
		struct store_entry *e = &m->entries[i];
		const struct movelog_copy *copy = moverecord_find(m->log, e->name, e->object.etag);

		if (!copy && m->log->deletes) {
			free(e->name);
			continue;
		}
		memcpy(m->was[kept], e->object.etag, sizeof(m->was[kept]));
		if (copy)
			snprintf(e->object.etag, sizeof(e->object.etag), "%s", copy->now);
		m->done[kept] = m->copied[kept] = copy;
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

/* What somebody has stored since it was copied stays, as far as the service can tell (and as of
 * moveconfirm_originals() everywhere): then not *all have gone. Of an exchange's file it is known
 * what comes next. */
static int delete_all(struct move *m, bool *all)
{
	const char *keys[STORE_LIST_MAX], *etags[STORE_LIST_MAX];
	bool stays[STORE_LIST_MAX] = {false};
	int ret = 0;

	for (size_t i = 0; i < m->count; i++)
		move_take_along(m, i);
	for (size_t at = 0, n; !ret && at < m->count; at += n) {
		n = m->count - at < STORE_LIST_MAX ? m->count - at : STORE_LIST_MAX;
		for (size_t i = 0; i < n; i++) {
			keys[i] = m->entries[at + i].name;
			etags[i] = *m->was[at + i] && !m->is_file ? m->was[at + i] : NULL;
		}
		if (!m->keeps)
			ret = change_delete_many(m->from, keys, etags, n, stays);
		for (size_t i = 0; !ret && i < n; i++) {
			move_tell(m, at + i, stays[i]);
			*all &= !stays[i];
			if (stays[i])
				log_warn("%s/%s: was stored by somebody while it was renamed, and "
					 "stays",
					 m->from->name.bucket, keys[i]);
		}
	}
	return ret;
}

/* The next daemon would take copies for made that are not there any more: unless that is noted it
 * goes on forwards, later. */
static void undo(struct move *m, bool *is_done)
{
	*is_done = false;
	if (!moverecord_undoes(m->log))
		move_undo(m, is_done);
}

/* Copies all, or takes it back. *is_done: it is over, either way. */
static int copy_or_undo(struct move *m, bool *is_done)
{
	int ret = move_copy(m);

	/* the daemon leaves: the next one goes on */
	if (ret == -ECANCELED || (ret && m->goes_back)) {
		*is_done = false;
	} else if (ret && !m->overwrites) {
		undo(m, is_done);
	}
	return ret;
}

/* The mark of a directory that is replaced goes when all the rest is copied: it is there still if
 * that fails, with the mode that it had. */
static void mark_last(struct move *m)
{
	size_t i = 0, last = m->count - 1;
	struct store_entry mark;

	while (i < m->count && strcmp(m->entries[i].name, m->old_key) != 0)
		i++;
	if (i >= last || m->done[i] || m->done[last])
		return;
	mark = m->entries[i];
	m->entries[i] = m->entries[last];
	m->entries[last] = mark;
	memcpy(m->was[i], m->entries[i].object.etag, sizeof(m->was[i]));
	memcpy(m->was[last], mark.object.etag, sizeof(m->was[last]));
}

/* Were the new names to be free, and does nobody know yet whether they are? */
static bool is_unchecked(const struct move *m)
{
	return !m->is_file && !m->overwrites && !m->log->is_checked && !m->log->deletes;
}

/* Who died before he knew has begun nothing but the journal. Earlier versions did not note it: from
 * them there may be copies. */
static void begin_anew(struct move *m)
{
	if (m->log->is_resumed && is_unchecked(m) && !m->log->count)
		m->log->is_resumed = false;
}

/* What is to be done, into m->entries. */
static int look(struct move *m)
{
	bool is_fresh = !m->log->is_resumed;
	int ret = is_fresh && !m->overwrites ? check_target(m) : 0;

	if (!ret && !is_fresh && is_unchecked(m))
		ret = movetarget_only_copies(m);

	if (!ret)
		ret = settle_drafts(m);
	if (!ret)
		ret = move_list(m);
	if (!ret)
		ret = know_done(m);
	if (!ret && !is_fresh)
		ret = moveconfirm_copies(m);
	if (!ret && !m->log->deletes && (!is_fresh || m->overwrites))
		ret = movetarget_check(m);
	if (!ret && is_fresh)
		ret = check_names(m);
	if (!ret && is_unchecked(m))
		ret = moverecord_checked(m->log);
	if (!ret && m->log->has_mark)
		mark_last(m);
	return ret;
}

/* What cannot be noted is not done, but taken back. *is_done: as of move_run(). */
static int note_deletes(struct move *m, bool *is_done)
{
	int ret = moverecord_deletes(m->log);

	if (!ret)
		return 0;
	snprintf(m->from->message, sizeof(m->from->message),
		 "the journal of the renaming, in the cache directory, cannot be written");
	*is_done = false;
	if (!m->overwrites && !m->goes_back)
		undo(m, is_done);
	return ret;
}

/* Everything has the new name. */
static void at_once(struct move *m)
{
	for (size_t i = 0; i < m->count; i++)
		move_take_along(m, i);
	for (size_t i = 0; i < m->count; i++)
		move_tell(m, i, false);
	move_tell_dir(m, true);
}

/* Was the directory only believed to be there? Of one that is remembered as empty nothing needs to
 * be; what is gone on with may be there no more. */
static bool is_nothing(const struct move *m)
{
	return !m->count && !m->is_file && !m->log->is_resumed && !m->log->is_exchange &&
	       !told_is_empty_dir(m->ctx, m->old_prefix);
}

static int carry_out(struct move *m, bool *is_done)
{
	bool all, is_sure;
	int ret;

	begin_anew(m);
	ret = look(m);
	/* nothing was done yet */
	*is_done = !ret || (!m->log->is_resumed && !m->goes_back);
	if (ret)
		return ret;
	if (!m->log->deletes) {
		is_sure = *is_done;
		ret = move_at_once(m, &is_sure);
		if (!ret)
			at_once(m);
		if (ret != -EOPNOTSUPP) {
			*is_done = is_sure;
			return ret;
		}
		if (is_nothing(m)) {
			told_doubted(m->ctx, m->old_prefix);
			return -ENOENT;
		}
		ret = copy_or_undo(m, is_done);
	}
	if (ret)
		return ret;
	ret = note_deletes(m, is_done);
	if (ret)
		return ret;
	*is_done = false;
	ret = moveconfirm_originals(m, &all);
	if (!ret)
		ret = delete_all(m, &all);
	*is_done = !ret;
	if (!ret && !m->is_file)
		move_tell_dir(m, all);
	return ret;
}

/* Who was at a name below when that was not to be moved yet is done with it first. */
static void wait_for_others(const struct move *m)
{
	namelock_wait(m->old_prefix);
	namelock_wait(m->new_prefix);
	gone_wait(m->old_prefix, m->is_file);
	gone_wait(m->new_prefix, m->is_file);
}

int move_run(struct move *m, bool *is_done)
{
	int ret;

	wait_for_others(m);
	if (!m->log->undoes) {
		ret = carry_out(m, is_done);
		movelog_copies(m->log, false);
		return ret;
	}
	ret = move_undo_rest(m);
	*is_done = !ret;
	return ret ? ret : -EIO; /* of the copies, when they were made */
}
