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

#define SLOTS 1024

pthread_mutex_t listings_lock = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t listings_arrived; /* made by listing_start() */

static struct listing *first;	    /* all of them */
static struct listing *slot[SLOTS]; /* the same, by hash */
static unsigned count;
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

struct listing *listings_first(void)
{
	return first;
}

struct listing *listings_slot(uint64_t hash)
{
	return slot[hash % SLOTS];
}

unsigned listings_count(void)
{
	return count;
}

bool listings_have_files(const struct listing *l)
{
	return __atomic_load_n(&l->has_files, __ATOMIC_ACQUIRE);
}

struct listing *listing_find_inode(uint64_t dev, uint64_t ino)
{
	struct listing *l;

	pthread_mutex_lock(&listings_lock);
	for (l = first; l; l = l->next) {
		if (listings_have_files(l) && l->ino == ino && l->dev == dev) {
			l->refs++;
			break;
		}
	}
	pthread_mutex_unlock(&listings_lock);
	return l;
}

static int64_t bytes_of(const struct listing *l)
{
	return (int64_t)(sizeof(*l) + sizeof(*l->dir) + strlen(l->object) + 1);
}

static void remove_listing(struct listing *l)
{
	struct listing **at = &first;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	for (at = &slot[l->hash % SLOTS]; *at != l;)
		at = &(*at)->same_slot;
	*at = l->same_slot;
	count--;
	pair_close(&l->pair);
	if (l->has_files)
		pair_remove(dirs_fd, l->name);
	memory_add(MEMORY_LISTINGS, -bytes_of(l));
	listings_wide_free(l);
	listdrafts_free(&l->drafts);
	free(l->token);
	free(l->dir);
	free(l->object);
	free(l);
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
	l->dir = malloc(sizeof(*l->dir));
	if (!l->object || !l->dir) {
		free(l->object);
		free(l->dir);
		free(l);
		return NULL;
	}
	l->hash = name_ino(object, strlen(object), true);
	l->asked_ns = clock_ns();
	l->key = name_split(l->object, l->scheme, l->bucket);
	dirpage_init(l->dir, l->key, n->is_pieces);
	snprintf(l->path, sizeof(l->path), "%s", path);
	snprintf(l->name, sizeof(l->name), "dir-%llu", (unsigned long long)++next_number);
	l->refs = 1;
	memory_add(MEMORY_LISTINGS, bytes_of(l));
	l->next = first;
	first = l;
	l->same_slot = slot[l->hash % SLOTS];
	slot[l->hash % SLOTS] = l;
	count++;
	return l;
}

void listings_publish(struct listing *l, int error, const char *message)
{
	pthread_mutex_lock(&listings_lock);
	l->is_loading = false;
	l->error = error;
	snprintf(l->message, sizeof(l->message), "%s", message);
	if (!error)
		l->pages++;
	l->shown_bytes = l->bytes;
	l->shown_start = l->page_start;
	l->shown_complete = l->is_complete;
	l->shown_mtime_ns = l->attr.mtime_ns;
	if (error && !l->pages)
		l->is_replaced = true; /* nobody else finds it */
	pthread_cond_broadcast(&listings_arrived);
	pthread_mutex_unlock(&listings_lock);
}

/* Nobody has the data file open? With the lock. */
static bool is_idle(struct listing *l)
{
	bool was_open = l->pair.data_fd >= 0;
	bool unused;

	pair_close(&l->pair); /* our own descriptor would count */
	unused = pair_unused(dirs_fd, l->name);
	if (!unused && was_open && !l->is_complete && pair_open(dirs_fd, l->name, &l->pair)) {
		l->is_complete = l->shown_complete = true; /* cannot be continued */
		l->error = -EIO;
	}
	return unused;
}

void listing_sweep(bool all)
{
	struct listing *next;

	pthread_mutex_lock(&listings_lock);
	for (struct listing *l = first; l; l = next) {
		next = l->next;
		if (l->refs || l->is_loading)
			continue;
		if (!l->has_files || ((all || l->is_replaced || !listings_fresh(l)) && is_idle(l)))
			remove_listing(l);
	}
	pthread_mutex_unlock(&listings_lock);
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
	while (first)
		remove_listing(first);
	if (dirs_fd >= 0)
		close(dirs_fd);
	dirs_fd = -1;
	pthread_mutex_unlock(&listings_lock);
}
