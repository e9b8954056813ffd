/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the store of twins: its table and the one lock over it. Only cache/twins.c and
 * cache/twinkeep.c include this.
 *
 * Lock order: cache's lock comes before this one; nothing comes after it.
 */
#ifndef CACHE_TWINTABLE_H
#define CACHE_TWINTABLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "cache/twins.h"

#define TWINTABLE_SHIFT 12

/* An original. */
struct twin_entry {
	struct twin_entry *next;
	struct twin_key key; /* constant */
	uint64_t serial;     /* another with each twin */
	bool has_twin, has_seen;
	bool is_settled; /* it has reached the disk, and its digest */
	bool is_checked; /* by its digest in this daemon's life, or made in it */
	char *path;	 /* of the original, until it is settled; or NULL */
	uint64_t bytes;	 /* of the twin on the disk */
	uint32_t sites[TWIN_METHODS], left, unproven; /* of the twin */
	int refused;				      /* why it can have none, or 0 */
	int64_t refused_until_ns;		      /* CLOCK_MONOTONIC */
};

struct twintable {
	pthread_mutex_t lock;
	pthread_cond_t wake; /* of the keeper's thread */
	struct twin_entry *slot[1 << TWINTABLE_SHIFT];
	unsigned count;
	uint64_t serial;
	int dir_fd;	     /* constant */
	uint64_t charge_max; /* constant */
	struct twins_stats stats;
	bool stop;
};
extern struct twintable twintable;

/* All with the lock held. get: made if need be; NULL when the table is full. */
struct twin_entry *twintable_find(const struct twin_key *key);
struct twin_entry *twintable_get(const struct twin_key *key);
void twintable_add_twin(struct twin_entry *e, const struct twin_header *head,
			const struct stat *st);
void twintable_remove_twin(struct twin_entry *e);
void twintable_forget(struct twin_entry *e); /* with all its files; frees it */

/* All without the lock. */

/* Removes a twin found to be missing or (-EBADF) damaged. */
void twintable_discard(const struct twin_key *key, int why);

/* Compares the twin with its digest. Returns 0 when nothing speaks against it; -EBADF or -EIO when
 * it was damaged or could not be read, and is gone; -EAGAIN when it changed meanwhile. */
int twintable_check(const struct twin_key *key);

/* The least recently used go when there is too much. By whoever added one: the keeper may be long
 * about the disk. */
void twintable_make_room(void);

#endif
