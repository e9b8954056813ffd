/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What answers taught the driver: the region of a bucket, the clock of a server, and how much
 * patience an endpoint has left. Small tables that forget the oldest. On the I/O thread only.
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

/* The region of a bucket as this context learned it, or NULL. */
const char *learned_region(const struct context *ctx, const char *scheme, const char *bucket);
void learned_set_region(const struct context *ctx, const char *scheme, const char *bucket,
			const char *region);

struct learned_endpoint {
	char origin[STORE_ORIGIN_BYTES];
	struct retry_budget budget;
	int64_t skew_s;	 /* what to add to this machine's time */
	bool deaf;	 /* it gives no leave for a body: asking only costs time */
	unsigned quirks; /* enum store_quirk, as its answers had it */
	bool takes_bare; /* a write's If-Match has succeeded without quotes */
	uint64_t used;	 /* the table's own */
};

/* Of an origin, made when it is new. Good until the next call. */
struct learned_endpoint *learned_endpoint(const char *origin);

void learned_forget(void);

#endif
