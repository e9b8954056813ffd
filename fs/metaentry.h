/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The entries of the metadata cache (fs/meta.h), inside of fs/meta*.c only. Who works with one
 * loads it, changes what it loaded, and saves that; all under metaentry_lock.
 */
#ifndef FS_METAENTRY_H
#define FS_METAENTRY_H

#include <pthread.h>

#include "fs/metapack.h"

extern pthread_mutex_t metaentry_lock;

/* Takes a name apart; it and ctx must live as long as out. */
void metaentry_key(const uint8_t *ctx, const char *name, struct metakey *out);

/* What is known of a name. Returns false: nothing, it is as of a name that nobody has told of. */
bool metaentry_load(const uint8_t *ctx, const char *name, struct metaentry *out);
bool metaentry_load_key(const struct metakey *key, struct metaentry *out);

/* The same of the directory as such that it lies in. */
bool metaentry_load_parent(const struct metaentry *e, struct metaentry *out);

/* Keeps it. Others may have to go for that, which changes their numbers, and what else is loaded
 * then cannot be saved. Returns false: there was no room. Then the cache knows nothing of it, and
 * counts that in metaentry_evicted(). Of an entry that needs no more room than before: true. */
bool metaentry_save(struct metaentry *e);

/* What an entry shows: by its number, or one of those of meta_show_fixed(). */
#define METAENTRY_FIXED	  UINT32_C(0xf0000000)
#define METAENTRY_FIXEDS  8u /* the root and the schemes, with and without a slash */
#define METAENTRY_TRANSIT UINT32_C(0xf0000100) /* of who has no number at the moment */
struct shown *metaentry_shown(uint32_t owner);

/* Calls visit() for all entries in the directory of that name and below, in all contexts. It may
 * save them if they get no longer. name is theirs without a slash in front of it. */
typedef void metaentry_visit(struct metaentry *e);
void metaentry_below(const char *prefix, metaentry_visit *visit);

/* When this daemon last changed the name, as whoever, or one that shares its place: what was asked
 * before is no news. It outlives the entries, which go when room is wanted. */
int64_t *metaentry_changed_at(const struct metakey *key);

/* How often it has been hidden, or the like: of what was looked at before that, nothing is shown.
 * 0: not since it is known, nor lately. */
uint32_t metaentry_hidden(const struct metakey *key, bool was_hidden);

/* The same of what is loaded; of what is not known, as of the entry that it would get now. */
uint32_t metaentry_hidden_now(const struct metaentry *e);

/* Hides a name, an entry or not, and withdraws what is shown of it. */
void metaentry_hide(const uint8_t *ctx, const char *name);

/* Counts what had to go, of this context, or one that shares its place: ids are digests. Others'
 * listings still tell what does not exist. */
uint64_t *metaentry_evicted(const uint8_t *ctx);

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

/* May it be believed now? Uses up what a listing gave to spare, and saves that; it is for
 * attributes only: who opens a file after another's close gets what that one wrote. */
bool metaentry_believe(struct metaentry *e, bool to_open);

/* Forgets everything. */
void metaentry_stop(void);

void metaentry_stats(struct meta_stats *out);

#endif
