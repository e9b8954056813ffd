/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The third file of a draft on disk, NAME.w beside the pair (cache/pair.h): the notes that programs
 * and daemon share (core/base/draft.h), and between their head and their bitmap the journal, which
 * is the daemon's own: enough for a later daemon to go on with the draft.
 *
 * A draft that was made here has two files only: NAME.w begins with the vnode then, and becomes the
 * vnode file of its version. Making and removing files is what a small one costs most.
 */
#ifndef CACHE_NOTES_H
#define CACHE_NOTES_H

#include <stddef.h>
#include <stdint.h>

#include "cache/cache.h"
#include "cache/draft.h"
#include "cache/pair.h"
#include "cache/place.h"
#include "core/base/draft.h"

#define NOTES_OBJECT_MAX CACHE_OBJECT_MAX
#define NOTES_UPLOAD_MAX 1100 /* bytes of the id of an upload in parts, with its NUL */
#define NOTES_UPLOAD_OBJECT_MAX \
	1344 /* of the object that it is for: a key of 1,024 bytes, and a bucket */
#define NOTES_DIRTY_OFF 12288u

/* flags of the journal */
#define NOTES_KNOWN \
	1u /* etag and size say what is in the bucket; without: nothing is known of it */
#define NOTES_NEW      2u   /* nothing may be in the bucket */
#define NOTES_PARKED   4u   /* could not be published: kept for the user, no name leads to it */
#define NOTES_UNLINKED 8u   /* its name was removed: not to be published */
#define NOTES_SENT     256u /* sent_* is or was on its way there: not known how it ended */
#define NOTES_SENT_SIZE \
	16u /* the same, as daemons said it whose uploads had no mark: sent_mark is the size */
#define NOTES_SENT_APPEND \
	512u /* NOTES_SENT: it went behind the version there; sent_mark is the file's size */
#define NOTES_XATTR 64u /* xattr is to go with the next version */
#define NOTES_PROMOTING \
	128u /* object and what is known of it are being taken from a slot of NAME.l */
#define NOTES_CLEARING 32u /* marks of dirty blocks are being taken away: they may be too few */

struct notes_journal {
	uint64_t size;	  /* of the version in the bucket */
	int64_t mtime_ns; /* of it */
	uint32_t flags;
	int32_t error;		     /* NOTES_PARKED: why, a negative errno */
	char boot[PLACE_BOOT_BYTES]; /* in which it was begun */
	char etag[STORE_ETAG_BYTES];
	char object[NOTES_OBJECT_MAX];
	char upload[NOTES_UPLOAD_MAX];	   /* id of one in parts that is under way, or "" */
	char message[STORE_MESSAGE_BYTES]; /* NOTES_PARKED */
	uint64_t sent_mark;		   /* NOTES_SENT... */
	int64_t sent_mtime_ns;
	char upload_object[NOTES_UPLOAD_OBJECT_MAX]; /* what upload is for */
	char xattr[DRAFT_XATTR_MAX];		     /* NOTES_XATTR */
	int64_t since_ns, since_boot_ns; /* without NOTES_KNOWN and NOTES_NEW: see since.h */
};

struct notes {
	struct draft_shm *shm;
	struct notes_journal *journal;
	size_t bytes;	      /* from shm on */
	struct vnode_shm *vn; /* before them in the same file; NULL: it is the notes' alone */
	size_t vnode_bytes;   /* that can be used by it */
};

/* Makes the file, for a base of this many blocks. Its space is allocated. 0 or an error. */
int notes_create(int files_fd, const char *name, uint64_t blocks, struct notes *out);

/* Makes both files of a draft without a base. 0 or an error. */
int notes_create_pair(int files_fd, const char *name, const struct pair_about *about,
		      struct pair *pair, struct notes *out);

/* Opens one; -EBADF when it makes no sense. Of which data file it is, shm says (data_dev,
 * data_ino). */
int notes_open(int files_fd, const char *name, struct notes *out);

/* The object that they are about, of such as make sense; "" otherwise. */
void notes_object(int files_fd, const char *name, char out[NOTES_OBJECT_MAX]);

/* Of one that cannot be opened: had the daemon that made it not yet said that it is one when it
 * died, with the machine still running? Then no program has had it. */
bool notes_are_half_made(int files_fd, const char *name);

/* A fresh descriptor, O_RDWR, for a runtime, or an error. */
int notes_fd(int files_fd, const char *name);

/* Waits until the disk has them. 0, or -1 with errno. */
int notes_sync(const struct notes *n);

void notes_close(struct notes *n);
void notes_remove(int files_fd, const char *name);

/* The file is a vnode's alone from now on: what the notes took of the disk is given back, as far as
 * that can be. Closes them. */
void notes_give_up(struct notes *n);

/* A copy of the marks of the dirty blocks: *out, to free; n->shm->dirty_words words. 0 or -ENOMEM.
 * They stay until all of it is in the bucket: a daemon may die in between. */
int notes_copy_dirty(const struct notes *n, uint64_t **out);

/* Takes these marks away if nothing was begun beyond begun. */
void notes_clear_dirty(struct notes *n, const uint64_t *words, uint64_t begun);

/* Of notes that an earlier daemon left: what it did not end. */
void notes_mend(struct notes *n);

#endif
