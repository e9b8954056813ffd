/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a source through before it is sent, for the digests that stand in the request's head: on
 * threads of its own, since the I/O thread has other calls to serve.
 */
#ifndef CORE_HASHER_H
#define CORE_HASHER_H

#include <stdbool.h>

#include "core/backend.h"
#include "core/http/engine.h"
#include "core/store.h"

#define HASHER_THREADS	    2
#define HASHER_INLINE_BYTES 65536 /* so little is not worth a thread's waking */

struct hasher_job {
	const struct store_source *source;
	bool md5, sha256, crc32c; /* which are wanted */
	struct http_task *task;	  /* posted when the job is done */
	int error;		  /* then: 0, what the source returned, -EIO, -ECANCELED */
	struct store_sums sums;	  /* then, without an error */

	struct hasher_job *next; /* the hasher's own */
};

/* Does it here and now. Returns as job->error. */
int hasher_run(struct hasher_job *job);

/* Has it done by a thread. Returns 0, after which the task is posted once, -ECANCELED (stopped) or
 * the error of pthread_create(3). On the I/O thread. */
int hasher_submit(struct hasher_job *job);

/* From the start, and again after hasher_stop(): jobs are taken. */
void hasher_start(void);

/* Ends all jobs, those under way with -ECANCELED, and the threads. Before http_stop(). */
void hasher_stop(void);

#endif
