/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared mappings of cloud files through which this process writes, or may be allowed to later.
 * The kernel tells nobody when they are written to, so each is taken to be at msync, munmap, close,
 * exec and exit.
 *
 * All functions: on a private stack, where signals are put off (signals.h).
 */
#ifndef INTERCEPT_MAPPED_H
#define INTERCEPT_MAPPED_H

#include <stdbool.h>
#include <stdint.h>

#include "intercept/vfile.h"

/* vf, which has its notes, is about to be mapped for writing: [offset, offset + bytes) counts as
 * changed from now on. */
void mapped_begin(struct vfile *vf, uint64_t offset, uint64_t bytes);

/* [from, from + bytes) is a shared mapping of vf at offset, made by a descriptor that is open for
 * writing; writable: now. 0 or -ENOMEM. */
int mapped_add(uint64_t from, uint64_t bytes, struct vfile *vf, uint64_t offset, bool writable);

/* Pages of [from, from + bytes) become writable. */
void mapped_protect(uint64_t from, uint64_t bytes);

/* Is any of [from, from + bytes) mapped so? */
bool mapped_any(uint64_t from, uint64_t bytes);

/* What is mapped there has changed; publish: and goes to the bucket now. 0 or a negative errno. */
int mapped_sync(uint64_t from, uint64_t bytes, bool publish);

/* [from, from + bytes) is mapped no more. What no descriptor of this process will publish is
 * published. */
void mapped_gone(uint64_t from, uint64_t bytes);

/* The mapping at from shall be so long: what it will show of its file is fetched. 0 or an errno. */
int mapped_reach(uint64_t from, uint64_t bytes);

/* What was at [from, from + bytes) is at [to, to + to_bytes). 0 or -ENOMEM: nothing is known of the
 * new place. */
int mapped_moved(uint64_t from, uint64_t bytes, uint64_t to, uint64_t to_bytes);

/* vf, which has its notes, is about to be written to at [offset, offset + bytes) by someone who
 * does not tell when it is done: from now on that is as if it were mapped. 0 or -ENOMEM. */
int mapped_unseen(struct vfile *vf, uint64_t offset, uint64_t bytes);
/* fd, by which vf was written to, is about to be closed. If it is the last, it is not as if mapped
 * any more: the daemon publishes what nobody has open. */
void mapped_closing(struct vfile *vf, int fd);

/* What is mapped of vf has changed; of all files. */
void mapped_count(struct vfile *vf);
void mapped_count_all(void);

void mapped_fork_prepare(void);
void mapped_fork_done(void);

#endif
