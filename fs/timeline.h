/* SPDX-License-Identifier: Apache-2.0 */
/* `run --trace`: what programs ask the daemon, on the timeline of their job (core/trace.h). */
#ifndef FS_TIMELINE_H
#define FS_TIMELINE_H

#include "core/tally.h"
#include "core/trace.h"
#include "fs/serve.h"

/* Before a request is served, and after, with its error. Nothing for a job without a timeline; job
 * may be NULL. */
void timeline_begin(const struct session *s, struct job *job, struct trace_span *span);
void timeline_end(struct session *s, struct job *job, const struct trace_span *span, int error);

/* Once a second: closes those of jobs that are over. */
void timeline_sweep(void);

#endif
