/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread owns the directories; only the queue, its neighbours and the counters that are shown
 * are shared, under one lock, which is held for nothing but those.
 */
#include "fs/ahead.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cache/cache.h"
#include "cache/clock.h"
#include "core/context.h"
#include "core/log.h"
#include "core/scope.h"
#include "core/tally.h"
#include "fs/aheaddir.h"
#include "fs/aheadfetch.h"
#include "fs/asked.h"
#include "fs/listing.h"
#include "fs/lookup.h"
#include "fs/meta.h"

#define REST_NS	   (3 * CLOCK_NS_PER_S) /* a directory is forgotten in which nothing was opened */
#define FORGIVE_NS (60 * CLOCK_NS_PER_S)

enum event_kind { TAKEN_FILE, TAKEN_DIR, FAILED_FILE, TAKEN_NAME, FAILED_NAME, MET_DIR };

struct event {
	struct event *next;
	struct context *ctx;
	struct job *job; /* whose doing it was: a reference, or NULL */
	enum event_kind kind;
	int64_t at_ns;
	char object[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more; /* something of the following has changed */
static struct event *first, **last = &first;
static unsigned events, flights;
static bool running, stopping, is_held; /* held: something waits for flights to end */
static bool is_urgent;			/* one of the events does not wait for others */
static struct siblings_ledger shown_files, shown_listings, shown_names;

/* the thread's own */
static pthread_t thread;
static struct siblings_ledger files = {.credit = AHEAD_CREDIT, .credit_bytes = AHEAD_CREDIT_BYTES};
static struct siblings_ledger listings = {.credit = AHEAD_CREDIT_LISTS,
					  .credit_bytes = UINT64_MAX / 2};
static struct siblings_ledger names = {.credit = AHEAD_CREDIT, .credit_bytes = UINT64_MAX / 2};
static struct aheaddir *dirs; /* the one used last first */
static int64_t forgave_ns;
static struct siblings_ledger told_files, told_listings,
	told_names; /* as it was at the last account() */

static void post_at(struct context *ctx, const char *object, enum event_kind kind, bool urgent,
		    int64_t at_ns)
{
	size_t len = strlen(object);
	struct event *e;

	pthread_mutex_lock(&lock);
	e = running && events < AHEAD_EVENTS_MAX ? malloc(sizeof(*e) + len + 1) : NULL;
	if (e) {
		*e = (struct event){
			.ctx = ctx, .kind = kind, .job = job_ref(job_current()), .at_ns = at_ns};
		memcpy(e->object, object, len + 1);
		*last = e;
		last = &e->next;
		events++;
		is_urgent |= urgent;
		/* the first of those that are gathered begins the time */
		if (urgent || events == 1 || events == AHEAD_GATHER)
			pthread_cond_signal(&more);
	}
	pthread_mutex_unlock(&lock);
}

static void post(struct context *ctx, const char *object, enum event_kind kind, bool urgent)
{
	post_at(ctx, object, kind, urgent, clock_ns());
}

static void event_free(struct event *e)
{
	job_put(e->job);
	free(e);
}

void ahead_taken(struct context *ctx, const char *object, bool is_dir, bool waited)
{
	post(ctx, object, is_dir ? TAKEN_DIR : TAKEN_FILE, is_dir || waited);
}

void ahead_was_taken(struct context *ctx, const char *object, int64_t at_ns)
{
	post_at(ctx, object, TAKEN_FILE, false, at_ns);
}

void ahead_named(struct context *ctx, const char *object, bool waited)
{
	post(ctx, object, TAKEN_NAME, waited);
}

void ahead_met(struct context *ctx, const char *prefix)
{
	post(ctx, prefix, MET_DIR, true);
}

static bool take_off(void)
{
	bool may;

	pthread_mutex_lock(&lock);
	may = !stopping && flights < AHEAD_FLIGHTS_MAX;
	if (may)
		flights++;
	else
		is_held = true;
	pthread_mutex_unlock(&lock);
	return may;
}

/* What take_off() allowed was not done. */
static void stay(void)
{
	pthread_mutex_lock(&lock);
	flights--;
	pthread_mutex_unlock(&lock);
}

/* Is there nothing to be begun now? When there is, all is gone through again. */
static bool is_grounded(void)
{
	bool is = !take_off();

	if (!is)
		stay();
	return is;
}

static void landed(void)
{
	pthread_mutex_lock(&lock);
	flights--;
	if (is_held)
		pthread_cond_signal(&more);
	pthread_mutex_unlock(&lock);
}

static void file_landed(const uint8_t *ctx, const char *object, int error)
{
	if (error)
		post(context_find(ctx), object, FAILED_FILE, true);
	landed();
}

static void name_landed(const uint8_t *ctx, const char *object, int error)
{
	if (error)
		post(context_find(ctx), object, FAILED_NAME, true);
	landed();
}

static void dir_landed(struct context *ctx, const char *prefix, int error)
{
	(void)ctx;
	(void)prefix;
	(void)error; /* who opens it asks himself */
	landed();
}

static const struct aheadfetch_landed landings = {file_landed, name_landed, dir_landed};

/* What will be opened as well is fetched, which tells the same. */
static bool is_opened(const struct aheaddir *d)
{
	return d->opened_ns && clock_ns() < d->opened_ns + REST_NS;
}

/* What waits to be opened takes room. */
static bool has_room(void)
{
	struct cache_stats cached;
	uint64_t unused = files.begun_bytes - files.used_bytes - files.wasted_bytes;
	uint64_t most;

	cache_stats(&cached);
	most = cached.size_max / 8 < AHEAD_BYTES_MAX ? cached.size_max / 8 : AHEAD_BYTES_MAX;
	return unused + AHEAD_FILE_BYTES <= most;
}

static void pump_some(struct aheaddir *d, struct siblings *s, aheadfetch *fetch)
{
	while (has_room() && take_off()) {
		uint32_t index = siblings_next(s, meta_ttl_ns());

		if (index == SIBLINGS_NONE || !fetch(d, index, &landings))
			stay();
		if (index == SIBLINGS_NONE)
			return;
	}
}

static struct aheaddir *dir_of(struct context *ctx, const char *prefix, int64_t now_ns);
static size_t parent_len(const char *object);

/* The object name of that one of parent's, which comes after d: looked up once, for a walk asks for
 * it with each file that it takes. NULL: it is not known. */
static const char *name_after(struct aheaddir *d, const struct aheaddir *parent, uint32_t index)
{
	const struct sibling *e = &parent->dirs.of[index];
	char prefix[NAME_OBJECT_MAX];
	struct lookup *q;

	if (d->after && d->after_ino == e->ino)
		return d->after;
	q = aheadfetch_lookup(parent, e);
	if (!q)
		return NULL;
	name_prefix(&q->name, prefix);
	free(q);
	free(d->after);
	d->after = strdup(prefix);
	d->after_ino = e->ino;
	return d->after;
}

/* The directory that the walk comes to after this one, if it is known and has been listed. */
static struct aheaddir *next_dir(struct aheaddir *d, int64_t now_ns)
{
	size_t len = parent_len(d->prefix);
	struct aheaddir *parent = dirs;
	const char *prefix;
	uint32_t index;

	while (parent && (parent->ctx != d->ctx || parent->prefix_len != len ||
			  memcmp(parent->prefix, d->prefix, len) != 0))
		parent = parent->next;
	if (!parent)
		return NULL;
	index = siblings_find(&parent->dirs, name_ino(d->prefix, d->prefix_len, true));
	if (index != SIBLINGS_NONE)
		index = siblings_after(&parent->dirs, index);
	prefix = index == SIBLINGS_NONE ? NULL : name_after(d, parent, index);
	return prefix ? dir_of(d->ctx, prefix, now_ns) : NULL;
}

/* As far as a reader may be ahead of himself beyond the end of his directory, he is in the next. */
static void go_on(struct aheaddir *d)
{
	const struct sibling_stream *habit = siblings_habit(&d->files);
	int64_t now_ns = clock_ns();

	for (int i = 0; habit && i < AHEAD_ONWARD_MAX && !is_grounded(); i++) {
		uint32_t room = siblings_beyond(&d->files, meta_ttl_ns());
		struct aheaddir *next = room ? next_dir(d, now_ns) : NULL;

		if (!next)
			return;
		if (!next->job)
			next->job = job_ref(d->job);
		siblings_expect(&next->files, habit, room, now_ns);
		pump_some(next, &next->files, aheadfetch_file);
		d = next;
	}
}

static void account_kind(struct job *job, enum tally_ahead kind, const struct siblings_ledger *now,
			 struct siblings_ledger *told)
{
	TALLY_ADD(job, ahead[kind].fetched, (int64_t)(now->begun - told->begun));
	TALLY_ADD(job, ahead[kind].used, (int64_t)(now->used - told->used));
	TALLY_ADD(job, ahead[kind].wasted, (int64_t)(now->wasted - told->wasted));
	if (kind == TALLY_AHEAD_FILES) {
		TALLY_ADD(job, ahead[kind].bytes_fetched,
			  (int64_t)(now->begun_bytes - told->begun_bytes));
		TALLY_ADD(job, ahead[kind].bytes_used,
			  (int64_t)(now->used_bytes - told->used_bytes));
		TALLY_ADD(job, ahead[kind].bytes_wasted,
			  (int64_t)(now->wasted_bytes - told->wasted_bytes));
	}
	*told = *now;
}

/* What has come of it since was this job's doing. */
static void account(struct job *job)
{
	account_kind(job, TALLY_AHEAD_FILES, &files, &told_files);
	account_kind(job, TALLY_AHEAD_LISTINGS, &listings, &told_listings);
	account_kind(job, TALLY_AHEAD_NAMES, &names, &told_names);
}

static void pump(struct aheaddir *d)
{
	job_switch(d->job);
	pump_some(d, &d->dirs, aheadfetch_listing);
	pump_some(d, &d->files, aheadfetch_file);
	if (!is_opened(d))
		pump_some(d, &d->names, aheadfetch_name);
	go_on(d);
	account(d->job);
	job_switch(NULL);
}

/* How files are taken, or names asked about, by who walks here, as of the last directory where he
 * did. Who has come to another since, which is not above this one, and took nothing there, is
 * expected nowhere. */
static const struct sibling_stream *habit_of(const struct event *e, bool of_names, int64_t now_ns)
{
	for (struct aheaddir *d = dirs; d; d = d->next) {
		const struct siblings *s = of_names ? &d->names : &d->files;
		const struct sibling_stream *habit;

		if (d->ctx != e->ctx || d->job != e->job || now_ns > d->used_ns + REST_NS)
			continue;
		if (siblings_is_unread(s) && strncmp(e->object, d->prefix, strlen(d->prefix)) != 0)
			return NULL;
		habit = siblings_habit(s);
		if (habit)
			return habit;
	}
	return NULL;
}

/* Who walks comes to this directory. */
static void expect(const struct event *e, int64_t now_ns)
{
	const struct sibling_stream *files_habit = habit_of(e, false, now_ns);
	const struct sibling_stream *names_habit = e->kind == MET_DIR ? habit_of(e, true, now_ns)
								      : NULL;
	struct aheaddir *d = files_habit || names_habit ? dir_of(e->ctx, e->object, now_ns) : NULL;

	if (!d)
		return;
	job_put(d->job);
	d->job = job_ref(e->job);
	if (files_habit)
		siblings_expect(&d->files, files_habit, SIBLINGS_NONE, now_ns);
	else if (!aheaddir_load_names(d))
		siblings_expect(&d->names, names_habit, SIBLINGS_NONE, now_ns);
	pump(d);
}

static void forget(struct aheaddir **at)
{
	struct aheaddir *d = *at;
	struct job *job = job_ref(d->job);

	*at = d->next;
	aheaddir_free(d);
	account(job);
	job_put(job);
}

/* Those that rest, and the oldest if there are too many. */
static void sweep(int64_t now_ns, bool all)
{
	struct aheaddir **at = &dirs;
	unsigned known = 0;
	uint64_t entries = 0;

	while (*at) {
		struct aheaddir *d = *at;

		known++;
		entries += d->files.count + d->dirs.count + d->names.count;
		if (all || now_ns > d->used_ns + REST_NS || known > AHEAD_DIRS_MAX ||
		    (entries > AHEAD_ENTRIES_MAX && d != dirs))
			forget(at);
		else
			at = &d->next;
	}
	if (now_ns > forgave_ns + FORGIVE_NS) {
		siblings_forgive(&files);
		siblings_forgive(&listings);
		siblings_forgive(&names);
		forgave_ns = now_ns;
	}
}

/* The directory, first in the list; NULL: it has not been listed. */
static struct aheaddir *dir_of(struct context *ctx, const char *prefix, int64_t now_ns)
{
	struct aheaddir **at = &dirs, *d;

	while (*at && ((*at)->ctx != ctx || strcmp((*at)->prefix, prefix) != 0))
		at = &(*at)->next;
	d = *at;
	if (d)
		*at = d->next;
	else
		d = aheaddir_new(ctx, prefix, &files, &listings, &names);
	if (!d)
		return NULL;
	if (aheaddir_load(d, AHEAD_FILE_BYTES)) {
		log_debug("ahead: the listing of %s cannot be read", prefix);
		aheaddir_free(d);
		return NULL;
	}
	d->used_ns = now_ns;
	d->next = dirs;
	dirs = d;
	return d;
}

/* Where the last component of an object name starts. */
static size_t parent_len(const char *object)
{
	size_t len = strlen(object);

	len -= len && object[len - 1] == '/';
	while (len && object[len - 1] != '/')
		len--;
	return len;
}

static void look_at(const struct event *e)
{
	size_t len = strlen(e->object), parent = parent_len(e->object);
	SCOPE_FREE char *prefix = strndup(e->object, parent);
	int64_t now_ns = e->at_ns;
	bool is_name = e->kind == TAKEN_NAME || e->kind == FAILED_NAME;
	bool is_dir = e->kind == TAKEN_DIR;
	struct siblings *s;
	struct aheaddir *d;
	uint32_t index;

	if (e->kind == MET_DIR) {
		expect(e, now_ns);
		return;
	}
	d = prefix ? dir_of(e->ctx, prefix, now_ns) : NULL;
	if (!d)
		return;
	job_put(d->job);
	d->job = job_ref(e->job);
	if (is_name && aheaddir_load_names(d)) {
		forget(&dirs);
		return;
	}
	if (e->kind == TAKEN_FILE)
		d->opened_ns = now_ns;
	s = is_name ? &d->names : is_dir ? &d->dirs : &d->files;
	index = siblings_find(s, name_ino(e->object, len, is_dir));
	if (index == SIBLINGS_NONE) {
		forget(&dirs); /* made since it was listed: another listing tells */
		return;
	}
	if (e->kind == FAILED_FILE || e->kind == FAILED_NAME)
		siblings_failed(s, index);
	else if (siblings_taken(s, index, now_ns) && is_name)
		asked_used(now_ns);
	pump(d);
	if (is_dir)
		expect(e, now_ns);
}

/* With the lock, which is given away meanwhile. */
static void look_at_all(struct event *e)
{
	bool was_held = is_held;

	is_held = false;
	pthread_mutex_unlock(&lock);
	while (e) {
		struct event *next = e->next;

		look_at(e);
		event_free(e);
		e = next;
	}
	if (was_held) {
		for (struct aheaddir *d = dirs; d && !is_grounded(); d = d->next)
			pump(d);
	}
	sweep(clock_ns(), false);
	pthread_mutex_lock(&lock);
	shown_files = files;
	shown_listings = listings;
	shown_names = names;
}

static struct timespec after_ms(long ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * CLOCK_NS_PER_MS;
	until.tv_sec += until.tv_nsec / CLOCK_NS_PER_S;
	until.tv_nsec %= CLOCK_NS_PER_S;
	return until;
}

/* Who opens what is here already does so ten thousand times a second: this thread need not run each
 * time. With the lock, which is given away meanwhile. */
static void gather(void)
{
	struct timespec until = after_ms(AHEAD_GATHER_MS);

	while (first && !is_urgent && events < AHEAD_GATHER && !stopping &&
	       !(is_held && flights < AHEAD_FLIGHTS_MAX) &&
	       !pthread_cond_timedwait(&more, &lock, &until))
		;
	is_urgent = false;
}

static void wait_more(void)
{
	struct timespec until = after_ms(1000);

	if (dirs)
		pthread_cond_timedwait(&more, &lock, &until);
	else
		pthread_cond_wait(&more, &lock);
}

static void *work(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	while (!stopping) {
		struct event *e;

		gather();
		e = first;
		first = NULL;
		last = &first;
		events = 0;
		look_at_all(e);
		if (!first && !stopping && !(is_held && flights < AHEAD_FLIGHTS_MAX))
			wait_more();
	}
	pthread_mutex_unlock(&lock);
	sweep(0, true);
	return NULL;
}

int ahead_start(void)
{
	pthread_condattr_t attr;
	int ret;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&more, &attr);
	pthread_condattr_destroy(&attr);
	stopping = false;
	ret = pthread_create(&thread, NULL, work, NULL);
	running = !ret;
	return -ret;
}

void ahead_stop(void)
{
	struct event *e;

	pthread_mutex_lock(&lock);
	if (!running) {
		pthread_mutex_unlock(&lock);
		return;
	}
	running = false;
	stopping = true;
	pthread_cond_signal(&more);
	pthread_mutex_unlock(&lock);
	pthread_join(thread, NULL);
	while ((e = first)) {
		first = e->next;
		event_free(e);
	}
	last = &first;
	events = 0;
}

static struct ahead_count count_of(const struct siblings_ledger *l)
{
	return (struct ahead_count){
		.begun = l->begun,
		.used = l->used,
		.wasted = l->wasted,
		.bytes = l->begun_bytes,
		.bytes_used = l->used_bytes,
		.bytes_wasted = l->wasted_bytes,
	};
}

void ahead_stats(struct ahead_stats *out)
{
	pthread_mutex_lock(&lock);
	out->files = count_of(&shown_files);
	out->listings = count_of(&shown_listings);
	out->names = count_of(&shown_names);
	pthread_mutex_unlock(&lock);
}
