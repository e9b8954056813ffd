/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetches what a program that walks through a tree will open next: small files, and the listings of
 * directories, in the order in which it takes them (fs/siblings.h).
 *
 * All of it happens on a thread of its own, which is told what was opened and waits for nobody;
 * nobody waits for it either, unless he wants just what is on its way. What is fetched ahead is
 * believed no longer than anything else: an open asks again after the TTL.
 */
#ifndef FS_AHEAD_H
#define FS_AHEAD_H

#include <stdbool.h>
#include <stdint.h>

struct context;

#define AHEAD_FILE_BYTES  (UINT64_C(128) << 10) /* larger files are not fetched ahead */
#define AHEAD_BYTES_MAX	  (UINT64_C(32) << 20)	/* fetched and not opened yet, at a time */
#define AHEAD_FLIGHTS_MAX 64			/* requests at a time: the rest of a host's are */
/* for those who wait */
#define AHEAD_CREDIT	   256 /* files that may be wasted in any case */
#define AHEAD_CREDIT_BYTES (UINT64_C(4) << 20)
#define AHEAD_CREDIT_LISTS 64
#define AHEAD_DIRS_MAX	   64	  /* directories known at a time */
#define AHEAD_ENTRIES_MAX  262144 /* ... and what is in them: 32 bytes each */
#define AHEAD_ONWARD_MAX   16	  /* directories that are begun before the walk comes to them */
#define AHEAD_GATHER	   8	  /* opens that waited for nothing are looked at together ... */
#define AHEAD_GATHER_MS	   5	  /* ... or after this */
#define AHEAD_EVENTS_MAX   4096	  /* told and not looked at; more are forgotten */

/* 0 or an error of pthread_create(3). */
int ahead_start(void);

/* Before store_stop(): starts nothing any more. What is on its way may still end. */
void ahead_stop(void);

/* This was opened, a file or a directory. waited: what comes next should be begun at once. Any
 * thread. */
void ahead_taken(struct context *ctx, const char *object, bool is_dir, bool waited);

/* The same of a file that a program opened by itself, at_ns, which is told of now. */
void ahead_was_taken(struct context *ctx, const char *object, int64_t at_ns);

/* A file's name was asked about. Who asks about one after the other gets the next ones asked about
 * ahead, unless he opens them too. waited: as above. Any thread. */
void ahead_named(struct context *ctx, const char *object, bool waited);

/* Somebody asked about a directory, or about something in it, and it has just been listed, though
 * nobody has opened it. Who has walked through others like it is expected there. Any thread. */
void ahead_met(struct context *ctx, const char *prefix);

struct ahead_count {
	uint64_t begun, used, wasted; /* the rest may be used yet */
	uint64_t bytes, bytes_used, bytes_wasted;
};
struct ahead_stats {
	struct ahead_count files, listings, names; /* bytes of files only */
};
void ahead_stats(struct ahead_stats *out);

#endif
