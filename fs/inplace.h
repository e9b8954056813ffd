/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of a kind that the service appends to (STORE_FIELD_APPENDS): a file that was only
 * appended to leaves them what they are, for whoever else appends.
 */
#ifndef FS_INPLACE_H
#define FS_INPLACE_H

#include "fs/upload.h"

/* The ETag of a version that was there for a moment, between what was appended here and what others
 * have appended since: nobody has been told its own. No service has this one, so nothing that goes
 * on from it is sent over theirs. */
#define INPLACE_BEHIND "\"0x0behind"

bool inplace_is_behind(const char *etag);

/* As upload(), or -EOPNOTSUPP: it is no such object, or more has changed than its end. */
int inplace_upload(struct cache_file *file, struct upload *up, char message[STORE_MESSAGE_BYTES]);

/* What was sent to be appended to flush->version, and nobody knows how that ended (flush->sent with
 * is_append, as it was then): is it there, at its place? The bytes are compared. 1: it is, found is
 * what the draft goes on from; 0: it is not, or others cannot be told from it; or an error. */
int inplace_look(struct cache_file *file, const struct draft_flush *flush,
		 const struct draft_sent *sent, const struct upload *up, struct store_object *found,
		 char message[STORE_MESSAGE_BYTES]);

#endif
