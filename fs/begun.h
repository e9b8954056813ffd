/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Uploads in parts that no draft knows of, noted in the cache directory while they go on, so that
 * the next daemon removes what a killed one has begun: it costs as long as it is there.
 */
#ifndef FS_BEGUN_H
#define FS_BEGUN_H

#include <stdbool.h>

#include "core/store.h"

struct begun;

/* Reads what an earlier daemon left. dir_fd: the cache directory. 0 or an error. */
int begun_start(int dir_fd);

/* call: for whom and for what it is. NULL when it cannot be noted. */
struct begun *begun_note(const struct store_call *call, const char *upload_id);

/* Before call, a STORE_MULTIPART_BEGIN: a daemon may die between the service's beginning it and
 * its own noting of the id. NULL when that leaves nothing, or cannot be noted. Ended by the other
 * with the call as it came back, once its id, if it has one, is noted; what may have been begun all
 * the same, or besides, is looked for later. NULL is fine. */
struct begun *begun_intend(const struct store_call *call);
void begun_intended(struct begun *b, const struct store_call *call);

/* is_over: it was completed or aborted; otherwise the next daemon has to. NULL is fine. */
void begun_end(struct begun *b, bool is_over);

/* Of begun_note(): it cannot be aborted now. This daemon tries again, and those after it. */
void begun_leave(struct begun *b);

/* Aborts now what is left of the object's uploads whose ids are known: whoever has been refused may
 * be let in by now. Not on the I/O thread. */
void begun_retry(const char *object);

/* One that could not be aborted, or whose credentials nobody here has. */
struct begun_left {
	int64_t id; /* positive */
	const char *object, *upload_id;
	int64_t asked_s; /* when it was begun */
	int error;	 /* of the last try; 0: there was none */
	const char *why; /* its line */
};

/* Calls each for every such one, with the lock; a result other than 0 ends. */
int begun_each(int (*each)(void *arg, const struct begun_left *left), void *arg);

/* One of them. Tries it now, by its own credentials or else by those of ctx: 0, -ENOENT (there is
 * none), -EKEYREJECTED, or the store's error with message. Not on the I/O thread. */
int begun_retry_id(int64_t id, const uint8_t *ctx, char message[STORE_MESSAGE_BYTES]);

/* Forgets it: it stays in the bucket. 0 or -ENOENT. */
int begun_discard(int64_t id);

/* Once a second: aborts what an earlier daemon has begun, or this one has left, as far as its
 * credentials are known; what is refused again after a pause that grows to an hour. On a thread of
 * its own. */
void begun_sweep(void);

/* After store_stop(): waits for that thread. */
void begun_stop(void);

#endif
