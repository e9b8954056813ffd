/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory gets another name: every object below it is copied by the service, MOVEDIR_PARALLEL
 * at a time, then all old ones are deleted. Nothing is deleted before everything is copied. If a
 * copy fails, those that were made are deleted again. How far it is stands in a journal
 * (fs/movelog.h): one that a daemon's death has interrupted is finished by the next.
 */
#ifndef FS_MOVEDIR_H
#define FS_MOVEDIR_H

#include <stdint.h>

#include "fs/lookup.h"

#define MOVEDIR_PARALLEL 32

/* to: nothing, or a directory that must be empty. Returns 0, -EINVAL (into itself), -ENOTEMPTY,
 * -EDEADLK (something above or below one of them is on its way: movedir_settle(), without names,
 * and again), or the store's error with from->message. */
int movedir(struct lookup *from, struct lookup *to);

/* Goes on with what was interrupted above or below that name. With what it leaves undone nothing is
 * begun: then its error. Not with names held (fs/namelock.h). */
int movedir_settle(const char *object);

/* One of movelog_each_left(), now, as of movelog_take_left(). 0: it is over, done or taken back; or
 * an error, of the store as well, which the list then tells; or message does. */
int movedir_retry(int64_t id, const uint8_t *ctx, char message[STORE_MESSAGE_BYTES]);

/* Once a second: goes on with what was interrupted, on a thread of its own. */
void movedir_sweep(void);

/* After store_stop(): waits for that thread. */
void movedir_stop(void);

#endif
