/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drafts with several names (link(2)). A store has no links: the object of each name is a copy of
 * the others. But as long as a process here has the file open, and DRAFT_LINGER_MS longer, all its
 * names lead to one draft, which is published under all of them. Then it goes on as the file of
 * its first name, and the others are files of their own.
 *
 * The first name is the one of the journal (cache/notes.h); the others stand in cache/linkfile.h.
 * A draft gets another name only when the content is in the bucket under it, and it counts as
 * published only when it is so under all.
 *
 * Functions as in cache/cache.h.
 */
#ifndef CACHE_LINKS_H
#define CACHE_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/cache.h"
#include "cache/draft.h"

#define DRAFT_LINGER_MS 10000 /* SKYSHIM_LINKED_MS */

/* Of what nobody has open when it is linked: so many drafts at a time, and no larger files. Nothing
 * of a draft is evicted. */
#define DRAFT_LINGERING_MAX   8192
#define DRAFT_LINGERING_BYTES (UINT64_C(64) << 20)

/* One of them, and what is known of it. */
struct draft_name {
	char object[CACHE_OBJECT_MAX];
	uint64_t ino;
	bool is_known; /* version is in the bucket */
	struct store_object version;
	bool was_sent; /* an upload may be in the bucket, nobody knows */
	struct draft_sent sent;
};

/* From the environment; before the cache starts. */
void draft_links_start(void);

/* How many names it has: 0 when the last was removed. */
unsigned draft_names(const struct cache_file *file);

/* How many drafts have several. */
unsigned draft_links_count(void);

/* Waits until it is not being published, and keeps it from that until draft_release(). */
void draft_stop(struct cache_file *file);

/* One more name of a draft that is stopped by the caller: version is in the bucket under it. 0,
 * -ENOENT (it has no name at all by now), -EMLINK, -ENOMEM, an error of the disk. */
int draft_link(struct cache_file *file, const struct draft_name *name);

/* A name that was dropped is one again: what has been published meanwhile goes there, too. Waits as
 * draft_stop(). Errors as of draft_link(). */
int draft_take_back(struct cache_file *file, const struct draft_name *name);

/* The draft of several names to one of which this is, if it is this version there; NULL: if it is
 * whatever version, changed or not. With a reference, or NULL. */
struct cache_file *draft_find_linked(const uint8_t *ctx, const char *object, const char *version);

/* As cache_version(), of what the bucket has under this name of it. */
void draft_version(const struct cache_file *file, const char *object, struct store_object *out);

/* One of several names is no longer one. 0 with what was known of it: when it returns, it is not
 * being published under it either; -ENOENT: it has not that name, or only that one. */
int draft_drop_name(struct cache_file *file, const char *object, struct draft_name *was);

/* The same of any draft, which has none then if that was its only one. Of another file nothing. */
void draft_forget_name(struct cache_file *file, const char *object);

/* Calls each with every name; a result other than 0 ends. The names are copied before. */
int draft_each_name(struct cache_file *file, int (*each)(void *arg, const char *object), void *arg);

/* --- publishing under the others --- */

/* Those behind the first, to free: *out, NULL for none. How many, or -ENOMEM. While it is being
 * published they stay. */
long draft_other_names(struct cache_file *file, struct draft_name **out);

/* It is about to be sent there as this, as of draft_flush_sends(); and this version is there now.
 */
void draft_name_sends(struct cache_file *file, const char *object, const struct draft_sent *sent);
void draft_name_has(struct cache_file *file, const char *object,
		    const struct store_object *version);

#endif
