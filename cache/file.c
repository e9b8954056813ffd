/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of cache files: by identity (context, object, version) and by inode of the data file,
 * in order of last use, with references.
 */
#include "cache/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <openssl/sha.h>

#include "cache/blocks.h"
#include "cache/clock.h"
#include "cache/linkset.h"
#include "core/digest.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/scope.h"

#define BUCKETS	    16384 /* of both hash tables */
#define FILES_SHARE 8	  /* of the memory, for what is known of files */

struct cache_state cache = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.files_fd = -1,
	.evict = PTHREAD_COND_INITIALIZER,
};

static struct cache_name **by_id;
static struct cache_file **by_inode;
static uint64_t serial;

static size_t id_slot(const uint8_t *id)
{
	uint64_t word;

	memcpy(&word, id, sizeof(word));
	return word % BUCKETS;
}

static size_t inode_slot(uint64_t dev, uint64_t ino)
{
	return (ino * UINT64_C(0x9e3779b97f4a7c15) ^ dev) >> 16 & (BUCKETS - 1);
}

int file_make_id(const uint8_t *ctx, const char *object, uint8_t *id)
{
	uint8_t text[WIRE_CTX_BYTES + CACHE_OBJECT_MAX + 1], digest[SHA256_DIGEST_LENGTH];
	size_t len = strlen(object);

	if (len > CACHE_OBJECT_MAX)
		return -ENAMETOOLONG;
	memcpy(text, ctx, WIRE_CTX_BYTES);
	memcpy(text + WIRE_CTX_BYTES, object, len + 1);
	SHA256(text, WIRE_CTX_BYTES + len, digest);
	memcpy(id, digest, CACHE_ID_BYTES);
	return 0;
}

uint64_t file_hash_etag(const char *etag)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	uint64_t hash;

	SHA256((const uint8_t *)etag, strlen(etag), digest);
	memcpy(&hash, digest, sizeof(hash));
	return hash;
}

void file_pair_name(const struct cache_file *file, char out[PAIR_NAME_BYTES])
{
	digest_hex(file->name_id, CACHE_ID_BYTES, out);
	snprintf(out + 2 * CACHE_ID_BYTES, PAIR_NAME_BYTES - 2 * CACHE_ID_BYTES, "-%016llx",
		 (unsigned long long)file->name_hash);
}

void file_hide(struct cache_file *file)
{
	opentable_drop(&file->shown);
}

uint64_t file_cost(uint64_t size, uint64_t blocks)
{
	uint64_t whole = (size + 4095) & ~UINT64_C(4095);
	uint64_t data = blocks << VNODE_BLOCK_SHIFT;

	return CACHE_VNODE_COST + (data < whole ? data : whole) + blocks_of(size) / 8;
}

/* A draft grows and shrinks by itself: what it takes is asked for. */
static uint64_t cost_now(const struct cache_file *file)
{
	uint64_t size = file->active->pair.vn->attr.size;
	struct stat st;

	if (file->draft && !fstat(file->active->pair.data_fd, &st))
		return CACHE_VNODE_COST + NOTES_DIRTY_OFF + (uint64_t)st.st_blocks * 512;
	return file_cost(size, blocks_of(size) - file->active->missing);
}

void file_recharge(struct cache_file *file)
{
	uint64_t cost = cost_now(file);

	if (!file->is_dropped)
		cache.used += cost - file->disk_bytes;
	file->disk_bytes = cost;
}

static void lru_remove(struct cache_file *file)
{
	*(file->lru_prev ? &file->lru_prev->lru_next : &cache.lru_first) = file->lru_next;
	*(file->lru_next ? &file->lru_next->lru_prev : &cache.lru_last) = file->lru_prev;
	file->lru_prev = file->lru_next = NULL;
}

static void lru_append(struct cache_file *file)
{
	file->lru_prev = cache.lru_last;
	file->lru_next = NULL;
	*(cache.lru_last ? &cache.lru_last->lru_next : &cache.lru_first) = file;
	cache.lru_last = file;
}

void file_used(struct cache_file *file)
{
	if (file->is_dropped)
		return;
	lru_remove(file);
	lru_append(file);
}

static void idle_remove(struct cache_file *file)
{
	struct cache_active *a = file->active;

	*(a->idle_prev ? &a->idle_prev->active->idle_next : &cache.idle_first) = a->idle_next;
	*(a->idle_next ? &a->idle_next->active->idle_prev : &cache.idle_last) = a->idle_prev;
	a->idle_prev = a->idle_next = NULL;
	cache.idle_count--;
}

static void idle_append(struct cache_file *file)
{
	struct cache_active *a = file->active;

	a->idle_prev = cache.idle_last;
	a->idle_next = NULL;
	*(cache.idle_last ? &cache.idle_last->active->idle_next : &cache.idle_first) = file;
	cache.idle_last = file;
	cache.idle_count++;
}

void name_insert(struct cache_name *name)
{
	struct cache_name **head = &by_id[id_slot(name->id)];

	name->next = *head;
	*head = name;
}

void name_remove(struct cache_name *name)
{
	struct cache_name **at = &by_id[id_slot(name->id)];

	while (*at != name)
		at = &(*at)->next;
	*at = name->next;
}

void name_change(struct cache_name *name, const uint8_t *id, uint64_t etag_hash)
{
	name_remove(name);
	memmove(name->id, id, CACHE_ID_BYTES);
	name->etag_hash = etag_hash;
	name_insert(name);
}

void file_insert(struct cache_file *file)
{
	struct cache_file **inode_head = &by_inode[inode_slot(file->dev, file->ino)];

	file->serial = ++serial;
	file->name.file = file;
	name_insert(&file->name);
	file->inode_next = *inode_head;
	*inode_head = file;
	lru_append(file);
	cache.files++;
	memory_add(MEMORY_FILES, sizeof(*file));
	cache.used += file->disk_bytes;
}

static void table_remove(struct cache_file *file)
{
	struct cache_file **at = &by_inode[inode_slot(file->dev, file->ino)];

	name_remove(&file->name);
	while (*at != file)
		at = &(*at)->inode_next;
	*at = file->inode_next;
	lru_remove(file);
	cache.files--;
	memory_add(MEMORY_FILES, -(int64_t)sizeof(*file));
	cache.used -= file->disk_bytes;
}

static struct cache_active *active_new(struct pair *pair)
{
	struct cache_active *a = calloc(1, sizeof(*a));
	pthread_condattr_t attr;

	if (!a)
		return NULL;
	a->pair = *pair;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&a->wake, &attr);
	pthread_condattr_destroy(&attr);
	a->missing = blocks_of(pair->vn->attr.size) - blocks_count(pair->vn);
	streams_open(a, false);
	return a;
}

int file_open_pair(const struct cache_file *file, struct pair *out)
{
	const struct notes *notes = file->draft ? &file->draft->notes : NULL;
	char name[PAIR_NAME_BYTES];

	file_pair_name(file, name);
	if (notes && notes->vn)
		return pair_open_with(cache.files_fd, name, notes->vn, notes->vnode_bytes, out);
	return pair_open(cache.files_fd, name, out);
}

int file_activate(struct cache_file *file)
{
	struct pair pair;
	int ret;

	if (file->active)
		return 0;
	ret = file_open_pair(file, &pair);
	if (ret)
		return ret;
	if (!file->draft)
		arrive_trim(&pair);
	file->active = active_new(&pair);
	if (!file->active) {
		pair_close(&pair);
		return -ENOMEM;
	}
	file_recharge(file);
	if (!file->refs)
		idle_append(file);
	return 0;
}

void file_deactivate(struct cache_file *file)
{
	struct cache_active *a = file->active;

	if (!a)
		return;
	if (!file->refs)
		idle_remove(file);
	if (a->is_blocked)
		cache.blocked--;
	streams_close(a);
	pair_close(&a->pair);
	pthread_cond_destroy(&a->wake);
	free(a);
	file->active = NULL;
}

static void draft_list_remove(struct cache_file *file)
{
	struct cache_file **at = &cache.drafts;

	if (!file->draft)
		return;
	while (*at != file)
		at = &(*at)->draft->next;
	*at = file->draft->next;
}

static void file_free(struct cache_file *file)
{
	if (file->draft) {
		links_close(file, true);
		notes_close(&file->draft->notes);
		free(file->draft->same);
	}
	free(file->draft);
	free(file);
}

void file_drop(struct cache_file *file)
{
	char name[PAIR_NAME_BYTES];

	file_hide(file);
	if (!file->is_dropped) {
		table_remove(file);
		draft_list_remove(file);
		if (file->draft)
			links_close(file, false);
		file->is_dropped = true;
		file_pair_name(file, name);
		pair_remove(cache.files_fd, name);
		if (file->draft)
			notes_remove(cache.files_fd, name);
	}
	if (!file->refs) {
		file_deactivate(file);
		file_free(file);
	}
}

void file_ref_locked(struct cache_file *file)
{
	if (!file->refs++)
		idle_remove(file);
}

void file_put_locked(struct cache_file *file)
{
	if (--file->refs)
		return;
	if (file->is_dropped) {
		file->refs = 1; /* it is in no list */
		file_deactivate(file);
		file_free(file);
		return;
	}
	idle_append(file);
	while (cache.idle_count > CACHE_ACTIVE_IDLE)
		file_deactivate(cache.idle_first);
}

void cache_put(struct cache_file *file)
{
	pthread_mutex_lock(&cache.lock);
	file_put_locked(file);
	pthread_mutex_unlock(&cache.lock);
}

void cache_ref(struct cache_file *file)
{
	pthread_mutex_lock(&cache.lock);
	file_ref_locked(file);
	pthread_mutex_unlock(&cache.lock);
}

struct cache_file *file_next_active(struct cache_file *after)
{
	struct cache_file *file = after ? after->lru_next : cache.lru_first;

	while (file && !file->active)
		file = file->lru_next;
	return file;
}

struct cache_file *file_use(struct cache_file *file)
{
	int ret;

	if (!file)
		return NULL;
	ret = file_activate(file);
	if (ret) {
		log_warn("cache: a cached file cannot be used: %s", strerror(-ret));
		/* a draft may hold what is nowhere else: the next try, or daemon, may read it */
		if (ret != -EMFILE && ret != -ENFILE && ret != -ENOMEM && !file->draft)
			file_drop(file);
		return NULL;
	}
	file_ref_locked(file);
	return file;
}

/* Programs that write have the draft open: all others must get the same. Then the newest. */
static bool comes_before(const struct cache_file *a, const struct cache_file *b)
{
	if (!a->draft != !b->draft)
		return a->draft;
	return a->serial > b->serial;
}

struct cache_file *file_find(const uint8_t *id,
			     bool (*accept)(const struct cache_name *name, const void *arg),
			     const void *arg)
{
	struct cache_file *best = NULL;

	for (struct cache_name *n = by_id[id_slot(id)]; n; n = n->next) {
		if (!memcmp(n->id, id, CACHE_ID_BYTES) && accept(n, arg) &&
		    (!best || comes_before(n->file, best)))
			best = n->file;
	}
	return best;
}

struct cache_file *file_find_inode(uint64_t dev, uint64_t ino)
{
	struct cache_file *file = by_inode[inode_slot(dev, ino)];

	while (file && (file->ino != ino || file->dev != dev))
		file = file->inode_next;
	return file;
}

static int make_files(const char *name, const struct pair_about *about, struct pair *pair,
		      struct notes *notes)
{
	int ret = notes ? notes_create_pair(cache.files_fd, name, about, pair, notes)
			: pair_create(cache.files_fd, name, about, pair);

	if (ret != -EEXIST)
		return ret;
	/* a file that is no longer in the table */
	pair_remove(cache.files_fd, name);
	return notes ? notes_create_pair(cache.files_fd, name, about, pair, notes)
		     : pair_create(cache.files_fd, name, about, pair);
}

uint64_t file_max(void)
{
	return memory_share(FILES_SHARE, CACHE_FILES_MAX * sizeof(struct cache_file)) /
	       sizeof(struct cache_file);
}

int file_create(const struct pair_about *about, const uint8_t *id, uint64_t etag_hash,
		struct notes *notes, struct cache_file **out)
{
	SCOPE_FREE struct cache_file *file = calloc(1, sizeof(*file));
	char name[PAIR_NAME_BYTES];
	struct pair pair;
	int ret;

	if (!file)
		return -ENOMEM;
	if (cache.files >= file_max()) {
		pthread_cond_signal(&cache.evict);
		return -ENOSPC;
	}
	memcpy(file->name.id, id, CACHE_ID_BYTES);
	file->name.etag_hash = file->name_hash = etag_hash;
	memcpy(file->name_id, id, CACHE_ID_BYTES);
	file_pair_name(file, name);
	ret = make_files(name, about, &pair, notes);
	if (ret)
		return ret;
	file->active = active_new(&pair);
	if (!file->active) {
		pair_close(&pair);
		pair_remove(cache.files_fd, name);
		if (notes) {
			notes_close(notes);
			notes_remove(cache.files_fd, name);
		}
		return -ENOMEM;
	}
	file->dev = pair.vn->data_dev;
	file->ino = pair.vn->data_ino;
	file->disk_bytes = file_cost(about->attr->size, 0);
	file->refs = 1;
	file_insert(file);
	*out = take_ptr(&file);
	return 0;
}

static bool has_its_name(const struct cache_name *name, const void *hash)
{
	return name->file->name_hash == *(const uint64_t *)hash;
}

static int take_over(const char *from, const char *to, const struct pair_about *about,
		     const struct notes *notes)
{
	int ret = -EFBIG;

	if (notes->vn)
		ret = pair_turn(cache.files_fd, from, to, about, notes->vn, notes->vnode_bytes);
	if (ret == -EFBIG) {
		ret = pair_take_over(cache.files_fd, from, to, about);
		if (!ret)
			notes_remove(cache.files_fd, from);
	}
	return ret;
}

int file_take_over(struct cache_file *file, const struct pair_about *about)
{
	uint64_t hash = file_hash_etag(about->etag), old_hash = file->name_hash;
	char from[PAIR_NAME_BYTES], to[PAIR_NAME_BYTES];
	int ret;

	if (memcmp(file->name.id, file->name_id, CACHE_ID_BYTES) != 0 ||
	    file_find(file->name.id, has_its_name, &hash))
		return -EEXIST;
	file_pair_name(file, from);
	file->name_hash = hash;
	file_pair_name(file, to);
	ret = take_over(from, to, about, &file->draft->notes);
	if (ret) {
		file->name_hash = old_hash;
		return ret;
	}
	draft_list_remove(file);
	if (file->active)
		streams_close(file->active); /* its vnode may go with the notes */
	notes_give_up(&file->draft->notes);
	free(file->draft->same);
	free(file->draft);
	file->draft = NULL;
	file->name.etag_hash = hash;
	file_deactivate(file);
	return 0;
}

int file_tables_init(void)
{
	by_id = calloc(BUCKETS, sizeof(struct cache_name *));
	by_inode = calloc(BUCKETS, sizeof(struct cache_file *));
	if (by_id && by_inode)
		return 0;
	file_tables_free();
	return -ENOMEM;
}

void file_tables_free(void)
{
	for (struct cache_file *f = cache.lru_first, *next; f; f = next) {
		next = f->lru_next;
		file_deactivate(f);
		file_free(f);
	}
	free(by_id);
	free(by_inode);
	by_id = NULL;
	by_inode = NULL;
	cache.lru_first = cache.lru_last = cache.drafts = NULL;
	memory_add(MEMORY_FILES, -(int64_t)(cache.files * sizeof(struct cache_file)));
	cache.files = cache.used = 0;
}
