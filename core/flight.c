// SPDX-License-Identifier: Apache-2.0
/*
 * One store call on its way. Everything but flight_start() runs on the I/O thread of its endpoint:
 * which that is, launch() finds out, and moves there. A flight ends in flight_conclude()
 * (flightend.c) and nowhere else. Between two sendings it is a task that waits,
 * or a hasher's job that ends as one; while it is sent it is an exchange; it is never both.
 */
#include "core/flight.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/inflight.h"
#include "core/keeper.h"
#include "core/learned.h"
#include "core/locate.h"
#include "core/log.h"
#include "core/report.h"
#include "core/route.h"

#define EXPECT_BYTES 1048576 /* a larger body asks for leave: a refusal saves it */
/* If yet another comes to a halt, it is not the connections' fault. */
#define STRAGGLERS_MAX 3
/* So much of a body since the last sending counts as a fresh start. */
#define PROGRESS_BYTES 65536

struct flight_totals flight_totals = {
	.limits = FLIGHT_LIMITS_DEFAULT,
};

/* Which I/O thread the calls for a name went to last, so that the next ones start there. It costs a
 * turn of two threads when it is wrong, as when two names share a place, and nothing else. */
#define HINTS 1024
static atomic_uchar hints[HINTS];

static void launch(struct flight *f);

static atomic_uchar *hint_of(const struct store_call *call)
{
	const char *const names[] = {call->scheme, call->bucket};
	size_t hash = 5381;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (const char *c = names[i]; c && *c; c++)
			hash = hash * 33 + (unsigned char)*c;
	}
	return &hints[hash % HINTS];
}

static void task_run(struct http_task *task, bool canceled)
{
	struct flight *f = (struct flight *)((char *)task - offsetof(struct flight, task));

	if (canceled)
		flight_conclude(f, -ECANCELED);
	else if (f->hashing.error)
		flight_conclude(f, f->hashing.error);
	else
		launch(f);
}

void flight_go_on(struct flight *f)
{
	int ret;

	f->tries = 0;
	f->first_ms = 0;
	f->unsure = false;
	f->progress_ms = clock_mono_ms();
	ret = http_post(&f->task, 0);
	if (ret < 0)
		flight_conclude(f, ret);
}

void flight_resume(struct flight *f)
{
	int ret = http_post(&f->task, 0);

	if (ret < 0)
		flight_conclude(f, ret);
}

/* Sends the same again after delay_ms. */
void flight_relaunch(struct flight *f, int64_t delay_ms)
{
	int ret;

	TALLY_ADD(f->job, retries, 1);
	log_debug("%s://%s: again in %lld ms", f->call->scheme,
		  f->call->bucket ? f->call->bucket : "", (long long)delay_ms);
	ret = http_post(&f->task, delay_ms);
	if (ret < 0)
		flight_conclude(f, ret);
}

/* Sends it again if that may help: not too often, not too late, not when the endpoint is down.
 * Returns whether it does; if not, the flight is as before. */
bool flight_try_again(struct flight *f, unsigned tries_max, const char *retry_after)
{
	int64_t now_ms = clock_mono_ms();
	int64_t delay_ms;
	int64_t after_ms;

	if (f->body.delivered >= f->progress_bytes + PROGRESS_BYTES) {
		f->progress_bytes = f->body.delivered;
		f->progress_ms = now_ms;
		f->tries = 1;
	}
	if (f->site.tries_max && f->site.tries_max < tries_max)
		tries_max = f->site.tries_max;
	if (f->tries >= tries_max || now_ms - f->progress_ms >= flight_totals.limits.patience_ms)
		return false;
	if (!retry_budget_take(&learned_endpoint(f->site.origin)->budget)) {
		log_info("%s: too many retries, this one is not made", f->site.origin);
		return false;
	}
	delay_ms = retry_delay_ms(f->tries, arc4random(), flight_totals.limits.retry_base_ms,
				  flight_totals.limits.retry_cap_ms);
	after_ms = retry_after_ms(retry_after, clock_wall_s());
	flight_relaunch(f, after_ms > delay_ms ? after_ms : delay_ms);
	return true;
}

static void on_done(struct http_exchange *x)
{
	struct flight *f = x->arg;

	flight_count(f);
	throttle_done(&f->room, f->in, f->out);
	f->has_room = false;
	log_debug("%s %s://%s/%s: %d %s", x->method, f->call->scheme,
		  f->call->bucket ? f->call->bucket : "", f->call->key ? f->call->key : "",
		  x->status, x->detail);
	outcome_judge(f);
}

static void reset_attempt(struct flight *f)
{
	flight_clear(f);
	buffer_clear(&f->url);
	f->ask = body_ask(&f->body, f->call);
	f->ask.user = f->ask.fields = (struct store_pairs){0}; /* the call's own */
	f->ask.step = f->step;
	f->ask.carry = f->carry;
	if (f->call->verb == STORE_GET && f->call->if_none_match && f->ops->looks_first &&
	    !f->looked)
		f->asking = ASK_VERSION;
	if (f->asking != ASK_CALL)
		f->ask.verb = STORE_HEAD;
	if (f->asking == ASK_SOURCE) {
		f->ask.bucket = f->call->from_bucket;
		f->ask.key = f->call->from_key;
	}
	if (f->asking == ASK_WRITTEN || f->asking == ASK_SETTLED || lacking_is_look(f) || f->stands)
		f->ask.if_match = f->ask.if_none_match = NULL;
	if (f->looked)
		f->ask.if_none_match = NULL;
	f->request.target = BUFFER_INIT(STORE_TARGET_BYTES);
	f->request.body = BUFFER_INIT(STORE_BODY_BYTES);
	f->request.tail = BUFFER_INIT(STORE_BODY_BYTES);
	f->request.beside = false;
	f->request.streams = f->ops->verb[f->ask.verb].streams;
	f->request.sums = &f->hashing.sums;
	f->request.source_bytes = f->request.streams ? f->call->source.bytes : 0;
}

/* Are the digests wanted that go in the head of this request? */
static bool lacks_sums(struct flight *f, bool is_signed)
{
	bool signs = f->ops->verb[f->ask.verb].signs && is_signed;
	bool crc32c = f->ops->sums_crc32c;
	bool tls = !strncmp(f->site.origin, "https:", 6);

	if (!f->request.streams)
		return false;
	f->hashing.md5 = !signs && !crc32c;
	f->hashing.crc32c = crc32c;
	f->hashing.sha256 = signs || (f->ops->signs_bodies && !tls);
	return (f->hashing.md5 && !f->hashing.sums.has_md5) ||
	       (crc32c && !f->hashing.sums.has_crc32c) ||
	       (f->hashing.sha256 && !f->hashing.sums.sha256[0]);
}

/* Has the source digested; then launch() comes again. */
static int start_hashing(struct flight *f)
{
	f->hashing.source = &f->call->source;
	f->hashing.task = &f->task;
	if (f->call->source.bytes > HASHER_INLINE_BYTES)
		return hasher_submit(&f->hashing);
	return hasher_run(&f->hashing) ? f->hashing.error : http_post(&f->task, 0);
}

static int build(struct flight *f, const struct creds *creds)
{
	int64_t now_s;
	int ret = f->asking == ASK_MADE
			  ? flight_verb(f)->look(&f->ask, &f->site, &f->request)
			  : f->ops->verb[f->ask.verb].build(&f->ask, &f->site, &f->request);

	if (ret < 0)
		return ret;
	f->origin = f->request.beside ? f->site.beside : f->site.origin;
	if (!creds->anonymous) {
		now_s = clock_wall_s() + learned_endpoint(f->site.origin)->skew_s;
		ret = f->ops->sign(&f->site, creds, now_s, &f->request);
	}
	if (!ret)
		ret = buffer_addf(&f->url, "%s%s", f->origin, buffer_text(&f->request.target));
	return ret;
}

/* Of HTTP/2, libcurl closes only the stream that is given up; the connection may be dead without
 * that anybody has said so, and all that is sent again would go over it, too. */
static bool distrusts_connection(const struct flight *f)
{
	switch (f->x.failure) { /* of the last sending */
	case HTTP_FIRST_BYTE:
	case HTTP_STALLED:
	case HTTP_CUT:
	case HTTP_RESET:
		return f->site.http2;
	default:
		return false;
	}
}

static int send_off(struct flight *f)
{
	int ret;

	f->call->code[0] = '\0';
	f->x.method = f->request.method;
	f->x.url = buffer_text(&f->url);
	f->x.fields = &f->request.fields;
	f->x.route =
		route_to(f->site.ctx ? f->site.ctx : f->call->ctx, f->origin, f->site.ca_bundle);
	f->x.route.client_cert = f->site.client_cert;
	f->x.route.client_key = f->site.client_key;
	f->x.route.http2 = f->site.http2;
	f->x.fresh = distrusts_connection(f);
	f->x.send_bytes = f->request.source_bytes + f->request.body.len + f->request.tail.len;
	f->x.expect = f->x.send_bytes >= EXPECT_BYTES && !learned_endpoint(f->site.origin)->deaf;
	f->x.is_ahead = f->call->is_ahead;
	f->x.is_wanted = f->call->is_wanted;
	f->x.impatient = f->ask.verb == STORE_GET && f->stragglers < STRAGGLERS_MAX &&
			 (!f->site.tries_max || f->tries_total + 1 < f->site.tries_max) &&
			 !(f->site.limits.bytes.rate > 0); /* which may be what holds it up */
	f->x.works = f->ops->verb[f->ask.verb].works;
	f->x.speed_max = f->site.limits.bytes.rate;
	if (!f->first_ms) /* digesting the source is over */
		f->first_ms = f->progress_ms = clock_mono_ms();
	if (f->x.works)
		f->progress_ms = clock_mono_ms(); /* its time is not ours to waste */
	f->stands &= f->asking != ASK_CALL;	  /* for this sending only */
	f->source_seen &= f->asking != ASK_CALL;  /* the same */
	f->tries++;
	f->tries_total++;
	flight_totals.requests[f->ask.verb]++;
	ret = http_send(&f->x);
	if (!ret)
		TALLY_ADD(f->job, sent, 1);
	if (!ret && f->job)
		trace_begin(f->job->trace, getpid(), "skyshim daemon: requests", &f->span);
	return ret;
}

static void on_room(struct throttle_wait *room, bool canceled)
{
	struct flight *f = (struct flight *)((char *)room - offsetof(struct flight, room));

	f->has_room = true;
	f->progress_ms = clock_mono_ms();
	if (canceled)
		flight_conclude(f, -ECANCELED);
	else
		launch(f);
}

/* Returns 1 if the user's limits let this sending go now; 0: launch() comes again; or a negative
 * errno. */
static int take_room(struct flight *f)
{
	int ret;

	if (f->has_room)
		return 1;
	f->in = f->out = 0;
	f->room = (struct throttle_wait){
		.limits = f->site.limits,
		.in = f->ask.verb == STORE_GET ? f->ask.length : 0,
		.out = f->request.source_bytes,
		.is_ahead = f->call->is_ahead,
		.is_wanted = f->call->is_wanted,
		.is_bulk = f->call->is_bulk,
		.go = on_room,
	};
	ret = throttle_pass(&f->room);
	/* else on_room() may have come on another thread already, as the engine stops */
	if (ret > 0)
		f->has_room = true;
	return ret;
}

/* launch() comes again when there is a credential, or when there will be none. */
static void await_creds(struct flight *f)
{
	int ret = keeper_wait(f->creds_entry, &f->task);

	if (ret < 0)
		flight_conclude(f, ret);
}

/* Goes to the I/O thread of its endpoint, if this is another, where launch() comes again. Returns
 * whether it does; or a negative errno. */
static int move_home(struct flight *f)
{
	unsigned home = http_shard_of(f->site.origin);
	int ret;

	if (home == http_shard())
		return 0;
	*hint_of(f->call) = (unsigned char)home;
	f->task.shard = home;
	ret = http_post(&f->task, 0);
	return ret < 0 ? ret : 1;
}

/* The next sending. */
static void launch(struct flight *f)
{
	const struct store_call *call = f->call;
	char region[STORE_REGION_BYTES] = "";
	struct creds creds;
	bool hash;
	int ret;

	reset_attempt(f);
	if (f->asking == ASK_CALL && flight_verb(f)->local) {
		flight_conclude(f, flight_verb(f)->local(&f->ask));
		return;
	}
	if (call->bucket)
		learned_region(call->ctx, call->scheme, call->bucket, region);
	ret = locate_call(f->ops, call, *region ? region : NULL, &f->site, &creds,
			  f->call->message);
	f->creds_entry = creds.entry;
	f->creds_serial = creds.serial;
	if (ret == -EINPROGRESS) {
		await_creds(f);
		return;
	}
	if (!ret)
		ret = move_home(f);
	if (ret > 0) {
		creds_wipe(&creds);
		return;
	}
	if (!ret)
		lacking_apply(f);
	hash = !ret && lacks_sums(f, !creds.anonymous);
	/* what is digested is so before: the look is to be as near to the write as can be */
	if (!ret && !hash && (lacking_looks_at_source(f) || lacking_looks_first(f))) {
		f->asking = lacking_looks_at_source(f) ? ASK_SOURCE : ASK_STANDS;
		reset_attempt(f);
	}
	if (!ret && !hash) {
		ret = take_room(f);
		if (!ret) {
			creds_wipe(&creds);
			return;
		}
		if (ret > 0)
			ret = build(f, &creds);
	}
	creds_wipe(&creds);
	if (!ret)
		ret = hash ? start_hashing(f) : send_off(f);
	if (ret < 0)
		flight_conclude(f, ret);
}

static void no_request_id(const struct header_list *fields, char out[STORE_ID_BYTES])
{
	(void)fields;
	out[0] = '\0';
}

static int locate_nowhere(const struct store_call *call, const char *region, struct store_site *out,
			  struct creds *creds_out, char message[STORE_MESSAGE_BYTES])
{
	(void)region, (void)out;
	memset(creds_out, 0, sizeof(*creds_out));
	report_local(call, "no back end has this scheme, or it cannot do this", message);
	return -EINVAL;
}

static const struct store_ops nowhere = {
	.locate = locate_nowhere,
	.request_id = no_request_id,
};

int flight_start(struct store_call *call, const struct store_ops *ops)
{
	struct flight *f = calloc(1, sizeof(*f));
	int ret;

	if (!f)
		return -ENOMEM;
	if (!ops || call->verb < 0 || call->verb >= STORE_VERBS ||
	    (!ops->verb[call->verb].build && !ops->verb[call->verb].local))
		ops = &nowhere;
	f->call = call;
	f->ops = ops;
	f->job = job_ref(job_current());
	if (f->job && f->job->trace && trace_current()) {
		f->from = *trace_current();
		f->asked_us = clock_mono_us();
	}
	f->store = ops->scheme ? tally_store(ops->scheme) : 0;
	job_called();
	f->task.run = task_run;
	f->task.shard = *hint_of(call) % http_shards();
	f->x.head = flight_on_head;
	f->x.body = flight_on_body;
	f->x.send = flight_on_send;
	f->x.done = on_done;
	f->x.arg = f;
	f->url = BUFFER_INIT(STORE_TARGET_BYTES + STORE_ORIGIN_BYTES);
	f->progress_ms = clock_mono_ms();
	ret = http_post(&f->task, 0);
	if (ret < 0)
		flight_free(f);
	return ret;
}
