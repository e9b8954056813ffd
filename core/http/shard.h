/* SPDX-License-Identifier: Apache-2.0 */
/* One I/O thread of the engine's (core/http/engine.h), which alone includes this. */
#ifndef CORE_HTTP_SHARD_H
#define CORE_HTTP_SHARD_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "core/http/engine.h"
#include "core/http/events.h"
#include "core/http/transfer.h"

struct transfer_list {
	struct transfer *first, *last;
	unsigned count;
};

struct shard {
	pthread_t thread;
	unsigned index;
	CURLM *multi;
	struct events events;
	const struct http_limits *limits;

	pthread_mutex_t lock;
	/* under lock */
	struct http_task *posted; /* newest first */
	bool running;

	/* any thread's */
	atomic_uint posted_count; /* the timed ones included */
	atomic_bool is_hungry;	  /* something waits here for what others hold */

	/* its own thread's */
	struct http_task *timed; /* by due_ms */
	struct transfer_list active, waiting;
	CURL **spare; /* easy handles for the next transfers */
	unsigned spare_count;
	bool stopping;
};

/* Of all shards together; count stays while they run. */
struct shards_total {
	unsigned count;
	atomic_uint active; /* exchanges */
	atomic_uint spare;  /* handles */
};
extern struct shards_total shards_total;

/* Wakes those but giver that are hungry: it has given something back. */
void shards_feed(const struct shard *giver);

/* Returns as http_start(). limits: until shard_join(). */
int shard_start(struct shard *s, unsigned index, const struct http_limits *limits);

/* Tells it to end. Returns whether it ran: then shard_join() waits for the end. */
bool shard_stop(struct shard *s);
void shard_join(struct shard *s);

/* As http_post(). */
int shard_post(struct shard *s, struct http_task *task, int64_t delay_ms);

void shard_wake(struct shard *s);

#endif
