/* SPDX-License-Identifier: Apache-2.0 */
/* The file of a timeline (core/trace.h) as long as nothing is in it; that needs no JSON library. */
#ifndef CORE_TRACEFILE_H
#define CORE_TRACEFILE_H

#include <stddef.h>
#include <sys/types.h>

#define TRACE_HEAD "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n"
#define TRACE_TAIL "\n]}\n"

/* Makes of an empty file one without events, whole. Whoever wants the timeline does that, since it
 * waits for the disk. Returns 0 or a negative errno. */
int trace_head(int fd);

/* All of text, from at on. Returns 0 or a negative errno. */
int trace_write_at(int fd, const char *text, size_t len, off_t at);

/* pwrite(2), but for tests. */
extern ssize_t (*trace_pwrite)(int fd, const void *data, size_t bytes, off_t at);

#endif
