/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listings and who may use one. The pages' contents are fs/pages.c's part.
 *
 * One lock covers the tables and every field not marked otherwise. A listing that is_loading
 * belongs to the thread that fetches its next page: that one alone writes its files, without the
 * lock.
 */
#include "fs/listing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/clock.h"
#include "core/context.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/scope.h"
#include "fs/backends.h"
#include "fs/dirattr.h"
#include "fs/headpage.h"
#include "fs/meta.h"
#include "fs/pages.h"

#define LISTINGS_AHEAD_MAX (LISTINGS_MAX / 2) /* when there are as many, none is fetched ahead */
#define SLOTS		   1024
#define UNCUT_BYTES	   160 /* no component as short as this is cut, however it is escaped */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t arrived;	    /* made by listing_start() */
static struct listing *first;	    /* all of them */
static struct listing *slot[SLOTS]; /* the same, by hash */
static unsigned count;
static int dirs_fd = -1;
static uint64_t next_number;
static int64_t start_ns;

static struct listing *find(const uint8_t *ctx, const char *object)
{
	uint64_t hash = name_ino(object, strlen(object), true);

	for (struct listing *l = slot[hash % SLOTS]; l; l = l->same_slot) {
		if (l->hash == hash && !l->is_replaced &&
		    !memcmp(context_id(l->ctx), ctx, WIRE_CTX_BYTES) && !strcmp(l->object, object))
			return l;
	}
	return NULL;
}

static bool is_fresh(const struct listing *l)
{
	return clock_ns() < l->asked_ns + meta_ttl_ns();
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
	listdrafts_free(&l->drafts);
	free(l->token);
	free(l->dir);
	free(l->object);
	free(l);
}

static void put_locked(struct listing *l)
{
	if (--l->refs == 0 && !l->has_files)
		remove_listing(l);
}

void listing_put(struct listing *l)
{
	pthread_mutex_lock(&lock);
	put_locked(l);
	pthread_mutex_unlock(&lock);
}

static struct listing *make(struct context *ctx, const struct name *n, const char *object,
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

/* Waits for the first page that another thread fetches. */
static int join(struct listing *l, struct listing **out, char *message)
{
	int ret;

	l->refs++;
	__atomic_store_n(&l->is_wanted, true, __ATOMIC_RELAXED);
	while (l->is_loading && !l->pages)
		pthread_cond_wait(&arrived, &lock);
	ret = l->pages ? 0 : l->error;
	if (ret) {
		snprintf(message, STORE_MESSAGE_BYTES, "%s", l->message);
		put_locked(l);
		return ret;
	}
	*out = l;
	return 0;
}

/* After a page: what all may know of it. */
static void publish(struct listing *l, int error, const char *message)
{
	pthread_mutex_lock(&lock);
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
	pthread_cond_broadcast(&arrived);
	pthread_mutex_unlock(&lock);
}

/* Fetches the next page, here and now. */
static int load_here(struct listing *l, char *message)
{
	struct store_call call;
	int ret;

	pages_call(l, &call);
	ret = store_run(&call);
	if (ret)
		snprintf(message, STORE_MESSAGE_BYTES, "%s", call.message);
	else if (headpage_wanted() && !l->is_quiet)
		headpage_ask(l, &call.list);
	if (!ret)
		ret = pages_add(l, &call.list);
	if (!ret)
		l->is_tree = call.names == STORE_NAMES_TREE;
	store_call_reset(&call);
	return ret;
}

/* No listing tells of a directory by itself that there is nothing in it. */
static int look_for_empty(struct listing *l, char *message)
{
	struct store_call call = {
		.verb = STORE_HEAD,
		.ctx = l->ctx,
		.scheme = l->scheme,
		.bucket = l->bucket,
		.key = l->key,
	};
	int ret = store_run(&call);

	l->is_real = !ret;
	if (ret && ret != -ENOENT)
		snprintf(message, STORE_MESSAGE_BYTES, "%s", call.message);
	store_call_reset(&call);
	return ret;
}

static int load_first(struct listing *l, char *message)
{
	int ret;

	message[0] = '\0';
	ret = pages_begin(l);
	if (!ret && pages_are_local(l)) {
		ret = pages_local(l, message);
	} else if (!ret) {
		ret = load_here(l, message);
	}
	if (!ret && !pages_exists(l))
		ret = l->is_tree && !l->dir->is_pieces ? look_for_empty(l, message) : -ENOENT;
	publish(l, ret, message);
	return ret;
}

/* What is known of the directory is for nobody new: one that is to be loaded takes its place. With
 * the lock, which is given away meanwhile. NULL: too many, or without memory. */
static struct listing *replace(struct listing *old, struct context *ctx, const struct name *n,
			       const char *object, const char *path)
{
	struct listing *l;

	if (old)
		old->is_replaced = true;
	if (count >= LISTINGS_MAX) {
		pthread_mutex_unlock(&lock);
		listing_sweep(true);
		pthread_mutex_lock(&lock);
	}
	l = count < LISTINGS_MAX ? make(ctx, n, object, path) : NULL;
	if (l)
		l->is_loading = true;
	return l;
}

static bool is_usable(const struct listing *l, bool quiet)
{
	return !l->is_outdated && l->is_quiet <= quiet &&
	       (is_fresh(l) || (l->is_loading && !l->pages));
}

static int open_first(struct context *ctx, const struct name *n, const char *path, bool quiet,
		      struct listing **out, char message[STORE_MESSAGE_BYTES])
{
	char object[NAME_OBJECT_MAX];
	struct listing *l;
	int ret;

	name_prefix(n, object);
	pthread_mutex_lock(&lock);
	l = find(context_id(ctx), object);
	if (l && is_usable(l, quiet)) {
		ret = join(l, out, message);
		pthread_mutex_unlock(&lock);
		return ret;
	}
	l = replace(l, ctx, n, object, path);
	if (l)
		l->is_quiet = quiet;
	pthread_mutex_unlock(&lock);
	if (!l)
		return -ENFILE;

	ret = load_first(l, message);
	if (ret) {
		listing_put(l);
		return ret;
	}
	*out = l;
	return 0;
}

int listing_open(struct context *ctx, const struct name *n, const char *path, struct listing **out,
		 char message[STORE_MESSAGE_BYTES])
{
	return open_first(ctx, n, path, false, out, message);
}

int listing_look(struct context *ctx, const struct name *n, const char *path, struct listing **out,
		 char message[STORE_MESSAGE_BYTES])
{
	return open_first(ctx, n, path, true, out, message);
}

/* The first page of what was fetched ahead. On the I/O thread. */
static void first_done(struct store_call *call)
{
	struct listing *l = call->arg;
	int ret = call->error;

	if (!ret)
		ret = pages_add(l, &call->list);
	l->is_tree = !ret && call->names == STORE_NAMES_TREE;
	l->is_real = l->is_tree && !l->is_quiet; /* it was listed */
	if (!ret && !pages_exists(l))
		ret = -ENOENT;
	publish(l, ret, call->message);
	store_call_reset(call);
	free(call);
	l->landed(l->ctx, l->object, ret);
	listing_put(l);
}

int listing_ahead(struct context *ctx, const struct name *n, const char *path, bool quiet,
		  listing_landed *landed)
{
	struct store_call *call = calloc(1, sizeof(*call));
	char object[NAME_OBJECT_MAX];
	struct listing *l;
	int ret;

	if (!call)
		return -ENOMEM;
	name_prefix(n, object);
	pthread_mutex_lock(&lock);
	l = find(context_id(ctx), object);
	ret = l && is_usable(l, quiet) ? -EALREADY : 0;
	if (!ret && count >= LISTINGS_AHEAD_MAX)
		ret = -ENFILE;
	if (!ret) {
		l = replace(l, ctx, n, object, path);
		ret = l ? 0 : -ENFILE;
	}
	if (!ret) {
		l->is_quiet = quiet;
		l->landed = landed;
	}
	pthread_mutex_unlock(&lock);
	if (ret) {
		free(call);
		return ret;
	}
	ret = pages_begin(l);
	if (!ret) {
		pages_call(l, call);
		call->is_ahead = true;
		call->is_wanted = &l->is_wanted;
		call->done = first_done;
		call->arg = l;
		ret = store_submit(call);
	}
	if (ret) {
		publish(l, ret, "");
		free(call);
		listing_put(l);
	}
	return ret;
}

int listing_wait(const uint8_t *ctx, const char *prefix, int64_t most_ns)
{
	struct timespec until;
	struct listing *l;
	int ret = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += most_ns % CLOCK_NS_PER_S;
	until.tv_sec += most_ns / CLOCK_NS_PER_S + until.tv_nsec / CLOCK_NS_PER_S;
	until.tv_nsec %= CLOCK_NS_PER_S;
	pthread_mutex_lock(&lock);
	l = find(ctx, prefix);
	if (!l) {
		pthread_mutex_unlock(&lock);
		return -ENOENT;
	}
	l->refs++;
	if (most_ns > 0)
		__atomic_store_n(&l->is_wanted, true, __ATOMIC_RELAXED);
	while (!ret && most_ns > 0 && l->is_loading && !l->pages)
		ret = pthread_cond_timedwait(&arrived, &lock, &until);
	if (l->pages)
		ret = is_usable(l, true) ? 0 : -ESTALE;
	else
		ret = l->is_loading ? -ETIMEDOUT : l->error;
	put_locked(l);
	pthread_mutex_unlock(&lock);
	return ret;
}

struct listing *listing_known(const uint8_t *ctx, const char *prefix)
{
	struct listing *l;

	pthread_mutex_lock(&lock);
	l = find(ctx, prefix);
	if (l && l->pages)
		l->refs++;
	else
		l = NULL;
	pthread_mutex_unlock(&lock);
	return l;
}

uint64_t listing_shown(struct listing *l)
{
	uint64_t bytes;

	pthread_mutex_lock(&lock);
	bytes = l->shown_bytes;
	pthread_mutex_unlock(&lock);
	return bytes;
}

const char *listing_path(const struct listing *l)
{
	return l->kind >= NAME_BUCKET ? l->path : NULL;
}

/* Of one that another thread may be loading. */
static bool has_files(const struct listing *l)
{
	return __atomic_load_n(&l->has_files, __ATOMIC_ACQUIRE);
}

struct listing *listing_find_inode(uint64_t dev, uint64_t ino)
{
	struct listing *l;

	pthread_mutex_lock(&lock);
	for (l = first; l; l = l->next) {
		if (has_files(l) && l->ino == ino && l->dev == dev) {
			l->refs++;
			break;
		}
	}
	pthread_mutex_unlock(&lock);
	return l;
}

void listing_attr(struct listing *l, struct wire_attr *out)
{
	pthread_mutex_lock(&lock);
	*out = l->attr; /* constant but for the time */
	out->mtime_ns = l->shown_mtime_ns;
	pthread_mutex_unlock(&lock);
	if (l->kind == NAME_KEY)
		dirattr_apply(context_id(l->ctx), l->object, out);
}

void listing_seen(struct listing *l, struct dirattr_seen *out)
{
	pthread_mutex_lock(&lock);
	*out = (struct dirattr_seen){
		.has_mark = l->dir->has_mark || l->is_tree, /* of the first page: constant */
		.is_real = l->is_tree,
		.mark_ns = l->dir->mark_ns,
		.newest_ns = l->shown_mtime_ns == start_ns ? 0 : l->shown_mtime_ns,
	};
	pthread_mutex_unlock(&lock);
}

/* Runtimes have the file mapped. With the lock. */
static void show(const struct listing *l)
{
	struct pair pair = {.data_fd = -1};
	struct wire_attr attr, *shown;

	if (!has_files(l) || pair_open(dirs_fd, l->name, &pair))
		return;
	shown = &pair.vn->attr;
	attr = *shown;
	dirattr_apply(context_id(l->ctx), l->object, &attr);
	__atomic_store_n(&shown->mode, attr.mode, __ATOMIC_RELAXED);
	__atomic_store_n(&shown->uid, attr.uid, __ATOMIC_RELAXED);
	__atomic_store_n(&shown->gid, attr.gid, __ATOMIC_RELAXED);
	__atomic_store_n(&shown->mtime_ns, attr.mtime_ns, __ATOMIC_RELAXED);
	pair_close(&pair);
}

void listing_show(const uint8_t *ctx, const char *prefix)
{
	uint64_t hash = name_ino(prefix, strlen(prefix), true);

	pthread_mutex_lock(&lock);
	for (struct listing *l = slot[hash % SLOTS]; l; l = l->same_slot)
		if (l->hash == hash && !memcmp(context_id(l->ctx), ctx, WIRE_CTX_BYTES) &&
		    !strcmp(l->object, prefix))
			show(l);
	pthread_mutex_unlock(&lock);
}

const uint8_t *listing_ctx(const struct listing *l)
{
	return context_id(l->ctx);
}

int listing_open_data(struct listing *l, int flags)
{
	return pair_data_fd(dirs_fd, l->name, flags);
}

int listing_open_vnode(struct listing *l)
{
	return pair_vnode_fd(dirs_fd, l->name);
}

/* A page that was fetched ahead. On the I/O thread. */
static void page_done(struct store_call *call)
{
	struct listing *l = call->arg;
	int ret = call->error;

	if (!ret)
		ret = pages_add(l, &call->list);
	publish(l, ret, call->message);
	store_call_reset(call);
	free(call);
	listing_put(l);
}

/* Fetches the next page and what it does not tell. With the lock; gives it away meanwhile. */
static int load_told(struct listing *l)
{
	char message[STORE_MESSAGE_BYTES] = "";

	l->is_loading = true;
	l->error = 0;
	pthread_mutex_unlock(&lock);
	publish(l, load_here(l, message), message);
	pthread_mutex_lock(&lock);
	return 0;
}

/* Starts to fetch the next page. With the lock; gives it away meanwhile. */
static int load_next(struct listing *l)
{
	struct store_call *call = calloc(1, sizeof(*call));
	int ret;

	if (!call)
		return -ENOMEM;
	l->is_loading = true;
	l->error = 0;
	l->refs++;
	pthread_mutex_unlock(&lock);
	pages_call(l, call);
	call->done = page_done;
	call->arg = l;
	ret = store_submit(call);
	if (ret) {
		publish(l, ret, "");
		free(call);
		listing_put(l);
	}
	pthread_mutex_lock(&lock);
	return ret;
}

void listing_changed(const char *object)
{
	char parent[NAME_OBJECT_MAX];
	size_t len = strlen(object);
	uint64_t hash;

	len -= len && object[len - 1] == '/';
	while (len && object[len - 1] != '/')
		len--;
	snprintf(parent, sizeof(parent), "%.*s", (int)len, object);
	hash = name_ino(parent, len, true);
	pthread_mutex_lock(&lock);
	for (struct listing *l = slot[hash % SLOTS]; l; l = l->same_slot) {
		if (l->hash == hash && !strcmp(l->object, parent))
			l->is_outdated = true;
	}
	pthread_mutex_unlock(&lock);
}

void listing_changed_below(const char *prefix)
{
	size_t len = strlen(prefix);

	pthread_mutex_lock(&lock);
	for (struct listing *l = first; l; l = l->next) {
		if (!strncmp(l->object, prefix, len))
			l->is_outdated = true;
	}
	pthread_mutex_unlock(&lock);
}

static bool has_beyond(const struct listing *l, uint64_t offset)
{
	return l->shown_complete || offset < l->shown_bytes;
}

int listing_ensure(struct listing *l, uint64_t offset, bool nowait,
		   char message[STORE_MESSAGE_BYTES])
{
	char name[META_NAME_MAX];
	int ret = 0;

	message[0] = '\0';
	meta_dir_name(l->object, name);
	meta_read(context_id(l->ctx), name);
	pthread_mutex_lock(&lock);
	while (!ret && !nowait && !has_beyond(l, offset)) {
		if (!l->is_loading)
			ret = headpage_wanted() ? load_told(l) : load_next(l);
		while (l->is_loading)
			pthread_cond_wait(&arrived, &lock);
		if (!ret && l->error) {
			ret = l->error;
			snprintf(message, STORE_MESSAGE_BYTES, "%s", l->message);
		}
	}
	/* one page ahead of a reader who has come to the last one */
	if (!ret && !l->shown_complete && !l->is_loading && offset >= l->shown_start &&
	    !headpage_wanted())
		load_next(l);
	pthread_mutex_unlock(&lock);
	return ret;
}

bool listing_is_small(const uint8_t *ctx, const char *prefix)
{
	struct listing *l;
	bool is;

	pthread_mutex_lock(&lock);
	l = find(ctx, prefix);
	is = l && l->pages == 1 && l->shown_complete;
	pthread_mutex_unlock(&lock);
	return is;
}

bool listing_is_quiet(const uint8_t *ctx, const char *prefix)
{
	struct listing *l;
	bool is;

	pthread_mutex_lock(&lock);
	l = find(ctx, prefix);
	is = l && l->is_quiet;
	pthread_mutex_unlock(&lock);
	return is;
}

bool listing_shows(const uint8_t *ctx, const char *prefix)
{
	struct listing *l;
	bool shows;

	pthread_mutex_lock(&lock);
	l = find(ctx, prefix);
	shows = l && l->pages && !l->is_outdated && is_fresh(l) && l->has_names;
	pthread_mutex_unlock(&lock);
	return shows;
}

bool listing_denies(const uint8_t *ctx, const char *object, bool is_dir, bool was_read)
{
	char parent[NAME_OBJECT_MAX];
	size_t len = strlen(object), start;
	struct listing *l;
	bool denies;

	start = is_dir && len ? len - 1 : len;
	while (start && object[start - 1] != '/')
		start--;
	if (len - start > UNCUT_BYTES)
		return false; /* may stand there in pieces */
	memcpy(parent, object, start);
	parent[start] = '\0';
	pthread_mutex_lock(&lock);
	l = find(ctx, parent);
	/* what it holds was put into the metadata cache, where the caller has looked; unless it had
	 * to leave again */
	denies = l && l->pages && l->shown_complete && is_fresh(l) && !(was_read && l->is_quiet) &&
		 l->evictions == meta_evictions(ctx);
	pthread_mutex_unlock(&lock);
	return denies;
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

	pthread_mutex_lock(&lock);
	for (struct listing *l = first; l; l = next) {
		next = l->next;
		if (l->refs || l->is_loading)
			continue;
		if (!l->has_files || ((all || l->is_replaced || !is_fresh(l)) && is_idle(l)))
			remove_listing(l);
	}
	pthread_mutex_unlock(&lock);
}

uint64_t listing_count(void)
{
	uint64_t n;

	pthread_mutex_lock(&lock);
	n = count;
	pthread_mutex_unlock(&lock);
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
	pthread_cond_init(&arrived, &attr);
	pthread_condattr_destroy(&attr);
	clock_gettime(CLOCK_REALTIME, &now);
	start_ns = now.tv_sec * CLOCK_NS_PER_S + now.tv_nsec;
	dirs_fd = fd;
}

void listing_stop(void)
{
	pthread_mutex_lock(&lock);
	while (first)
		remove_listing(first);
	if (dirs_fd >= 0)
		close(dirs_fd);
	dirs_fd = -1;
	pthread_mutex_unlock(&lock);
}
