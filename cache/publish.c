/* SPDX-License-Identifier: Apache-2.0 */
/* What is in the bucket of a draft, and what becomes of it once no process has it open. */
#include "cache/draft.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/blocks.h"
#include "cache/clock.h"
#include "cache/file.h"
#include "cache/linkset.h"
#include "cache/since.h"
#include "core/base/parts.h"
#include "core/log.h"

static uint64_t load(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_SEQ_CST);
}

uint64_t draft_begun(const struct cache_file *file)
{
	return load(&file->draft->notes.shm->begun);
}

/* With the lock. */
static int begin(struct cache_file *file, struct draft_flush *flush)
{
	struct cache_draft *d = file->draft;
	const struct notes_journal *j = d->notes.journal;
	uint64_t ended = load(&d->notes.shm->ended);
	int ret;

	*flush = (struct draft_flush){
		.begun = load(&d->notes.shm->begun),
		.base = file->active->pair.vn->attr.size,
		.words = d->notes.shm->dirty_words,
		.is_known = j->flags & NOTES_KNOWN,
		.must_be_new = j->flags & NOTES_NEW,
		.is_blind = d->is_left && !(j->flags & (NOTES_KNOWN | NOTES_NEW)),
		.blind_s = since_s(j),
		.version = {.size = j->size, .mtime_ns = j->mtime_ns},
		.was_sent = j->flags & (NOTES_SENT | NOTES_SENT_SIZE),
		.sent = {j->sent_mtime_ns, j->sent_mark, j->flags & NOTES_SENT_SIZE,
			 j->flags & NOTES_SENT_APPEND},
		.has_xattr = j->flags & NOTES_XATTR,
		.whole = parts_index(load(&d->notes.shm->written)),
	};
	memcpy(flush->xattr, j->xattr, sizeof(flush->xattr));
	memcpy(flush->version.etag, j->etag, sizeof(j->etag));
	flush->is_quiet = flush->begun == ended;
	flush->is_followed = flush->is_quiet && !file_is_unsure(file);
	ret = notes_copy_dirty(&d->notes, &flush->dirty);
	if (!ret)
		d->is_flushing = true;
	return ret;
}

int draft_flush_begin(struct cache_file *file, uint64_t begun, struct draft_flush *flush)
{
	struct cache_draft *d = file->draft;
	int ret;

	pthread_mutex_lock(&cache.lock);
	while (d->is_flushing)
		pthread_cond_wait(&file->active->wake, &cache.lock);
	if (load(&d->notes.shm->flushed) >= begun || d->notes.journal->flags & NOTES_UNLINKED)
		ret = 1;
	else
		ret = begin(file, flush);
	pthread_mutex_unlock(&cache.lock);
	return ret;
}

bool draft_flush_dirty(const struct draft_flush *flush, uint64_t block)
{
	return block / 64 >= flush->words || flush->dirty[block / 64] >> (block % 64) & 1;
}

/* With the lock: the bucket holds this version now. */
static void now_version(struct cache_file *file, const struct store_object *version)
{
	struct notes_journal *j = file->draft->notes.journal;

	memcpy(j->etag, version->etag, sizeof(j->etag));
	j->size = version->size;
	j->mtime_ns = version->mtime_ns;
	j->flags = (j->flags & ~(NOTES_NEW | NOTES_SENT | NOTES_SENT_SIZE)) | NOTES_KNOWN;
	if (!file->is_dropped)
		name_change(&file->name, file->name.id, file_hash_etag(version->etag));
}

bool draft_become(struct cache_file *file, const char *object, const struct wire_attr *attr,
		  const char *etag)
{
	struct vnode_shm *vn = file->active->pair.vn;
	struct store_object version = {.mtime_ns = attr->mtime_ns};
	bool is_changed;

	memcpy(version.etag, etag, sizeof(version.etag));
	pthread_mutex_lock(&cache.lock);
	is_changed = draft_is_dirty(file->draft->notes.shm);
	if (!is_changed) {
		file_set_mtime(file, attr->mtime_ns);
		__atomic_store_n(&vn->attr.mode, attr->mode, __ATOMIC_RELAXED);
		__atomic_store_n(&vn->attr.uid, attr->uid, __ATOMIC_RELAXED);
		__atomic_store_n(&vn->attr.gid, attr->gid, __ATOMIC_RELAXED);
	}
	version.size = file->draft->notes.journal->size;
	if (file->draft->links) {
		draft_begin(file->draft->notes.shm, 0, 0);
		draft_end(file->draft->notes.shm);
	}
	if (links_have(file, object)) {
		links_has_version(file, object, &version);
	} else {
		file_same_becomes(file, etag);
		now_version(file, &version);
	}
	pthread_mutex_unlock(&cache.lock);
	return !is_changed;
}

void draft_release_over(struct cache_file *file, const struct store_object *version)
{
	struct draft_shm *notes = file->draft->notes.shm;

	pthread_mutex_lock(&cache.lock);
	now_version(file, version);
	draft_begin(notes, 0, notes->dirty_words * 64 << VNODE_BLOCK_SHIFT);
	draft_unsure(notes);
	draft_end(notes);
	file->draft->is_flushing = false;
	pthread_cond_broadcast(&file->active->wake);
	file_put_locked(file);
	pthread_mutex_unlock(&cache.lock);
}

void draft_flush_end(struct cache_file *file, struct draft_flush *flush,
		     const struct store_object *version)
{
	struct cache_draft *d = file->draft;

	pthread_mutex_lock(&cache.lock);
	if (version) {
		now_version(file, version);
		file_note_same(file, flush->whole, version->etag);
	}
	if (version && flush->has_xattr && !strcmp(flush->xattr, d->notes.journal->xattr))
		d->notes.journal->flags &= ~NOTES_XATTR;
	/* who changes something meanwhile may have marked it before the marks were copied */
	if (version && flush->is_quiet && load(&d->notes.shm->begun) == flush->begun) {
		notes_clear_dirty(&d->notes, flush->dirty, flush->begun);
		if (flush->sets_mtime)
			file_set_mtime(file, version->mtime_ns);
		__atomic_store_n(&d->notes.shm->flushed, flush->begun, __ATOMIC_SEQ_CST);
	}
	__atomic_store_n(&d->tried, flush->whole, __ATOMIC_RELAXED);
	d->is_flushing = false;
	links_linger(file);
	pthread_cond_broadcast(&file->active->wake);
	file_recharge(file);
	pthread_mutex_unlock(&cache.lock);
	free(flush->dirty);
	flush->dirty = NULL;
}

void draft_flush_sends(struct cache_file *file, const struct draft_sent *sent)
{
	struct notes_journal *j = file->draft->notes.journal;

	pthread_mutex_lock(&cache.lock);
	j->sent_mtime_ns = sent->mtime_ns;
	j->sent_mark = sent->mark;
	j->flags = (j->flags & ~(NOTES_SENT_SIZE | NOTES_SENT_APPEND)) | NOTES_SENT |
		   (sent->is_append ? NOTES_SENT_APPEND : 0);
	pthread_mutex_unlock(&cache.lock);
}

void draft_flush_resolve(struct cache_file *file, struct draft_flush *flush,
			 const struct store_object *found)
{
	pthread_mutex_lock(&cache.lock);
	file->draft->notes.journal->flags &= ~(NOTES_SENT | NOTES_SENT_SIZE);
	flush->was_sent = false;
	if (found) {
		now_version(file, found);
		flush->version = *found;
		flush->is_known = true;
		flush->must_be_new = false;
	}
	pthread_mutex_unlock(&cache.lock);
}

int draft_note_upload(struct cache_file *file, const char *object, const char *upload_id)
{
	struct notes_journal *j = file->draft->notes.journal;
	int ret = 0;

	pthread_mutex_lock(&cache.lock);
	if (strlen(upload_id) < sizeof(j->upload) && strlen(object) < sizeof(j->upload_object)) {
		j->upload[0] = '\0'; /* one that is for something else is none */
		snprintf(j->upload_object, sizeof(j->upload_object), "%s", object);
		snprintf(j->upload, sizeof(j->upload), "%s", upload_id);
	} else {
		ret = -ENAMETOOLONG;
	}
	pthread_mutex_unlock(&cache.lock);
	return ret;
}

char *draft_noted_upload(struct cache_file *file, char object[CACHE_OBJECT_MAX])
{
	const struct notes_journal *j = file->draft->notes.journal;
	char *id = NULL;

	pthread_mutex_lock(&cache.lock);
	if (j->upload[0]) {
		id = strdup(j->upload);
		snprintf(object, CACHE_OBJECT_MAX, "%s", j->upload_object);
	}
	pthread_mutex_unlock(&cache.lock);
	return id;
}

bool draft_said_mtime(const struct cache_file *file, int64_t mtime_ns)
{
	return file->draft->said_mtime_ns == mtime_ns;
}

ssize_t draft_read(struct cache_file *file, void *buf, size_t bytes, uint64_t offset)
{
	ssize_t n;

	do
		n = pread(file->active->pair.data_fd, buf, bytes, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

void draft_park(struct cache_file *file, int error, const char *message)
{
	struct notes_journal *j = file->draft->notes.journal;

	pthread_mutex_lock(&cache.lock);
	j->error = error;
	snprintf(j->message, sizeof(j->message), "%s", message);
	j->flags |= NOTES_PARKED;
	pthread_mutex_unlock(&cache.lock);
	/* the user is told that it is kept */
	if (pair_sync(&file->active->pair) || notes_sync(&file->draft->notes) ||
	    fsync(cache.files_fd))
		log_warn("cache: what is kept may not be on disk yet: %s", strerror(errno));
}

int draft_parked(const struct cache_file *file, char message[STORE_MESSAGE_BYTES])
{
	const struct notes_journal *j = file->draft->notes.journal;
	int error = 0;

	/* a retry may take it away, or say it anew */
	pthread_mutex_lock(&cache.lock);
	if (j->flags & NOTES_PARKED) {
		error = j->error ? j->error : -EIO;
		if (message)
			snprintf(message, STORE_MESSAGE_BYTES, "%s", j->message);
	}
	pthread_mutex_unlock(&cache.lock);
	return error;
}

void draft_unpark(struct cache_file *file)
{
	pthread_mutex_lock(&cache.lock);
	file->draft->notes.journal->flags &= ~NOTES_PARKED;
	pthread_mutex_unlock(&cache.lock);
}

/* --- when no process has it open --- */

/* A writer that was killed leaves its change begun. There is none any more. */
static void settle(struct cache_draft *d)
{
	struct draft_shm *n = d->notes.shm;

	if (load(&n->begun) != load(&n->ended))
		draft_unsure(n);
	if (__atomic_exchange_n(&n->mapped, 0, __ATOMIC_SEQ_CST)) {
		draft_begin(n, 0, n->dirty_words * 64 << VNODE_BLOCK_SHIFT);
		draft_unsure(n);
	}
	__atomic_store_n(&n->ended, load(&n->begun), __ATOMIC_SEQ_CST);
}

/* The new pair of an ordinary file, which takes the data file over. With the lock. */
static int hand_on(struct cache_file *file, const struct wire_attr *attr)
{
	const struct notes_journal *j = file->draft->notes.journal;
	const struct vnode_shm *vn = file->active->pair.vn;
	const struct pair_about about = {
		.kind = VNODE_FILE,
		.ctx = vn->ctx,
		.attr = attr,
		.path = vnode_path(vn),
		.object = j->object,
		.etag = j->etag,
		.is_plain = vn->flags & VNODE_PLAIN,
	};

	return file_take_over(file, &about);
}

/* A clean draft becomes the ordinary file of its version; or it goes, since it can be fetched. */
static void retire(struct cache_file *file)
{
	const struct notes_journal *j = file->draft->notes.journal;
	struct wire_attr attr;

	links_close(file, false);
	links_show_count(file);
	draft_attr(file, &attr);
	if (j->flags & NOTES_UNLINKED || !(j->flags & NOTES_KNOWN) || attr.size != j->size ||
	    !cache_complete(file) || hand_on(file, &attr))
		file_drop(file);
}

/* Has nobody a draft in use, here or in a process? It is settled then. */
static bool is_unused(struct cache_file *file)
{
	if (file->refs || file->draft->notes.journal->flags & NOTES_PARKED || file_activate(file) ||
	    file_is_open(file)) {
		if (file->active)
			file_recharge(file);
		links_linger(file);
		return false;
	}
	settle(file->draft);
	return true;
}

static bool is_to_be_sent(const struct cache_file *file)
{
	const struct cache_draft *d = file->draft;

	return !(d->notes.journal->flags & NOTES_UNLINKED) && draft_is_dirty(d->notes.shm);
}

/* Is there anything to do in the bucket before it may be retired? */
static bool has_business(const struct cache_file *file)
{
	return file->draft->notes.journal->upload[0] || is_to_be_sent(file);
}

/* ... and is it time for that? */
static bool is_due(const struct cache_file *file)
{
	return is_to_be_sent(file) || clock_ns() >= file->draft->put_off_ns;
}

void draft_put_off(struct cache_file *file)
{
	pthread_mutex_lock(&cache.lock);
	if (file->draft)
		file->draft->put_off_ns = clock_ns() + DRAFT_AGAIN_S * CLOCK_NS_PER_S;
	pthread_mutex_unlock(&cache.lock);
}

size_t draft_sweep(struct cache_file **out, size_t max, bool *more)
{
	struct cache_file *next;
	unsigned retired = 0;
	size_t count = 0;

	*more = false;
	pthread_mutex_lock(&cache.lock);
	for (struct cache_file *f = cache.drafts; f && !*more; f = next) {
		next = f->draft->next;
		if ((links_are_lingering(f) && !has_business(f)) || !is_unused(f))
			continue;
		if (has_business(f)) {
			if (count < max && is_due(f)) {
				file_ref_locked(f);
				out[count++] = f;
			}
		} else if (retired++ < DRAFT_RETIRE_MAX) {
			retire(f);
		} else {
			*more = true;
		}
	}
	pthread_mutex_unlock(&cache.lock);
	return count;
}

uint64_t draft_retire_clean(void)
{
	uint64_t before = cache.used;
	struct cache_file *next;
	unsigned retired = 0;

	for (struct cache_file *f = cache.drafts; f && retired < DRAFT_RETIRE_MAX; f = next) {
		next = f->draft->next;
		if (!is_unused(f) || has_business(f))
			continue;
		retire(f);
		retired++;
	}
	return cache.used < before ? before - cache.used : 0;
}

void draft_stats(struct draft_stats *out)
{
	*out = (struct draft_stats){0};
	pthread_mutex_lock(&cache.lock);
	for (struct cache_file *f = cache.drafts; f; f = f->draft->next) {
		uint32_t flags = f->draft->notes.journal->flags;

		out->drafts++;
		if (flags & NOTES_PARKED)
			out->parked++;
		else if (!(flags & NOTES_UNLINKED) && draft_is_dirty(f->draft->notes.shm))
			out->dirty++;
	}
	pthread_mutex_unlock(&cache.lock);
}

/* With the lock: the first of them in the list that is parked or dirty, with a reference. */
static struct cache_file *next_unsent(struct cache_file *file)
{
	while (file) {
		struct cache_file *next = file->draft->next;
		uint32_t flags = file->draft->notes.journal->flags;

		if (!(flags & NOTES_UNLINKED) &&
		    (flags & NOTES_PARKED || draft_is_dirty(file->draft->notes.shm)) &&
		    file_use(file))
			return file;
		file = next;
	}
	return NULL;
}

int draft_each(int (*each)(void *arg, struct cache_file *file), void *arg)
{
	struct cache_file *file, *next;
	int ret = 0;

	pthread_mutex_lock(&cache.lock);
	for (file = next_unsent(cache.drafts); file && !ret; file = next) {
		pthread_mutex_unlock(&cache.lock);
		ret = each(arg, file);
		pthread_mutex_lock(&cache.lock);
		next = next_unsent(file->draft->next);
		file_put_locked(file);
	}
	if (file)
		file_put_locked(file);
	pthread_mutex_unlock(&cache.lock);
	return ret;
}
