/* SPDX-License-Identifier: Apache-2.0 */
/* One store call on its way: built, signed, sent, judged, and sent again while that may help. */
#ifndef CORE_FLIGHT_H
#define CORE_FLIGHT_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/backend.h"
#include "core/http/engine.h"
#include "core/http/retry.h"
#include "core/store.h"

struct flight_limits {
	int64_t retry_base_ms, retry_cap_ms; /* core/http/retry.h */
	int64_t creds_age_ms; /* a younger credential has hardly expired, if nobody says so */
	int64_t patience_ms;  /* no sending begins so long after the last progress of a call */
};

#define FLIGHT_LIMITS_DEFAULT                                   \
	((struct flight_limits){.retry_base_ms = RETRY_BASE_MS, \
				.retry_cap_ms = RETRY_CAP_MS,   \
				.creds_age_ms = 60000,          \
				.patience_ms = 60000})

/* Shared by all flights; set limits before the first one. */
struct flight_totals {
	struct flight_limits limits;
	atomic_uint_fast64_t requests[STORE_VERBS];
	atomic_uint_fast64_t connections;
};
extern struct flight_totals flight_totals;

/* Sends the call off. ops may be NULL: there is no such scheme. Returns as store_submit(). */
int flight_start(struct store_call *call, const struct store_ops *ops);

#endif
