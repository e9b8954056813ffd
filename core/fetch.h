/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One small HTTP exchange for a thread that may block: what a search for credentials asks. The
 * bytes go through the engine's I/O threads (core/http/engine.h) like everything else; no redirect
 * is followed.
 */
#ifndef CORE_FETCH_H
#define CORE_FETCH_H

#include <stddef.h>
#include <stdint.h>

#include "core/context.h"
#include "core/http/header.h"

#define FETCH_ANSWER_BYTES 262144
#define FETCH_WORDS_BYTES  256

struct fetch {
	const char *method; /* "GET", "PUT", "POST" */
	const char *url;
	struct header_list *fields; /* moved out of here */
	const char *body;	    /* of a POST; NULL for none */
	size_t body_bytes;
	const struct context *ctx; /* whose proxies and authorities count; NULL: direct */
	const char *ca_bundle;	   /* the profile's, "" for none */
	int64_t timeout_ms;	   /* for all of it */

	/* The result. */
	int status;
	int64_t ahead_s; /* what the server's clock is ahead of this one, 0 when it does not say */
	char *answer;	 /* owned, with NUL; fetch_clear() wipes it. NULL when there was no body */
	size_t answer_bytes;
	char words[FETCH_WORDS_BYTES]; /* with an error: what happened, without secrets */
};

/* Returns 0 (whatever the status), -ETIMEDOUT, -EIO (no answer), -EMSGSIZE (too long a one),
 * -ECANCELED (fetch_stop()) or -ENOMEM. Not on an I/O thread. */
int fetch_run(struct fetch *f);

/* The same, again while that may help: no answer, 5xx, 429. fields are copied for each try. */
int fetch_tries(struct fetch *f, const struct header_list *fields, unsigned tries);

void fetch_clear(struct fetch *f);

void fetch_start(void);
void fetch_stop(void); /* all that wait return -ECANCELED */

#endif
