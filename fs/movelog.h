/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal of directories that get other names (fs/movedir.h): a file for each, in the cache
 * directory, that says what was copied and how far it is, so that the next daemon can go on with
 * it. It is there before anything is done in the bucket.
 */
#ifndef FS_MOVELOG_H
#define FS_MOVELOG_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/wire.h"
#include "core/store.h"
#include "fs/names.h"

#define MOVELOG_LEGS_MAX    3	 /* of an exchange */
#define MOVELOG_WHERE_BYTES 1024 /* with NUL */

/* Of one object, as an earlier daemon has noted it. */
struct movelog_copy {
	char *key;	       /* the old one */
	const char *was, *now; /* ETags: of what was copied, of its copy; behind key */
};

struct movelog {
	uint8_t ctx[WIRE_CTX_BYTES];
	char from[NAME_OBJECT_MAX], to[NAME_OBJECT_MAX]; /* prefixes, as object names */
	bool is_resumed;	     /* an earlier daemon, or an earlier try, has begun it */
	bool is_checked;	     /* the new names were free, of what is no exchange's file */
	bool deletes;		     /* all is copied, the old ones are deleted */
	bool undoes;		     /* it has failed, the copies are deleted */
	struct movelog_copy *copies; /* by key */
	size_t count;
	char where[MOVELOG_WHERE_BYTES]; /* the service's address (fs/movewhere.h); "": not known */
	bool has_mark; /* the new name was a directory by its mark, which is not to be taken back */

	/* Of an exchange (fs/moveexchange.c), which is a chain of moves: the above is said of the
	 * one that it is at. */
	bool is_exchange;
	bool is_dir[2];		       /* of what was from, and to: otherwise no prefixes */
	char scratch[NAME_OBJECT_MAX]; /* "": it needs none */
	unsigned leg;		       /* which of the chain */
	/* Of two files' exchange, by each of the chain: ETags of what was copied and of its copy,
	 * when it went on. "": not known. */
	struct {
		char was[STORE_ETAG_BYTES], now[STORE_ETAG_BYTES];
	} passed[MOVELOG_LEGS_MAX];
	bool is_back; /* one has failed: those before it are taken back */
	int result;   /* what the one who asked is told */
	bool is_over; /* only kept for him, should he ask again */

	/* What came of the last try, if it was not finished: for `skyshim recover`. */
	int error; /* 0: there was none by this daemon */
	char why[STORE_MESSAGE_BYTES];
	bool is_parked; /* it cannot go on by itself: names are as they are, nothing is hidden */
	/* It says what this version does not understand, or is damaged: nothing is done with it but
	 * to be told of; from may be "". Is parked. */
	bool is_unreadable;

	/* The log's own, under its lock. */
	struct movelog *next;
	char name[24];
	int fd;
	bool is_torn; /* it ends in half a record, which could not be taken away */
	bool misses;  /* some copy that was made could not be noted */
	int64_t base; /* bytes of it that tell what is done, before how far that is */
	bool is_active, is_copying;
	pthread_t owner; /* is_active: who goes on with it */
	int64_t due_ns;
	size_t cap;
};

/* Reads what an earlier daemon left. dir_fd: the cache directory. 0 or an error. */
int movelog_start(int dir_fd);
void movelog_stop(void);

/* Notes that it is begun; of one that was begun before, goes on with that, when nobody else does
 * any more. 0 with *out; 1: somebody else has gone on with it, and ended it: this thread's names
 * are left (fs/namelock.h); -EDEADLK: something above or below is on its way or was interrupted,
 * which is to be waited for without names; or an error of the disk. */
int movelog_begin(const uint8_t *ctx, const char *from, const char *to, struct movelog **out);

/* The same of an exchange. number: the request's own; 0: it has none. is_dir: of from and to; a
 * directory's name is a prefix. 0 with *out, -EDEADLK, or an error of the disk. */
int movelog_begin_exchange(const uint8_t *ctx, const char *const object[2], const bool is_dir[2],
			   uint64_t number, struct movelog **out);

/* Was an exchange with that number begun before (its request comes again when a daemon has died)?
 * 0: no. 1: it is over, *result is its result, or -EDEADLK: that is not known any more, and the
 * names are left. 2: nobody goes on with *out. */
int movelog_again(uint64_t number, struct movelog **out, int *result);

/* An exchange has come to its end, one or the other. */
void movelog_over(struct movelog *log, int result);

/* One that nobody goes on with, whose credentials are known and that was not tried just now; NULL:
 * none. at: below or above this prefix, tried just now or not; NULL: any. */
struct movelog *movelog_take(const char *at);

/* Is there one for movelog_take(NULL)? Forgets those that are over. */
bool movelog_pending(void);

/* From now on nothing may get into the bucket below its names any more: what is published by
 * whoever moves something else as well has to wait, until that ends. Before, movers publish what
 * has names below each other's. */
void movelog_copies(struct movelog *log, bool copies);

/* Does this thread move something? */
bool movelog_is_mine(void);

/* What somebody is about to do with a name. */
enum movelog_use {
	MOVELOG_READS,
	MOVELOG_LISTS,	 /* and looks into it, if it is a directory */
	MOVELOG_WRITES,	 /* it, or what is in it */
	MOVELOG_REMOVES, /* or renames, with all that is below it */
};

/* Does another thread move what has that name, or what is above or below it as far as that matters
 * for the use: who reads sees the one state or the other of an exchange, and what is written gets
 * the name that it is to have? MOVELOG_WAITS: it was interrupted, and nobody goes on with it yet,
 * though it may be tried. object: with or without the slash of a prefix. For who moves something
 * himself only as movelog_copies() says. */
enum movelog_state { MOVELOG_FREE, MOVELOG_MOVES, MOVELOG_WAITS };
enum movelog_state movelog_state(const char *object, enum movelog_use use);

/* Can it be anything else? */
bool movelog_any(void);

/* Was one interrupted that has to do with it, and nobody is here who could go on with it? */
bool movelog_is_stuck(const char *object);

/* Until one of them has ended, or a short time has passed. */
void movelog_pause(void);

/* Is it only there while an exchange is under way? object: as of that. */
bool movelog_hides(const char *object);

/* Frees it: there is nothing left to do. */
void movelog_end(struct movelog *log);

/* It is not finished, and why: it is tried again later; or, when something that is to be moved is
 * not there any more (-ENOENT), or something else has been stored where it was to go (-EEXIST),
 * only when the user says so. */
void movelog_fail(struct movelog *log, int error, const char *why);

/* --- for the user (fs/serve_recover.c) --- */

/* One that is not over; log->is_active: somebody is at it. id: positive. */
struct movelog_left {
	int64_t id;
	const struct movelog *log;
	bool is_known; /* somebody has spoken to this daemon with its credentials */
};

/* Calls each for every such one, with the list's lock; a result other than 0 ends. */
int movelog_each_left(int (*each)(void *arg, const struct movelog_left *left), void *arg);

/* One of them, to go on with, by the credentials of ctx if its own are not known. Waits while
 * somebody is at it. 0 with *out; 1: he has ended it; -ENOENT: there is none; -EKEYREJECTED;
 * -EBADMSG: it is unreadable; an error of the disk. */
int movelog_take_left(int64_t id, const uint8_t *ctx, struct movelog **out);

/* Forgets it: all stays where it is. -ENOENT, -EBUSY. */
int movelog_discard(int64_t id);

#endif
