/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deletions that nobody waits for yet: with durability `exit` an unlink is gone for every program
 * here when it returns, and from the bucket in the company of others, by one request for up to
 * STORE_LIST_MAX of them; the end of the process waits for all that it asked for.
 *
 * Meanwhile the store still lists the object, and would take the deletion for one of whatever has
 * its name by then: so whoever asks about such a name, makes it, or looks into its directory, waits
 * with gone_wait(). What a daemon that dies had not done stands in a journal (fs/gonelog.h): the
 * next goes on with it when somebody with the same credentials speaks to it, before it answers him.
 *
 * Locks: its own is taken after none, and none but the store's and those of what is told after it.
 */
#ifndef FS_GONE_H
#define FS_GONE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "fs/gonelog.h"
#include "fs/lookup.h"

#define GONE_GATHER_MS 10    /* a deletion waits so long for others */
#define GONE_MAX       10000 /* that wait; who comes then waits as well */

/* Reads what an earlier daemon left. dir_fd: the cache directory. 0 or an error. */
int gone_start(int dir_fd);

/* Goes on with what is left of these credentials, which are known now. */
void gone_resume(const uint8_t *ctx);

/* Calls each for every one that waits for its credentials; a result other than 0 ends. With the
 * lock: each asks for nothing here. */
int gone_each_left(int (*each)(void *arg, const struct gonelog_left *l), void *arg);

/* Is one of that number among them? */
bool gone_has_left(uint64_t serial);

/* It stays in the bucket. 0, or -ENOENT: there is none of that number. */
int gone_discard_left(uint64_t serial);

/* Is anything left that was asked for by this process, with these credentials, and are they not
 * known yet? */
bool gone_is_left(pid_t pid, const uint8_t *ctx);

/* Deletes the object that q names some time soon, for a process. The caller tells (told.h). Returns
 * 0, -EAGAIN (delete it at once) or -ENOMEM. */
int gone_add(const struct lookup *q, pid_t pid);

/* Until no deletion is under way of that object name, in its directory, above it or below.
 * only_itself: of the name alone. */
void gone_wait(const char *object, bool only_itself);

/* Waits for what this process asked for; count: how many deletions those were since it began, as it
 * knows. Returns 0; the first error, with a line in message; or -EIO: a daemon that died had some
 * of them, and its journal cannot be read. */
int gone_settle(pid_t pid, uint64_t count, char message[STORE_MESSAGE_BYTES]);

/* How many there are. */
unsigned gone_active(void);

/* Once a second: forgets processes that ended without asking. */
void gone_sweep(void);

/* Waits up to wait_ms for all. Returns how many are left, which the next daemon does. */
unsigned gone_stop(unsigned wait_ms);

/* After gone_stop(). */
void gone_forget(void);

#endif
