// SPDX-License-Identifier: Apache-2.0
/*
 * A write whose answer got lost has perhaps been carried out. Sent again, one with a condition then
 * fails on its own success: its ETag is no longer the one that If-Match names, or the name is no
 * longer free. So before such an error is passed on, a HEAD looks whether what is there is ours: by
 * what identifies its bytes, by the metadata that went with it, and by its age. The latter two
 * matter when two writers write the same bytes, as those of empty lock files are. It looks as well
 * when the service goes on answering with errors of its own: RADOS Gateway 16 says 500 to
 * completing an upload that has been completed.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "core/clock.h"
#include "core/inflight.h"
#include "core/log.h"
#include "core/pairs.h"
#include "core/report.h"

#define AGE_SLACK_S 2 /* both times are cut to whole seconds */

void lost_note_failure(struct flight *f)
{
	switch (f->x.failure) {
	case HTTP_FIRST_BYTE:
	case HTTP_STALLED:
	case HTTP_CUT:
	case HTTP_RESET:
	case HTTP_MALFORMED:
		f->unsure |= f->asking == ASK_CALL;
		break;
	default: /* nothing was sent */
		break;
	}
}

void lost_note_status(struct flight *f)
{
	int status = f->x.status;

	/* 501: it does not even know how */
	f->unsure |= f->asking == ASK_CALL && (status < 300 || (status >= 500 && status != 501));
}

static int expected(const struct flight *f, char identity[STORE_ETAG_BYTES])
{
	return flight_verb(f)->expect(f->call, &f->hashing.sums, identity);
}

/* "Another writer's" would be a claim that nobody can make. */
static void give_up(struct flight *f)
{
	report_local(f->call,
		     "an answer was lost, and whether it was written cannot be told; "
		     "look at what is there",
		     f->call->message);
	flight_conclude(f, -EIO);
}

bool lost_ask(struct flight *f, int error)
{
	char identity[STORE_ETAG_BYTES];
	bool is_gone;

	/* a copy that the service is still at work on keeps its name busy */
	if (error == -EBUSY && !flight_verb(f)->look)
		return false;
	if (f->asking != ASK_CALL || !f->unsure || !flight_verb(f)->expect ||
	    (error != -ESTALE && error != -EEXIST && error != -ENOENT && error != -EIO &&
	     error != -EBUSY))
		return false;
	/* what was renamed is not where it was */
	is_gone = error == -ENOENT && f->call->verb != STORE_RENAME;
	if (expected(f, identity) < 0 && (!flight_verb(f)->look || is_gone)) {
		if (error != -ESTALE)
			return false; /* true in any case */
		give_up(f);
		return true;
	}
	log_info("%s://%s/%s: an answer was lost; looking whether it was written", f->call->scheme,
		 f->call->bucket, f->call->key);
	f->lost.error = error;
	f->lost.status = f->x.status;
	memcpy(f->lost.message, f->call->message, sizeof(f->lost.message));
	f->asking = expected(f, identity) < 0 ? ASK_MADE : ASK_WRITTEN;
	f->tries = 0;
	f->progress_ms = clock_mono_ms();
	flight_relaunch(f, 0);
	return true;
}

/* Was it made before this write was first sent? By the server's clock alone. */
static bool is_too_old(const struct flight *f)
{
	int64_t age_s = flight_age_s(f);
	int64_t flight_s = (clock_mono_ms() - f->first_ms) / 1000;

	/* what went in parts may bear the date on which it was begun, what was renamed keeps its */
	if (f->call->verb == STORE_COMPLETE || f->call->verb == STORE_RENAME ||
	    age_s == STORE_AGE_UNKNOWN)
		return false;
	return age_s > flight_s + AGE_SLACK_S;
}

/* Where what identifies its bytes does not: by a mark that the caller made. */
static bool has_mark(const struct flight *f)
{
	const struct store_call *call = f->call;

	return call->verb == STORE_PUT && call->is_marked && call->set_user &&
	       call->set_user->count && f->ask.object.size == call->source.bytes;
}

void lost_found(struct flight *f)
{
	char ours[STORE_ETAG_BYTES], there[STORE_ETAG_BYTES];
	struct store_answer answer = flight_answer(f);
	bool tells = f->ops->identity(&answer, &f->ask.object, there);
	bool same = !expected(f, ours) && !strcasecmp(ours, there);

	if ((same || (!tells && has_mark(f))) && !is_too_old(f) &&
	    pairs_hold(&f->ask.user, f->call->set_user))
		flight_conclude(f, 0);
	else if (!same && !is_too_old(f) && !tells)
		give_up(f);
	else
		lost_not_ours(f);
}

int lost_dated(const struct flight *f, int error)
{
	return !error && is_too_old(f) ? -ESTALE : error;
}

void lost_shown(struct flight *f, int error)
{
	if (error == -ENOENT)
		give_up(f);
	else if (error)
		lost_not_ours(f);
	else
		flight_conclude(f, 0);
}

void lost_not_ours(struct flight *f)
{
	f->x.status = f->lost.status;
	memcpy(f->call->message, f->lost.message, sizeof(f->lost.message));
	flight_conclude(f, f->lost.error);
}
