/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listings of many pages, in parts side by side: the questions of fs/wide.h go out here, and what
 * comes is shown by a thread that waits for it, so the I/O thread has time for the next answers.
 *
 * While somebody waits for a page, all parts go on, as far as there is memory; when nobody does,
 * none goes on, but that a page or two are there when he comes back. When he does not, all that is
 * kept is where his next page begins: from there he goes on as if the directory began there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cache/clock.h"
#include "core/entries.h"
#include "core/log.h"
#include "core/memory.h"
#include "fs/backends.h"
#include "fs/headpage.h"
#include "fs/listings.h"
#include "fs/wide.h"

#define PAGES_MAX   96 /* held and on their way, of a listing that is waited for */
#define PAGES_AHEAD 2  /* of one that is not */
#define ROOM_BYTES  (UINT64_C(32) << 20) /* of memory for that: a page is 250 KB */

/* What came for a reader who has not gone on for so long is forgotten: he may never do; where
 * memory is short that happens sooner, and to the two pages as well that are kept ahead. */
#define IDLE_NS (10 * CLOCK_NS_PER_S)

#define DOUBT_NS  (INT64_C(600) * CLOCK_NS_PER_S)  /* how long a store is not tried again */
#define LACKS_NS  (INT64_C(3600) * CLOCK_NS_PER_S) /* ... nor one that has refused: it may change */
#define KNOWN_MAX 64

int64_t listings_late_ns = 20 * CLOCK_NS_PER_S;

/* All with listings_lock. */
struct widening {
	struct wide *wide;
	unsigned waiting;  /* readers */
	unsigned out;	   /* questions */
	int64_t waited_ns; /* when somebody last did */
	/* taken, and not put away yet: the loading thread's, while there is one */
	struct store_list page;
	int64_t page_asked_ns;
	bool has_page;
	bool is_over; /* page by page from here on: no questions, and what comes is for nobody */
};

/* A question that is out. */
struct outgoing {
	struct outgoing *next;
	struct store_call call;
	struct listing *l;
	struct wide_part *part;
	int64_t asked_ns;
};

/* Buckets that are not listed in parts, and until when; with listings_lock. The oldest goes. */
static struct {
	uint64_t hash;
	int64_t until_ns;
} known[KNOWN_MAX];
static unsigned known_next;

static uint64_t bucket_hash(const struct listing *l)
{
	char name[sizeof(l->scheme) + sizeof(l->bucket) + 1];
	int len = snprintf(name, sizeof(name), "%s/%s", l->scheme, l->bucket);

	return name_ino(name, (size_t)len, true);
}

static bool is_known(const struct listing *l)
{
	uint64_t hash = bucket_hash(l);
	bool is = false;

	for (unsigned i = 0; i < KNOWN_MAX; i++)
		is |= known[i].hash == hash && clock_ns() < known[i].until_ns;
	return is;
}

/* Its store has shown that it cannot. */
static void note(const struct listing *l)
{
	enum wide_trust trust = wide_trust(l->wide->wide);

	if (trust == WIDE_TRUSTED || is_known(l))
		return;
	known[known_next % KNOWN_MAX].hash = bucket_hash(l);
	known[known_next++ % KNOWN_MAX].until_ns =
		clock_ns() + (trust == WIDE_REFUSED ? LACKS_NS : DOUBT_NS);
	log_info("%s://%s: directories are listed from start to end, since the store %s", l->scheme,
		 l->bucket,
		 trust == WIDE_REFUSED ? "does not begin behind a name"
				       : "tells of other names where it begins behind one");
}

void listings_widen(struct listing *l, struct store_list *page)
{
	struct timespec now;
	struct widening *w;
	bool is_off;

	if (!page->next_token || l->kind < NAME_BUCKET || l->dir->is_pieces || l->is_quiet ||
	    headpage_wanted() || !backends_begins(l->scheme, l->bucket))
		return;
	pthread_mutex_lock(&listings_lock);
	is_off = is_known(l);
	pthread_mutex_unlock(&listings_lock);
	w = is_off ? NULL : calloc(1, sizeof(*w));
	if (!w)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	w->waited_ns = clock_ns();
	w->wide = wide_new(l->key, page, now.tv_sec * CLOCK_NS_PER_S + now.tv_nsec);
	if (!w->wide) {
		free(w);
		return;
	}
	pthread_mutex_lock(&listings_lock);
	l->wide = w; /* somebody may wait for the second page already */
	l->is_shed = false;
	pthread_mutex_unlock(&listings_lock);
}

void listings_wide_free(struct listing *l)
{
	if (!l->wide)
		return;
	wide_free(l->wide->wide);
	entries_free(&l->wide->page);
	free(l->wide);
	l->wide = NULL;
}

void listings_wide_shed(struct listing *l)
{
	struct widening *w = l->wide;
	bool is_short = !memory_fits(ROOM_BYTES);
	size_t held = w ? wide_held(w->wide) + w->has_page : 0;
	int64_t idle_ns = w ? clock_ns() - w->waited_ns : 0;

	if (!held || w->is_over || w->out || w->waiting || l->is_loading)
		return;
	if (idle_ns < (is_short ? CLOCK_NS_PER_S : IDLE_NS) || (held <= PAGES_AHEAD && !is_short))
		return;
	if (!l->token || !*l->token)
		return; /* what is shown ends between two parts: only they know how it goes on */
	listings_wide_free(l);
	l->is_shed = true;
}

/* With the lock: what is to be asked now, to be sent without it. */
static struct outgoing *collect(struct listing *l, size_t room)
{
	struct outgoing *list = NULL, **end = &list;
	struct wide_question q;

	while (!l->shown_complete && !l->wide->is_over) {
		struct outgoing *o = calloc(1, sizeof(*o));

		if (!o || !wide_ask(l->wide->wide, room, &q)) {
			free(o);
			break;
		}
		o->l = l;
		o->part = q.part;
		o->asked_ns = clock_ns();
		pages_ask(l, &o->call);
		o->call.after = q.after;
		o->call.token = q.token;
		o->call.is_ahead = true;
		o->call.is_wanted = q.is_wanted;
		l->refs++;
		l->wide->out++;
		*end = o;
		end = &o->next;
	}
	return list;
}

static size_t room_for(const struct listing *l)
{
	return l->wide->waiting && memory_fits(ROOM_BYTES) ? PAGES_MAX : PAGES_AHEAD;
}

static void send_all(struct outgoing *list);

/* With the lock. Nothing more is shown of it, and nobody asks. Of several that find it so the first
 * ends it. */
static void end_if_over(struct listing *l)
{
	if (!l->wide || !(l->shown_complete || l->wide->is_over) || l->wide->out ||
	    l->wide->waiting || l->is_loading)
		return;
	listings_wide_free(l);
	pthread_cond_broadcast(&listings_arrived);
}

/* Does the service say that it does not know how to begin behind a name? Those that do not say it
 * by its status have a word for it, or none; other words with 400 are about credentials, clocks,
 * connections. Google's is "invalid", or "invalidParameter". */
static bool is_unable(const struct store_call *call)
{
	static const char *const words[] = {"",
					    "InvalidArgument",
					    "InvalidRequest",
					    "invalid",
					    "NotImplemented",
					    "UnsupportedOperation",
					    "invalidParameter"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && call->status == 400; i++)
		if (!strcmp(call->code, words[i]))
			return true;
	return call->status == 405 || call->status == 501;
}

/* An answer, or none. On the I/O thread, or on that which could not even ask. */
static void answered(struct store_call *call)
{
	struct outgoing *o = call->arg, *more = NULL;
	struct listing *l = o->l;
	bool refused = is_unable(call);

	pthread_mutex_lock(&listings_lock);
	l->wide->out--;
	if (call->error) {
		wide_fail(l->wide->wide, o->part, call->error, refused, call->message);
	} else {
		wide_answer(l->wide->wide, o->part, &call->list, o->asked_ns);
		call->list = (struct store_list){0};
	}
	note(l);
	if (l->wide->waiting && call->error != -ECANCELED)
		more = collect(l, room_for(l));
	pthread_cond_broadcast(&listings_arrived);
	end_if_over(l);
	listings_put(l);
	pthread_mutex_unlock(&listings_lock);
	store_call_reset(call);
	free(o);
	send_all(more);
}

static void send_all(struct outgoing *list)
{
	while (list) {
		struct outgoing *o = list;
		int ret;

		list = o->next;
		o->call.done = answered;
		o->call.arg = o;
		ret = store_submit(&o->call);
		if (ret) {
			o->call.error = ret;
			answered(&o->call);
		}
	}
}

/* Shows the page that was taken. With the lock; gives it away meanwhile. */
static int put_away(struct listing *l)
{
	struct widening *w = l->wide;
	int ret;

	l->is_loading = true;
	pthread_mutex_unlock(&listings_lock);
	l->page_asked_ns = w->page_asked_ns;
	l->waited_ns = w->page.count ? clock_ns() - w->page_asked_ns : 0;
	l->is_late = l->waited_ns > listings_late_ns;
	if (l->is_late)
		l->evictions = UINT64_MAX; /* not all that is there is in the metadata cache */
	ret = pages_add(l, &w->page);
	if (!ret)
		entries_free(&w->page); /* with an error it is tried again */
	w->has_page = ret;
	listings_publish(l, ret, "");
	pthread_mutex_lock(&listings_lock);
	return ret;
}

/* Without a page that could be shown: asks, or waits for an answer. */
static int await(struct listing *l)
{
	struct outgoing *list;
	int ret = 0;

	l->wide->waiting++;
	list = collect(l, room_for(l));
	if (list) {
		pthread_mutex_unlock(&listings_lock);
		send_all(list);
		pthread_mutex_lock(&listings_lock);
	} else if (l->wide->out || l->is_loading) {
		pthread_cond_wait(&listings_arrived, &listings_lock);
	} else {
		ret = -ENOMEM;
	}
	l->wide->waiting--;
	end_if_over(l);
	return ret;
}

/* Has the page that was taken waited for too long? The last one that was shown tells where it would
 * begin, unless a part has ended there for which the service had no more names. */
static bool is_stale(const struct listing *l)
{
	return l->wide->page.count && clock_ns() - l->wide->page_asked_ns > listings_late_ns &&
	       l->token && *l->token;
}

/* What is held is as old, or will be: the reader takes less than one page after the other brings.
 * So the listing goes on from the last page that he has seen. */
static void go_on_alone(struct listing *l)
{
	l->wide->has_page = false;
	entries_free(&l->wide->page);
	l->wide->is_over = true;
}

/* The parts are over once nobody needs them any more, and this caller's step is that they are. */
static void await_end(struct listing *l)
{
	end_if_over(l);
	if (l->wide)
		pthread_cond_wait(&listings_arrived, &listings_lock);
}

int listings_wide_wait(struct listing *l, char *message)
{
	struct widening *w = l->wide;
	int ret = 0;

	w->waited_ns = clock_ns();
	if (w->is_over) {
		await_end(l);
		return 0;
	}
	if (l->is_loading)
		return await(l);
	if (!w->has_page) {
		ret = wide_take(w->wide, &w->page, &w->page_asked_ns, message);
		if (ret < 0)
			return ret;
		w->has_page = ret;
	}
	if (!w->has_page)
		return await(l);
	if (is_stale(l)) {
		go_on_alone(l);
		return 0;
	}
	ret = put_away(l);
	end_if_over(l);
	return ret;
}

void listings_wide_ahead(struct listing *l)
{
	struct outgoing *list;

	if (l->wide->is_over || wide_held(l->wide->wide) >= PAGES_AHEAD)
		return;
	list = collect(l, PAGES_AHEAD);
	pthread_mutex_unlock(&listings_lock);
	send_all(list);
	pthread_mutex_lock(&listings_lock);
}
