/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rate that is not to be passed: tokens that come evenly, and of which a quarter of a second's
 * are kept when nobody takes any. Whoever finds some may take as many as it needs, also more than
 * there are: the debt is what those after it wait for. So what is large does not wait for ever, and
 * over time no more is taken than comes.
 */
#ifndef CORE_PACE_H
#define CORE_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_RATE_MAX 1e12

struct pace {
	double rate;	/* tokens a second, above 0 and at most PACE_RATE_MAX */
	double balance; /* negative: a debt */
	int64_t at_us;	/* of the balance; any clock that only runs forward */
};

void pace_start(struct pace *p, double rate, int64_t now_us);

/* Another rate from now on; the balance stays. */
void pace_set(struct pace *p, double rate, int64_t now_us);

/* Is there as much as is kept at most? */
bool pace_is_full(struct pace *p, int64_t now_us);

/* How long until something may be taken: 0 for now. */
int64_t pace_wait_us(struct pace *p, int64_t now_us);

/* Negative: what was taken and not needed comes back. */
void pace_take(struct pace *p, double tokens);

#endif
