/* SPDX-License-Identifier: Apache-2.0 */
/* Deletions (fs/gone.h), in one request as far as can be. */
#ifndef FS_GONESEND_H
#define FS_GONESEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/store.h"

struct gone_owner;

struct gone_item {
	struct gone_item *next;
	struct gone_owner *owner;
	struct context *ctx;
	struct job *job; /* a reference, or NULL: who gave it up */
	uint64_t serial; /* in the journal */
	int64_t asked_s; /* when: since 1970, 0: not known */
	bool is_left;	 /* by an earlier daemon: it may be another object by now, which stays */
	int error;	 /* the result */
	bool is_other;	 /* it has been replaced, and was left alone: no error */
	char etag[STORE_ETAG_BYTES]; /* "": not known */
	char object[];		     /* object name */
};

/* n items from i on, at most STORE_LIST_MAX, of one bucket, with the same credentials and the same
 * is_left. Sets the error of each; message: a line for one of them, "" for none. */
void gone_send(struct gone_item *i, size_t n, char message[STORE_MESSAGE_BYTES]);

#endif
