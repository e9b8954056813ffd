// SPDX-License-Identifier: Apache-2.0
/*
 * Services that speak the dialect but lack some of it, found out while calls are under way. What an
 * answer makes one suppose is tried out at once, by making the same call without what may be
 * lacking; only when that succeeds it is believed, said, and remembered for the endpoint. So a
 * refusal with another reason teaches nothing, and fails as it should.
 *
 * Conditions are learned for each kind of write and of condition by itself, and never when such a
 * one was heeded before: then a refusal is a whim of something on the way, and the write fails.
 *
 * Where a write can have no conditions, each of its sendings is preceded by a HEAD that looks for
 * what they ask. That is weaker: another's write in the moment between the two is overwritten.
 * So it is with a deletion wherever nobody knows that the service heeds its condition: many that
 * have conditions of a PUT ignore those of a DELETE without a word.
 */
#include <errno.h>
#include <string.h>

#include "core/inflight.h"
#include "core/learned.h"
#include "core/log.h"
#include "core/quirk.h"

/* Tried by making the same call in another way; what the caller does instead of the others is its
 * own affair. */
#define ON_TRIAL (STORE_QUIRK_CONDITIONS | STORE_QUIRK_QUOTES | STORE_QUIRK_LIST_V1)

static void refuses(const struct flight *f, struct learned_endpoint *endpoint)
{
	const struct store_call *call = f->call;
	unsigned asked = learned_conditions(call) & ~endpoint->heeds;

	if (asked & ~endpoint->refuses)
		log_warn("%s knows no %s of a %s: a look at what is there (HEAD) stands for it, "
			 "which leaves a moment in which two writers do not see each other",
			 f->site.origin, call->if_match ? "If-Match" : "If-None-Match",
			 store_verb_name(call->verb));
	endpoint->refuses |= asked;
}

static void believe(const struct flight *f, unsigned quirks)
{
	struct learned_endpoint *endpoint = learned_endpoint(f->site.origin);
	unsigned known = learned_quirks(endpoint);

	if (quirks & STORE_QUIRK_CONDITIONS)
		refuses(f, endpoint);
	endpoint->quirks |= quirks & ~STORE_QUIRK_CONDITIONS;
	quirks = learned_quirks(endpoint) & ~known;
	for (size_t i = 0; i < QUIRKS; i++) {
		const struct quirk *q = &quirk_table[i];

		if (!(quirks & q->bit))
			continue;
		log_warn("%s %s (the configuration's %s = %s spares finding out)", f->site.origin,
			 q->words, realm_name(q->setting), q->value);
	}
}

/* Where no answer has told yet, it is not guessed. */
static void apply_names(struct flight *f)
{
	const struct store_call *call = f->call;

	if (!f->ops->has_trees)
		f->site.names = STORE_NAMES_FLAT;
	else if (!f->site.names && call->bucket)
		f->site.names = learned_names(call->ctx, call->scheme, call->bucket);
}

void lacking_names(struct flight *f)
{
	const struct store_call *call = f->call;

	if (!f->ask.names || f->ask.names == f->site.names || !call->bucket ||
	    f->site.names_settled)
		return;
	if (f->ask.names == STORE_NAMES_TREE)
		log_info("%s://%.*s: it has a hierarchical namespace", call->scheme,
			 (int)strcspn(call->bucket, "/"), call->bucket);
	learned_set_names(call->ctx, call->scheme, call->bucket, f->ask.names);
	f->site.names = f->ask.names;
}

void lacking_apply(struct flight *f)
{
	const struct store_trial *trial = f->call->trial;
	const struct learned_endpoint *endpoint;
	struct store_site *site = &f->site;
	unsigned quirks;

	apply_names(f);
	if (trial) {
		site->quirks = trial->quirks;
		site->settled = ~0u;
		if (trial->tries_max)
			site->tries_max = trial->tries_max;
		return;
	}
	endpoint = learned_endpoint(site->origin);
	quirks = endpoint->quirks | f->on_trial;
	if (learned_conditions(f->call) & endpoint->refuses)
		quirks |= STORE_QUIRK_CONDITIONS;
	site->quirks |= quirks & ~site->settled;
	site->source_seen = f->source_seen;
	/* of many no HEAD can stand for it: they go without */
	if (f->call->verb == STORE_DELETE_MANY && endpoint->refuses & LEARNED_DELETE_MATCH)
		site->quirks |= STORE_QUIRK_BLIND_DELETE;
	if (f->call->verb == STORE_DELETE && site->quirks & STORE_QUIRK_BLIND_DELETE)
		site->quirks |= STORE_QUIRK_CONDITIONS;
}

bool lacking_looks_first(const struct flight *f)
{
	return f->asking == ASK_CALL && !f->stands && learned_conditions(f->call) &&
	       f->site.quirks & STORE_QUIRK_CONDITIONS;
}

bool lacking_looks_at_source(const struct flight *f)
{
	return f->asking == ASK_CALL && f->source_deaf && !f->source_seen;
}

static void try_out(struct flight *f, unsigned quirk)
{
	f->on_trial |= quirk;
	f->tried_out |= quirk;
	f->asking = ASK_CALL;
	f->tries = 0;
	flight_relaunch(f, 0);
}

/* What a 412 to a write may be about, when the version turns out to be the one that was asked for:
 * the ETag's quotes; or, when these are known or were tried, that the service compares another ETag
 * than it tells, as Swift does when it completes what replaces an object of parts. */
static unsigned suppose(const struct flight *f)
{
	bool quotes = (f->site.quirks | f->site.settled | f->tried_out) & STORE_QUIRK_QUOTES ||
		      learned_endpoint(f->site.origin)->takes_bare;
	unsigned known = f->site.quirks | f->site.settled | f->tried_out;

	if (!quotes)
		return STORE_QUIRK_QUOTES;
	return f->call->verb == STORE_COMPLETE ? STORE_QUIRK_CONDITIONS & ~known : 0;
}

/* A refusal that contradicts what the service tells of the version: the condition was not heeded
 * after all. What was tried before did not help. */
static void try_refused(struct flight *f, unsigned quirk)
{
	if (quirk == STORE_QUIRK_CONDITIONS)
		learned_endpoint(f->site.origin)->heeds &= ~learned_conditions(f->call);
	f->on_trial = 0;
	try_out(f, quirk);
}

bool lacking_is_look(const struct flight *f)
{
	return f->asking == ASK_STANDS || f->asking == ASK_SAME || f->asking == ASK_SOURCE;
}

/* A copy was refused for the version of its source, as Swift does of every object of parts. Is it
 * that version after all, the copy is made without the condition: after a look, that is. */
static bool ask_source(struct flight *f)
{
	const struct store_call *call = f->call;

	/* after an answer that was lost it may be about our own copy, which is there */
	if (f->asking != ASK_CALL || f->source_deaf || f->unsure ||
	    f->site.settled & STORE_QUIRK_SOURCE ||
	    (f->site.bucket_in_host && strcmp(call->bucket, call->from_bucket) != 0))
		return false;
	f->asking = ASK_SOURCE;
	f->tries = 0;
	flight_relaunch(f, 0);
	return true;
}

bool lacking_learn(struct flight *f, const struct store_fault *fault)
{
	bool is_refusal = fault->quirk == STORE_QUIRK_QUOTES;
	unsigned quirk = is_refusal ? suppose(f)
				    : fault->quirk &
					      ~(f->site.quirks | f->site.settled | f->tried_out);

	if (fault->quirk == STORE_QUIRK_SOURCE)
		return ask_source(f);
	if (!quirk || f->asking != ASK_CALL)
		return false;
	if (quirk == STORE_QUIRK_CONDITIONS && !is_refusal &&
	    learned_conditions(f->call) & learned_endpoint(f->site.origin)->heeds)
		return false;
	if (!(quirk & ON_TRIAL)) {
		believe(f, quirk);
		return false;
	}
	if (!is_refusal) {
		try_out(f, quirk);
		return true;
	}
	/* after an answer that was lost it may be our own version that is there */
	if (f->unsure || !f->call->if_match)
		return false;
	f->asking = ASK_SAME;
	f->tries = 0;
	flight_relaunch(f, 0);
	return true;
}

void lacking_heeded(const struct flight *f)
{
	unsigned sent = learned_conditions(&f->ask);
	struct learned_endpoint *endpoint;

	/* 412 to a copy may be about its source */
	if (!sent || f->call->trial || (f->x.status == 412 && f->call->from_etag))
		return;
	endpoint = learned_endpoint(f->site.origin);
	endpoint->heeds |= sent;
	endpoint->refuses &= ~sent;
}

void lacking_proven(struct flight *f)
{
	const struct store_call *call = f->call;

	if (f->asking != ASK_CALL || call->trial)
		return;
	if (f->on_trial)
		believe(f, f->on_trial);
	f->on_trial = 0;
	lacking_heeded(f);
	if (call->verb == STORE_PUT && call->if_match &&
	    !(f->site.quirks & (STORE_QUIRK_QUOTES | STORE_QUIRK_CONDITIONS)))
		learned_endpoint(f->site.origin)->takes_bare = true;
}

/* Another version is there, or one at all. */
static void fail_condition(struct flight *f)
{
	f->asking = ASK_CALL;
	if (!lost_ask(f, -ESTALE))
		flight_conclude(f, -ESTALE);
}

void lacking_looked(struct flight *f, int error)
{
	const struct store_call *call = f->call;
	bool fits = error ? !call->if_match
			  : !call->if_none_match && (!call->if_match ||
						     !strcmp(f->ask.object.etag, call->if_match));

	if (f->asking == ASK_SOURCE) {
		f->source_seen = !error && !strcmp(f->ask.object.etag, call->from_etag);
		f->source_deaf |= f->source_seen;
		f->asking = ASK_CALL;
		f->tries -= f->tries > 0; /* the look is no try of the copy */
		if (f->source_seen)
			flight_relaunch(f, 0);
		else
			fail_condition(f);
		return;
	}
	if (f->asking == ASK_SAME) {
		if (fits)
			try_refused(f, suppose(f));
		else
			fail_condition(f);
		return;
	}
	if (!fits) {
		fail_condition(f);
		return;
	}
	f->stands = true;
	f->asking = ASK_CALL;
	f->tries -= f->tries > 0; /* the look is no try of the write */
	flight_resume(f);
}
