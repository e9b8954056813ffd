/* SPDX-License-Identifier: Apache-2.0 */
/* The names of a draft change: another, none, or somebody else's. */
#include "cache/draft.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cache/file.h"
#include "cache/linkset.h"

/* The first name, with the lock. Of a version that is known there. */
static void rename_first(struct cache_file *file, const struct draft_name *now, const uint8_t *id)
{
	struct notes_journal *j = file->draft->notes.journal;

	snprintf(j->object, sizeof(j->object), "%s", now->object);
	j->flags &= ~(NOTES_KNOWN | NOTES_NEW | NOTES_SENT | NOTES_SENT_SIZE);
	if (now->is_known) {
		j->flags |= NOTES_KNOWN;
		j->size = now->version.size;
		j->mtime_ns = now->version.mtime_ns;
		memcpy(j->etag, now->version.etag, sizeof(j->etag));
	}
	__atomic_store_n(&file->active->pair.vn->attr.ino, now->ino, __ATOMIC_RELAXED);
	name_change(&file->name, id,
		    now->is_known ? file_hash_etag(now->version.etag) : fresh_hash());
}

/* Whichever it is, with the lock. Of several names one that was dropped meanwhile is none. */
static int rename_one(struct cache_file *file, const char *old, const struct draft_name *now,
		      const uint8_t *id)
{
	bool is_one = !file->draft->links || !strcmp(file->draft->notes.journal->object, old);

	if (is_one)
		rename_first(file, now, id);
	return is_one ? 0 : links_rename(file, old, now);
}

int draft_rename(struct cache_file *file, const char *old, const char *object, uint64_t ino,
		 const struct store_object *version)
{
	struct draft_name now = {.ino = ino, .is_known = version}, replaced;
	uint8_t id[CACHE_ID_BYTES];
	int ret = file_make_id(file->active->pair.vn->ctx, object, id);

	if (ret)
		return ret;
	snprintf(now.object, sizeof(now.object), "%s", object);
	if (version)
		now.version = *version;
	pthread_mutex_lock(&cache.lock);
	if (!version && (file->draft->links || !draft_is_new(file))) {
		ret = -EAGAIN;
	} else {
		links_drop(file, object, &replaced);
		ret = rename_one(file, old, &now, id);
	}
	pthread_mutex_unlock(&cache.lock);
	return ret;
}

/* Has it the name, and is it not the one to keep? */
static bool is_other(const struct cache_name *name, const void *keep)
{
	return name->file != keep && draft_is_named(name->file);
}

/* With the lock: the draft of that name, with a reference; NULL: there is none. */
static struct cache_file *use_named(const uint8_t *id, const struct cache_file *except)
{
	return cache.drafts ? file_use(file_find(id, is_other, except)) : NULL;
}

static void put(struct cache_file *file)
{
	if (file)
		file_put_locked(file);
}

void draft_hold_two(const uint8_t *ctx, const char *const object[2], struct cache_file *out[2])
{
	uint8_t id[2][CACHE_ID_BYTES];
	struct cache_file *busy;

	out[0] = out[1] = NULL;
	if (file_make_id(ctx, object[0], id[0]) || file_make_id(ctx, object[1], id[1]))
		return;
	pthread_mutex_lock(&cache.lock);
	for (;;) {
		out[0] = use_named(id[0], NULL);
		out[1] = use_named(id[1], out[0]);
		busy = out[0] && out[0]->draft->is_flushing ? out[0] : NULL;
		if (!busy && out[1] && out[1]->draft->is_flushing)
			busy = out[1];
		if (!busy)
			break;
		pthread_cond_wait(&busy->active->wake, &cache.lock);
		put(out[0]);
		put(out[1]);
	}
	for (unsigned i = 0; i < 2; i++) {
		if (out[i])
			out[i]->draft->is_flushing = true;
	}
	pthread_mutex_unlock(&cache.lock);
}

void draft_wait(const uint8_t *ctx, const char *object)
{
	uint8_t id[CACHE_ID_BYTES];
	struct cache_file *file;

	if (file_make_id(ctx, object, id))
		return;
	pthread_mutex_lock(&cache.lock);
	file = use_named(id, NULL);
	while (file && file->draft && file->draft->is_flushing)
		pthread_cond_wait(&file->active->wake, &cache.lock);
	put(file);
	pthread_mutex_unlock(&cache.lock);
}

/* With the lock. Is it the only one, it has none then. */
static void drop_name(struct cache_file *file, const char *object)
{
	struct notes_journal *j = file->draft->notes.journal;
	struct draft_name was;

	if (!links_drop(file, object, &was) || strcmp(j->object, object) != 0)
		return;
	j->flags |= NOTES_UNLINKED;
	links_show_count(file);
}

void draft_release_without(struct cache_file *file, const char *object)
{
	pthread_mutex_lock(&cache.lock);
	drop_name(file, object);
	file->draft->is_flushing = false;
	pthread_cond_broadcast(&file->active->wake);
	file_put_locked(file);
	pthread_mutex_unlock(&cache.lock);
}

void draft_release(struct cache_file *file)
{
	if (!file)
		return;
	pthread_mutex_lock(&cache.lock);
	file->draft->is_flushing = false;
	pthread_cond_broadcast(&file->active->wake);
	file_put_locked(file);
	pthread_mutex_unlock(&cache.lock);
}

void draft_unlink(struct cache_file *file)
{
	pthread_mutex_lock(&cache.lock);
	file->draft->notes.journal->flags |= NOTES_UNLINKED;
	file->draft->notes.journal->flags &= ~NOTES_PARKED;
	links_show_count(file);
	while (file->draft->is_flushing)
		pthread_cond_wait(&file->active->wake, &cache.lock);
	pthread_mutex_unlock(&cache.lock);
}

void draft_forget_name(struct cache_file *file, const char *object)
{
	if (!draft_is(file))
		return;
	pthread_mutex_lock(&cache.lock);
	while (file->draft->links && file->draft->is_flushing)
		pthread_cond_wait(&file->active->wake, &cache.lock);
	drop_name(file, object);
	while (file->draft->notes.journal->flags & NOTES_UNLINKED && file->draft->is_flushing)
		pthread_cond_wait(&file->active->wake, &cache.lock);
	pthread_mutex_unlock(&cache.lock);
}

void draft_replaced(const uint8_t *ctx, const char *object, const struct cache_file *keep)
{
	uint8_t id[CACHE_ID_BYTES];
	struct cache_file *file;
	struct draft_name was;

	if (file_make_id(ctx, object, id))
		return;
	pthread_mutex_lock(&cache.lock);
	while (cache.drafts && (file = file_use(file_find(id, is_other, keep)))) {
		while (file->draft->links && file->draft->is_flushing)
			pthread_cond_wait(&file->active->wake, &cache.lock);
		if (links_drop(file, object, &was)) {
			file->draft->notes.journal->flags |= NOTES_UNLINKED;
			links_show_count(file);
		}
		while (file->draft->is_flushing)
			pthread_cond_wait(&file->active->wake, &cache.lock);
		file_put_locked(file);
	}
	pthread_mutex_unlock(&cache.lock);
}

void draft_relink(struct cache_file *file)
{
	pthread_mutex_lock(&cache.lock);
	file->draft->notes.journal->flags &= ~NOTES_UNLINKED;
	links_show_count(file);
	pthread_mutex_unlock(&cache.lock);
}
