/* SPDX-License-Identifier: Apache-2.0 */
/* The pages of a listing behind the first. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/context.h"
#include "fs/headpage.h"
#include "fs/listing.h"
#include "fs/listings.h"
#include "fs/meta.h"
#include "fs/pages.h"

int listings_load(struct listing *l, char *message)
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

int listings_submit(struct listing *l, struct store_call *call, void (*done)(struct store_call *))
{
	int ret;

	call->done = done;
	call->arg = l;
	ret = store_submit(call);
	if (ret) {
		listings_publish(l, ret, "");
		free(call);
		listing_put(l);
	}
	return ret;
}

/* A page that was fetched ahead. On the I/O thread. */
static void page_done(struct store_call *call)
{
	struct listing *l = call->arg;
	int ret = call->error;

	if (!ret)
		ret = pages_add(l, &call->list);
	if (!ret && (l->pages == 1 || l->is_shed))
		listings_widen(l, &call->list);
	listings_publish(l, ret, call->message);
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
	pthread_mutex_unlock(&listings_lock);
	listings_publish(l, listings_load(l, message), message);
	pthread_mutex_lock(&listings_lock);
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
	pthread_mutex_unlock(&listings_lock);
	pages_call(l, call);
	ret = listings_submit(l, call, page_done);
	pthread_mutex_lock(&listings_lock);
	return ret;
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
	pthread_mutex_lock(&listings_lock);
	while (!ret && !nowait && !has_beyond(l, offset)) {
		if (l->wide) {
			ret = listings_wide_wait(l, message);
			continue;
		}
		if (!l->is_loading)
			ret = headpage_wanted() ? load_told(l) : load_next(l);
		while (l->is_loading)
			pthread_cond_wait(&listings_arrived, &listings_lock);
		if (!ret && l->error) {
			ret = l->error;
			listings_message(l, message);
		}
	}
	/* one page ahead of a reader who has come to the last one */
	if (!ret && !l->shown_complete && !l->is_loading && offset >= l->shown_start &&
	    !headpage_wanted()) {
		if (l->wide)
			listings_wide_ahead(l);
		else
			load_next(l);
	}
	pthread_mutex_unlock(&listings_lock);
	return ret;
}
