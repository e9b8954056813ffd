/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rewriting, out of the daemon's process: program files are not trusted. The daemon starts a
 * *workshop*, this program once more (`skyshim rewrite`), without credentials in its environment.
 * The workshop has one thread and forks for each file, so a file costs a fork and no exec, several
 * are rewritten at once, and each child has its own limits: memory, time, the size of what it
 * writes, and a seccomp filter that leaves it nothing but its descriptors. The workshop leaves when
 * idle and is started again when needed.
 */
#ifndef FS_REWRITER_H
#define FS_REWRITER_H

#include <stddef.h>
#include <stdint.h>

#include "cache/twinfile.h"

#define REWRITER_ORIGINAL_MAX (UINT64_C(1) << 30) /* bytes; larger files have no twin */
#define REWRITER_IDLE_S	      120
#define REWRITER_GRACE_MS     1000 /* beyond a child's own limit of time */

/* The daemon's side. program: what to execute instead of this program, for tests; NULL. */
void rewriter_start(const char *program);
void rewriter_stop(void);
void rewriter_sweep(void); /* from time to time: a workshop that has left is buried */

struct rewriter_job {
	int fd;		  /* the original, for reading */
	int out_fd;	  /* the twin */
	uint64_t size;	  /* of the original, bytes */
	uint32_t wall_ms; /* its limit of time; 0: by the size */
	const uint64_t *seen;
	size_t seen_count; /* at most TWINFILE_SEEN_MAX */
};

/* Waits until it is done. Returns 0; what the rewriter says; -ETIMEDOUT or -E2BIG at a limit; -EIO
 * when the child died of the file; -EAGAIN when there was no child, for a reason that may pass. */
int rewriter_run(const struct rewriter_job *job);

/* The workshop's side: serves the socket at descriptor 0 until the daemon is gone or nothing is to
 * do. Returns 0, or -ENOTSOCK when there is none. */
int rewriter_serve(int (*rewrite)(int fd, int out_fd, const uint64_t *seen, size_t seen_count));

/* What goes to the workshop, one message with three descriptors: original, twin, and a pipe that
 * gets the result (int32_t). */
#define REWRITER_FDS 3
struct rewriter_message {
	uint64_t size;
	uint32_t wall_ms, seen_count;
	uint64_t seen[TWINFILE_SEEN_MAX]; /* seen_count of them are sent */
};

#endif
