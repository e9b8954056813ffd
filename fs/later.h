/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publications that nobody waits for yet: with durability `exit` a close only starts one, and the
 * end of the process waits for all that it started; with `fsync` nobody waits.
 */
#ifndef FS_LATER_H
#define FS_LATER_H

#include <stdint.h>
#include <sys/types.h>

#include "cache/draft.h"

#define LATER_PARALLEL 32

/* Publishes the file when it is its turn, on behalf of a process. Returns 0, -EAGAIN (no thread can
 * be started: publish it at once) or -ENOMEM. */
int later_add(struct cache_file *file, pid_t pid);

/* Waits for all that was added for this process, which then begins anew. Returns 0, or the first
 * error with its line in message; *failed: how many there were. */
int later_settle(pid_t pid, unsigned *failed, char message[STORE_MESSAGE_BYTES]);

/* How many files of this process are not through yet; of all that were added since it began anew:
 * their bytes, and how many of those the store has. */
unsigned later_left(pid_t pid, uint64_t *total_out, uint64_t *done_out);

/* Once a second: forgets processes that ended without asking. */
void later_sweep(void);

/* Gives back what waits; what is under way ends by itself. Returns how many go on after wait_ms. */
unsigned later_stop(unsigned wait_ms);

#endif
