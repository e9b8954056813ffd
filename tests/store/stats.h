/* SPDX-License-Identifier: Apache-2.0 */
/* Counters and the request log, for tests that assert how a program spoke to the store. Requests to
 * the admin interface appear in neither. */
#ifndef STORE_STATS_H
#define STORE_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/store/buf.h"
#include "tests/store/faults.h"

#define STATS_VERBS_MAX 96    /* names of verbs */
#define STATS_LOG_MAX	65536 /* requests remembered; the oldest are dropped */

struct stats_entry {
	uint64_t id;
	const char *verb; /* from the dialect's table: lives for ever */
	const char *method;
	const char *path;  /* as sent */
	const char *query; /* as sent, "" for none */
	const char *range; /* "" for none */
	int status;	   /* 0: no answer (reset) */
	uint64_t bytes_in; /* of bodies */
	uint64_t bytes_out;
	enum fault_kind fault;
	uint64_t us; /* from the request's header to the answer's last byte */
};

/* The verbs that exist, so that unused ones show as 0. NULL-terminated. */
void stats_verbs(const char *const *verbs);

void stats_connection(void);	    /* one that carries requests was opened */
void stats_begin(const char *verb); /* a request's header is here */
void stats_end(const struct stats_entry *entry);

void stats_reset(void); /* counters and log; what is under way stays counted as such */

void stats_json(struct buf *out);

/* The log as a JSON array, oldest first. */
void stats_log_json(struct buf *out);

#endif
