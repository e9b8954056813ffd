/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The I/O thread: all exchanges, over one bounded pool of kept-alive connections, and timed tasks.
 * The only user of libcurl, with core/http/transfer.c.
 */
#ifndef CORE_HTTP_ENGINE_H
#define CORE_HTTP_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/http/exchange.h"

#define HTTP_TASKS_MAX 65536 /* posted and not yet run */

struct http_limits {
	int64_t connect_ms;    /* name, TCP and TLS together */
	int64_t first_byte_ms; /* from the start, or the body's last byte, to the status line */
	int64_t stall_ms;      /* a body slower than the next for so long is dead */
	int64_t straggle_ms;   /* a body of which nothing comes for so long, if it is impatient */
	int64_t passed_ms;     /* ... if others have come to their end meanwhile (straggle.h) */
	int64_t work_ms;       /* instead of both, to an exchange that works: without any byte;
				* below flight_limits.patience_ms, or it is never tried again */
	int64_t ahead_ms;      /* for so long what nobody waits for lets the rest go first: by then
			   * somebody may wait for it */
	unsigned stall_bytes_per_s;
	unsigned host_max;  /* exchanges at once with one host; more wait */
	unsigned total_max; /* with all hosts */
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

/* Starts the thread. Returns 0, -ENOMEM, -EIO or the error of pthread_create(3). Not twice. */
int http_start(const struct http_limits *limits);

/* Ends all exchanges with HTTP_CANCELED and runs all tasks as canceled, then ends the thread. */
void http_stop(void);

/* Work for the I/O thread, linked in while it waits. */
struct http_task {
	void (*run)(struct http_task *task, bool canceled); /* may free the task */
	int64_t due_ms;					    /* the engine's own, as next */
	struct http_task *next;
};

/* Runs the task on the I/O thread in delay_ms or as soon as possible after. Any thread; does not
 * block. Returns 0, -ECANCELED (not running) or -ENOMEM (HTTP_TASKS_MAX). */
int http_post(struct http_task *task, int64_t delay_ms);

/* Starts the exchange. On the I/O thread only. Returns 0, after which done() comes exactly once
 * (never from within this call), -ENOMEM, -EINVAL or -ECANCELED. */
int http_send(struct http_exchange *x);

#endif
