/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The entries of the metadata cache (fs/meta.h): inside of fs/meta*.c only. All under
 * metaentry_lock.
 */
#ifndef FS_METAENTRY_H
#define FS_METAENTRY_H

#include <pthread.h>

#include "fs/meta.h"
#include "fs/shown.h"

struct metaentry {
	struct metaentry *hash_next;
	struct metaentry *lru_prev, *lru_next; /* oldest first */
	uint64_t hash;
	uint8_t ctx[WIRE_CTX_BYTES];
	int64_t until_ns;	/* believed up to here */
	int64_t spare_until_ns; /* and once more up to here, of what is_read(); 0: not */
	int64_t read_until_ns;	/* of a directory: meta_read() */
	uint64_t size;
	int64_t mtime_ns;
	int64_t asked_ns;    /* when the lookup under way began */
	char *etag;	     /* owned; NULL for "" */
	char *message;	     /* owned: line of the lookup that failed */
	int error;	     /* of the lookup that ended last */
	unsigned refs, turn; /* waiters; lookups ended */
	struct shown shown;
	uint32_t hidden;  /* times: of what was looked at before, nothing is shown */
	bool is_listed;	  /* a listing told so, and meta_take_listed() has not given that */
	bool was_kept;	  /* keep() has done so */
	bool is_ahead;	  /* what is known was fetched before anybody asked */
	bool leads_ahead; /* the lookup under way is such a one */
	bool *is_wanted;  /* ... and is told here that somebody waits; or NULL */
	bool is_busy, is_told, is_link, has_xattr, has_foreign, has_mode, has_uid, has_gid,
		has_mtime;
	uint8_t kind;
	uint16_t mode;
	uint32_t uid, gid;
	uint32_t bytes;
	char name[];
};

extern pthread_mutex_t metaentry_lock;

/* When this daemon last changed the name, as whoever, or one that shares its place: what was asked
 * before is no news. It outlives the entries, which go when room is wanted. */
int64_t *metaentry_changed_at(const char *name);

/* Counts what had to go, of this context, or one that shares its place: ids are digests. Others'
 * listings still tell what does not exist. */
uint64_t *metaentry_evicted(const uint8_t *ctx);

/* NULL: there is none. */
struct metaentry *metaentry_find(const uint8_t *ctx, const char *name);

/* NULL: no memory. It is in the table, for metaentry_make_room() before the lock is given up. */
struct metaentry *metaentry_find_or_new(const uint8_t *ctx, const char *name);

void metaentry_make_room(void);

/* The next to go is another. */
void metaentry_touch(struct metaentry *e);

bool metaentry_is_same_version(const struct metaentry *e, const struct meta_fact *fact);
bool metaentry_is_same(const struct metaentry *e, const struct meta_fact *fact);
bool metaentry_is_fresh(const struct metaentry *e);

/* listed: by a listing, which does not know what the object itself tells. */
void metaentry_set_fact(struct metaentry *e, const struct meta_fact *fact, bool listed);
void metaentry_read_fact(const struct metaentry *e, struct meta_fact *out);

/* Nothing is believed of it any more; what it was is known still. */
void metaentry_expire(struct metaentry *e);

/* Is there nothing to spare any more, because a program has taken it from the shared table? */
void metaentry_look_at_marks(struct metaentry *e);

/* May it be believed now? Uses up what a listing gave to spare, which is for attributes only: who
 * opens a file after another's close gets what that one wrote. */
bool metaentry_believe(struct metaentry *e, bool to_open);

#endif
