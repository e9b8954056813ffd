/* SPDX-License-Identifier: Apache-2.0 */
/* GETs into the cache: the one by which a file is opened, and those that fill it. */
#ifndef FS_FETCH_H
#define FS_FETCH_H

#include "cache/cache.h"
#include "fs/lookup.h"

/* The cache's source: fetches a part of a known version; another version is -ESTALE. */
int fetch_part(struct cache_part *part);

/* The GET that is the lookup: asks for the first READAHEAD_OPEN_BYTES of q's key. Returns as soon
 * as it is known what the object is, while its bytes go on arriving: 0 with a referenced *file_out
 * and *fact_out. etag: a version that is in the cache, or NULL: -EALREADY if it is the current
 * one. -ENOENT; other errors of the store with q->message; errors of the disk. */
int fetch_open(struct lookup *q, const char *etag, struct cache_file **file_out,
	       struct meta_fact *fact_out);

/* The same before anybody opens it, for the leader of meta_enter_ahead(), which ends that: returns
 * at once. 0: landed comes once, on the I/O thread, with 0 or the error. */
typedef void fetch_landed(const uint8_t *ctx, const char *object, int error);
int fetch_ahead(struct lookup *q, fetch_landed *landed);

/* The version of an object as the cache names it: its ETag or, from a service that has none,
 * something made of its time and size. */
void fetch_version(const struct store_object *object, char out[STORE_ETAG_BYTES]);

#endif
