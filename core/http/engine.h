/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The I/O threads: all exchanges, over bounded pools of kept-alive connections, and timed tasks.
 * The only user of libcurl, with core/http/shard.c, events.c and transfer.c.
 *
 * Each is a shard, to which an origin (scheme, host, port) belongs for good by its hash. So what is
 * about one host is one thread's and needs no lock: its connections, exchanges and their order
 * (shard.c), the sockets (sockets.c), what is known of stragglers (straggle.c), and what its
 * answers taught (core/learned.h: endpoints). A call is on its shard from when its site is known
 * (launch() in core/flight.c); before, it may be on any, and finds out nothing but the site.
 *
 * What is of all shards: counters (core/tally.h, core/memory.h, flight_totals: atomics), the limit
 * of all exchanges and of spare handles (engine.c: atomics), regions and names (core/learned.h),
 * the limits of the configuration (core/throttle.h), hasher, keeper, realms, contexts, timelines
 * and jobs (each with a lock of its own, which no call takes that does not need what is there).
 * What a call's owner is told, he is told on some I/O thread, by one at a time for each call.
 */
#ifndef CORE_HTTP_ENGINE_H
#define CORE_HTTP_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/http/exchange.h"

#define HTTP_TASKS_MAX	 65536 /* of a shard: posted and not yet run */
#define HTTP_SHARDS_MAX	 16
#define HTTP_SHARDS_MOST 4 /* that are made if nobody says how many */

struct http_limits {
	int64_t connect_ms;    /* the name; then TCP and TLS together */
	int64_t first_byte_ms; /* from the start, or the body's last byte, to the status line */
	int64_t stall_ms;      /* a body slower than the next for so long is dead */
	int64_t straggle_ms;   /* a body of which nothing comes for so long, if it is impatient */
	int64_t passed_ms;     /* ... if others have come to their end meanwhile (straggle.h) */
	int64_t work_ms;       /* instead of both, to an exchange that works: without any byte;
				* below flight_limits.patience_ms, or it is never tried again */
	int64_t ahead_ms;      /* for so long what nobody waits for lets the rest go first: by then
			   * somebody may wait for it */
	unsigned stall_bytes_per_s;
	unsigned host_max; /* exchanges at once with one host; more wait */
	/* With all hosts. One with which there are less than a sixteenth of them gets one in any
	 * case, so that hosts that stall do not keep the rest waiting, until there are twice as
	 * many. */
	unsigned total_max;
	unsigned threads; /* shards, at most HTTP_SHARDS_MAX; 0: as many as there are processors to
			   * run on, but at most HTTP_SHARDS_MOST */
};

#define HTTP_LIMITS_DEFAULT                              \
	((struct http_limits){.connect_ms = 3000,        \
			      .first_byte_ms = 10000,    \
			      .stall_ms = 10000,         \
			      .straggle_ms = 4000,       \
			      .passed_ms = 1000,         \
			      .work_ms = 45000,          \
			      .ahead_ms = 1000,          \
			      .stall_bytes_per_s = 1024, \
			      .host_max = 88,            \
			      .total_max = 128})

/* Starts the threads. Returns 0, -ENOMEM, -EIO or the error of pthread_create(3). Not twice. */
int http_start(const struct http_limits *limits);

/* Ends all exchanges with HTTP_CANCELED and runs all tasks as canceled, then ends the threads. */
void http_stop(void);

/* How many there are, or were last; at least 1. */
unsigned http_shards(void);

/* The shard of an origin, or of a URL there, while the engine runs. */
unsigned http_shard_of(const char *url);

/* The shard whose thread asks; 0 of any other thread. */
unsigned http_shard(void);

/* Work for an I/O thread, linked in while it waits. */
struct http_task {
	void (*run)(struct http_task *task, bool canceled); /* may free the task */
	unsigned shard;					    /* whose; 0 if it does not matter */
	int64_t due_ms;					    /* the engine's own, as next */
	struct http_task *next;
};

/* Runs the task on its shard's thread in delay_ms or as soon as possible after, never from within
 * this call. Any thread; does not block. Returns 0, -ECANCELED (not running) or -ENOMEM
 * (HTTP_TASKS_MAX). */
int http_post(struct http_task *task, int64_t delay_ms);

/* Starts the exchange. On the I/O thread of its origin only. Returns 0, after which done() comes
 * exactly once, there (never from within this call), -ENOMEM, -EINVAL or -ECANCELED. */
int http_send(struct http_exchange *x);

#endif
