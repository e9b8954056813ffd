/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of a flight share: flight.c sends it, flightbody.c has the bytes that go and come,
 * flightcount.c counts, flightend.c ends it; outcome.c judges what came of a sending, lost.c finds
 * out what became of a write whose answer was lost, lacking.c what the service lacks. On the I/O
 * thread of its endpoint.
 */
#ifndef CORE_INFLIGHT_H
#define CORE_INFLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/backend.h"
#include "core/body.h"
#include "core/flight.h"
#include "core/hasher.h"
#include "core/http/engine.h"
#include "core/tally.h"
#include "core/throttle.h"

/* What the present sending is for. */
enum flight_asking {
	ASK_CALL,    /* what the caller wants */
	ASK_SIZE,    /* a HEAD: the GET turned out to be beyond the end */
	ASK_WRITTEN, /* a HEAD: has an earlier sending of this write been carried out? */
	ASK_MADE,    /* store_verb_ops.look: the same */
	ASK_SETTLED, /* a HEAD: has what was begun come to its end? */
	ASK_VERSION, /* a HEAD: is it another than the one that is known? */
	ASK_STANDS,  /* a HEAD: does what is there fit the write's conditions? */
	ASK_SAME,    /* a HEAD: is it the version after all that a write was refused for? */
	ASK_SOURCE,  /* the same, of what is copied */
};

struct flight {
	struct http_task task;
	struct http_exchange x;
	struct store_call *call;
	const struct store_ops *ops;

	struct job *job; /* a reference; NULL: nobody's */
	unsigned store;	 /* tally_store() */

	struct trace_span from, span; /* on the job's timeline: who asked, this sending */
	int64_t asked_us;	      /* when; 0: nobody that is shown */

	/* of this sending */
	struct throttle_wait room;
	bool has_room;
	uint64_t in, out; /* bytes of bodies so far */

	struct store_call ask; /* what is being asked now; holds the results */
	enum flight_asking asking;
	struct store_site site;
	struct store_request request;
	const char *origin; /* in site: where it goes */
	struct buffer url;
	struct buffer answer; /* the body, when it is not an object's */
	size_t charged;	      /* bytes of it, with core/memory.h */
	struct body body;

	struct hasher_job hashing; /* of the source */
	bool source_failed;	   /* the last error came from the source */

	unsigned tries, tries_total; /* sendings, since the last progress and in all */
	unsigned stragglers;	     /* sendings whose body came to a halt */
	int64_t progress_ms;
	uint64_t progress_bytes;
	bool region_cured, clock_cured, creds_cured; /* each once */
	struct keeper_entry *creds_entry;	     /* whose credential signed the last sending */
	uint64_t creds_serial;

	int64_t settle_ms; /* since when ASK_SETTLED */

	bool stands;	    /* ASK_STANDS said so, just before this sending */
	unsigned on_trial;  /* enum store_quirk: supposed of the service, and tried out by this */
	unsigned tried_out; /* the same: not again */
	bool source_seen;   /* ASK_SOURCE said so, just before this sending: site.source_seen */
	bool source_deaf;   /* its condition was refused though it was met: looked at each time */

	bool looked;   /* ASK_VERSION has been answered */
	unsigned step; /* of the requests that the call takes */
	char *carry;   /* what the last one left for the next; owned */
	unsigned busy; /* of them, those that left something to ask again */
	bool is_made;  /* the call has succeeded with made; the rest only tidies up */
	struct store_object made;

	bool unsure;	  /* an earlier sending of this write may have been carried out */
	int64_t first_ms; /* when it was first sent; 0: not yet */
	struct {
		int error, status;
		char message[STORE_MESSAGE_BYTES];
	} lost; /* ASK_WRITTEN, ASK_MADE: what the call ends with if it was not */
};

static inline const struct store_verb_ops *flight_verb(const struct flight *f)
{
	return &f->ops->verb[f->call->verb];
}

/* Sends the next request of those that the call takes. */
void flight_go_on(struct flight *f);

/* Sends what was put off for a question. */
void flight_resume(struct flight *f);

/* Sends it again after delay_ms; ends the call when that cannot be. */
void flight_relaunch(struct flight *f, int64_t delay_ms);

/* The same if that may help: not too often, not too late, not when the endpoint is down. Returns
 * whether it does; if not, the flight is as before. */
bool flight_try_again(struct flight *f, unsigned tries_max, const char *retry_after);

/* flightend.c: ends the call, with its results in ask, and the flight. */
void flight_conclude(struct flight *f, int error);

/* One that was never begun. */
void flight_free(struct flight *f);

/* Frees what was asked and answered last, before the next sending is built. */
void flight_clear(struct flight *f);

/* Tells core/memory.h how large the answer is now. */
void flight_charge_answer(struct flight *f);

/* The object's metadata in ask goes to the call. */
void flight_give_metadata(struct flight *f);

/* Is this an error that needs no line? */
bool flight_is_quiet(int error);

/* Of the version in ask that the last answer told of: as store_call.age_s. */
int64_t flight_age_s(const struct flight *f);

/* flightbody.c: the exchange's. */
int flight_on_head(struct http_exchange *x);
int flight_on_body(struct http_exchange *x, const void *data, size_t bytes);
int flight_on_send(struct http_exchange *x, uint64_t offset, void *buf, size_t bytes);

/* The answer as a back end wants to see it; borrows from f. */
struct store_answer flight_answer(const struct flight *f);

/* flightcount.c: the exchange has ended. */
void flight_count(struct flight *f);

/* outcome.c: the exchange has ended. Ends the flight or sends it again. */
void outcome_judge(struct flight *f);
/* A status that is no success, or a success whose body is an error. */
void outcome_fault(struct flight *f);

/* lost.c. The sending that has just failed, or been answered so, may have been carried out. */
void lost_note_failure(struct flight *f);
void lost_note_status(struct flight *f);

/* The write failed with error: may that be the sight of its own success? Then it is looked into,
 * and true returned: the flight goes on or has ended. */
bool lost_ask(struct flight *f, int error);

/* The HEAD's answer: ends the call. */
void lost_found(struct flight *f);

/* The same error, or -ESTALE: what was looked at instead of a HEAD was made before this write was
 * first sent. */
int lost_dated(const struct flight *f, int error);

/* What was looked at instead of a HEAD shows that it is ours (0), another's (-ESTALE) or nothing
 * (-ENOENT): ends the call. */
void lost_shown(struct flight *f, int error);

/* There is no object, or another version. */
void lost_not_ours(struct flight *f);

/* lacking.c. The site is known: what is known of the service goes into it. */
void lacking_apply(struct flight *f);

/* An answer was understood: what it told of the store's names is known from now on. */
void lacking_names(struct flight *f);

/* Is ASK_STANDS to be answered before this sending? */
bool lacking_looks_first(const struct flight *f);

/* Is it to be asked first whether what is copied is still the version (ASK_SOURCE)? */
bool lacking_looks_at_source(const struct flight *f);

/* An error answer: does it show that the service lacks something, and is there another way? Then
 * that is tried, and true returned. */
bool lacking_learn(struct flight *f, const struct store_fault *fault);

/* A 412, or a success: what conditions the sending had are known to the service. */
void lacking_heeded(const struct flight *f);

/* The call has succeeded: what was supposed is so. */
void lacking_proven(struct flight *f);

/* Is that the question which lacking_looked() takes the answer to? */
bool lacking_is_look(const struct flight *f);

/* Its answer: 0 with what is there in ask.object, or -ENOENT. */
void lacking_looked(struct flight *f, int error);

#endif
