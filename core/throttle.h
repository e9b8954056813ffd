/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits of the configuration: `bandwidth` and `request_rate` of a section hold for all that it
 * names together, whichever program asks. Sendings for which there is no room wait here, those for
 * whom nobody waits behind the others, and small ones before large ones, so that one who reads a
 * lot does not keep another from listing a directory; but each kind has its turn after
 * THROTTLE_TURN of those before it, so that many who list do not keep a reader for ever.
 *
 * A section may name several hosts, whose I/O threads come here at once: there is one queue, with a
 * lock that is taken only where a limit holds. A sending goes on, on the thread it came from.
 */
#ifndef CORE_THROTTLE_H
#define CORE_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/http/engine.h"
#include "core/realm.h"

/* Lines of configurations that are known at once: all of one file. Beyond, those are forgotten
 * that have all they may keep, which loses nothing; if there is none, limits are kept too strictly
 * rather than not at all. */
#define THROTTLE_RULES_MAX REALM_RULES_MAX
#define THROTTLE_TURN	   16 /* so many go before the first of a worse rank at most */

/* What is at most so much is small, if it is not bulk: as the GET of an open. */
#define THROTTLE_SMALL_BYTES 1048576

struct throttle_rule {
	const char *path; /* the line that says it: of a file, which lives as the daemon does */
	int line;
	double rate; /* of a second; 0: there is no limit */
};

/* What holds for a call. */
struct throttle_limits {
	struct throttle_rule requests;
	struct throttle_rule bytes; /* of each direction */
};

void throttle_find(const struct realm *realm, struct throttle_limits *out);

/* A sending that waits, in whoever sends. */
struct throttle_wait {
	struct throttle_wait *next;
	/* Set by the caller. */
	struct throttle_limits limits;
	uint64_t in, out;      /* bytes, as far as they are known ahead */
	bool is_ahead;	       /* nobody waits for it ... */
	const bool *is_wanted; /* ... until this is set, atomically; NULL: never */
	bool is_bulk; /* one of the many of somebody who reads a lot, if it is not large itself */
	void (*go)(struct throttle_wait *wait, bool canceled);
	/* The throttle's own. */
	struct http_task task; /* comes to its thread when it may go */
	unsigned rank;	       /* where it stands; lower goes first */
	unsigned passed;       /* so many have gone before it that are of better rank */
};

/* Returns 1 if there is room: it is taken, and go() does not come. 0: go() comes later, never from
 * within this call, on this thread; canceled, when the engine stops, perhaps on another. An error
 * of http_post(): go() does not come. On an I/O thread. */
int throttle_pass(struct throttle_wait *wait);

/* What came and went in fact; once for each that passed. */
void throttle_done(const struct throttle_wait *wait, uint64_t in, uint64_t out);

/* When no I/O thread runs. */
void throttle_forget(void);

#endif
