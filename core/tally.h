/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the driver counts, in all and for each job. A job is one `skyshim run` with all it starts
 * (wire_request.job). A call counts for the job on whose behalf the thread works that submits it:
 * who waits for a call of another's that is under way already has caused none. What no program has
 * asked for (clearing up after one that was killed) counts in all only.
 *
 * Counters are added to without a lock, by any thread. Jobs are counted by reference; one that
 * nobody refers to stays until its place is needed.
 */
#ifndef CORE_TALLY_H
#define CORE_TALLY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/wire.h"
#include "core/histogram.h"
#include "core/price.h"
#include "core/store.h"
#include "core/trace.h"

#define TALLY_STORES_MAX    4	/* kinds of store */
#define TALLY_JOBS_MAX	    64	/* of which counts are kept; beyond, the oldest are forgotten */
#define TALLY_COMMAND_BYTES 160 /* of a command line, with NUL */

/* What came of a sending. */
enum tally_class {
	TALLY_2XX,
	TALLY_3XX,
	TALLY_4XX,
	TALLY_5XX,
	TALLY_FAILED, /* no whole answer, or none that is one */
	TALLY_CLASSES
};

/* What is fetched before anybody asks for it. */
enum tally_ahead {
	TALLY_AHEAD_FILES,    /* of a tree, whole */
	TALLY_AHEAD_LISTINGS, /* of a tree; bytes are not counted */
	TALLY_AHEAD_NAMES,    /* the same, asked about */
	TALLY_AHEAD_WITHIN,   /* a file; only bytes are counted */
	TALLY_AHEADS
};

/* What was used or wasted counts for the job whose doing shows it. What was taken for wasted and is
 * used after all is taken off again, perhaps of another job: an amount below 0 is none. */
struct tally_ahead_count {
	atomic_int_fast64_t fetched, used, wasted;
	atomic_int_fast64_t bytes_fetched, bytes_used, bytes_wasted;
};

struct tally {
	atomic_uint_fast64_t requests[TALLY_STORES_MAX][STORE_VERBS][TALLY_CLASSES];
	atomic_uint_fast64_t sent; /* those that are under way included */
	atomic_uint_fast64_t bytes_in[TALLY_STORES_MAX], bytes_out[TALLY_STORES_MAX];
	atomic_uint_fast64_t retries, errors, hedges;
	atomic_uint_fast64_t cost_pico; /* 10^-12 US dollars */
	/* Of a sending, from when it has a connection to its answer's end; and before, for one. */
	struct histogram latency[STORE_VERBS], queued;
	/* Requests of programs (enum wire_op), and those of them that caused one to a store. */
	atomic_uint_fast64_t served[WIRE_OPS], asked[WIRE_OPS];
	atomic_uint_fast64_t opened; /* files that programs opened without asking */
	struct tally_ahead_count ahead[TALLY_AHEADS];
};

struct job {
	uint32_t id;
	pid_t pid;	   /* of who began it, or was met first */
	int64_t started_s; /* since 1970 */
	char command[TALLY_COMMAND_BYTES];
	struct tally tally;
	struct trace *trace;	/* NULL: no timeline is wanted. Set by job_trace() alone */
	bool trace_told;	/* that it has ended early */
	atomic_uint references; /* tally.c's: the first one is taken under its lock */
	uint64_t used;		/* the same, under it, as is the next */
	bool is_named;
};

extern struct tally tally_all;

/* Adds to a counter of the whole and of a job, which may be NULL. */
#define TALLY_ADD(whose, field, n)                                                                \
	do {                                                                                      \
		struct job *job_ = (whose);                                                       \
                                                                                                  \
		atomic_fetch_add_explicit(&tally_all.field, (n), memory_order_relaxed);           \
		if (job_)                                                                         \
			atomic_fetch_add_explicit(&job_->tally.field, (n), memory_order_relaxed); \
	} while (0)

/* A sending took so long. */
void tally_took(struct job *job, enum store_verb verb, int64_t queued_us, int64_t took_us);

/* The number of a kind of store, in the order they were first met, and its name; NULL beyond. A
 * kind beyond TALLY_STORES_MAX counts with the last. */
unsigned tally_store(const char *scheme);
const char *tally_store_name(unsigned store);

/* The job of this id with a reference, made when it is new; NULL for id 0, or when so many are
 * busy. command: NULL when it is not known; then it is pid's, for now. */
struct job *job_find(uint32_t id, pid_t pid, const char *command, size_t command_len);
/* The same if it is there. */
struct job *job_known(uint32_t id);
struct job *job_ref(struct job *job); /* NULL gives NULL */
void job_put(struct job *job);	      /* NULL: nothing */

/* Gives a job, which has just begun, its timeline, which is taken over. */
void job_trace(struct job *job, struct trace *trace);

/* Ends the timelines of those that nobody refers to and that are over. Locks that is_over() takes
 * come after those here. */
void job_end_traces(bool (*is_over)(const struct job *job));

/* At the end: waits until all timelines are written, but not longer. */
void job_flush_traces(int64_t wait_ms);

/* Calls fn with each job, the oldest first. fn must not call these functions. */
void job_each(void (*fn)(void *arg, const struct job *job), void *arg);

/* On whose behalf this thread works (a reference of somebody's that lasts), or NULL. job_switch()
 * gives the one before. */
struct job *job_current(void);
struct job *job_switch(struct job *job);

/* Calls that this thread has submitted so far. */
uint64_t job_calls(void);
void job_called(void);

#endif
