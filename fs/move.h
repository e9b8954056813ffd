/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One directory on its way to another name, and the steps of that: for movedir.c and the files
 * move*.c beside it alone. Each returns 0 or a negative errno, with a line in m->from->message
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
	struct store_entry *entries; /* owned: everything below the old prefix */
	bool *done;		     /* owned; of each: it was copied by whoever came before */
	size_t count, cap;

	/* of the copies */
	pthread_mutex_t lock;
	pthread_cond_t ended;
	size_t next;
	unsigned active;
	int error;
};

/* movecopy.c: everything below the old prefix, into m->entries. */
int move_list(struct move *m);

/* Those of m->entries that are not done, MOVEDIR_PARALLEL at a time. */
int move_copy(struct move *m);

/* moveundo.c: not everything could be copied: what was goes again, so that all is as before.
 * *is_done: it is. The line that is there stays. */
void move_undo(struct move *m, bool *is_done);

/* The same, where an earlier daemon died while it did that. */
int move_undo_rest(struct move *m);

/* movestep.c: does what m->log says, all of it or what is left, and ends that. */
int move_run(struct move *m);

#endif
