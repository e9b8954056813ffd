/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials that take time to get: one search at a time for each context, on a thread of its own,
 * whatever the number of those who wait for it. What was found is kept and, before it expires,
 * renewed while it still serves.
 */
#ifndef CORE_KEEPER_H
#define CORE_KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/context.h"
#include "core/creds.h"
#include "core/http/engine.h"

/* One way of searching. */
struct keeper_kind {
	const char *name; /* for the log */
	/* May block, but not when keeper_is_stopping(). *out is zeroed; tried counts in any case.
	 * Returns 0, or -EACCES, -ENOMEM, -ECANCELED with one line in message. */
	int (*find)(const struct context *ctx, struct creds *out, char *message,
		    size_t message_bytes);
};

/* The credential of this kind for ctx. stamp: changes when what the search depends on did; what was
 * found before is no longer good then. Never blocks. Any thread. Returns 0; -EINPROGRESS: it is
 * being searched for, keeper_wait(out->entry) tells when to ask again; or what the search returned
 * with its line in message, for a while. out->tried is set with 0 and with an error. */
int keeper_get(const struct keeper_kind *kind, const struct context *ctx, uint64_t stamp,
	       struct creds *out, char *message, size_t message_bytes);

/* Posts the task (core/http/engine.h) once no search for it is under way. Returns as http_post(),
 * and the task does not run unless 0. */
int keeper_wait(struct keeper_entry *entry, struct http_task *task);

/* The service refuses credential number serial as expired: the next keeper_get() gives another. Any
 * thread. Returns false, and nothing changes, when it was got less than age_min_ms ago: such a one
 * is hardly that. */
bool keeper_reject(struct keeper_entry *entry, uint64_t serial, int64_t age_min_ms);

/* How many searches were begun since keeper_start(). */
uint64_t keeper_searches(void);

bool keeper_is_stopping(void);

void keeper_start(void);

/* Ends all searches; who waits is woken. Before http_stop(). */
void keeper_stop(void);

/* Wipes and forgets everything. After http_stop(): nobody may know an entry any more. */
void keeper_free(void);

#endif
