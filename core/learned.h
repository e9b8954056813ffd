/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What answers taught the driver: the region of a bucket, the clock of a server, and how much
 * patience an endpoint has left. Small tables that forget the oldest. Endpoints are the affair of
 * each I/O thread by itself (core/http/engine.h); regions and names are any thread's, since a
 * bucket tells its endpoint, and so its thread, by what is known of it.
 */
#ifndef CORE_LEARNED_H
#define CORE_LEARNED_H

#include <stdbool.h>
#include <stdint.h>

#include "core/backend.h"
#include "core/context.h"
#include "core/http/retry.h"

#define LEARNED_BUCKETS_MAX   1024
#define LEARNED_ENDPOINTS_MAX 256
#define LEARNED_ACCOUNTS_MAX  256

/* The region of a bucket as this context learned it. Returns whether it is known; if not, out is
 * "". Takes a lock only if any is known. */
bool learned_region(const struct context *ctx, const char *scheme, const char *bucket,
		    char out[STORE_REGION_BYTES]);
void learned_set_region(const struct context *ctx, const char *scheme, const char *bucket,
			const char *region);

/* What names are to the store of a bucket, of an account where bucket is ACCOUNT/CONTAINER, as this
 * context learned it. */
enum store_names learned_names(const struct context *ctx, const char *scheme, const char *bucket);
void learned_set_names(const struct context *ctx, const char *scheme, const char *bucket,
		       enum store_names names);

struct learned_endpoint {
	char origin[STORE_ORIGIN_BYTES];
	struct retry_budget budget;
	int64_t skew_s;	 /* what to add to this machine's time */
	bool deaf;	 /* it gives no leave for a body: asking only costs time */
	unsigned quirks; /* enum store_quirk, as its answers had it; but of conditions: */
	/* The next two: bits of enum learned_condition. What is known of one kind of write says
	 * nothing of another: services have conditions of a PUT and none of a copy. */
	unsigned refuses; /* a write that has it is refused, and succeeds without */
	unsigned heeds;	  /* one that has it has succeeded, or failed because of it */
	bool takes_bare;  /* a write's If-Match has succeeded without quotes */
	uint64_t used;	  /* the table's own */
};

/* Of an origin of this I/O thread's (elsewhere: of the first one's), made when it is new. Good
 * until the next call. */
struct learned_endpoint *learned_endpoint(const char *origin);

/* The conditions of a write, or'ed LEARNED_* of its verb; 0 of what has none, or is no write. */
enum learned_condition {
	LEARNED_PUT_MATCH = 1,
	LEARNED_PUT_ABSENT = 2, /* If-None-Match: * */
	LEARNED_PUT = LEARNED_PUT_MATCH | LEARNED_PUT_ABSENT,
	LEARNED_COPY_MATCH = 4,
	LEARNED_COPY_ABSENT = 8,
	LEARNED_COMPLETE_MATCH = 16,
	LEARNED_COMPLETE_ABSENT = 32,
	LEARNED_DELETE_MATCH = 64,
	LEARNED_DELETE_ABSENT = 128,
};
unsigned learned_conditions(const struct store_call *call);

/* What is known of the endpoint for people: conditions count as lacking when a PUT has neither. */
unsigned learned_quirks(const struct learned_endpoint *endpoint);

/* When no I/O thread runs. */
void learned_forget(void);

#endif
