/* SPDX-License-Identifier: Apache-2.0 */
/* The table of listings: see listings.h. */
#include "fs/listings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cache/clock.h"
#include "core/context.h"
#include "core/memory.h"
#include "fs/meta.h"

#define SLOTS		16384u /* of a hash */
#define SLOTS_AT_A_TIME 64u    /* the lock is not held for long */

/* The share of the daemon's memory, and how much at most: some 100,000 directories. */
#define LISTINGS_SHARE	   4
#define LISTINGS_BYTES_MAX (UINT64_C(128) << 20)
#define ALLOC_BYTES	   64 /* what the allocator adds to the pieces of one */

#define HELD_MAX 2048u /* looked at by a sweep and open in some process; the next goes on there */

pthread_mutex_t listings_lock = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t listings_arrived; /* made by listing_start() */

static struct listing *slot[SLOTS];	  /* all, by hash */
static struct listing *inode_slot[SLOTS]; /* those that have files, by their inodes */
static unsigned sweep_at;		  /* a slot */
static unsigned count;
static int64_t held; /* bytes */
static int dirs_fd = -1;
static uint64_t next_number;
static int64_t start_ns;

struct listing *listings_find(const uint8_t *ctx, const char *object)
{
	uint64_t hash = name_ino(object, strlen(object), true);

	for (struct listing *l = slot[hash % SLOTS]; l; l = l->same_slot) {
		if (l->hash == hash && !l->is_replaced &&
		    !memcmp(context_id(l->ctx), ctx, WIRE_CTX_BYTES) && !strcmp(l->object, object))
			return l;
	}
	return NULL;
}

bool listings_fresh(const struct listing *l)
{
	return clock_ns() < l->asked_ns + meta_ttl_ns();
}

struct listing *listings_next(const struct listing *l)
{
	unsigned at = l ? (unsigned)(l->hash % SLOTS) + 1 : 0;

	if (l && l->same_slot)
		return l->same_slot;
	while (at < SLOTS && !slot[at])
		at++;
	return at < SLOTS ? slot[at] : NULL;
}

struct listing *listings_slot(uint64_t hash)
{
	return slot[hash % SLOTS];
}

bool listings_fit(bool is_ahead)
{
	uint64_t most = memory_share(LISTINGS_SHARE, LISTINGS_BYTES_MAX);

	return (uint64_t)held < (is_ahead ? most / 2 : most);
}

bool listings_have_files(const struct listing *l)
{
	return __atomic_load_n(&l->has_files, __ATOMIC_ACQUIRE);
}

struct listing *listing_find_inode(uint64_t dev, uint64_t ino)
{
	struct listing *l;

	pthread_mutex_lock(&listings_lock);
	for (l = inode_slot[ino % SLOTS]; l; l = l->same_inode) {
		if (l->ino == ino && l->dev == dev) {
			l->refs++;
			break;
		}
	}
	pthread_mutex_unlock(&listings_lock);
	return l;
}

/* How much it holds has changed, or is to be 0. */
static void count_bytes(struct listing *l, int64_t bytes)
{
	memory_add(MEMORY_LISTINGS, bytes - l->counted);
	held += bytes - l->counted;
	l->counted = bytes;
}

/* Not while another thread is loading it. */
static int64_t bytes_of(const struct listing *l)
{
	return (int64_t)(sizeof(*l) + sizeof(*l->dir) + dirpage_bytes(l->dir) + ALLOC_BYTES +
			 strlen(l->object) + strlen(l->path) + 2 +
			 (l->message ? strlen(l->message) + 1 : 0));
}

static void free_listing(struct listing *l)
{
	listdrafts_free(&l->drafts);
	free(l->token);
	if (l->dir)
		dirpage_free(l->dir);
	free(l->dir);
	free(l->message);
	free(l->object);
	free(l->path);
	free(l);
}

static void remove_listing(struct listing *l)
{
	struct listing **at = &slot[l->hash % SLOTS];

	while (*at != l)
		at = &(*at)->same_slot;
	*at = l->same_slot;
	for (at = &inode_slot[l->ino % SLOTS]; l->is_indexed && *at != l;)
		at = &(*at)->same_inode;
	if (l->is_indexed)
		*at = l->same_inode;
	count--;
	count_bytes(l, 0);
	pair_close(&l->pair);
	if (l->has_files)
		pair_remove(l->dirs_fd, l->name);
	listings_wide_free(l);
	free_listing(l);
}

void listings_put(struct listing *l)
{
	if (--l->refs == 0 && !l->has_files)
		remove_listing(l);
}

void listing_put(struct listing *l)
{
	pthread_mutex_lock(&listings_lock);
	listings_put(l);
	pthread_mutex_unlock(&listings_lock);
}

struct listing *listings_make(struct context *ctx, const struct name *n, const char *object,
			      const char *path)
{
	struct listing *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->pair.data_fd = -1;
	l->ctx = ctx;
	l->dirs_fd = dirs_fd;
	l->kind = n->kind;
	l->object = strdup(object);
	l->path = strdup(path);
	l->dir = calloc(1, sizeof(*l->dir));
	if (!l->object || !l->path || !l->dir) {
		free_listing(l);
		return NULL;
	}
	l->hash = name_ino(object, strlen(object), true);
	l->asked_ns = clock_ns();
	l->key = name_split(l->object, l->scheme, l->bucket);
	dirpage_init(l->dir, l->key, n->is_pieces);
	snprintf(l->name, sizeof(l->name), "dir-%llu", (unsigned long long)++next_number);
	l->refs = 1;
	count_bytes(l, bytes_of(l));
	l->same_slot = slot[l->hash % SLOTS];
	slot[l->hash % SLOTS] = l;
	count++;
	return l;
}

/* With the lock. Without memory an error has no line. */
static void note_error(struct listing *l, int error, const char *message)
{
	l->error = error;
	free(l->message);
	l->message = error && *message ? strdup(message) : NULL;
}

void listings_publish(struct listing *l, int error, const char *message)
{
	pthread_mutex_lock(&listings_lock);
	l->is_loading = false;
	note_error(l, error, message);
	if (!error)
		l->pages++;
	l->shown_bytes = l->bytes;
	l->shown_start = l->page_start;
	l->shown_complete = l->is_complete;
	l->shown_mtime_ns = l->attr.mtime_ns;
	if (error && !l->pages)
		l->is_replaced = true; /* nobody else finds it */
	if (listings_have_files(l) && !l->is_indexed) {
		l->is_indexed = true;
		l->same_inode = inode_slot[l->ino % SLOTS];
		inode_slot[l->ino % SLOTS] = l;
	}
	count_bytes(l, bytes_of(l));
	pthread_cond_broadcast(&listings_arrived);
	pthread_mutex_unlock(&listings_lock);
}

/* Looks at one slot: drops what nobody has open, if it is old or all is set. How many somebody has.
 * With the lock. */
static unsigned sweep_slot(struct listing *l, bool all)
{
	struct listing *next;
	unsigned open = 0;

	for (; l; l = next) {
		next = l->same_slot;
		if (l->refs || l->is_loading)
			continue;
		if (!l->has_files) {
			remove_listing(l);
			continue;
		}
		listings_wide_shed(l);
		if (!all && !l->is_replaced && listings_fresh(l))
			continue;
		if (pair_unused(l->dirs_fd, l->name))
			remove_listing(l);
		else
			open++;
	}
	return open;
}

/* The next slots, in turn. The same. */
static unsigned sweep_slots(bool all)
{
	unsigned open = 0;

	for (unsigned i = 0; count && i < SLOTS_AT_A_TIME; i++) {
		open += sweep_slot(slot[sweep_at], all);
		sweep_at = (sweep_at + 1) % SLOTS;
	}
	return open;
}

void listing_sweep(bool all)
{
	unsigned open = 0;

	for (unsigned done = 0; done < SLOTS && open < HELD_MAX; done += SLOTS_AT_A_TIME) {
		pthread_mutex_lock(&listings_lock);
		open += sweep_slots(all);
		pthread_mutex_unlock(&listings_lock);
	}
}

void listings_shed(void)
{
	static int64_t vain_ns; /* nothing has left last time; with the lock */
	bool is_over;

	pthread_mutex_lock(&listings_lock);
	is_over = vain_ns && clock_ns() < vain_ns + CLOCK_NS_PER_S;
	pthread_mutex_unlock(&listings_lock);
	for (unsigned done = 0; done < SLOTS && !is_over; done += SLOTS_AT_A_TIME) {
		pthread_mutex_lock(&listings_lock);
		sweep_slots(true);
		is_over = listings_fit(false);
		vain_ns = is_over ? 0 : clock_ns();
		pthread_mutex_unlock(&listings_lock);
	}
}

void listings_message(const struct listing *l, char *out)
{
	snprintf(out, STORE_MESSAGE_BYTES, "%s", l->message ? l->message : "");
}

uint64_t listing_count(void)
{
	uint64_t n;

	pthread_mutex_lock(&listings_lock);
	n = count;
	pthread_mutex_unlock(&listings_lock);
	return n;
}

int64_t listing_start_ns(void)
{
	return start_ns;
}

void listing_start(int fd)
{
	pthread_condattr_t attr;
	struct timespec now;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&listings_arrived, &attr);
	pthread_condattr_destroy(&attr);
	clock_gettime(CLOCK_REALTIME, &now);
	start_ns = now.tv_sec * CLOCK_NS_PER_S + now.tv_nsec;
	dirs_fd = fd;
}

void listing_stop(void)
{
	pthread_mutex_lock(&listings_lock);
	for (struct listing *l; (l = listings_next(NULL));)
		remove_listing(l);
	if (dirs_fd >= 0)
		close(dirs_fd);
	dirs_fd = -1;
	pthread_mutex_unlock(&listings_lock);
}
