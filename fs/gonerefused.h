/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deletions (fs/gone.h) that the store has refused, until whoever asked for them is told. Who has
 * ended without asking, or died with its daemon, is not: then they stay in the journal, for
 * `skyshim recover`, and are not tried again by themselves. The files are there again, and somebody
 * may count on that by now.
 *
 * Any thread. Their lock is taken after that of fs/gone.c.
 */
#ifndef FS_GONEREFUSED_H
#define FS_GONEREFUSED_H

#include <stdbool.h>

#include "fs/gonelog.h"
#include "fs/gonesend.h"

#define GONEREFUSED_MAX 10000 /* that are kept; what comes then is a line in the log */

/* Those of an earlier daemon, out of what gonelog_start() has read. */
void gonerefused_take(struct gonelog_left **left);

/* It was refused, to this process. Returns whether it is kept, and so has not ended. */
bool gonerefused_add(const struct gone_item *i, pid_t pid, const char *message);

/* This process has been told of all its own. */
void gonerefused_told(pid_t pid);

/* This object is to be removed once more, by somebody. */
void gonerefused_again(const char *object);

/* Calls each for every one that is kept; a result other than 0 ends. */
int gonerefused_each(int (*each)(void *arg, const struct gonelog_left *l), void *arg);

/* Removes it now, if it is still what it was, or forgets it. -ENOENT: there is none of that number;
 * -EKEYREJECTED: nobody who may use its credentials has spoken to this daemon yet; or why not. */
int gonerefused_retry(uint64_t serial, char message[STORE_MESSAGE_BYTES]);
int gonerefused_discard(uint64_t serial);

/* The journal shrinks to these, and to what is in others (gonelog_keep()): all else that has not
 * ended. Only with the lock of fs/gone.c. */
void gonerefused_shrink(struct buffer *others);

void gonerefused_forget(void);

#endif
