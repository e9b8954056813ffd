/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of a journal (fs/movelog.h), a row of records: reading and writing them.
 */
#ifndef FS_MOVERECORD_H
#define FS_MOVERECORD_H

#include "fs/movelog.h"

/* Reads the file log->name of that directory into log, which holds nothing yet, and keeps it open
 * in log->fd. 0; -ENODATA (it holds nothing yet), -EBADMSG (something else), -EFBIG, -ENOMEM, or
 * an error of the disk. */
int moverecord_read(int dir_fd, struct movelog *log);

/* The first one, to log->fd: whose it is, from where and to where. Once more: it is somebody else's
 * from now on. 0 or an error of the disk. */
int moverecord_begin(struct movelog *log);

/* Another of the chain is begun: what was noted of the one before counts no more, here neither. 0
 * or an error of the disk: then all is as before. */
int moverecord_leg(struct movelog *log, unsigned leg, bool is_back, int error);

/* The new names were found to be free, of which nothing was copied yet: only who has noted that may
 * begin to copy. 0 or an error of the disk. */
int moverecord_checked(struct movelog *log);

/* At which service; what cannot be noted is not known. And: the new name was a directory by its
 * mark; 0 or an error of the disk. Both after moverecord_begin(), before anything else. */
void moverecord_where(struct movelog *log, const char *where);
int moverecord_mark(struct movelog *log);

/* The exchange is over, with this result. 0 or an error of the disk: then only log says so. */
int moverecord_over(struct movelog *log, int result);

/* Names the third place of an exchange after log->name; "" if it needs none. */
void moverecord_name_scratch(struct movelog *log);

/* Any thread. What cannot be noted is only done once more. */
void moverecord_copied(struct movelog *log, const char *key, const char *was, const char *now);

/* Before copies are deleted. Where there is no room, what was noted of them gives way. 0 or an
 * error of the disk: then none may be. */
int moverecord_undoes(struct movelog *log);

/* Before anything is deleted: what is not there any more must be known to have gone by this. 0 or
 * an error of the disk, also when a copy could not be noted: then nothing may be. */
int moverecord_deletes(struct movelog *log);

/* It cannot go on by itself. What cannot be noted is only tried once more. */
void moverecord_parked(struct movelog *log, int error, const char *why);

/* What was noted of this version of that key by whoever came before, or NULL. */
const struct movelog_copy *moverecord_find(const struct movelog *log, const char *key,
					   const char *was);

/* Was that version noted as a copy of that key, whichever version that was? */
bool moverecord_is_copy(const struct movelog *log, const char *key, const char *now);

void moverecord_free(struct movelog *log);

#endif
