/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store of twins: which there are, which cannot be, and how much room they take. It does not
 * make them; fs/maketwin.h does. Runtimes open twins without asking, so a name in the folder always
 * means a whole one, and what may be wrong goes before a daemon answers its first request.
 *
 * All functions may be called by any thread.
 */
#ifndef CACHE_TWINS_H
#define CACHE_TWINS_H

#include <stdbool.h>
#include <stdint.h>

#include "cache/twinfile.h"

#define TWINS_MAX	16384		     /* originals known at a time */
#define TWINS_BYTES_MAX (UINT64_C(2) << 30)  /* or an eighth of the cache's size if less, */
#define TWINS_BYTES_MIN (UINT64_C(64) << 20) /* but not less than this */
#define TWINS_RETRY_S	30		     /* before an error that may pass is tried again */

/* A twin under way: fd is a file for reading and writing. */
struct twins_draft {
	int fd; /* owned */
	char name[TWINFILE_NAME_BYTES];
};

struct twins_stats {
	uint64_t present, bytes, bytes_max;
	uint64_t made, refused, discarded, evicted; /* since the start */
	uint64_t trapped;			    /* offsets recorded since the start */
	uint64_t build_ns;			    /* spent making, all together */
	/* of the twins that are there, from their headers */
	uint64_t sites[TWIN_METHODS], left, unproven;
};

/* Takes over what an earlier daemon left in dir_fd/twins. Before cache_start(), which forgets that
 * the machine was started anew. cache_bytes: the cache's cap. */
int twins_start(int dir_fd, uint64_t cache_bytes);
void twins_stop(void);

/* 0: its twin is there and sound. 1: it has to be made. Or the error that making it has given. */
int twins_find(const struct twin_key *key);

/* Is the twin that is there of the file fd, by its build-id? One that is not goes. */
bool twins_is_of(const struct twin_key *key, int fd);

/* Room for a new twin. Returns 0 (twins_install() or twins_drop() it), or the disk's error. */
int twins_draft(struct twins_draft *out);
void twins_drop(struct twins_draft *draft);

/* The offsets that trapped in this original, to free. Returns their number, or -ENOMEM. */
int twins_seen(const struct twin_key *key, uint64_t **out);

/* Puts a finished draft in its place, and drops twins of what the original was before. path: where
 * the original stands, "" if that is not known. seen: how many offsets it was made with. Returns 0;
 * -EAGAIN when more have trapped meanwhile (make it again), -EBADF when it is no valid twin, or the
 * disk's error. The draft is gone in any case. */
int twins_install(struct twins_draft *draft, const struct twin_key *key, const char *path, int seen,
		  int64_t build_ns);

/* Remembers that making it gave this error: for ever (-ENOEXEC, -E2BIG, -ETIMEDOUT, -EIO; a file
 * NAME.no says so to runtimes), for a while (-ENOSPC), or not at all (others). */
void twins_refuse(const struct twin_key *key, int error);

/* A system call trapped at offset of the original. The twin goes if it cannot have known. Returns
 * 0, -ENOENT (no such original here), -EINVAL (no such offset), -ENOSPC (too many, or the disk).
 */
int twins_trapped(const struct twin_key *key, uint64_t offset);

/* Bytes of all twins that count within the cache's size. */
uint64_t twins_charge(void);

void twins_stats(struct twins_stats *out);

#endif
