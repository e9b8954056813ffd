/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When to try again: full jitter (AWS Architecture Blog, "Exponential Backoff and Jitter"), the
 * server's Retry-After, and a budget per endpoint, so that a store which is down is not kept down.
 */
#ifndef CORE_HTTP_RETRY_H
#define CORE_HTTP_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#define RETRY_TRIES_MAX	    8	  /* sendings of one request, the first included */
#define RETRY_BASE_MS	    50	  /* the longest wait before the second sending */
#define RETRY_CAP_MS	    5000  /* the longest wait of all */
#define RETRY_AFTER_CAP_MS  20000 /* a Retry-After beyond it is taken as this */
#define RETRY_BUDGET_TOKENS 500	  /* a full budget */
#define RETRY_COST_TOKENS   5	  /* of one retry; given back when it succeeds */
#define RETRY_REFUND_TOKENS 1	  /* of a success at the first try */

/* The wait before sending number tries + 1, after tries have failed: evenly between 0 and
 * min(cap, base * 2^(tries - 1)). random: any 32 random bits. */
int64_t retry_delay_ms(unsigned tries, uint32_t random, int64_t base_ms, int64_t cap_ms);

/* A Retry-After value in milliseconds, capped: seconds, or an HTTP date as seen at now_s. NULL, or
 * what cannot be read, is 0. */
int64_t retry_after_ms(const char *value, int64_t now_s);

/* Of one endpoint. One thread at a time. */
struct retry_budget {
	unsigned tokens;
};

void retry_budget_fill(struct retry_budget *budget);
bool retry_budget_take(struct retry_budget *budget); /* false: there is not enough for a retry */
void retry_budget_success(struct retry_budget *budget, bool was_retried);

#endif
