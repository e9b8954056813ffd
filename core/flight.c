// SPDX-License-Identifier: Apache-2.0
/*
 * One store call on its way. Everything but flight_start() runs on the I/O thread. A flight ends in
 * conclude() and nowhere else. Between two sendings it is a task that waits; while it is sent it is
 * an exchange; it is never both.
 */
#include "core/flight.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/body.h"
#include "core/clock.h"
#include "core/http/date.h"
#include "core/http/range.h"
#include "core/http/retry.h"
#include "core/http/status.h"
#include "core/http/xml.h"
#include "core/learned.h"
#include "core/log.h"
#include "core/report.h"
#include "core/route.h"

#define ANSWER_BYTES_MAX XML_BYTES_MAX /* of a list */
#define FAULT_BYTES_MAX	 65536	       /* of an error answer; what is beyond is not read */
#define PROGRESS_BYTES \
	65536		 /* so much of a body since the last sending counts as a fresh start \
			  */
#define SKEW_MIN_S    60 /* a smaller difference is no reason for a refused signature */
#define CORRUPT_TRIES 3	 /* an object that is wrong three times is wrong */

struct flight {
	struct http_task task;
	struct http_exchange x;
	struct store_call *call;
	const struct store_ops *ops;

	struct store_call ask; /* what is being asked now; holds the results */
	struct store_site site;
	struct store_request request;
	struct buffer url;
	struct buffer answer; /* the body, when it is not an object's */
	struct body body;

	unsigned tries, tries_total; /* sendings, since the last progress and in all */
	int64_t progress_ms;
	uint64_t progress_bytes;
	bool region_cured, clock_cured; /* each once */
	bool beyond; /* the GET turned out to be beyond the end: a HEAD asks for the size */
};

struct flight_totals flight_totals = {
	.limits = FLIGHT_LIMITS_DEFAULT,
};

static void launch(struct flight *f);

static bool is_quiet(int error)
{
	return error == -ENOENT || error == -EALREADY || error == -ESTALE || error == -ECANCELED;
}

static void free_list(struct store_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->entries[i].name);
	free(list->entries);
	free(list->next_token);
	*list = (struct store_list){0};
}

static void flight_free(struct flight *f)
{
	free_list(&f->ask.list);
	header_clear(&f->request.fields);
	header_clear(&f->x.answer);
	buffer_free(&f->request.target);
	buffer_free(&f->url);
	buffer_free(&f->answer);
	body_free(&f->body);
	free(f);
}

static void conclude(struct flight *f, int error)
{
	struct store_call *call = f->call;

	call->error = error;
	call->status = f->x.status;
	f->ops->request_id(&f->x.answer, call->request_id);
	if (!error) {
		call->object = call->verb == STORE_GET ? f->body.object : f->ask.object;
		call->list = f->ask.list;
		f->ask.list = (struct store_list){0};
		call->message[0] = '\0';
	} else if (is_quiet(error)) {
		call->message[0] = '\0';
	} else {
		if (!call->message[0])
			report_local(call, strerror(-error), call->message);
		log_warn("%s", call->message);
	}
	if (error && (!is_quiet(error) || error == -ECANCELED))
		flight_totals.errors++;
	flight_free(f);
	call->done(call);
}

static void task_run(struct http_task *task, bool canceled)
{
	struct flight *f = (struct flight *)((char *)task - offsetof(struct flight, task));

	if (canceled)
		conclude(f, -ECANCELED);
	else
		launch(f);
}

/* Sends the same again after delay_ms. */
static void relaunch(struct flight *f, int64_t delay_ms)
{
	int ret;

	flight_totals.retries++;
	log_debug("%s://%s: again in %lld ms", f->call->scheme,
		  f->call->bucket ? f->call->bucket : "", (long long)delay_ms);
	ret = http_post(&f->task, delay_ms);
	if (ret < 0)
		conclude(f, ret);
}

/* Sends it again if that may help: not too often, not too late, not when the endpoint is down.
 * Returns whether it does; if not, the flight is as before. */
static bool try_again(struct flight *f, unsigned tries_max, const char *retry_after)
{
	int64_t now_ms = clock_mono_ms();
	int64_t delay_ms;
	int64_t after_ms;

	if (f->body.delivered >= f->progress_bytes + PROGRESS_BYTES) {
		f->progress_bytes = f->body.delivered;
		f->progress_ms = now_ms;
		f->tries = 1;
	}
	if (f->tries >= tries_max || now_ms - f->progress_ms >= flight_totals.limits.patience_ms)
		return false;
	if (!retry_budget_take(&learned_endpoint(f->site.origin)->budget)) {
		log_info("%s: too many retries, this one is not made", f->site.origin);
		return false;
	}
	delay_ms = retry_delay_ms(f->tries, arc4random(), flight_totals.limits.retry_base_ms,
				  flight_totals.limits.retry_cap_ms);
	after_ms = retry_after_ms(retry_after, clock_wall_s());
	relaunch(f, after_ms > delay_ms ? after_ms : delay_ms);
	return true;
}

/* Bytes that were delivered can only be built upon when the version has a strong name. */
static void settle_partial(struct flight *f)
{
	if (f->body.begun && (!f->body.object.etag[0] || f->body.object.etag[0] == 'W'))
		body_restart(&f->body);
	if (f->body.begun && !f->body.delivered)
		body_restart(&f->body);
}

static void on_failure(struct flight *f)
{
	enum http_failure failure = f->x.failure;

	if (failure == HTTP_CANCELED) {
		conclude(f, -ECANCELED);
		return;
	}
	settle_partial(f);
	if (try_again(f, report_tries(failure), NULL))
		return;
	report_failure(f->call, &f->site, &f->x, f->tries_total, f->call->message);
	conclude(f, failure == HTTP_CALLER ? f->x.error : -EIO);
}

/* An answer that is no answer: perhaps the next one is. */
static void on_bad_answer(struct flight *f, const char *what)
{
	char id[STORE_ID_BYTES];

	f->ops->request_id(&f->x.answer, id);
	body_restart(&f->body);
	if (try_again(f, CORRUPT_TRIES, NULL))
		return;
	report_bad_answer(f->call, &f->site, id, what, f->call->message);
	conclude(f, -EIO);
}

/* head() or body() ended the exchange. */
static void on_caller_error(struct flight *f)
{
	if (!f->body.sink_failed && f->x.error == -EBADMSG)
		on_bad_answer(f, "the answer contradicts itself or lacks a length");
	else if (!f->body.sink_failed && f->x.error == -EMSGSIZE)
		on_bad_answer(f, "the answer is larger than any that is right");
	else
		conclude(f, f->x.error);
}

static struct store_answer answer_of(const struct flight *f)
{
	return (struct store_answer){
		.status = f->x.status,
		.fields = &f->x.answer,
		.body = buffer_text(&f->answer),
		.body_bytes = f->answer.len,
	};
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
	relaunch(f, 0);
	return true;
}

static bool cure_region(struct flight *f, const struct store_fault *fault)
{
	if (f->region_cured || !f->call->bucket || !strcmp(fault->region, f->site.region))
		return false;
	log_info("%s://%s: is in %s", f->call->scheme, f->call->bucket, fault->region);
	learned_set_region(f->call->ctx, f->call->scheme, f->call->bucket, fault->region);
	f->region_cured = true;
	relaunch(f, 0);
	return true;
}

static void on_fault(struct flight *f)
{
	struct store_answer answer = answer_of(f);
	struct store_fault fault = {0};

	f->ops->fault(f->call, &f->site, &answer, &fault);
	if (fault.cure == STORE_CURE_REGION && cure_region(f, &fault))
		return;
	if (fault.cure == STORE_CURE_CLOCK && cure_clock(f))
		return;
	if (fault.cure == STORE_CURE_WAIT) {
		settle_partial(f);
		if (try_again(f, RETRY_TRIES_MAX, header_get(&f->x.answer, "Retry-After")))
			return;
	}
	if (!is_quiet(fault.error))
		report_fault(f->call, &f->site, f->x.status, &fault, f->call->message);
	conclude(f, fault.error ? fault.error : -EIO);
}

static void note_success(struct flight *f)
{
	struct learned_endpoint *endpoint = learned_endpoint(f->site.origin);

	retry_budget_success(&endpoint->budget, f->tries > 1);
}

/* A HEAD after a GET beyond the end. */
static void on_beyond_head(struct flight *f)
{
	int ret = body_beyond(&f->body, f->call, &f->ask.object);

	conclude(f, ret);
}

/* 416: there is nothing at that offset. How large is the object then? */
static void on_beyond(struct flight *f)
{
	const char *text = header_get(&f->x.answer, "Content-Range");
	struct store_object object = {0};
	struct range_answer range;

	if (f->body.delivered) {
		conclude(f, -ESTALE); /* it shrank between two parts */
		return;
	}
	if (text && !range_parse(text, &range) && !range.satisfied)
		object.size = range.size;
	else if (f->call->offset)
		f->beyond = true;
	if (f->beyond)
		relaunch(f, 0);
	else
		conclude(f, body_beyond(&f->body, f->call, &object));
}

static void on_success(struct flight *f)
{
	struct store_check check = {0};
	struct store_answer answer = answer_of(f);
	int ret;

	if (f->ask.verb == STORE_GET) {
		ret = body_end(&f->body, f->call);
		if (ret == -EAGAIN) {
			f->x.failure = HTTP_CUT;
			on_failure(f);
			return;
		}
	} else {
		ret = f->ops->verb[f->ask.verb].parse(&f->ask, &answer, &check);
	}
	if (ret == -EBADMSG) {
		on_bad_answer(f, f->ask.verb == STORE_GET
					 ? "the bytes do not match the object's checksum"
					 : "the answer is not what the service gives");
		return;
	}
	if (ret < 0) {
		conclude(f, ret);
		return;
	}
	note_success(f);
	if (f->beyond)
		on_beyond_head(f);
	else
		conclude(f, 0);
}

static bool is_success(int status)
{
	return status >= 200 && status < 300;
}

static int on_head(struct http_exchange *x)
{
	struct flight *f = x->arg;
	struct store_answer answer = answer_of(f);
	struct store_check check = {0};
	int ret;

	f->answer.max = is_success(x->status) ? ANSWER_BYTES_MAX : FAULT_BYTES_MAX;
	if (f->ask.verb != STORE_GET || !is_success(x->status))
		return 0;
	if (x->status != 200 && x->status != 206)
		return -EBADMSG;
	f->ask.object = (struct store_object){0};
	ret = f->ops->verb[STORE_GET].parse(&f->ask, &answer, &check);
	if (ret < 0)
		return ret;
	return body_head(&f->body, f->call, &answer, &f->ask.object, &check);
}

static int on_body(struct http_exchange *x, const void *data, size_t bytes)
{
	struct flight *f = x->arg;
	int ret;

	flight_totals.bytes_in += bytes;
	if (f->ask.verb == STORE_GET && is_success(x->status))
		return body_data(&f->body, f->call, data, bytes);
	ret = buffer_add(&f->answer, data, bytes);
	if (ret == -EMSGSIZE && !is_success(x->status))
		return HTTP_ENOUGH;
	return ret;
}

static void on_done(struct http_exchange *x)
{
	struct flight *f = x->arg;

	flight_totals.connections += x->connections;
	log_debug("%s %s://%s/%s: %d %s", x->method, f->call->scheme,
		  f->call->bucket ? f->call->bucket : "", f->call->key ? f->call->key : "",
		  x->status, x->detail);
	if (x->failure == HTTP_CALLER)
		on_caller_error(f);
	else if (x->failure != HTTP_NONE)
		on_failure(f);
	else if (is_success(x->status))
		on_success(f);
	else if (x->status == 416 && f->ask.verb == STORE_GET)
		on_beyond(f);
	else
		on_fault(f);
}

static void reset_attempt(struct flight *f)
{
	free_list(&f->ask.list);
	header_clear(&f->request.fields);
	buffer_free(&f->request.target);
	buffer_clear(&f->url);
	buffer_free(&f->answer);
	f->ask = body_ask(&f->body, f->call);
	if (f->beyond)
		f->ask.verb = STORE_HEAD;
	f->request.target = BUFFER_INIT(STORE_TARGET_BYTES);
}

static int build(struct flight *f, const struct creds *creds)
{
	int64_t now_s;
	int ret = f->ops->verb[f->ask.verb].build(&f->ask, &f->site, &f->request);

	if (ret < 0)
		return ret;
	if (!creds->anonymous) {
		now_s = clock_wall_s() + learned_endpoint(f->site.origin)->skew_s;
		ret = f->ops->sign(&f->site, creds, now_s, &f->request);
	}
	if (!ret)
		ret = buffer_addf(&f->url, "%s%s", f->site.origin, buffer_text(&f->request.target));
	return ret;
}

static int send_off(struct flight *f)
{
	f->x.method = f->request.method;
	f->x.url = buffer_text(&f->url);
	f->x.fields = &f->request.fields;
	f->x.route = route_to(f->call->ctx, f->site.origin, f->site.ca_bundle);
	f->tries++;
	f->tries_total++;
	flight_totals.requests[f->ask.verb]++;
	return http_send(&f->x);
}

/* The next sending. */
static void launch(struct flight *f)
{
	const struct store_call *call = f->call;
	const char *region = NULL;
	struct creds creds;
	int ret;

	reset_attempt(f);
	if (call->bucket)
		region = learned_region(call->ctx, call->scheme, call->bucket);
	ret = f->ops->locate(call, region, &f->site, &creds, f->call->message);
	if (!ret)
		ret = build(f, &creds);
	creds_wipe(&creds);
	if (!ret)
		ret = send_off(f);
	if (ret < 0)
		conclude(f, ret);
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
	if (!ops || call->verb < 0 || call->verb >= STORE_VERBS || !ops->verb[call->verb].build)
		ops = &nowhere;
	f->call = call;
	f->ops = ops;
	f->task.run = task_run;
	f->x.head = on_head;
	f->x.body = on_body;
	f->x.done = on_done;
	f->x.arg = f;
	f->url = BUFFER_INIT(STORE_TARGET_BYTES + STORE_ORIGIN_BYTES);
	f->progress_ms = clock_mono_ms();
	ret = http_post(&f->task, 0);
	if (ret < 0)
		flight_free(f);
	return ret;
}
