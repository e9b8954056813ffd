/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories: listings fetched page by page, each with a pair of files that runtimes read by
 * themselves (core/base/vnode.h).
 *
 * A listing answers opens and lookups for the metadata TTL from its first request on, and lives as
 * long as some process has its data file open, so that the pages which that process has not read
 * yet can still be fetched.
 *
 * Lock order in fs/: listing, then meta; the cache's lock comes after both.
 */
#ifndef FS_LISTING_H
#define FS_LISTING_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/wire.h"
#include "core/store.h"
#include "fs/names.h"

struct listing;

/* dirs_fd: from place_dirs(); taken over. */
void listing_start(int dirs_fd);
void listing_stop(void);

/* The directory that n means, with a reference; its first page is there. path: the virtual path to
 * show. Returns 0; -ENOENT (nothing starts with that prefix, or no such bucket), or the store's
 * error with its line in message; -ENFILE: of all the memory that there is for listings, none is
 * left, and programs have each of them open. Not on the I/O thread. */
int listing_open(struct context *ctx, const struct name *n, const char *path, struct listing **out,
		 char message[STORE_MESSAGE_BYTES]);

/* The same for nobody who would read it: it only tells which names are there, and nothing about
 * them. It takes no other's place that is fresh. */
int listing_look(struct context *ctx, const struct name *n, const char *path, struct listing **out,
		 char message[STORE_MESSAGE_BYTES]);

/* The first page of a directory is there, or that failed; prefix: its object name. */
typedef void listing_landed(struct context *ctx, const char *prefix, int error);

/* Before anybody opens it: starts to fetch the first page, unless what is known is fresh, or on its
 * way (-EALREADY). quiet: as listing_look(). Returns 0: landed comes once, on the I/O thread, even
 * before this returns; -ENFILE, -ENOMEM, errors of the disk. */
int listing_ahead(struct context *ctx, const struct name *n, const char *path, bool quiet,
		  listing_landed *landed);

/* Waits for a first page that is on its way, no longer than that; 0: not at all. Returns 0: it is
 * there; -ESTALE: and too old; -ETIMEDOUT: it is on its way still; or what came instead (-ENOENT:
 * nobody fetches it). */
int listing_wait(const uint8_t *ctx, const char *prefix, int64_t most_ns);

/* The listing of that directory, fresh or not, its first page there, with a reference; or NULL. */
struct listing *listing_known(const uint8_t *ctx, const char *prefix);

/* Bytes of records in its data file so far; they grow, and do not change. */
uint64_t listing_shown(struct listing *l);

/* The virtual path, constant. NULL: of a directory that is no bucket, nor in one. */
const char *listing_path(const struct listing *l);

/* The listing whose data file this is, with a reference, or NULL. */
struct listing *listing_find_inode(uint64_t dev, uint64_t ino);
void listing_put(struct listing *l);

void listing_attr(struct listing *l, struct wire_attr *out);

struct dirattr_seen;

/* What its first page has shown of the directory's mark, and of what is newest. */
void listing_seen(struct listing *l, struct dirattr_seen *out);

/* Mode and owner of the directory are known anew: those who have it open see it. */
void listing_show(const uint8_t *ctx, const char *prefix);
const uint8_t *listing_ctx(const struct listing *l);

/* Fresh descriptors or an error. flags: O_RDONLY or O_PATH. */
int listing_open_data(struct listing *l, int flags);
int listing_open_vnode(struct listing *l);

/* Waits for a record beyond offset, or the end; then the next page is fetched ahead. */
int listing_ensure(struct listing *l, uint64_t offset, bool nowait,
		   char message[STORE_MESSAGE_BYTES]);

/* Is there a complete listing of one page of that directory, fresh or not? So that another costs
 * one request. */
bool listing_is_small(const uint8_t *ctx, const char *prefix);

/* Is what is known of that directory from listing_look()? */
bool listing_is_quiet(const uint8_t *ctx, const char *prefix);

/* Does a complete and fresh listing of the directory that this object name lies in show that there
 * is no such thing? Only for a name that the metadata cache does not know. is_dir: object is a
 * prefix. was_read: only one that was made for a reader counts. */
bool listing_denies(const uint8_t *ctx, const char *object, bool is_dir, bool was_read);

/* Does a fresh listing show that there is something in the directory? */
bool listing_shows(const uint8_t *ctx, const char *prefix);

/* The names in the directory that this object lies in have changed here, in all contexts; the facts
 * are in the metadata cache. */
void listing_changed(const char *object);

/* The same of the directory and all that are below it. */
void listing_changed_below(const char *prefix);

/* Once a second: drops what no process has open, if it is older than the TTL or all is set. Where
 * very many are open, some of them are left to the next. */
void listing_sweep(bool all);

uint64_t listing_count(void);

/* What the daemon takes for the mtime of a directory in which nothing is dated. */
int64_t listing_start_ns(void);

#endif
