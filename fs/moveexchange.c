/* SPDX-License-Identifier: Apache-2.0 */
/* See moveexchange.h. Of two files the second and the first are not deleted before they are
 * replaced: each name has a file at any moment. */
#include "fs/moveexchange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/context.h"
#include "core/log.h"
#include "fs/move.h"
#include "fs/moverecord.h"
#include "fs/movewhere.h"
#include "fs/told.h"

#define LEGS_MAX MOVELOG_LEGS_MAX

struct leg {
	char from[NAME_OBJECT_MAX], to[NAME_OBJECT_MAX];
	bool is_file, keeps, overwrites;
};

struct chain {
	struct movelog *log;
	struct lookup *q[2]; /* for credentials and messages */
	unsigned count;
	struct leg leg[LEGS_MAX];
};

/* The name as a directory's or a file's. */
static void as_kind(const char *object, bool was_dir, bool is_dir, char out[NAME_OBJECT_MAX])
{
	size_t len = strlen(object) - (was_dir ? 1 : 0);

	snprintf(out, NAME_OBJECT_MAX, "%.*s%s", (int)len, object, is_dir ? "/" : "");
}

static void add_leg(struct chain *c, const char *from, const char *to, bool is_dir)
{
	struct leg *leg = &c->leg[c->count++];

	snprintf(leg->from, sizeof(leg->from), "%s", from);
	snprintf(leg->to, sizeof(leg->to), "%s", to);
	leg->is_file = !is_dir;
}

/* The directory first: it may take long, and what fails in the middle is taken back. */
static void plan_mixed(struct chain *c)
{
	const struct movelog *log = c->log;
	const char *object[2] = {log->from, log->to};
	unsigned dir = log->is_dir[0] ? 0 : 1;
	char name[NAME_OBJECT_MAX];

	as_kind(object[!dir], false, true, name);
	add_leg(c, object[dir], name, true);
	as_kind(object[dir], true, false, name);
	add_leg(c, object[!dir], name, false);
}

static void plan(struct chain *c)
{
	const struct movelog *log = c->log;
	bool is_dir = log->is_dir[0];

	if (is_dir != log->is_dir[1]) {
		plan_mixed(c);
		return;
	}
	add_leg(c, log->to, log->scratch, is_dir);
	add_leg(c, log->from, log->to, is_dir);
	add_leg(c, log->scratch, log->from, is_dir);
	if (is_dir)
		return;
	c->leg[0].keeps = c->leg[1].keeps = true;
	c->leg[1].overwrites = c->leg[2].overwrites = true;
}

/* Which versions two files' names have there, so that no others are replaced. */
static void know_target(const struct movelog *log, struct move *m)
{
	if (log->is_dir[0] || log->is_dir[1])
		return;
	if (!log->is_back) {
		m->expects = log->leg ? log->passed[log->leg - 1].was : NULL;
		return;
	}
	m->stays = log->passed[log->leg].was;
	m->expects = log->leg + 1 < LEGS_MAX ? log->passed[log->leg + 1].now : NULL;
}

/* One of them, or the same back. *is_done: as of move_run(). */
static int run_leg(struct chain *c, const struct leg *leg, bool is_back, bool *is_done)
{
	const char *old = is_back ? leg->to : leg->from, *new = is_back ? leg->from : leg->to;
	struct lookup *from = lookup_of(c->log->ctx, old), *to = lookup_of(c->log->ctx, new);
	struct move *m = from && to ? move_new(from, to, old, new) : NULL;
	int ret = -ENOMEM;

	*is_done = false;
	if (m) {
		m->log = c->log;
		m->is_file = leg->is_file;
		m->goes_back = is_back;
		/* back to where it is still, or in place of what came there meanwhile */
		m->overwrites = is_back || leg->overwrites;
		m->keeps = is_back ? leg->overwrites : leg->keeps;
		know_target(c->log, m);
		ret = move_run(m, is_done);
		if (ret && !c->q[0]->message[0])
			memcpy(c->q[0]->message, from->message, sizeof(from->message));
		move_free(m);
	}
	free(from);
	free(to);
	return ret;
}

/* A file's move has told that nothing has the plain name any more. */
static void tell(const struct chain *c)
{
	for (unsigned i = 0; i < c->count; i++) {
		if (!c->leg[i].is_file && strcmp(c->leg[i].to, c->log->scratch) != 0)
			told_dir(c->log->ctx, c->leg[i].to, 0);
	}
}

/* 1: it is over, as log->result says; 0: it goes on; or an error, with which it stays where it is.
 */
static int step(struct chain *c)
{
	struct movelog *log = c->log;
	bool is_done;
	int ret;

	if (!log->is_back && log->leg == c->count)
		return 1;
	if (log->leg >= c->count)
		return -EBADMSG;
	ret = run_leg(c, &c->leg[log->leg], log->is_back, &is_done);
	if (ret && (!is_done || log->is_back))
		return ret;
	if (!ret && !log->is_back)
		return moverecord_leg(log, log->leg + 1, false, 0);
	if (log->leg)
		return moverecord_leg(log, log->leg - 1, true, ret);
	if (ret)
		log->result = ret;
	return 1;
}

/* Ends the log. *is_over: nothing is left to do. Returns what the one who asked is told. */
static int run_chain(struct movelog *log, struct lookup *a, struct lookup *b, bool *is_over)
{
	struct chain *c = calloc(1, sizeof(*c));
	int ret = c ? 0 : -ENOMEM, tried;

	if (c) {
		*c = (struct chain){.log = log, .q = {a, b}};
		plan(c);
	}
	while (!ret)
		ret = step(c);
	*is_over = ret > 0;
	if (ret > 0) {
		ret = log->result;
		if (!ret)
			tell(c);
		movelog_over(log, ret);
	} else {
		tried = ret;
		ret = log->result ? log->result : ret;
		log_warn("%s: its exchange with %s is not finished: %s", log->from, log->to,
			 a->message[0] ? a->message : strerror(-ret));
		movelog_fail(log, tried, a->message);
	}
	free(c);
	return ret;
}

int move_exchange_on(struct movelog *log)
{
	struct lookup *a = lookup_of(log->ctx, log->from), *b = lookup_of(log->ctx, log->to);
	bool is_over = false;
	int ret = -ENOMEM;

	if (a && b && a->ctx)
		ret = run_chain(log, a, b, &is_over);
	else
		movelog_fail(log, ret, "");
	free(a);
	free(b);
	return is_over ? 0 : ret;
}

int moveexchange_again(uint64_t number, int *result)
{
	struct movelog *log;
	int ret;

	while (number && (ret = movelog_again(number, &log, result))) {
		if (ret == 1)
			return 1;
		*result = move_exchange_on(log);
		if (*result)
			return 1;
	}
	return 0;
}

int moveexchange(const struct moveexchange *x)
{
	char name[2][NAME_OBJECT_MAX];
	const char *const object[2] = {name[0], name[1]};
	struct movelog *log;
	bool is_over;
	int ret;

	for (unsigned i = 0; i < 2; i++) {
		if (x->is_dir[i])
			name_prefix(&x->q[i]->name, name[i]);
		else
			name_object(&x->q[i]->name, name[i]);
	}
	x->q[0]->message[0] = '\0';
	ret = movelog_begin_exchange(context_id(x->q[0]->ctx), object, x->is_dir, x->number, &log);
	if (ret)
		return ret;
	movewhere_note(log);
	return run_chain(log, x->q[0], x->q[1], &is_over);
}
