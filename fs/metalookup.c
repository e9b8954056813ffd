/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lookups under way: who finds out what others wait for. One condition for all who wait. A lookup
 * lives until the last of them has seen how it ended; what it found is in the entry, and whoever
 * does not find that there any more looks for himself.
 */
#include "fs/metalookup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/clock.h"
#include "fs/metaentry.h"
#include "fs/metalog.h"

#define GAVE_UP (-5000) /* who fetched ahead has: no errno */
#define BUCKETS 256	/* hardly more are under way at a time */

struct lookup_under_way {
	struct lookup_under_way *next; /* in its bucket, until it has ended */
	struct metakey key;	       /* of name and ctx here */
	uint8_t ctx[WIRE_CTX_BYTES];
	int64_t asked_ns; /* when it began */
	char *message;	  /* owned: a line, when it failed */
	bool *is_wanted;  /* is told that somebody waits; or NULL */
	unsigned refs;	  /* those who wait */
	int error;
	bool has_ended, leads_ahead;
	size_t bytes;
	char name[];
};

static struct lookup_under_way *buckets[BUCKETS];
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;

static struct lookup_under_way **place_of(const struct metakey *key)
{
	return &buckets[key->hash % BUCKETS];
}

static bool is_same_name(const struct metakey *a, const struct metakey *b)
{
	return a->hash == b->hash && !memcmp(a->ctx, b->ctx, WIRE_CTX_BYTES) &&
	       a->is_own == b->is_own && a->dir_len == b->dir_len && a->leaf_len == b->leaf_len &&
	       !memcmp(a->dir, b->dir, a->dir_len + a->leaf_len);
}

/* NULL: there is none. */
static struct lookup_under_way *find(const struct metakey *key)
{
	struct lookup_under_way *l = *place_of(key);

	while (l && !is_same_name(&l->key, key))
		l = l->next;
	return l;
}

static struct lookup_under_way *begin(const uint8_t *ctx, const char *name)
{
	size_t bytes = sizeof(struct lookup_under_way) + strlen(name) + 1;
	struct lookup_under_way *l = calloc(1, bytes), **place;

	if (!l)
		return NULL;
	l->bytes = bytes;
	memcpy(l->ctx, ctx, WIRE_CTX_BYTES);
	memcpy(l->name, name, strlen(name) + 1);
	metaentry_key(l->ctx, l->name, &l->key);
	l->asked_ns = clock_ns();
	place = place_of(&l->key);
	l->next = *place;
	*place = l;
	metalog_charge((int64_t)bytes);
	return l;
}

static void release(struct lookup_under_way *l)
{
	metalog_charge(-(int64_t)l->bytes);
	free(l->message);
	free(l);
}

/* Takes it out, and wakes those who wait. */
static void end(struct lookup_under_way *l, int error, const char *message)
{
	struct lookup_under_way **at = place_of(&l->key);

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	l->has_ended = true;
	l->error = error;
	l->message = message && *message ? strdup(message) : NULL;
	pthread_cond_broadcast(&ended);
	if (!l->refs)
		release(l);
}

bool metalookup_is_under_way(const struct metakey *key)
{
	return find(key);
}

void metalookup_below(const char *prefix)
{
	size_t len = strlen(prefix);
	const struct lookup_under_way *l;

	for (size_t i = 0; i < BUCKETS; i++) {
		for (l = buckets[i]; l; l = l->next) {
			if (l->key.dir_len < len || memcmp(l->key.dir, prefix, len) != 0)
				continue;
			*metaentry_changed_at(&l->key) = clock_ns();
			++*metaentry_evicted(l->ctx);
		}
	}
}

/* Waits for it. */
static int join(struct lookup_under_way *l, struct meta_fact *out, char *message)
{
	/* what was asked for too long ago is no answer to who opens it now */
	bool is_late = l->leads_ahead && clock_ns() >= l->asked_ns + meta_ttl_ns();
	struct metaentry e;
	int ret;

	l->refs++;
	if (l->is_wanted)
		__atomic_store_n(l->is_wanted, true, __ATOMIC_RELAXED);
	while (!l->has_ended)
		pthread_cond_wait(&ended, &metaentry_lock);
	ret = is_late ? GAVE_UP : l->error;
	if (ret)
		snprintf(message, STORE_MESSAGE_BYTES, "%s", l->message ? l->message : "");
	else if (metaentry_load_key(&l->key, &e) && e.kind != META_UNKNOWN)
		metaentry_read_fact(&e, out);
	else
		ret = GAVE_UP; /* it had to go, or was forgotten, meanwhile */
	if (!--l->refs)
		release(l);
	return ret ? ret : 1;
}

static int enter(const uint8_t *ctx, const char *name, bool anew, struct meta_fact *out,
		 char message[STORE_MESSAGE_BYTES])
{
	struct lookup_under_way *l;
	struct metaentry e;
	int ret = 0;

	metaentry_load(ctx, name, &e);
	l = find(&e.key);
	if (l) {
		ret = join(l, out, message);
	} else if (!anew && e.ref && metaentry_believe(&e, false)) {
		metaentry_read_fact(&e, out);
		ret = 1;
	} else if (!begin(ctx, name)) {
		ret = -ENOMEM;
	} else {
		out->hidden = metaentry_hidden_now(&e);
	}
	return ret;
}

int meta_enter(const uint8_t *ctx, const char *name, bool anew, struct meta_fact *out,
	       char message[STORE_MESSAGE_BYTES])
{
	int ret;

	pthread_mutex_lock(&metaentry_lock);
	do
		ret = enter(ctx, name, anew, out, message);
	while (ret == GAVE_UP);
	pthread_mutex_unlock(&metaentry_lock);
	return ret;
}

bool meta_enter_ahead(const uint8_t *ctx, const char *name)
{
	struct lookup_under_way *l = NULL;
	struct metaentry e;

	pthread_mutex_lock(&metaentry_lock);
	if (metaentry_load(ctx, name, &e) && e.kind == META_FILE && !find(&e.key))
		l = begin(ctx, name);
	if (l)
		l->leads_ahead = true;
	pthread_mutex_unlock(&metaentry_lock);
	return l;
}

/* Of who leads: it is there. */
static struct lookup_under_way *own(const uint8_t *ctx, const char *name)
{
	struct metakey key;

	metaentry_key(ctx, name, &key);
	return find(&key);
}

void meta_want_ahead(const uint8_t *ctx, const char *name, bool *is_wanted)
{
	struct lookup_under_way *l;

	pthread_mutex_lock(&metaentry_lock);
	l = own(ctx, name);
	l->is_wanted = is_wanted;
	if (l->refs) /* somebody has come already */
		__atomic_store_n(is_wanted, true, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&metaentry_lock);
}

void meta_leave(const uint8_t *ctx, const char *name, int error, const struct meta_fact *fact,
		const char *message)
{
	struct lookup_under_way *l;
	struct metaentry e;

	pthread_mutex_lock(&metaentry_lock);
	l = own(ctx, name);
	metaentry_load_key(&l->key, &e);
	if (error) {
		metaentry_expire(&e);
		if (e.ref)
			metaentry_save(&e);
	} else if (*metaentry_changed_at(&e.key) <= l->asked_ns) {
		metaentry_set_fact(&e, fact, false);
		metaentry_save(&e);
	} else if (!e.until_ns) { /* those who wait look for themselves */
		error = GAVE_UP;
	}
	end(l, error, error ? message : NULL);
	pthread_mutex_unlock(&metaentry_lock);
}

void meta_leave_ahead(const uint8_t *ctx, const char *name, const struct meta_fact *fact)
{
	struct lookup_under_way *l;
	struct metaentry e;
	int64_t spare_until_ns;
	int error = fact ? 0 : GAVE_UP;

	pthread_mutex_lock(&metaentry_lock);
	l = own(ctx, name);
	metaentry_load_key(&l->key, &e);
	if (fact && *metaentry_changed_at(&e.key) <= l->asked_ns) {
		metaentry_look_at_marks(&e);
		spare_until_ns = e.spare_until_ns;
		metaentry_set_fact(&e, fact, false);
		e.spare_until_ns = spare_until_ns;
		e.until_ns = l->asked_ns + meta_ttl_ns();
		e.is_ahead = true;
		metaentry_save(&e);
	} else if (!e.until_ns) { /* as in meta_leave() */
		error = GAVE_UP;
	}
	end(l, error, NULL);
	pthread_mutex_unlock(&metaentry_lock);
}
