/* SPDX-License-Identifier: Apache-2.0 */
/* Listings are opened: their first pages. What comes behind is fs/listingnext.c's part. */
#include "fs/listing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/clock.h"
#include "core/context.h"
#include "fs/headpage.h"
#include "fs/listings.h"
#include "fs/pages.h"

/* Waits for the first page that another thread fetches. */
static int join(struct listing *l, struct listing **out, char *message)
{
	int ret;

	l->refs++;
	__atomic_store_n(&l->is_wanted, true, __ATOMIC_RELAXED);
	while (l->is_loading && !l->pages)
		pthread_cond_wait(&listings_arrived, &listings_lock);
	ret = l->pages ? 0 : l->error;
	if (ret) {
		listings_message(l, message);
		listings_put(l);
		return ret;
	}
	*out = l;
	return 0;
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
		ret = listings_load(l, message);
	}
	if (!ret && !pages_exists(l))
		ret = l->is_tree && !l->dir->is_pieces ? look_for_empty(l, message) : -ENOENT;
	listings_publish(l, ret, message);
	return ret;
}

/* What is known of the directory is for nobody new: one that is to be loaded takes its place. With
 * the lock, which is given away meanwhile. NULL: without memory for it. */
static struct listing *replace(struct listing *old, struct context *ctx, const struct name *n,
			       const char *object, const char *path)
{
	struct listing *l;

	if (old)
		old->is_replaced = true;
	if (!listings_fit(false)) {
		pthread_mutex_unlock(&listings_lock);
		listings_shed();
		pthread_mutex_lock(&listings_lock);
	}
	l = listings_fit(false) ? listings_make(ctx, n, object, path) : NULL;
	if (l)
		l->is_loading = true;
	return l;
}

static bool is_usable(const struct listing *l, bool quiet)
{
	return !l->is_outdated && l->is_quiet <= quiet &&
	       (listings_fresh(l) || (l->is_loading && !l->pages));
}

static int open_first(struct context *ctx, const struct name *n, const char *path, bool quiet,
		      struct listing **out, char message[STORE_MESSAGE_BYTES])
{
	char object[NAME_OBJECT_MAX];
	struct listing *l;
	int ret;

	name_prefix(n, object);
	pthread_mutex_lock(&listings_lock);
	l = listings_find(context_id(ctx), object);
	if (l && is_usable(l, quiet)) {
		ret = join(l, out, message);
		pthread_mutex_unlock(&listings_lock);
		return ret;
	}
	l = replace(l, ctx, n, object, path);
	if (l)
		l->is_quiet = quiet;
	pthread_mutex_unlock(&listings_lock);
	if (!l) {
		snprintf(message, STORE_MESSAGE_BYTES,
			 "programs have so many directories open that the daemon has no memory for "
			 "more (memory_cap)");
		return -ENFILE;
	}

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
	listings_publish(l, ret, call->message);
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
	pthread_mutex_lock(&listings_lock);
	l = listings_find(context_id(ctx), object);
	ret = l && is_usable(l, quiet) ? -EALREADY : 0;
	if (!ret && !listings_fit(true))
		ret = -ENFILE;
	if (!ret) {
		l = replace(l, ctx, n, object, path);
		ret = l ? 0 : -ENFILE;
	}
	if (!ret) {
		l->is_quiet = quiet;
		l->landed = landed;
	}
	pthread_mutex_unlock(&listings_lock);
	if (ret) {
		free(call);
		return ret;
	}
	ret = pages_begin(l);
	if (!ret) {
		pages_call(l, call);
		call->is_ahead = true;
		call->is_wanted = &l->is_wanted;
		return listings_submit(l, call, first_done);
	}
	listings_publish(l, ret, "");
	free(call);
	listing_put(l);
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
	pthread_mutex_lock(&listings_lock);
	l = listings_find(ctx, prefix);
	if (!l) {
		pthread_mutex_unlock(&listings_lock);
		return -ENOENT;
	}
	l->refs++;
	if (most_ns > 0)
		__atomic_store_n(&l->is_wanted, true, __ATOMIC_RELAXED);
	while (!ret && most_ns > 0 && l->is_loading && !l->pages)
		ret = pthread_cond_timedwait(&listings_arrived, &listings_lock, &until);
	if (l->pages)
		ret = is_usable(l, true) ? 0 : -ESTALE;
	else
		ret = l->is_loading ? -ETIMEDOUT : l->error;
	listings_put(l);
	pthread_mutex_unlock(&listings_lock);
	return ret;
}

struct listing *listing_known(const uint8_t *ctx, const char *prefix)
{
	struct listing *l;

	pthread_mutex_lock(&listings_lock);
	l = listings_find(ctx, prefix);
	if (l && l->pages)
		l->refs++;
	else
		l = NULL;
	pthread_mutex_unlock(&listings_lock);
	return l;
}
