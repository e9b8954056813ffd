/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal of deletions that nobody waits for yet (fs/gone.h): a file in the cache directory, of
 * what was begun and what has ended, so that the next daemon goes on with the rest. Any thread, but
 * for starting and stopping.
 */
#ifndef FS_GONELOG_H
#define FS_GONELOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/wire.h"
#include "core/buffer.h"
#include "core/store.h"

/* One that an earlier daemon has begun. To free, each by itself. */
struct gonelog_left {
	struct gonelog_left *next;
	uint64_t serial;
	uint8_t ctx[WIRE_CTX_BYTES];
	pid_t pid;		     /* for whom */
	int64_t asked_s;	     /* when: since 1970, 0: not known */
	char etag[STORE_ETAG_BYTES]; /* of what was to be deleted, "" when that was not known */
	int error;		     /* 0, or as the store has refused it: a negative errno */
	char message[STORE_MESSAGE_BYTES]; /* that went with it */
	char object[];			   /* object name */
};

/* Opens it, and reads what is left, in order. dir_fd: the cache directory. 0 or an error. */
int gonelog_start(int dir_fd, struct gonelog_left **left_out);
void gonelog_stop(void);

/* One as it stands in it. */
struct gonelog_begun {
	uint64_t serial;
	const uint8_t *ctx;
	pid_t pid;
	int64_t asked_s;
	const char *etag, *object;
};

/* 0 with a number for it, or an error of the disk. */
int gonelog_add(struct gonelog_begun *begun);

/* It was refused, and that is to be told: it has not ended. 0 or an error of the disk. */
int gonelog_refused(uint64_t serial, int error, const char *message);

/* n of them have ended, well, or told. What cannot be noted is looked at once more. */
void gonelog_done(const uint64_t *serials, size_t n);

/* All have ended. */
void gonelog_empty(void);

/* Is it time to write it anew, without what has ended? That is when it is twice as long as after
 * the last time, so that what it costs is small, however much has not ended. */
bool gonelog_is_long(void);

/* For that: adds one that has not ended to text; error: 0, or it was refused. 0 or -ENOMEM. */
int gonelog_keep(struct buffer *text, const struct gonelog_left *l);
int gonelog_keep_begun(struct buffer *text, const struct gonelog_begun *begun);

/* Then: all have ended but those in text. A daemon that dies meanwhile leaves the journal as it
 * was. */
void gonelog_replace(const struct buffer *text);

#endif
