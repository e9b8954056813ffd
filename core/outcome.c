// SPDX-License-Identifier: Apache-2.0
/* What came of a sending: the end of the call, or another sending. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/http/date.h"
#include "core/http/range.h"
#include "core/http/retry.h"
#include "core/inflight.h"
#include "core/keeper.h"
#include "core/learned.h"
#include "core/log.h"
#include "core/report.h"

#define SKEW_MIN_S    60    /* a smaller difference is no reason for a refused signature */
#define CORRUPT_TRIES 3	    /* an object that is wrong three times is wrong */
#define STEPS_MAX     65536 /* requests of one call */

/* Of what a service has begun and works on by itself. */
#define SETTLE_FIRST_MS 50
#define SETTLE_EACH_MS	5000
#define SETTLE_MAX_MS	(2 * INT64_C(3600000))

/* Bytes that were delivered can only be built upon when the version has a strong name. */
static void settle_partial(struct flight *f)
{
	if (f->body.begun && (!f->body.object.etag[0] || f->body.object.etag[0] == 'W'))
		body_restart(&f->body);
	if (f->body.begun && !f->body.delivered)
		body_restart(&f->body);
}

/* The connection is given up, not the service: this costs no try and nothing of the budget, which
 * is for what follows. A pause of the network that halts all bodies at once must not use that up.
 * It comes some times a call at most (send_off() in core/flight.c). */
static void on_straggler(struct flight *f)
{
	TALLY_ADD(f->job, hedges, 1);
	f->stragglers++;
	settle_partial(f);
	if (!f->site.tries_max) /* which counts all sendings */
		f->tries = 0;
	f->progress_bytes = f->body.delivered;
	f->progress_ms = clock_mono_ms();
	flight_relaunch(f, retry_delay_ms(1, arc4random(), flight_totals.limits.retry_base_ms,
					  flight_totals.limits.retry_cap_ms));
}

static void on_failure(struct flight *f)
{
	enum http_failure failure = f->x.failure;

	if (failure == HTTP_CANCELED) {
		flight_conclude(f, -ECANCELED);
		return;
	}
	if (f->x.straggled) {
		on_straggler(f);
		return;
	}
	settle_partial(f);
	lost_note_failure(f);
	if (flight_try_again(f, report_tries(failure), NULL))
		return;
	report_failure(f->call, &f->site, &f->x, f->tries_total, f->call->message);
	flight_conclude(f, failure == HTTP_CALLER ? f->x.error : -EIO);
}

/* An answer that is no answer: perhaps the next one is. */
static void on_bad_answer(struct flight *f, const char *what)
{
	char id[STORE_ID_BYTES];

	f->ops->request_id(&f->x.answer, id);
	body_restart(&f->body);
	lost_note_status(f);
	if (flight_try_again(f, CORRUPT_TRIES, NULL))
		return;
	report_bad_answer(f->call, &f->site, id, what, f->call->message);
	flight_conclude(f, -EIO);
}

/* head(), body() or send() ended the exchange. */
static void on_caller_error(struct flight *f)
{
	bool ours = f->body.sink_failed || f->source_failed;

	if (!ours && f->x.error == -EBADMSG)
		on_bad_answer(f, "the answer contradicts itself or lacks a length");
	else if (!ours && f->x.error == -EMSGSIZE)
		on_bad_answer(f, "the answer is larger than any that is right");
	else
		flight_conclude(f, f->x.error);
}

static bool cure_clock(struct flight *f)
{
	const char *date = header_get(&f->x.answer, "Date");
	struct learned_endpoint *endpoint = learned_endpoint(f->site.origin);
	int64_t server_s;
	int64_t skew_s;

	if (f->clock_cured || !date || date_parse_http(date, &server_s) < 0)
		return false;
	skew_s = server_s - clock_wall_s();
	if (llabs(skew_s - endpoint->skew_s) < SKEW_MIN_S)
		return false;
	log_warn("%s: its clock differs by %lld s; signing with its time", f->site.origin,
		 (long long)skew_s);
	endpoint->skew_s = skew_s;
	f->clock_cured = true;
	flight_relaunch(f, 0);
	return true;
}

static bool cure_region(struct flight *f, const struct store_fault *fault)
{
	if (f->region_cured || !f->call->bucket || !strcmp(fault->region, f->site.region))
		return false;
	log_info("%s://%s: is in %s", f->call->scheme, f->call->bucket, fault->region);
	learned_set_region(f->call->ctx, f->call->scheme, f->call->bucket, fault->region);
	f->region_cured = true;
	flight_relaunch(f, 0);
	return true;
}

/* With a credential that is renewed because this one has expired, if it is one that can be. */
static bool cure_creds(struct flight *f, const struct store_fault *fault)
{
	int64_t age_min_ms = fault->code[0] ? 0 : flight_totals.limits.creds_age_ms;

	if (f->creds_cured || !f->creds_entry ||
	    !keeper_reject(f->creds_entry, f->creds_serial, age_min_ms))
		return false;
	log_info("%s://%s: the credential has expired; renewing it", f->call->scheme,
		 f->call->bucket ? f->call->bucket : "");
	f->creds_cured = true;
	flight_relaunch(f, 0);
	return true;
}

/* Sends the body again with digests made anew: it was damaged on its way, or the source changed. */
static bool cure_body(struct flight *f)
{
	f->hashing.sums = (struct store_sums){0};
	return flight_try_again(f, CORRUPT_TRIES, NULL);
}

static void note_success(struct flight *f)
{
	struct learned_endpoint *endpoint = learned_endpoint(f->site.origin);

	retry_budget_success(&endpoint->budget, f->tries > 1);
}

/* That was one of several requests. */
static void on_step(struct flight *f)
{
	note_success(f);
	f->asking = ASK_CALL; /* also when a look has shown it */
	if (f->ask.is_made && !f->is_made) {
		f->is_made = true;
		f->made = f->ask.object;
	}
	if (++f->step == STEPS_MAX) {
		report_local(f->call, "it takes more requests than can be right", f->call->message);
		flight_conclude(f, -EIO);
		return;
	}
	free(f->carry);
	f->carry = f->ask.carry_out;
	f->ask.carry_out = NULL;
	flight_go_on(f);
}

void outcome_fault(struct flight *f)
{
	struct store_answer answer = flight_answer(f);
	struct store_fault fault = {0};

	f->ops->fault(&f->ask, &f->site, &answer, &fault);
	lost_note_status(f);
	strcpy(f->call->code, fault.code);
	if (f->x.status == 412)
		lacking_heeded(f);
	if (fault.done) {
		note_success(f);
		flight_conclude(f, 0);
		return;
	}
	if (fault.cure == STORE_CURE_REGION && cure_region(f, &fault))
		return;
	if (fault.quirk && lacking_learn(f, &fault))
		return;
	if (fault.cure == STORE_CURE_CLOCK && cure_clock(f))
		return;
	if (fault.cure == STORE_CURE_RENEW && cure_creds(f, &fault))
		return;
	if (fault.cure == STORE_CURE_RESEND && cure_body(f))
		return;
	if (fault.cure == STORE_CURE_WAIT) {
		settle_partial(f);
		if (flight_try_again(f, RETRY_TRIES_MAX, header_get(&f->x.answer, "Retry-After")))
			return;
	}
	f->ask.names = fault.names;
	lacking_names(f);
	if (fault.passes && f->asking == ASK_CALL &&
	    (f->x.status / 100 == 4 || f->x.status == 501)) {
		on_step(f);
		return;
	}
	if (lacking_is_look(f) && fault.error == -ENOENT) {
		lacking_looked(f, -ENOENT);
		return;
	}
	if ((f->asking == ASK_WRITTEN || f->asking == ASK_MADE) && fault.error == -ENOENT) {
		lost_not_ours(f);
		return;
	}
	if (!flight_is_quiet(fault.error))
		report_fault(f->call, &f->site, f->x.status, &fault, f->call->message);
	if (!lost_ask(f, fault.error))
		flight_conclude(f, fault.error ? fault.error : -EIO);
}

/* A HEAD after a GET beyond the end. */
static void on_beyond_head(struct flight *f)
{
	int ret = body_beyond(&f->body, f->call, &f->ask.object);

	flight_conclude(f, ret);
}

/* 416: there is nothing at that offset. How large is the object then? */
static void on_beyond(struct flight *f)
{
	const char *text = header_get(&f->x.answer, "Content-Range");
	struct store_object object = {0};
	struct range_answer range;

	if (f->body.delivered) {
		flight_conclude(f, -ESTALE); /* it shrank between two parts */
		return;
	}
	if (text && !range_parse(text, &range) && !range.satisfied)
		object.size = range.size;
	else if (f->call->offset)
		f->asking = ASK_SIZE;
	/* or is it a directory, of which nothing was asked for either? */
	if (!object.size && f->site.names != STORE_NAMES_FLAT)
		f->asking = ASK_SIZE;
	if (f->asking == ASK_SIZE)
		flight_relaunch(f, 0);
	else
		flight_conclude(f, body_beyond(&f->body, f->call, &object));
}

/* Is what the service says it has what was sent? */
static bool is_as_sent(const struct flight *f, const struct store_check *check)
{
	const struct store_sums *sums = &f->hashing.sums;
	const uint8_t *digest = NULL;
	size_t bytes = 0;

	if (check->kind == DIGEST_MD5 && sums->has_md5) {
		digest = sums->md5;
		bytes = sizeof(sums->md5);
	} else if (check->kind == DIGEST_CRC32C && sums->has_crc32c) {
		digest = sums->crc32c;
		bytes = sizeof(sums->crc32c);
	}
	if (!f->request.streams || !digest)
		return true;
	return check->hex ? digest_is_hex(digest, bytes, check->text)
			  : digest_is_base64(digest, bytes, check->text);
}

static void on_other_bytes(struct flight *f)
{
	static const char what[] = "the service keeps other bytes than were sent";
	char id[STORE_ID_BYTES];

	if (!f->call->if_match && !f->call->if_none_match) {
		on_bad_answer(f, what);
		return;
	}
	/* to send it again would only break the condition */
	f->ops->request_id(&f->x.answer, id);
	report_bad_answer(f->call, &f->site, id, what, f->call->message);
	flight_conclude(f, -EIO);
}

/* What a success has only begun is asked for again, less and less often. Returns whether the flight
 * goes on so or has ended. */
static bool await_settled(struct flight *f, const struct store_answer *answer)
{
	int (*settled)(const struct store_answer *answer) = flight_verb(f)->settled;
	int64_t now_ms = clock_mono_ms();
	int64_t delay_ms;
	int ret;

	if (!settled ||
	    (f->asking != ASK_CALL && f->asking != ASK_MADE && f->asking != ASK_SETTLED))
		return false;
	ret = settled(answer);
	if (!ret)
		return false;
	if (f->asking != ASK_SETTLED)
		f->settle_ms = now_ms;
	f->asking = ASK_SETTLED;
	delay_ms = SETTLE_FIRST_MS + (now_ms - f->settle_ms) / 4;
	if (ret == -EINPROGRESS && now_ms - f->settle_ms < SETTLE_MAX_MS) {
		f->tries = 0;
		f->progress_ms = now_ms;
		flight_relaunch(f, delay_ms < SETTLE_EACH_MS ? delay_ms : SETTLE_EACH_MS);
		return true;
	}
	report_local(f->call,
		     ret == -EINPROGRESS
			     ? "the service works on it for hours; look later whether it is there"
			     : "the service began it and then failed",
		     f->call->message);
	flight_conclude(f, ret == -EINPROGRESS ? -EIO : ret);
	return true;
}

/* The service was too busy for some of what was asked. What it did answer is not asked again. */
static void on_busy(struct flight *f)
{
	static const char what[] = "the service was too busy for some of it";
	char id[STORE_ID_BYTES];

	f->ops->request_id(&f->x.answer, id);
	free(f->carry);
	f->carry = f->ask.carry_out;
	f->ask.carry_out = NULL;
	f->step++;
	f->tries = ++f->busy;
	if (flight_try_again(f, RETRY_TRIES_MAX, header_get(&f->x.answer, "Retry-After")))
		return;
	report_bad_answer(f->call, &f->site, id, what, f->call->message);
	flight_conclude(f, -EIO);
}

/* It is not the version that is known, so it is wanted. */
static void on_version(struct flight *f)
{
	f->looked = true;
	f->asking = ASK_CALL;
	if (!strcmp(f->ask.object.etag, f->call->if_none_match))
		flight_conclude(f, -EALREADY);
	else
		flight_go_on(f);
}

static void on_success(struct flight *f)
{
	struct store_check check = {0};
	struct store_answer answer = flight_answer(f);
	int ret;

	if (f->ask.verb == STORE_GET) {
		ret = body_end(&f->body, f->call);
		if (ret == -EAGAIN) {
			f->x.failure = HTTP_CUT;
			on_failure(f);
			return;
		}
	} else if (f->asking == ASK_MADE) {
		ret = flight_verb(f)->made(&f->ask, &answer);
	} else {
		ret = f->ops->verb[f->ask.verb].parse(&f->ask, &answer, &check);
	}
	if (ret != -EBADMSG)
		lacking_names(f);
	if (f->asking == ASK_MADE && (!ret || ret == -ESTALE || ret == -ENOENT)) {
		note_success(f);
		ret = lost_dated(f, ret);
		if (ret || !await_settled(f, &answer))
			lost_shown(f, ret);
		return;
	}
	if (ret == -EREMOTEIO) {
		outcome_fault(f);
		return;
	}
	if (ret == -EINPROGRESS) {
		on_step(f);
		return;
	}
	if (ret == -EAGAIN) {
		on_busy(f);
		return;
	}
	if (ret == -EBADMSG) {
		on_bad_answer(f, f->ask.verb == STORE_GET
					 ? "the bytes do not match the object's checksum"
					 : "the answer is not what the service gives");
		return;
	}
	if (ret < 0) {
		flight_conclude(f, ret);
		return;
	}
	if (!is_as_sent(f, &check)) {
		on_other_bytes(f);
		return;
	}
	note_success(f);
	lacking_proven(f);
	if (await_settled(f, &answer))
		return;
	if (f->asking == ASK_SIZE)
		on_beyond_head(f);
	else if (f->asking == ASK_WRITTEN)
		lost_found(f);
	else if (f->asking == ASK_VERSION)
		on_version(f);
	else if (lacking_is_look(f))
		lacking_looked(f, 0);
	else
		flight_conclude(f, 0);
}

static bool is_success(int status)
{
	return status >= 200 && status < 300;
}

/* A server that was asked for leave and answered without giving it will not give it next time. */
static void note_deafness(const struct flight *f)
{
	if (f->x.expect && !f->x.continued && (is_success(f->x.status) || f->x.status == 417))
		learned_endpoint(f->site.origin)->deaf = true;
}

void outcome_judge(struct flight *f)
{
	const struct http_exchange *x = &f->x;

	note_deafness(f);
	if (x->failure == HTTP_CALLER)
		on_caller_error(f);
	else if (x->failure != HTTP_NONE)
		on_failure(f);
	else if (is_success(x->status))
		on_success(f);
	else if (x->status == 416 && f->ask.verb == STORE_GET)
		on_beyond(f);
	else if (x->status == 417 && x->expect)
		flight_relaunch(f, 0); /* the next one does not ask */
	else
		outcome_fault(f);
}
