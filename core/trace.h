/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job's timeline, as a file that Perfetto and Chrome's tracing open: JSON of the "Trace Event
 * Format" with complete events ("ph": "X"), flows from a program's call to the requests that it
 * caused, and names of processes. Times are CLOCK_MONOTONIC in microseconds.
 *
 * Each event is written over the end of the JSON and with a new one, so that the file is whole
 * whenever nobody writes to it, also after everybody was killed. A thread of the trace's own
 * writes, at once: nobody waits for its disk, and what that does not take in time is lost.
 *
 * Spans of one process may overlap, so each goes to the first lane (shown as a thread) of that
 * process that is free.
 */
#ifndef CORE_TRACE_H
#define CORE_TRACE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct trace;

#define TRACE_PROCESSES_MAX 512		       /* with lanes of their own; those beyond share one */
#define TRACE_LANES_MAX	    64		       /* of one process; spans beyond share the last */
#define TRACE_FILE_MAX	    (INT64_C(4) << 30) /* bytes; then it ends */
#define TRACE_PENDING_MAX   (4u << 20)	       /* bytes not written yet; then it ends: -ETIME */

/* fd: what trace_head() has made (core/tracefile.h), open for writing, which is taken over in any
 * case. Nothing is done with it here. NULL: no memory, or no thread. */
struct trace *trace_new(int fd);

/* NULL: nothing. What is pending is written, by its thread, and the file closed. */
void trace_free(struct trace *trace);

/* Waits until all is written that was told, but not longer. Returns whether it is; the second: of
 * all that were freed. */
bool trace_flush(struct trace *trace, int64_t wait_ms);
bool trace_finish(int64_t wait_ms);

/* A span, while it lasts. */
struct trace_span {
	int64_t begin_us;
	pid_t pid;
	unsigned lane;
};

/* trace may be NULL: then nothing is done, as in trace_end(). name: of the process, NULL: its own
 * of /proc. */
void trace_begin(struct trace *trace, pid_t pid, const char *name, struct trace_span *out);

/* args is taken over, NULL for none. name: of the span. */
void trace_end(struct trace *trace, const struct trace_span *span, const char *name, json_t *args);

/* An arrow from a point of one span to the begin of another. */
void trace_flow(struct trace *trace, const struct trace_span *from, int64_t from_us,
		const struct trace_span *to);

/* The span in which this thread works, while it lasts, or NULL. */
void trace_current_set(const struct trace_span *span);
const struct trace_span *trace_current(void);

/* Why it has ended early, a negative errno, or 0. */
int trace_error(struct trace *trace);

/* When something was written last. */
int64_t trace_used_us(struct trace *trace);

/* Bytes of a name as JSON; what is no UTF-8 is taken byte by byte as Latin-1. */
json_t *trace_text(const char *bytes, size_t len);

#endif
