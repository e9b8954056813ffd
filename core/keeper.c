// SPDX-License-Identifier: Apache-2.0
/*
 * The keeper. Entries are made once for each context and kind and live until keeper_free(), so a
 * pointer to one is as good as a name. All their fields are under one lock, which is never held
 * while anything waits; a search works on copies.
 */
#include "core/keeper.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/fetch.h"
#include "core/log.h"
#include "core/thread.h"

#define MESSAGE_BYTES 512
#define LEAD_MAX_S    300  /* renewed so long before the end, or when a fifth of its life is left */
#define HOLD_MIN_MS   1000 /* a failure is believed three times as long as it took to find, */
#define HOLD_MAX_MS   10000 /* within these: who asks again and again shall not wait each time */
#define POST_AGAIN_US 5000

struct keeper_entry {
	struct keeper_entry *next;
	const struct keeper_kind *kind;
	const struct context *ctx;
	uint64_t stamp;

	struct creds creds;
	bool has; /* creds holds one; of tried what the last search said in any case */
	uint64_t serial;
	int64_t got_ms;
	int64_t renew_s; /* since 1970; with creds.expires_s only */

	bool searching;
	int error; /* of the last search, believed until hold_ms */
	int64_t hold_ms;
	char message[MESSAGE_BYTES];
	struct http_task *waiting;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t thread_ended = PTHREAD_COND_INITIALIZER;
/* under lock */
static struct keeper_entry *entries;
static unsigned threads;
static bool stopping;
static uint64_t searches;

struct search {
	struct keeper_entry *entry;
	uint64_t stamp;
};

static struct keeper_entry *entry_of(const struct keeper_kind *kind, const struct context *ctx)
{
	struct keeper_entry *entry = entries;

	while (entry && (entry->kind != kind || entry->ctx != ctx))
		entry = entry->next;
	if (entry)
		return entry;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->kind = kind;
	entry->ctx = ctx;
	entry->next = entries;
	entries = entry;
	return entry;
}

static void forget(struct keeper_entry *entry)
{
	creds_wipe(&entry->creds);
	entry->has = false;
	entry->error = 0;
	entry->hold_ms = 0;
}

static void accept(struct keeper_entry *entry, const struct creds *found)
{
	int64_t now_s = clock_wall_s();
	int64_t life_s = found->expires_s - now_s;

	entry->creds = *found;
	entry->has = true;
	entry->got_ms = clock_mono_ms();
	entry->creds.entry = entry;
	entry->creds.serial = ++entry->serial;
	entry->renew_s = found->expires_s - (life_s / 5 < LEAD_MAX_S ? life_s / 5 : LEAD_MAX_S);
	entry->error = 0;
	entry->hold_ms = 0;
}

static int64_t hold_for(int64_t took_ms)
{
	int64_t hold_ms = 3 * took_ms;

	return hold_ms < HOLD_MIN_MS ? HOLD_MIN_MS : hold_ms > HOLD_MAX_MS ? HOLD_MAX_MS : hold_ms;
}

/* With the lock. What was found or not found is now the entry's. */
static void settle(const struct search *search, int ret, const struct creds *found,
		   const char *message, int64_t took_ms)
{
	struct keeper_entry *entry = search->entry;

	entry->searching = false;
	if (entry->stamp != search->stamp)
		return; /* who asked since wants another search */
	if (!ret) {
		accept(entry, found);
		return;
	}
	memcpy(entry->creds.tried, found->tried, sizeof(entry->creds.tried));
	entry->error = ret;
	entry->hold_ms = clock_mono_ms() + hold_for(took_ms);
	snprintf(entry->message, sizeof(entry->message), "%s", message);
}

static void wake(struct http_task *task)
{
	while (task) {
		struct http_task *next = task->next;

		while (http_post(task, 0) == -ENOMEM)
			usleep(POST_AGAIN_US);
		task = next;
	}
}

static void say(const struct search *search, int ret, const struct creds *found,
		const char *message)
{
	const char *name = search->entry->kind->name;

	if (ret == -ECANCELED)
		return;
	if (ret)
		log_warn("%s credentials: %s", name, message);
	else
		log_info("%s credentials: %s, good for %lld s", name, found->source,
			 found->expires_s ? (long long)(found->expires_s - clock_wall_s()) : -1LL);
}

static void *search_thread(void *arg)
{
	struct search *search = arg;
	struct creds *found = calloc(1, sizeof(*found));
	char message[MESSAGE_BYTES] = "";
	int64_t start_ms = clock_mono_ms();
	struct http_task *waiting;
	struct creds none = {0};
	int ret = -ENOMEM;

	if (found)
		ret = search->entry->kind->find(search->entry->ctx, found, message,
						sizeof(message));
	if (!ret && found->expires_s && found->expires_s <= clock_wall_s()) {
		snprintf(message, sizeof(message), "%.300s gave a credential that has expired",
			 found->source);
		ret = -EACCES;
	}
	if (ret && !message[0])
		snprintf(message, sizeof(message), "%s", strerror(-ret));
	say(search, ret, found, message);

	pthread_mutex_lock(&lock);
	settle(search, ret, found ? found : &none, message, clock_mono_ms() - start_ms);
	waiting = search->entry->waiting;
	search->entry->waiting = NULL;
	pthread_mutex_unlock(&lock);
	wake(waiting);

	if (found)
		creds_wipe(found);
	free(found);
	free(search);
	pthread_mutex_lock(&lock);
	threads--;
	pthread_cond_broadcast(&thread_ended);
	pthread_mutex_unlock(&lock);
	return NULL;
}

/* With the lock. Returns 0, -ENOMEM or the error of pthread_create(3). */
static int start_search(struct keeper_entry *entry)
{
	struct search *search = malloc(sizeof(*search));
	int ret;

	if (!search)
		return -ENOMEM;
	*search = (struct search){.entry = entry, .stamp = entry->stamp};
	ret = thread_start(NULL, search_thread, search);
	if (ret) {
		free(search);
		return ret;
	}
	threads++;
	searches++;
	entry->searching = true;
	return 0;
}

/* With the lock. */
static int get(struct keeper_entry *entry, struct creds *out, char *message, size_t message_bytes)
{
	int64_t now_s = clock_wall_s();
	bool held = entry->error && clock_mono_ms() < entry->hold_ms;
	bool timed = entry->creds.expires_s != 0;

	if (entry->has && (!timed || now_s < entry->creds.expires_s)) {
		if (timed && now_s >= entry->renew_s && !entry->searching && !held)
			(void)start_search(entry); /* if not now, with the next request */
		*out = entry->creds;
		return 0;
	}
	out->entry = entry;
	if (entry->searching)
		return -EINPROGRESS;
	if (held) {
		memcpy(out->tried, entry->creds.tried, sizeof(out->tried));
		snprintf(message, message_bytes, "%s", entry->message);
		return entry->error;
	}
	return start_search(entry) ? -ENOMEM : -EINPROGRESS;
}

int keeper_get(const struct keeper_kind *kind, const struct context *ctx, uint64_t stamp,
	       struct creds *out, char *message, size_t message_bytes)
{
	struct keeper_entry *entry;
	int ret;

	pthread_mutex_lock(&lock);
	entry = stopping ? NULL : entry_of(kind, ctx);
	if (!entry) {
		ret = stopping ? -ECANCELED : -ENOMEM;
	} else {
		if (entry->stamp != stamp)
			forget(entry);
		entry->stamp = stamp;
		ret = get(entry, out, message, message_bytes);
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

int keeper_wait(struct keeper_entry *entry, struct http_task *task)
{
	bool waits;

	pthread_mutex_lock(&lock);
	waits = entry->searching;
	if (waits) {
		task->next = entry->waiting;
		entry->waiting = task;
	}
	pthread_mutex_unlock(&lock);
	return waits ? 0 : http_post(task, 0);
}

bool keeper_reject(struct keeper_entry *entry, uint64_t serial, int64_t age_min_ms)
{
	bool fresh;

	pthread_mutex_lock(&lock);
	fresh = entry->serial == serial && clock_mono_ms() - entry->got_ms < age_min_ms;
	if (entry->serial == serial && !fresh)
		forget(entry);
	pthread_mutex_unlock(&lock);
	return !fresh;
}

uint64_t keeper_searches(void)
{
	uint64_t count;

	pthread_mutex_lock(&lock);
	count = searches;
	pthread_mutex_unlock(&lock);
	return count;
}

bool keeper_is_stopping(void)
{
	bool is;

	pthread_mutex_lock(&lock);
	is = stopping;
	pthread_mutex_unlock(&lock);
	return is;
}

void keeper_start(void)
{
	pthread_mutex_lock(&lock);
	stopping = false;
	searches = 0;
	pthread_mutex_unlock(&lock);
	fetch_start();
}

void keeper_stop(void)
{
	pthread_mutex_lock(&lock);
	stopping = true;
	pthread_mutex_unlock(&lock);
	fetch_stop();
	pthread_mutex_lock(&lock);
	while (threads)
		pthread_cond_wait(&thread_ended, &lock);
	pthread_mutex_unlock(&lock);
}

void keeper_free(void)
{
	pthread_mutex_lock(&lock);
	while (entries) {
		struct keeper_entry *next = entries->next;

		creds_wipe(&entries->creds);
		free(entries);
		entries = next;
	}
	pthread_mutex_unlock(&lock);
}
