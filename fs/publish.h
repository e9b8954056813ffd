/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a draft (cache/draft.h) to the object: uploading what programs wrote.
 *
 * One PUT, or parts beyond PUBLISH_PUT_MAX; on the condition that the version is still there which
 * was opened. What is in the bucket then is told to the metadata cache.
 */
#ifndef FS_PUBLISH_H
#define FS_PUBLISH_H

#include <stdbool.h>
#include <stdint.h>

#include "cache/draft.h"
#include "fs/metadata.h"

#define PUBLISH_PUT_MAX (UINT64_C(16) << 20) /* bytes of an object that is put at once */

/* Everything that was begun when it is called is in the bucket when it returns 0. Otherwise the
 * draft is dirty as before, and: -ESTALE (another version is there by now), -EACCES, -ENOENT (no
 * such bucket), -EFBIG, -ENOSPC, -EIO, -ENOMEM, -EKEYREJECTED (nobody who may use its credentials
 * has spoken to this daemon), -EDEADLK (one of its names is below a directory that is being
 * renamed, and the caller holds names: fs/namelock.h). message: of STORE_MESSAGE_BYTES; the line
 * for the user. Not on the I/O thread. */
int publish(struct cache_file *file, char message[STORE_MESSAGE_BYTES]);

/* Is an object with this metadata and size what was sent? By its mark, which no other upload has,
 * and by its time, which another tool that keeps the mark may have changed since. */
bool publish_is_sent(const struct draft_sent *sent, const struct metadata *m, uint64_t size);

/* Once a second: publishes what programs left dirty when they ended, on threads of its own. What
 * cannot be published is parked. */
void publish_sweep(void);

/* Waits up to wait_ms for those threads. Returns how many go on. */
unsigned publish_stop(unsigned wait_ms);

/* How many there are. */
unsigned publish_active(void);

#endif
