/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which parts of a draft need not be sent when it is published: those that were sent ahead, while
 * it was written, and those that the version in the bucket has as they are, since an earlier
 * publication sent them. Of both the marks of core/base/draft.h tell whether they were changed
 * since; whoever takes such a mark away, to send the part anew, ends what it stood for before.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/draft.h"
#include "cache/file.h"
#include "core/base/parts.h"

static uint64_t load(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_SEQ_CST);
}

static bool test_bit(const uint64_t *words, uint32_t index)
{
	return load(&words[index / 64]) >> (index % 64) & 1;
}

bool file_is_unsure(const struct cache_file *file)
{
	const struct draft_shm *notes = file->draft->notes.shm;

	return __atomic_load_n(&notes->pattern, __ATOMIC_SEQ_CST) & DRAFT_UNSURE ||
	       __atomic_load_n(&notes->mapped, __ATOMIC_SEQ_CST);
}

uint64_t draft_serial(const struct cache_file *file)
{
	return file->serial;
}

bool draft_goes_by(uint64_t serial, const char *object)
{
	bool goes = false;

	pthread_mutex_lock(&cache.lock);
	for (struct cache_file *f = cache.drafts; f && !goes; f = f->draft->next) {
		const struct notes_journal *j = f->draft->notes.journal;

		goes = f->serial == serial && !(j->flags & (NOTES_UNLINKED | NOTES_PARKED)) &&
		       !strcmp(j->object, object);
	}
	pthread_mutex_unlock(&cache.lock);
	return goes;
}

int draft_pause(struct cache_file *file)
{
	struct cache_draft *d = file->draft;
	int ret = 0;

	pthread_mutex_lock(&cache.lock);
	if (d->is_flushing || d->notes.journal->flags & (NOTES_PARKED | NOTES_UNLINKED) ||
	    file_is_unsure(file)) {
		ret = -EBUSY;
	} else {
		file_ref_locked(file);
		d->is_flushing = true;
	}
	pthread_mutex_unlock(&cache.lock);
	return ret;
}

/* Was all of this changed, of what the base has? */
static bool is_all_dirty(const struct draft_shm *notes, uint64_t from, uint64_t end)
{
	for (uint64_t b = from >> VNODE_BLOCK_SHIFT; b << VNODE_BLOCK_SHIFT < end; b++) {
		if (b / 64 >= notes->dirty_words)
			return true;
		if (!draft_block_dirty(notes, b))
			return false;
	}
	return true;
}

void draft_resend_part(struct cache_file *file, uint32_t index)
{
	struct draft_same *same = file->draft->same;
	uint64_t bit = UINT64_C(1) << (index % 64);
	uint64_t *late = &file->draft->notes.shm->late[index / 64];

	if (__atomic_fetch_and(late, ~bit, __ATOMIC_SEQ_CST) & bit && same)
		__atomic_and_fetch(&same->parts[index / 64], ~bit, __ATOMIC_SEQ_CST);
}

bool draft_take_part(struct cache_file *file, uint32_t index)
{
	struct draft_shm *notes = file->draft->notes.shm;
	uint64_t from = parts_start(index), end = parts_start(index + 1);

	__atomic_store_n(&file->draft->tried, index + 1, __ATOMIC_RELAXED);
	if (end > load(&notes->written) || file_is_unsure(file) || !is_all_dirty(notes, from, end))
		return false;
	draft_resend_part(file, index);
	return true;
}

bool draft_part_is_late(const struct cache_file *file, uint32_t index)
{
	return test_bit(file->draft->notes.shm->late, index);
}

bool draft_part_is_done(const struct cache_file *file, uint32_t index)
{
	return parts_start(index + 1) <= load(&file->draft->notes.shm->written);
}

/* --- what an earlier publication has sent --- */

void file_note_same(struct cache_file *file, uint32_t whole, const char *etag)
{
	struct cache_draft *d = file->draft;

	if (!d->same && whole)
		d->same = calloc(1, sizeof(*d->same));
	if (!d->same)
		return; /* all of it is sent again, then */
	for (uint32_t i = 0; i < DRAFT_LATE_WORDS; i++) {
		uint64_t bits = whole >= 64 * (i + 1) ? UINT64_MAX
				: whole > 64 * i      ? (UINT64_C(1) << (whole % 64)) - 1
						      : 0;

		__atomic_store_n(&d->same->parts[i], bits, __ATOMIC_SEQ_CST);
	}
	memcpy(d->same->etag, etag, sizeof(d->same->etag));
}

void file_same_becomes(struct cache_file *file, const char *etag)
{
	struct draft_same *same = file->draft->same;

	if (same && !strcmp(same->etag, file->draft->notes.journal->etag))
		memcpy(same->etag, etag, sizeof(same->etag));
}

static bool is_same(const struct cache_file *file, uint32_t index, const char *etag)
{
	const struct draft_same *same = file->draft->same;

	return same && !strcmp(same->etag, etag) && test_bit(same->parts, index) &&
	       draft_part_is_done(file, index) && !draft_part_is_late(file, index);
}

bool draft_flush_same(const struct cache_file *file, const struct draft_flush *flush,
		      uint32_t index)
{
	return flush->is_followed && flush->is_known &&
	       parts_start(index + 1) <= flush->version.size &&
	       is_same(file, index, flush->version.etag);
}

bool draft_part_is_sent(const struct cache_file *file, uint32_t index)
{
	const struct notes_journal *j = file->draft->notes.journal;
	bool is_sent;

	pthread_mutex_lock(&cache.lock);
	is_sent = j->flags & NOTES_KNOWN && is_same(file, index, j->etag);
	pthread_mutex_unlock(&cache.lock);
	return is_sent;
}

/* With the lock: are there finished parts that nobody has looked at? */
static bool is_behind(const struct cache_file *file)
{
	const struct cache_draft *d = file->draft;
	uint64_t written = load(&d->notes.shm->written);

	return written > parts_start(1) && !d->is_flushing &&
	       parts_index(written) > __atomic_load_n(&d->tried, __ATOMIC_RELAXED) &&
	       !(d->notes.journal->flags & (NOTES_PARKED | NOTES_UNLINKED)) &&
	       !file_is_unsure(file) && draft_is_dirty(d->notes.shm);
}

size_t draft_behind(struct cache_file **out, size_t max)
{
	size_t count = 0;

	pthread_mutex_lock(&cache.lock);
	for (struct cache_file *f = cache.drafts; f && count < max; f = f->draft->next) {
		if (!is_behind(f) || !file_use(f))
			continue;
		if (file_is_open(f))
			out[count++] = f;
		else
			file_put_locked(f); /* it is published now, anyway */
	}
	pthread_mutex_unlock(&cache.lock);
	return count;
}
