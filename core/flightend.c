// SPDX-License-Identifier: Apache-2.0
/* How a flight ends: its results go to the call, and what it owned is freed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/batch.h"
#include "core/entries.h"
#include "core/http/date.h"
#include "core/inflight.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/pairs.h"
#include "core/report.h"

bool flight_is_quiet(int error)
{
	return error == -ENOENT || error == -EALREADY || error == -ESTALE || error == -EOPNOTSUPP ||
	       error == -ENOTEMPTY || error == -ECANCELED;
}

int64_t flight_age_s(const struct flight *f)
{
	const char *date = header_get(&f->x.answer, "Date");
	int64_t now_s;

	if (!date || date_parse_http(date, &now_s) < 0 || !f->ask.object.mtime_ns)
		return STORE_AGE_UNKNOWN;
	return now_s - f->ask.object.mtime_ns / DATE_NS_PER_S;
}

static void free_results(struct store_call *ask)
{
	entries_free(&ask->list);
	pairs_free(&ask->user);
	pairs_free(&ask->fields);
	free(ask->key_errors);
	ask->key_errors = NULL;
	free(ask->upload_id);
	ask->upload_id = NULL;
	free(ask->part_id);
	ask->part_id = NULL;
	free(ask->carry_out);
	ask->carry_out = NULL;
}

/* Gives a list of one call to another. */
static void move_pairs(struct store_pairs *to, struct store_pairs *from)
{
	pairs_free(to);
	*to = *from;
	*from = (struct store_pairs){0};
}

void flight_give_metadata(struct flight *f)
{
	move_pairs(&f->call->user, &f->ask.user);
	move_pairs(&f->call->fields, &f->ask.fields);
}

void flight_charge_answer(struct flight *f)
{
	memory_add(MEMORY_ANSWERS, (int64_t)f->answer.cap - (int64_t)f->charged);
	f->charged = f->answer.cap;
}

void flight_clear(struct flight *f)
{
	free_results(&f->ask);
	header_clear(&f->request.fields);
	buffer_free(&f->request.target);
	buffer_free(&f->request.body);
	buffer_free(&f->request.tail);
	buffer_free(&f->answer);
	flight_charge_answer(f);
}

void flight_free(struct flight *f)
{
	flight_clear(f);
	header_clear(&f->x.answer);
	buffer_free(&f->url);
	free(f->carry);
	body_free(&f->body);
	job_put(f->job);
	free(f);
}

/* What came of the keys of a call that failed after some of its requests were answered. */
static void tell_keys(struct flight *f, int error)
{
	if (error && f->call->verb == STORE_DELETE_MANY && f->carry && !f->ask.key_errors)
		f->ask.key_errors = batch_errors(f->carry, f->call->key_count, error);
}

void flight_conclude(struct flight *f, int error)
{
	struct store_call *call = f->call;
	struct job *job = f->job, *before;

	if (f->is_made) {
		if (error)
			log_warn("%s://%s/%s is made, but not all that went before is removed: %s",
				 call->scheme, call->bucket, call->key,
				 call->message[0] ? call->message : strerror(-error));
		error = 0;
		f->ask.object = f->made;
	}
	call->error = error;
	call->status = f->x.status;
	call->names = f->site.names;
	call->is_directory = f->ask.is_directory;
	call->is_unsure = f->unsure;
	f->ops->request_id(&f->x.answer, call->request_id);
	tell_keys(f, error);
	call->key_errors = f->ask.key_errors;
	f->ask.key_errors = NULL;
	if (error && call->is_directory) {
		call->object = f->ask.object;
		flight_give_metadata(f);
	}
	if (!error) {
		call->age_s = call->verb == STORE_HEAD ? flight_age_s(f) : STORE_AGE_UNKNOWN;
		call->object = call->verb == STORE_GET ? f->body.object : f->ask.object;
		call->list = f->ask.list;
		entries_charge(&call->list);
		f->ask.list = (struct store_list){0};
		call->upload_id = f->ask.upload_id;
		f->ask.upload_id = NULL;
		call->part_id = f->ask.part_id;
		f->ask.part_id = NULL;
		if (call->verb != STORE_GET)
			flight_give_metadata(f);
		call->message[0] = '\0';
		call->code[0] = '\0';
	} else if (flight_is_quiet(error)) {
		call->message[0] = '\0';
	} else {
		if (!call->message[0])
			report_local(call, strerror(-error), call->message);
		if (call->trial)
			log_info("%s", call->message); /* it was tried to see that */
		else
			log_warn("%s", call->message);
	}
	if (error && (!flight_is_quiet(error) || error == -ECANCELED))
		TALLY_ADD(job, errors, 1);
	f->job = NULL;
	flight_free(f);
	before = job_switch(job); /* what is submitted there is for the same */
	call->done(call);
	job_switch(before);
	job_put(job);
}
