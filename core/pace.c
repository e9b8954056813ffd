// SPDX-License-Identifier: Apache-2.0
/* Token bucket, with debts. */
#include "core/pace.h"

#define US_PER_S 1e6
#define KEPT_S	 0.25

/* So much there is at most; of a slow rate at least one token. */
static double most(const struct pace *p)
{
	double kept = p->rate * KEPT_S;

	return kept > 1 ? kept : 1;
}

static void refill(struct pace *p, int64_t now_us)
{
	double came = p->rate * (double)(now_us - p->at_us) / US_PER_S;

	if (now_us <= p->at_us)
		return;
	p->at_us = now_us;
	p->balance += came;
	if (p->balance > most(p))
		p->balance = most(p);
}

void pace_start(struct pace *p, double rate, int64_t now_us)
{
	*p = (struct pace){.rate = rate, .at_us = now_us};
	p->balance = most(p);
}

void pace_set(struct pace *p, double rate, int64_t now_us)
{
	refill(p, now_us);
	p->rate = rate;
	if (p->balance > most(p))
		p->balance = most(p);
}

bool pace_is_full(struct pace *p, int64_t now_us)
{
	refill(p, now_us);
	return p->balance >= most(p);
}

int64_t pace_wait_us(struct pace *p, int64_t now_us)
{
	double least = p->rate < 1 / KEPT_S ? 1 : 0; /* of a slow rate a whole token */

	refill(p, now_us);
	if (least > 0 ? p->balance >= least : p->balance > 0)
		return 0;
	return (int64_t)((least - p->balance) / p->rate * US_PER_S) + 1;
}

void pace_take(struct pace *p, double tokens)
{
	p->balance -= tokens;
	if (p->balance > most(p))
		p->balance = most(p);
}
