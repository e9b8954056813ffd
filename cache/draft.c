/* SPDX-License-Identifier: Apache-2.0 */
/* A cache file becomes a draft, and is changed by the daemon itself. */
#include "cache/draft.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/blocks.h"
#include "cache/clock.h"
#include "cache/file.h"
#include "cache/linkset.h"
#include "cache/since.h"
#include "core/log.h"

/* A name on disk that no version's file has: only so may another file of the same version be made
 * while this one is written to. */
uint64_t fresh_hash(void)
{
	uint64_t hash;

	while (getrandom(&hash, sizeof(hash), 0) != sizeof(hash))
		;
	return hash;
}

void file_set_mtime(const struct cache_file *file, int64_t mtime_ns)
{
	int fd = file->active->pair.data_fd;
	struct timespec t[2] = {
		{.tv_nsec = UTIME_OMIT},
		{.tv_sec = mtime_ns / CLOCK_NS_PER_S, .tv_nsec = mtime_ns % CLOCK_NS_PER_S}};

	if (t[1].tv_nsec < 0) {
		t[1].tv_nsec += CLOCK_NS_PER_S;
		t[1].tv_sec--;
	}
	if (futimens(fd, t))
		log_debug("cache: times cannot be set: %s", strerror(errno));
}

/* From now on it is one, with these notes, which it owns. With the lock. */
static void begin(struct cache_file *file, struct cache_draft *d,
		  const struct notes_journal *journal)
{
	*d->notes.journal = *journal;
	place_boot(d->notes.journal->boot);
	since_note(d->notes.journal);
	d->notes.shm->data_dev = file->dev;
	d->notes.shm->data_ino = file->ino;
	__atomic_store_n(&d->notes.shm->magic, DRAFT_MAGIC, __ATOMIC_RELEASE);
	file->draft = d;
	d->next = cache.drafts;
	cache.drafts = file;
	__atomic_or_fetch(&file->active->pair.vn->flags, VNODE_DRAFT, __ATOMIC_SEQ_CST);
}

/* The notes of a file whose pair has its draft's name already. With the lock. */
static int add_notes(struct cache_file *file, const struct notes_journal *journal)
{
	uint64_t blocks = blocks_of(file->active->pair.vn->attr.size);
	struct cache_draft *d = calloc(1, sizeof(*d));
	char name[PAIR_NAME_BYTES];
	int ret;

	if (!d)
		return -ENOMEM;
	file_pair_name(file, name);
	ret = notes_create(cache.files_fd, name, blocks, &d->notes);
	if (ret)
		free(d);
	else
		begin(file, d, journal);
	return ret;
}

/* With the lock. */
static int make_draft(struct cache_file *file)
{
	struct pair *pair = &file->active->pair;
	struct notes_journal journal = {
		.size = pair->vn->attr.size,
		.mtime_ns = pair->vn->attr.mtime_ns,
		.flags = NOTES_KNOWN,
	};
	char from[PAIR_NAME_BYTES], to[PAIR_NAME_BYTES];
	uint64_t old_hash = file->name_hash;
	int ret;

	memcpy(journal.etag, pair->tail->etag, sizeof(journal.etag));
	snprintf(journal.object, sizeof(journal.object), "%s", pair->tail->object);
	file_hide(file);
	file_pair_name(file, from);
	file->name_hash = fresh_hash();
	file_pair_name(file, to);
	ret = pair_rename(cache.files_fd, from, to);
	if (ret) {
		file->name_hash = old_hash;
		return ret;
	}
	file_set_mtime(file, journal.mtime_ns);
	return add_notes(file, &journal);
}

int draft_open(struct cache_file *file, bool keeps, char *message)
{
	struct cache_active *a = file->active;
	uint64_t base = a->pair.vn->attr.size;
	int tries = 0, ret;

	if (message)
		message[0] = '\0';
	do {
		ret = 0;
		pthread_mutex_lock(&cache.lock);
		while (a->punch_to)
			pthread_cond_wait(&a->wake, &cache.lock);
		if (!file->draft)
			ret = make_draft(file);
		if (!ret)
			draft_place(file->draft->notes.shm);
		pthread_mutex_unlock(&cache.lock);
	} while (tries++ < CACHE_ROOM_TRIES && cache_make_room(ret, 0));
	if (!ret && keeps && base % VNODE_BLOCK_BYTES)
		ret = cache_ensure(file, base - 1, 1, WIRE_ENSURE_RANDOM, message);
	return ret;
}

int draft_create(const struct draft_about *about, struct cache_file **out)
{
	struct pair_about pair = {
		.kind = VNODE_FILE,
		.ctx = about->ctx,
		.attr = about->attr,
		.path = about->path,
		.object = about->object,
		.etag = "",
		.is_plain = about->is_plain,
	};
	struct notes_journal journal = {0};
	uint8_t id[CACHE_ID_BYTES];
	struct cache_draft *d;
	int tries = 0, ret = file_make_id(about->ctx, about->object, id);

	if (ret)
		return ret;
	journal.flags = about->must_be_new ? NOTES_NEW : 0;
	journal.mtime_ns = about->attr->mtime_ns;
	if (about->version) {
		journal.flags |= NOTES_KNOWN;
		journal.size = about->version->size;
		memcpy(journal.etag, about->version->etag, sizeof(journal.etag));
	}
	snprintf(journal.object, sizeof(journal.object), "%s", about->object);
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	do {
		pthread_mutex_lock(&cache.lock);
		ret = file_create(&pair, id, fresh_hash(), &d->notes, out);
		if (!ret) {
			begin(*out, d, &journal);
			draft_begin(d->notes.shm, 0, 0);
			draft_end(d->notes.shm);
		}
		pthread_mutex_unlock(&cache.lock);
	} while (tries++ < CACHE_ROOM_TRIES && cache_make_room(ret, 0));
	if (ret)
		free(d);
	return ret;
}

bool draft_is_named(const struct cache_file *file)
{
	return file->draft &&
	       !(file->draft->notes.journal->flags & (NOTES_PARKED | NOTES_UNLINKED));
}

/* Is it what its names mean? */
static bool is_truth(const struct cache_file *file)
{
	return draft_is_named(file) && draft_is_dirty(file->draft->notes.shm);
}

static bool names_draft(const struct cache_name *name, const void *none)
{
	(void)none;
	return draft_is_named(name->file);
}

static bool names_truth(const struct cache_name *name, const void *none)
{
	(void)none;
	return is_truth(name->file);
}

struct cache_file *draft_find(const uint8_t *ctx, const char *object)
{
	uint8_t id[CACHE_ID_BYTES];
	struct cache_file *file = NULL;

	if (file_make_id(ctx, object, id))
		return NULL;
	pthread_mutex_lock(&cache.lock);
	if (cache.drafts)
		file = file_use(file_find(id, names_truth, NULL));
	pthread_mutex_unlock(&cache.lock);
	return file;
}

bool draft_may_change(const uint8_t *ctx, const char *object)
{
	uint8_t id[CACHE_ID_BYTES];
	bool may = false;

	pthread_mutex_lock(&cache.lock);
	if (cache.drafts && !file_make_id(ctx, object, id))
		may = file_find(id, names_draft, NULL);
	pthread_mutex_unlock(&cache.lock);
	return may;
}

bool draft_below(const uint8_t *ctx, const char *prefix)
{
	size_t len = strlen(prefix);
	bool is = false;

	pthread_mutex_lock(&cache.lock);
	for (struct cache_file *f = cache.drafts; f && !is; f = f->draft->next)
		is = is_truth(f) &&
		     (!strncmp(f->draft->notes.journal->object, prefix, len) ||
		      links_below(f, prefix)) &&
		     !file_activate(f) && !memcmp(f->active->pair.vn->ctx, ctx, WIRE_CTX_BYTES);
	pthread_mutex_unlock(&cache.lock);
	return is;
}

bool draft_is_unlinked(const struct cache_file *file)
{
	return file->draft->notes.journal->flags & NOTES_UNLINKED;
}

void draft_must_be_new(struct cache_file *file)
{
	pthread_mutex_lock(&cache.lock);
	file->draft->notes.journal->flags |= NOTES_NEW;
	pthread_mutex_unlock(&cache.lock);
}

bool draft_is_new(const struct cache_file *file)
{
	return (file->draft->notes.journal->flags & (NOTES_NEW | NOTES_SENT | NOTES_SENT_SIZE)) ==
	       NOTES_NEW;
}

bool draft_is(const struct cache_file *file)
{
	return __atomic_load_n(&file->active->pair.vn->flags, __ATOMIC_ACQUIRE) & VNODE_DRAFT;
}

bool draft_has_changes(const struct cache_file *file)
{
	return draft_is(file) && draft_is_dirty(file->draft->notes.shm);
}

void draft_attr(const struct cache_file *file, struct wire_attr *out)
{
	struct stat st;

	*out = file->active->pair.vn->attr;
	if (!draft_is(file) || fstat(file->active->pair.data_fd, &st))
		return;
	out->size = (uint64_t)st.st_size;
	out->mtime_ns = st.st_mtim.tv_sec * CLOCK_NS_PER_S + st.st_mtim.tv_nsec;
}

/* With the lock, which it gives away: until nothing at or beyond offset is being fetched. */
static void wait_for_parts(struct cache_active *a, uint64_t offset)
{
	struct cache_part *p = a->parts;

	while (p) {
		if (p->offset + p->length > offset) {
			pthread_cond_wait(&a->wake, &cache.lock);
			p = a->parts;
		} else {
			p = p->next;
		}
	}
}

int draft_truncate(struct cache_file *file, uint64_t size, char *message)
{
	struct cache_active *a = file->active;
	struct draft_shm *notes = file->draft->notes.shm;
	uint64_t base = a->pair.vn->attr.size;
	int ret = 0;

	if (size > INT64_MAX)
		return -EFBIG;
	if (size < base && size % VNODE_BLOCK_BYTES)
		ret = cache_ensure(file, size, 1, WIRE_ENSURE_RANDOM, message);
	if (ret)
		return ret;
	pthread_mutex_lock(&cache.lock);
	streams_rest(a);
	draft_place(notes);
	draft_begin(notes, size, size < base ? base - size : 0);
	if (size < base) {
		wait_for_parts(a, size);
		a->missing -= blocks_set(a->pair.vn, blocks_of(size), blocks_of(base));
		if (!a->missing)
			__atomic_or_fetch(&a->pair.vn->flags, VNODE_COMPLETE, __ATOMIC_RELEASE);
	}
	if (ftruncate(a->pair.data_fd, (off_t)size))
		ret = -errno;
	draft_cut(notes, size);
	draft_end(notes);
	file_recharge(file);
	pthread_mutex_unlock(&cache.lock);
	return ret;
}

void draft_unconditional(struct cache_file *file, const char *object)
{
	bool is_other;

	pthread_mutex_lock(&cache.lock);
	is_other = links_unconditional(file, object);
	if (!object || !is_other) {
		since_note(file->draft->notes.journal);
		file->draft->notes.journal->flags &= ~(NOTES_KNOWN | NOTES_NEW);
	}
	if (!object) /* the user has looked */
		file->draft->is_left = false;
	pthread_mutex_unlock(&cache.lock);
}

static void count_change(struct cache_file *file)
{
	draft_begin(file->draft->notes.shm, 0, 0);
	draft_end(file->draft->notes.shm);
}

void draft_set_mode(struct cache_file *file, uint32_t mode)
{
	struct vnode_shm *vn = file->active->pair.vn;

	__atomic_store_n(&vn->attr.mode, (vn->attr.mode & S_IFMT) | (mode & 07777),
			 __ATOMIC_RELAXED);
	count_change(file);
}

int draft_set_mtime(struct cache_file *file, int64_t mtime_ns)
{
	file->draft->said_mtime_ns = mtime_ns;
	file_set_mtime(file, mtime_ns);
	count_change(file);
	return 0;
}

void draft_set_owner(struct cache_file *file, const uint32_t *uid, const uint32_t *gid)
{
	struct wire_attr *attr = &file->active->pair.vn->attr;

	if (uid)
		__atomic_store_n(&attr->uid, *uid, __ATOMIC_RELAXED);
	if (gid)
		__atomic_store_n(&attr->gid, *gid, __ATOMIC_RELAXED);
	count_change(file);
}

void draft_set_xattr(struct cache_file *file, const char *text)
{
	struct notes_journal *j = file->draft->notes.journal;

	pthread_mutex_lock(&cache.lock);
	snprintf(j->xattr, sizeof(j->xattr), "%s", text);
	j->flags |= NOTES_XATTR;
	pthread_mutex_unlock(&cache.lock);
	count_change(file);
}

bool draft_xattr(const struct cache_file *file, char out[DRAFT_XATTR_MAX])
{
	bool has;

	pthread_mutex_lock(&cache.lock);
	has = file->draft && file->draft->notes.journal->flags & NOTES_XATTR;
	if (has)
		snprintf(out, DRAFT_XATTR_MAX, "%s", file->draft->notes.journal->xattr);
	pthread_mutex_unlock(&cache.lock);
	return has;
}

int draft_open_notes(struct cache_file *file)
{
	char name[PAIR_NAME_BYTES];
	int fd;

	if (!draft_is(file))
		return -EBADF;
	pthread_mutex_lock(&cache.lock);
	file_pair_name(file, name);
	fd = notes_fd(cache.files_fd, name);
	pthread_mutex_unlock(&cache.lock);
	return fd;
}
