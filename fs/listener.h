/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket and the threads behind it. Each thread takes one connection at a time: one request,
 * one reply, close. Threads come when all are busy and go when they were idle for a while.
 */
#ifndef FS_LISTENER_H
#define FS_LISTENER_H

#include <stdint.h>

#include "fs/session.h"

#define LISTENER_THREADS_MAX 128
/* What one of them holds: a request, and what it touches of its stack (of 512 KiB, as the kernel
 * counts with 64 readers, a listing of 20,000, copies and renames: 112 KiB at most). */
#define LISTENER_THREAD_BYTES (192u << 10)

/* How many there are. */
unsigned listener_threads(void);
#define LISTENER_THREADS_MIN 2	  /* kept when idle */
#define LISTENER_IDLE_S	     10	  /* after which others go */
#define LISTENER_BACKLOG     1024 /* connections the kernel keeps waiting */
#define LISTENER_QUIET_MS    5000 /* for a client to send its request; 200 when threads are short */
#define LISTENER_BUSY_MS     200

/* LISTENER_IDLE_S in milliseconds; another is for tests, before listener_start(). */
extern unsigned listener_idle_ms;

/* Binds the socket (a stale one is removed: only with the cache directory's lock) and starts to
 * serve. env must live until listener_stop(). stop: called once when a client asks for it, on any
 * thread. */
int listener_start(const struct session_env *env, void (*stop)(void));

/* Refuses new connections, answers those that are waiting, and waits for all threads but at most
 * drain_ms for those that are busy. Returns how many still were. */
unsigned listener_stop(unsigned drain_ms);

/* CLOCK_MONOTONIC of the last request; now while any is being served. */
int64_t listener_active_ns(void);

#endif
