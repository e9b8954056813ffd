/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block cache: versions of objects as sparse files that runtimes read by themselves, filled in
 * the background, bounded in size. It knows no store: fs/ gives it a function that fetches.
 *
 * A cache file is one version (ETag) of one object, as one context sees it. All functions may be
 * called by any thread but as noted; none holds the cache's lock when it returns or calls the
 * source.
 */
#ifndef CACHE_CACHE_H
#define CACHE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "cache/opentable.h"
#include "core/base/wire.h"
#include "core/store.h"

struct cache_file;

#define CACHE_FILES_MAX	  65536 /* cache files known at a time */
#define CACHE_PARTS_MAX	  64	/* GETs in flight */
#define CACHE_PARTS_AHEAD 48	/* ... that nobody waits for: the rest is for those who wait */
#define CACHE_PARTS_FILE  16	/* ... of one file ahead, or for one reader */
#define CACHE_MESSAGE_MAX STORE_MESSAGE_BYTES
#define CACHE_OBJECT_MAX  5121 /* bytes of an object name with its NUL */

/* A range of a file on its way: made by the cache (source.fetch) or by cache_create_with(). */
struct cache_part {
	struct cache_file *file; /* a reference of its own */
	uint64_t offset, length; /* bytes; offset is a multiple of the block size */
	uint64_t taken;		 /* up to here it has come */
	uint64_t written; /* up to here it is in the file; the cache's own, as what follows */
	char *held;	  /* [written, taken): less than a block; NULL until there is some */
	bool has_room;	  /* the disk's, if it could be had */
	bool is_ahead;	  /* nobody waited for it when it was made */
	bool is_wanted;	  /* atomic: of such a one, somebody does now */
	bool *tells;	  /* cache_new.is_wanted */
	uint64_t settled; /* bytes in whole blocks so far */
	int64_t start_ns, first_ns; /* 0: not known */
	struct cache_part *next;    /* the cache's own */
};

/* fetch: starts to get the part; must not block. Then, on any thread, cache_part_data() in order
 * and at last cache_part_done(), once. A negative errno means that it could not start: no done
 * follows. */
struct cache_source {
	int (*fetch)(struct cache_part *part);
};

struct cache_config {
	int dir_fd;	     /* from place_open(), locked */
	uint64_t size_bytes; /* 0: min(10 GiB, half of what is free) */
};

/* The cap this configuration means, bytes. */
uint64_t cache_size(const struct cache_config *config);

/* Takes over what an earlier daemon left and starts the evictor's thread. */
int cache_start(const struct cache_config *config, const struct cache_source *source);

/* No parts may be on their way any more. Files stay for the next daemon. */
void cache_stop(void);

/* The file of this version, made if need be, with a reference. attr: of a regular file. etag may be
 * "" only with size 0 or when the service has none. path: the virtual path to show. Returns 0,
 * -ENOSPC, -ENOMEM, -EMFILE or another error of the disk. */
int cache_create(const uint8_t *ctx, const char *object, const char *etag,
		 const struct wire_attr *attr, const char *path, struct cache_file **out);

/* The same, and a part that somebody else already fetches, which begins at 0 and is first_bytes
 * long at most: so that the GET of an open fills the file, and whoever opens it meanwhile waits
 * for that. part: NULL when that range is there or being fetched already (the bytes are not needed
 * then), or without memory. */
struct cache_new {
	const uint8_t *ctx;
	const char *object, *etag, *path;
	const struct wire_attr *attr;
	uint64_t first_bytes;
	bool *is_wanted; /* set, atomically, when somebody waits for that part; or NULL. It stays
			    until cache_part_done() */
};
int cache_create_with(const struct cache_new *what, struct cache_file **out,
		      struct cache_part **part_out);

/* The newest known version of the object, or the one with etag if that is given, with a reference;
 * NULL when there is none. */
struct cache_file *cache_find(const uint8_t *ctx, const char *object, const char *etag);

/* Is there a file of this version? It is not made ready for use. */
bool cache_has(const uint8_t *ctx, const char *object, const char *etag);

/* The file whose data file this is, with a reference, or NULL. */
struct cache_file *cache_find_inode(uint64_t dev, uint64_t ino);

void cache_ref(struct cache_file *file);
void cache_put(struct cache_file *file);

/* Constant facts of a file one has a reference to. */
const struct wire_attr *cache_attr(const struct cache_file *file);
const uint8_t *cache_ctx(const struct cache_file *file);
const char *cache_path(const struct cache_file *file); /* virtual */

/* The version it is, as the bucket has it; of what is written to (cache/draft.h) the one it was
 * last. etag: as given to cache_create(). */
void cache_version(const struct cache_file *file, struct store_object *out);

/* The object's name; of what is written to it may change. */
void cache_object(const struct cache_file *file, char out[CACHE_OBJECT_MAX]);

/* Is it certain that nobody else keeps metadata with its object? Not at first, and kept across
 * daemons. */
bool cache_is_plain(const struct cache_file *file);
void cache_set_plain(struct cache_file *file, bool is_plain);

bool cache_complete(const struct cache_file *file);

/* Is there anything of its first bytes (or is it complete)? */
bool cache_begun(const struct cache_file *file);

/* Has any process it open? */
bool cache_is_open(struct cache_file *file);

/* Fresh descriptors, or an error. flags: an access mode, or O_PATH. Opening counts as use for
 * eviction. -ESTALE: somebody has removed the files; this one is none any more, and is to be
 * created again. */
int cache_open_data(struct cache_file *file, int flags);
int cache_open_vnode(struct cache_file *file);

/* From now on, or from when it is whole, programs may open it by themselves under this ticket,
 * which is the file's then. False: not this one, since it is written to or gone. */
bool cache_show(struct cache_file *file, struct opens_ticket ticket);

/* Waits until [offset, offset + length) is there; flags of WIRE_ENSURE. With WIRE_ENSURE_NOWAIT
 * only starts what that reader will need next. Not on the I/O thread. message: of CACHE_MESSAGE_MAX
 * bytes or NULL; gets the line that goes with an error, or "". Returns 0, the part's error, or
 * -ENOSPC. */
int cache_ensure(struct cache_file *file, uint64_t offset, uint64_t length, unsigned flags,
		 char *message);

/* Bytes of a part. Never waits for another part. Returns 0 or -ENOSPC, -EIO...: end the fetch then.
 */
int cache_part_data(struct cache_part *part, uint64_t offset, const void *data, uint64_t bytes);

/* The end: error is 0 or a negative errno, message may be NULL. Frees the part. */
void cache_part_done(struct cache_part *part, int error, const char *message);

/* What something here met is error: was it a full disk, and has clean data gone since, so that it
 * is worth another try? bytes: to go at least, if there is so much; a floor holds below it. Without
 * the cache's lock; of fs/ any may be held. Waits for no fetch and no upload. */
bool cache_make_room(int error, uint64_t bytes);
#define CACHE_ROOM_TRIES 16 /* of one thing; others may take what room was made */

/* What to say when there is none. */
extern const char cache_full_line[];

struct cache_stats {
	uint64_t files, bytes, size_max, parts, evicted_bytes;
	/* of what was fetched within files before it was asked for; the rest may be used yet */
	uint64_t ahead_bytes, ahead_used, ahead_wasted;
};
void cache_stats(struct cache_stats *out);

#endif
