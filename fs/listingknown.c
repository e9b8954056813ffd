/* SPDX-License-Identifier: Apache-2.0 */
/* What listings tell of directories and of the names in them, and what ends that. */
#include <stdio.h>
#include <string.h>

#include "core/context.h"
#include "fs/dirattr.h"
#include "fs/listing.h"
#include "fs/listings.h"
#include "fs/meta.h"
#include "fs/pages.h"

#define UNCUT_BYTES 160 /* no component as short as this is cut, however it is escaped */

uint64_t listing_shown(struct listing *l)
{
	uint64_t bytes;

	pthread_mutex_lock(&listings_lock);
	bytes = l->shown_bytes;
	pthread_mutex_unlock(&listings_lock);
	return bytes;
}

const char *listing_path(const struct listing *l)
{
	return l->kind >= NAME_BUCKET ? l->path : NULL;
}

void listing_attr(struct listing *l, struct wire_attr *out)
{
	pthread_mutex_lock(&listings_lock);
	*out = l->attr; /* constant but for the time */
	out->mtime_ns = l->shown_mtime_ns;
	pthread_mutex_unlock(&listings_lock);
	if (l->kind == NAME_KEY)
		dirattr_apply(context_id(l->ctx), l->object, out);
}

void listing_seen(struct listing *l, struct dirattr_seen *out)
{
	pthread_mutex_lock(&listings_lock);
	*out = (struct dirattr_seen){
		.has_mark = l->dir->has_mark || l->is_tree, /* of the first page: constant */
		.is_real = l->is_tree,
		.mark_ns = l->dir->mark_ns,
		.newest_ns = l->shown_mtime_ns == listing_start_ns() ? 0 : l->shown_mtime_ns,
		.asked_ns = l->asked_ns,
	};
	pthread_mutex_unlock(&listings_lock);
}

/* Runtimes have the file mapped. With the lock. */
static void show(const struct listing *l)
{
	struct pair pair = {.data_fd = -1};
	struct wire_attr attr, *shown;

	if (!listings_have_files(l) || pair_open(l->dirs_fd, l->name, &pair))
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

	pthread_mutex_lock(&listings_lock);
	for (struct listing *l = listings_slot(hash); l; l = l->same_slot)
		if (l->hash == hash && !memcmp(context_id(l->ctx), ctx, WIRE_CTX_BYTES) &&
		    !strcmp(l->object, prefix))
			show(l);
	pthread_mutex_unlock(&listings_lock);
}

const uint8_t *listing_ctx(const struct listing *l)
{
	return context_id(l->ctx);
}

int listing_open_data(struct listing *l, int flags)
{
	return l->no_files ? l->no_files : pair_data_fd(l->dirs_fd, l->name, flags);
}

int listing_open_vnode(struct listing *l)
{
	return l->no_files ? l->no_files : pair_vnode_fd(l->dirs_fd, l->name);
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
	pthread_mutex_lock(&listings_lock);
	for (struct listing *l = listings_slot(hash); l; l = l->same_slot) {
		if (l->hash == hash && !strcmp(l->object, parent))
			l->is_outdated = true;
	}
	pthread_mutex_unlock(&listings_lock);
}

void listing_changed_below(const char *prefix)
{
	size_t len = strlen(prefix);

	pthread_mutex_lock(&listings_lock);
	for (struct listing *l = NULL; (l = listings_next(l));) {
		if (!strncmp(l->object, prefix, len))
			l->is_outdated = true;
	}
	pthread_mutex_unlock(&listings_lock);
}

bool listing_is_small(const uint8_t *ctx, const char *prefix)
{
	struct listing *l;
	bool is;

	pthread_mutex_lock(&listings_lock);
	l = listings_find(ctx, prefix);
	is = l && l->pages == 1 && l->shown_complete;
	pthread_mutex_unlock(&listings_lock);
	return is;
}

bool listing_is_quiet(const uint8_t *ctx, const char *prefix)
{
	struct listing *l;
	bool is;

	pthread_mutex_lock(&listings_lock);
	l = listings_find(ctx, prefix);
	is = l && l->is_quiet;
	pthread_mutex_unlock(&listings_lock);
	return is;
}

bool listing_shows(const uint8_t *ctx, const char *prefix)
{
	struct listing *l;
	bool shows;

	pthread_mutex_lock(&listings_lock);
	l = listings_find(ctx, prefix);
	shows = l && l->pages && !l->is_outdated && listings_fresh(l) && l->has_names;
	pthread_mutex_unlock(&listings_lock);
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
	pthread_mutex_lock(&listings_lock);
	l = listings_find(ctx, parent);
	/* what it holds was put into the metadata cache, where the caller has looked; unless it had
	 * to leave again */
	denies = l && l->pages && l->shown_complete && listings_fresh(l) &&
		 !(was_read && l->is_quiet) && l->evictions == meta_evictions(ctx);
	pthread_mutex_unlock(&listings_lock);
	return denies;
}
