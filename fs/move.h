/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One directory on its way to another name, or of an exchange one file, and the steps of that: for
 * the files move*.c alone. Each returns 0 or a negative errno, with a line in m->from->message
 * where the store gave one. Not on the I/O thread.
 */
#ifndef FS_MOVE_H
#define FS_MOVE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/store.h"
#include "fs/lookup.h"
#include "fs/movelog.h"
#include "fs/names.h"

struct move {
	struct lookup *from, *to;
	const uint8_t *ctx;
	char old_prefix[NAME_OBJECT_MAX], new_prefix[NAME_OBJECT_MAX];
	const char *old_key, *new_key; /* in them */
	struct movelog *log;
	bool is_file;	 /* one object: the prefixes are its names */
	bool keeps;	 /* the old one stays: something else is about to replace it */
	bool overwrites; /* the new name may have something, which is replaced */
	bool goes_back;	 /* of an exchange that fails: there is nothing else that could be done */
	/* is_file and overwrites: the ETags of what may be replaced, and of what is there already
	 * when nothing needs to be copied; NULL, "": there is none. */
	const char *expects, *stays;
	struct meta_fact fact;	     /* is_file: what it is */
	struct store_entry *entries; /* owned: everything below the old prefix */
	bool *done;		     /* owned; of each: it was copied by whoever came before */
	bool *copied; /* owned; of each: it is, by whomever, and its ETag here is the copy's */
	char (*was)[STORE_ETAG_BYTES]; /* owned; of each: the ETag of what was copied */
	size_t count, cap;

	/* of the copies */
	pthread_mutex_t lock;
	pthread_cond_t ended;
	size_t next;
	unsigned active;
	int error;
};

/* movedir.c: between two object names, prefixes but of a file. NULL: without memory. To be freed by
 * move_free(). */
struct move *move_new(struct lookup *from, struct lookup *to, const char *old, const char *new);
void move_free(struct move *m);

/* Goes on with one that was interrupted. Returns 0 when it is over, done or as before, or the error
 * with which it waits for another try. */
int move_go_on(struct movelog *log);

/* moveexchange.c: the same of an exchange. */
int move_exchange_on(struct movelog *log);

/* movecopy.c: everything below the old prefix, into m->entries. */
int move_list(struct move *m);

/* Compares two struct store_entry, for qsort(3) and bsearch(3). */
int move_by_name(const void *a, const void *b);

/* Those of m->entries that are not done, MOVEDIR_PARALLEL at a time. */
int move_copy(struct move *m);

/* movetarget.c: what is at a new name, beside what it would be a copy of. */
enum movetarget {
	MOVETARGET_COPY,  /* it is one */
	MOVETARGET_ALIKE, /* it may be: nothing but a size tells */
	MOVETARGET_OTHER,
};

/* etag: of what is there. -ENOENT: one of them is not. */
int movetarget_compare(struct move *m, const char *old_key, const char *new_key,
		       enum movetarget *what, char etag[STORE_ETAG_BYTES]);

/* All that is below the new name, sorted by name; *out to be freed with movetarget_free(), also
 * with an error. */
int movetarget_list(struct move *m, struct store_entry **out, size_t *count);
void movetarget_free(struct store_entry *entries, size_t count);

/* Of what is still to be copied: is there something under the new names that is not ours to
 * replace? -EEXIST: there is. What proves to be copied already is done. */
int movetarget_check(struct move *m);

/* Of copies that were made by who may not have looked whether the new names were free: -EEXIST:
 * there is something else than these. */
int movetarget_only_copies(struct move *m);

/* moveconfirm.c, of directories: whose copies, made by whoever came before, are not there any more
 * is not done, and not deleted when it is time for that. */
int moveconfirm_copies(struct move *m);

/* Just before the old names are deleted: out of m->entries goes what somebody elsewhere has stored
 * or removed there since. *all: nothing did. */
int moveconfirm_originals(struct move *m, bool *all);

/* moveatonce.c: a directory by one request, where the store has such a one. -EOPNOTSUPP: it has
 * not, and nothing was done. *is_sure, with another error: nothing was, and it is over. */
int move_at_once(struct move *m, bool *is_sure);

/* moveundo.c: not everything could be copied: what was goes again, unless somebody has replaced it
 * since, so that all is as before. *is_done: it is. The line that is there stays. */
void move_undo(struct move *m, bool *is_done);

/* The same, where an earlier daemon died while it did that. */
int move_undo_rest(struct move *m);

/* movestep.c: does what m->log says, all of it or what is left. *is_done: nothing is left of it to
 * be done, or, with an error, it is as before. */
int move_run(struct move *m, bool *is_done);

/* movetell.c: before an object is deleted: who has it open goes on under its new name. i: of
 * m->entries. */
void move_take_along(struct move *m, size_t i);

/* Once it is: what everybody here is to know. stays: something else has the old name. */
void move_tell(struct move *m, size_t i, bool stays);

/* The same of the directory itself, and of those in it, when all this is done. all: nothing is left
 * under the old name. */
void move_tell_dir(struct move *m, bool all);

#endif
