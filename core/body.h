/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a STORE_GET on its way to the caller's sink, over as many answers as it takes: which
 * bytes of the object an answer holds, which of them were asked for and not yet delivered, and
 * whether they are right.
 */
#ifndef CORE_BODY_H
#define CORE_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/backend.h"
#include "core/store.h"

/* Zeroed, it is a body of which nothing has come yet. */
struct body {
	bool sink_failed; /* the last error came from the sink */
	bool begun;	  /* sink.begin was called: object is known */
	struct store_object object;
	uint64_t end;		  /* object offset behind the last byte asked for; when begun */
	uint64_t delivered;	  /* bytes that the sink has */
	uint64_t at;		  /* object offset of the next byte of this answer */
	uint64_t answer_end;	  /* object offset behind this answer's last byte */
	struct store_check check; /* of the whole object, when it comes in one answer */
	struct digest_run run;
};

/* The call as it has to be asked now: the part that is missing, of the version that was begun. The
 * result borrows from body and call. */
struct store_call body_ask(const struct body *body, const struct store_call *call);

/* An answer of 200 or 206 begins. object: what it says, but for the size, which is read from
 * fields. Returns 0, HTTP_ENOUGH (nothing of it is wanted), -ESTALE (another version than before or
 * than if_match), -EBADMSG (lengths missing or contradictory), or what sink.begin returned. */
int body_head(struct body *body, const struct store_call *call, const struct store_answer *answer,
	      const struct store_object *object, const struct store_check *check);

/* Returns 0, HTTP_ENOUGH (all is delivered and there is nothing to check), or what sink.data
 * returned. */
int body_data(struct body *body, const struct store_call *call, const void *data, size_t bytes);

/* An answer has ended well as far as HTTP is concerned. Returns 0 (all delivered), -EAGAIN
 * (something is missing: ask for it) or -EBADMSG (the bytes do not match the object's checksum). */
int body_end(struct body *body, const struct store_call *call);

/* Everything is to come again, sink.begin first. */
void body_restart(struct body *body);

/* A GET that is wholly beyond the end of the object: tells the sink. Returns what it returns. */
int body_beyond(struct body *body, const struct store_call *call,
		const struct store_object *object);

void body_free(struct body *body);

#endif
