// SPDX-License-Identifier: Apache-2.0
/* A sending that has ended, in the tallies of whom it was for and on his timeline. */
#include <string.h>

#include "core/clock.h"
#include "core/inflight.h"
#include "core/trace.h"

static enum tally_class class_of(const struct http_exchange *x)
{
	static const enum tally_class by_hundred[] = {TALLY_FAILED, TALLY_FAILED, TALLY_2XX,
						      TALLY_3XX,    TALLY_4XX,	  TALLY_5XX};

	if (x->failure != HTTP_NONE || x->status < 0 || x->status >= 600)
		return TALLY_FAILED;
	return by_hundred[x->status / 100];
}

/* The sending on the job's timeline, and an arrow from what asked for it. */
static void show(struct flight *f)
{
	const struct store_call *call = f->call;
	const char *bucket = call->bucket ? call->bucket : "", *key = call->key ? call->key : "";
	json_t *args = json_pack("{s:s, s:o, s:o, s:i, s:I, s:I, s:I, s:i, s:i, s:b}", "store",
				 call->scheme, "bucket", trace_text(bucket, strlen(bucket)), "key",
				 trace_text(key, strlen(key)), "status", f->x.status, "received",
				 (json_int_t)f->in, "sent", (json_int_t)f->out, "queued_us",
				 (json_int_t)(f->x.started_us ? f->x.started_us - f->x.sent_us : 0),
				 "connection", (int)f->x.local_port, "sending", (int)f->tries_total,
				 "ahead", call->is_ahead);

	if (f->asked_us && f->tries_total == 1)
		trace_flow(f->job->trace, &f->from, f->asked_us, &f->span);
	trace_end(f->job->trace, &f->span, store_verb_name(f->ask.verb), args);
}

/* Services charge for what they have answered, refusals too, but not for their own failures. */
void flight_count(struct flight *f)
{
	const struct http_exchange *x = &f->x;
	enum tally_class class = class_of(x);

	flight_totals.connections += x->connections;
	TALLY_ADD(f->job, requests[f->store][f->ask.verb][class], 1);
	if (class != TALLY_FAILED && class != TALLY_5XX)
		TALLY_ADD(f->job, cost_pico, price_of(&f->site.price, f->ask.verb));
	if (f->job && f->job->trace)
		show(f);
	if (x->started_us)
		tally_took(f->job, f->ask.verb, x->started_us - x->sent_us,
			   clock_mono_us() - x->started_us);
}
