/* SPDX-License-Identifier: Apache-2.0 */
/* Lookups under way: who finds out what others wait for. One condition for all who wait. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/clock.h"
#include "fs/metaentry.h"

#define GAVE_UP (-5000) /* who fetched ahead has: no errno */

static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;

/* Waits for the lookup that is on its way. */
static int join(struct metaentry *e, struct meta_fact *out, char *message)
{
	/* what was asked for too long ago is no answer to who opens it now */
	bool is_late = e->leads_ahead && clock_ns() >= e->asked_ns + meta_ttl_ns();
	unsigned turn = e->turn;
	int ret;

	e->refs++;
	if (e->is_wanted)
		__atomic_store_n(e->is_wanted, true, __ATOMIC_RELAXED);
	while (e->turn == turn)
		pthread_cond_wait(&ended, &metaentry_lock);
	e->refs--;
	ret = is_late ? GAVE_UP : e->error;
	if (ret)
		snprintf(message, STORE_MESSAGE_BYTES, "%s", e->message ? e->message : "");
	else
		metaentry_read_fact(e, out);
	return ret ? ret : 1;
}

static int enter(const uint8_t *ctx, const char *name, bool anew, struct meta_fact *out,
		 char message[STORE_MESSAGE_BYTES])
{
	struct metaentry *e = metaentry_find_or_new(ctx, name);
	int ret = 0;

	if (!e) {
		ret = -ENOMEM;
	} else if (!e->is_busy && !anew && metaentry_believe(e, false)) {
		metaentry_read_fact(e, out);
		ret = 1;
	} else if (e->is_busy) {
		ret = join(e, out, message);
	} else {
		e->is_busy = true;
		e->asked_ns = clock_ns();
	}
	return ret;
}

int meta_enter(const uint8_t *ctx, const char *name, bool anew, struct meta_fact *out,
	       char message[STORE_MESSAGE_BYTES])
{
	int ret;

	pthread_mutex_lock(&metaentry_lock);
	do
		ret = enter(ctx, name, anew, out, message);
	while (ret == GAVE_UP);
	metaentry_make_room();
	pthread_mutex_unlock(&metaentry_lock);
	return ret;
}

bool meta_enter_ahead(const uint8_t *ctx, const char *name)
{
	struct metaentry *e;
	bool leads;

	pthread_mutex_lock(&metaentry_lock);
	e = metaentry_find(ctx, name);
	leads = e && !e->is_busy && e->kind == META_FILE;
	if (leads) {
		e->is_busy = e->leads_ahead = true;
		e->asked_ns = clock_ns();
	}
	pthread_mutex_unlock(&metaentry_lock);
	return leads;
}

void meta_want_ahead(const uint8_t *ctx, const char *name, bool *is_wanted)
{
	struct metaentry *e;

	pthread_mutex_lock(&metaentry_lock);
	e = metaentry_find(ctx, name); /* there: it is busy */
	e->is_wanted = is_wanted;
	if (e->refs) /* somebody has come already */
		__atomic_store_n(is_wanted, true, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&metaentry_lock);
}

void meta_leave(const uint8_t *ctx, const char *name, int error, const struct meta_fact *fact,
		const char *message)
{
	struct metaentry *e;

	pthread_mutex_lock(&metaentry_lock);
	e = metaentry_find(ctx, name); /* there: it is busy */
	e->is_busy = false;
	e->error = error;
	e->turn++;
	free(e->message);
	e->message = error && message && *message ? strdup(message) : NULL;
	if (error)
		metaentry_expire(e);
	else if (*metaentry_changed_at(name) <= e->asked_ns)
		metaentry_set_fact(e, fact, false);
	else if (!e->until_ns) /* those who wait look for themselves */
		e->error = GAVE_UP;
	pthread_cond_broadcast(&ended);
	pthread_mutex_unlock(&metaentry_lock);
}

void meta_leave_ahead(const uint8_t *ctx, const char *name, const struct meta_fact *fact)
{
	struct metaentry *e;
	int64_t spare_until_ns;

	pthread_mutex_lock(&metaentry_lock);
	e = metaentry_find(ctx, name); /* there: it is busy */
	e->is_busy = e->leads_ahead = false;
	e->is_wanted = NULL;
	e->error = fact ? 0 : GAVE_UP;
	e->turn++;
	free(e->message);
	e->message = NULL;
	if (fact && *metaentry_changed_at(name) <= e->asked_ns) {
		metaentry_look_at_marks(e);
		spare_until_ns = e->spare_until_ns;
		metaentry_set_fact(e, fact, false);
		e->spare_until_ns = spare_until_ns;
		e->until_ns = e->asked_ns + meta_ttl_ns();
		e->is_ahead = true;
	}
	pthread_cond_broadcast(&ended);
	pthread_mutex_unlock(&metaentry_lock);
}
