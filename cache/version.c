/* SPDX-License-Identifier: Apache-2.0 */
/* Finding and making the file of a version, and what there is to know of one. */
#include "cache/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "core/log.h"

#define KEEP_SMALL_FROM (UINT64_C(1) << 30) /* bytes of the cache */

/* Does some name lead to it? */
static bool has_name(const struct cache_file *file)
{
	return !file->draft ||
	       !(file->draft->notes.journal->flags & (NOTES_PARKED | NOTES_UNLINKED));
}

static bool is_named(const struct cache_name *name, const void *none)
{
	(void)none;
	return has_name(name->file);
}

static bool is_version(const struct cache_name *name, const void *etag_hash)
{
	return has_name(name->file) && name->etag_hash == *(const uint64_t *)etag_hash;
}

struct cache_file *cache_find(const uint8_t *ctx, const char *object, const char *etag)
{
	uint64_t hash = etag ? file_hash_etag(etag) : 0;
	uint8_t id[CACHE_ID_BYTES];
	struct cache_file *file;

	if (file_make_id(ctx, object, id))
		return NULL;
	pthread_mutex_lock(&cache.lock);
	file = file_use(file_find(id, etag ? is_version : is_named, &hash));
	pthread_mutex_unlock(&cache.lock);
	return file;
}

bool cache_has(const uint8_t *ctx, const char *object, const char *etag)
{
	uint64_t hash = file_hash_etag(etag);
	uint8_t id[CACHE_ID_BYTES];
	bool has;

	if (file_make_id(ctx, object, id))
		return false;
	pthread_mutex_lock(&cache.lock);
	has = file_find(id, is_version, &hash) != NULL;
	pthread_mutex_unlock(&cache.lock);
	return has;
}

struct cache_file *cache_find_inode(uint64_t dev, uint64_t ino)
{
	struct cache_file *file;

	pthread_mutex_lock(&cache.lock);
	file = file_use(file_find_inode(dev, ino));
	pthread_mutex_unlock(&cache.lock);
	return file;
}

/* The file of this version, found or made. With the lock. */
static int find_or_create(const struct pair_about *about, const uint8_t *id,
			  struct cache_file **out)
{
	uint64_t hash = file_hash_etag(about->etag);
	struct cache_file *file = file_use(file_find(id, is_version, &hash));

	if (file && !file->draft && file->active->pair.vn->attr.size != about->attr->size) {
		/* the same ETag of another size: a service without ETags, or a broken one */
		file_drop(file);
		file_put_locked(file);
		file = NULL;
	}
	if (!file)
		return file_create(about, id, hash, NULL, out);
	*out = file;
	return 0;
}

/* A file of one block is kept whole while it is open, without anybody's asking: so the kernel may
 * read it (copy_file_range, mmap) without a question to the daemon. Not in a small cache, which
 * some thousand open files would fill. */
static void keep_small(struct cache_file *file)
{
	struct vnode_shm *vn = file->active->pair.vn;

	if (vn->attr.size <= VNODE_BLOCK_BYTES && cache.size_max >= KEEP_SMALL_FROM)
		__atomic_or_fetch(&vn->flags, VNODE_PINNED, __ATOMIC_RELEASE);
}

int cache_create_with(const struct cache_new *what, struct cache_file **out,
		      struct cache_part **part_out)
{
	struct pair_about about = {
		.kind = VNODE_FILE,
		.ctx = what->ctx,
		.attr = what->attr,
		.path = what->path,
		.object = what->object,
		.etag = what->etag,
	};
	uint8_t id[CACHE_ID_BYTES];
	struct cache_file *file = NULL;
	int tries = 0, ret = file_make_id(what->ctx, what->object, id);

	if (ret)
		return ret;
	do {
		pthread_mutex_lock(&cache.lock);
		ret = find_or_create(&about, id, &file);
		if (!ret)
			keep_small(file);
		if (!ret && part_out)
			*part_out = fill_first(file, what->first_bytes);
		if (!ret && part_out && *part_out)
			(*part_out)->tells = what->is_wanted;
		pthread_mutex_unlock(&cache.lock);
	} while (tries++ < CACHE_ROOM_TRIES && cache_make_room(ret, 0));
	if (!ret)
		*out = file;
	return ret;
}

int cache_create(const uint8_t *ctx, const char *object, const char *etag,
		 const struct wire_attr *attr, const char *path, struct cache_file **out)
{
	const struct cache_new what = {
		.ctx = ctx, .object = object, .etag = etag, .attr = attr, .path = path};

	return cache_create_with(&what, out, NULL);
}

const struct wire_attr *cache_attr(const struct cache_file *file)
{
	return &file->active->pair.vn->attr;
}

void cache_version(const struct cache_file *file, struct store_object *out)
{
	const struct pair *pair = &file->active->pair;

	*out = (struct store_object){.size = pair->vn->attr.size,
				     .mtime_ns = pair->vn->attr.mtime_ns};
	pthread_mutex_lock(&cache.lock);
	if (file->draft) {
		const struct notes_journal *j = file->draft->notes.journal;

		out->size = j->size;
		out->mtime_ns = j->mtime_ns;
		memcpy(out->etag, j->etag, sizeof(out->etag));
	} else {
		memcpy(out->etag, pair->tail->etag, sizeof(out->etag));
	}
	pthread_mutex_unlock(&cache.lock);
}

void cache_object(const struct cache_file *file, char out[CACHE_OBJECT_MAX])
{
	const char *object = file->active->pair.tail->object;

	pthread_mutex_lock(&cache.lock);
	if (file->draft)
		object = file->draft->notes.journal->object;
	snprintf(out, CACHE_OBJECT_MAX, "%s", object);
	pthread_mutex_unlock(&cache.lock);
}

const char *cache_path(const struct cache_file *file)
{
	return vnode_path(file->active->pair.vn);
}

const uint8_t *cache_ctx(const struct cache_file *file)
{
	return file->active->pair.vn->ctx;
}

bool cache_is_plain(const struct cache_file *file)
{
	return __atomic_load_n(&file->active->pair.vn->flags, __ATOMIC_ACQUIRE) & VNODE_PLAIN;
}

void cache_set_plain(struct cache_file *file, bool is_plain)
{
	uint32_t *flags = &file->active->pair.vn->flags;

	if (is_plain)
		__atomic_or_fetch(flags, VNODE_PLAIN, __ATOMIC_RELEASE);
	else
		__atomic_and_fetch(flags, ~VNODE_PLAIN, __ATOMIC_RELEASE);
}

bool cache_complete(const struct cache_file *file)
{
	return __atomic_load_n(&file->active->pair.vn->flags, __ATOMIC_ACQUIRE) & VNODE_COMPLETE;
}

bool cache_begun(const struct cache_file *file)
{
	return vnode_present(file->active->pair.vn, 0, 1);
}

/* A write lease is granted only while our own descriptor is the only one: fcntl(2). */
bool file_is_open(struct cache_file *file)
{
	int fd = file->active->pair.data_fd;

	file_hide(file);
	if (fcntl(fd, F_SETLEASE, F_WRLCK))
		return true;
	fcntl(fd, F_SETLEASE, F_UNLCK);
	return false;
}

bool cache_is_open(struct cache_file *file)
{
	bool is;

	pthread_mutex_lock(&cache.lock);
	is = file_is_open(file);
	pthread_mutex_unlock(&cache.lock);
	return is;
}

/* With the lock, before another descriptor is made: who had it open before anybody counted, counts
 * as well. */
static void count_opener(struct cache_file *file)
{
	struct cache_draft *d = file->draft;

	if (!file_is_open(file))
		d->openers = 0;
	else if (!d->openers)
		d->openers = 1;
	d->openers++;
}

bool draft_has_one_opener(const struct cache_file *file)
{
	bool has;

	pthread_mutex_lock(&cache.lock);
	has = file->draft && file->draft->openers == 1;
	pthread_mutex_unlock(&cache.lock);
	return has;
}

/* With the lock. Somebody has removed its files from the cache directory: what can be fetched is
 * made again. Who has it open goes on with it, but no name leads to it any more, neither an
 * object's nor one on disk. */
static int lost(struct cache_file *file, int error)
{
	uint8_t nobodys[CACHE_ID_BYTES];
	uint64_t hash = fresh_hash();

	if (error != -ENOENT || file->draft)
		return error;
	if (file->is_dropped || file->is_lost)
		return -ESTALE;
	log_warn("cache: a cached file was removed by somebody else");
	file_hide(file);
	memset(nobodys, 0, sizeof(nobodys));
	memcpy(nobodys, &hash, sizeof(hash));
	name_change(&file->name, nobodys, 0);
	file->name_hash = hash;
	file->is_lost = true;
	return -ESTALE;
}

/* With the lock: the files get other names when the first opens it for writing. */
int cache_open_data(struct cache_file *file, int flags)
{
	char name[PAIR_NAME_BYTES];
	int fd;

	pthread_mutex_lock(&cache.lock);
	file_used(file);
	if (file->draft && !(flags & O_PATH))
		count_opener(file);
	file_pair_name(file, name);
	fd = pair_data_fd(cache.files_fd, name, flags);
	if (fd < 0)
		fd = lost(file, fd);
	pthread_mutex_unlock(&cache.lock);
	return fd;
}

bool cache_show(struct cache_file *file, struct opens_ticket ticket)
{
	bool may;

	pthread_mutex_lock(&cache.lock);
	may = !file->draft && !file->is_dropped && !file->is_lost &&
	      file->active->pair.vn->kind == VNODE_FILE;
	if (may) {
		file_hide(file);
		file->shown = ticket;
		opentable_fill(ticket, file->name_id, file->name_hash, file->ino,
			       cache_complete(file));
	}
	pthread_mutex_unlock(&cache.lock);
	return may;
}

int cache_open_vnode(struct cache_file *file)
{
	char name[PAIR_NAME_BYTES];
	int fd;

	pthread_mutex_lock(&cache.lock);
	file_pair_name(file, name);
	if (file->draft && file->draft->notes.vn)
		fd = notes_fd(cache.files_fd, name);
	else
		fd = pair_vnode_fd(cache.files_fd, name);
	if (fd < 0)
		fd = lost(file, fd);
	pthread_mutex_unlock(&cache.lock);
	return fd;
}
