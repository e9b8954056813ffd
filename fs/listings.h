/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of listings: fs/listing*.c's own.
 *
 * There are as many as their share of the daemon's memory holds (core/memory.h); those that nobody
 * has open leave when they are old, or before one that somebody wants is refused. What is open
 * costs no descriptor here.
 *
 * One lock covers the table and every field not marked otherwise. A listing that is_loading belongs
 * to the thread that puts its next page away: that one alone writes its files, without the lock.
 */
#ifndef FS_LISTINGS_H
#define FS_LISTINGS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "fs/listing.h"
#include "fs/names.h"
#include "fs/pages.h"

extern pthread_mutex_t listings_lock;
extern pthread_cond_t listings_arrived; /* a page, or an error; of CLOCK_MONOTONIC */

/* All of these with the lock. */

/* The one that is for new readers, or NULL. */
struct listing *listings_find(const uint8_t *ctx, const char *object);

/* All: the one after l, NULL for the first; and those of which object has this hash, and some
 * others, by same_slot. */
struct listing *listings_next(const struct listing *l);
struct listing *listings_slot(uint64_t hash);

/* Is there memory for another? is_ahead: one that nobody waits for, of which there are fewer. */
bool listings_fit(bool is_ahead);

/* One reference. NULL: no memory. */
struct listing *listings_make(struct context *ctx, const struct name *n, const char *object,
			      const char *path);
void listings_put(struct listing *l);

/* The line that goes with its error, of STORE_MESSAGE_BYTES. */
void listings_message(const struct listing *l, char *out);

/* Is what it told still believed? */
bool listings_fresh(const struct listing *l);

/* Those without. */

/* Makes room for another, if nobody has open what is there. */
void listings_shed(void);

/* After a page: what all may know of it. */
void listings_publish(struct listing *l, int error, const char *message);

/* Has it its pair? Also of one that another thread may be loading. */
bool listings_have_files(const struct listing *l);

/* Fetches the next page, here and now, as the thread that is loading. message: of an error. */
int listings_load(struct listing *l, char *message);

/* Sends call, of pages_call(), as the thread that is loading; it takes a reference along. done,
 * which frees it, is called with l as its arg; or the error is returned, and what came of the page.
 */
int listings_submit(struct listing *l, struct store_call *call, void (*done)(struct store_call *));

/* fs/listingwide.c, of a listing that goes on in parts: fs/wide.h. */

/* A page that has waited longer for its turn would not be believed (META_SPARE_MS) for as long as
 * its names take, and the store would be asked about each: the directory is listed anew from there
 * on, page by page, a thousand names a request. Set by tests only, before any listing. */
extern int64_t listings_late_ns;

/* After the second page, as the thread that is loading: from here on in parts, if that is possible,
 * and pays. The page's entries may be put in order. */
void listings_widen(struct listing *l, struct store_list *page);

/* With the lock, which is given away meanwhile: one step towards a page that was not shown. Returns
 * 0 or the error for which there is none, with its line in message. */
int listings_wide_wait(struct listing *l, char *message);

/* The same for nobody who waits: that the next page is there when he comes. */
void listings_wide_ahead(struct listing *l);

/* With the lock, of one that nobody refers to. */
void listings_wide_free(struct listing *l);

/* With the lock. Nobody has waited for it lately: what came and was not shown, up to 96 pages, is
 * forgotten, to be asked for again when somebody goes on. */
void listings_wide_shed(struct listing *l);

#endif
