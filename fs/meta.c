/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked about names and told of them, each under the one lock of fs/metaentry.h. */
#include "fs/meta.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cache/clock.h"
#include "core/context.h"
#include "fs/metaentry.h"
#include "fs/metalookup.h"

static unsigned next_fixed; /* they are taken in turn */

void meta_dir_name(const char *prefix, char out[META_NAME_MAX])
{
	snprintf(out, META_NAME_MAX, "/%s", prefix);
}

static bool get(const uint8_t *ctx, const char *name, bool to_open, struct meta_fact *out)
{
	struct metaentry e;
	bool known;

	pthread_mutex_lock(&metaentry_lock);
	known = metaentry_load(ctx, name, &e) && metaentry_believe(&e, to_open);
	if (known)
		metaentry_read_fact(&e, out);
	pthread_mutex_unlock(&metaentry_lock);
	return known;
}

bool meta_get(const uint8_t *ctx, const char *name, struct meta_fact *out)
{
	return get(ctx, name, false, out);
}

bool meta_get_open(const uint8_t *ctx, const char *name, struct meta_fact *out)
{
	return get(ctx, name, true, out);
}

bool meta_peek(const uint8_t *ctx, const char *name, struct meta_fact *out)
{
	struct metaentry e;
	bool is_there;

	pthread_mutex_lock(&metaentry_lock);
	is_there = metaentry_load(ctx, name, &e);
	if (is_there)
		metaentry_read_fact(&e, out);
	pthread_mutex_unlock(&metaentry_lock);
	return is_there && e.kind != META_UNKNOWN;
}

bool meta_take_listed(const uint8_t *ctx, const char *name, struct meta_fact *out)
{
	struct metaentry e;
	bool known;

	pthread_mutex_lock(&metaentry_lock);
	known = metaentry_load(ctx, name, &e) && e.kind == META_DIR && e.until_ns && e.is_listed;
	if (known) {
		metaentry_read_fact(&e, out);
		e.is_listed = false;
		metaentry_save(&e);
	}
	pthread_mutex_unlock(&metaentry_lock);
	return known;
}

bool meta_was_there(const uint8_t *ctx, const char *name)
{
	struct metaentry e;
	bool is;

	pthread_mutex_lock(&metaentry_lock);
	is = metaentry_load(ctx, name, &e) && (e.kind == META_FILE || e.kind == META_DIR);
	pthread_mutex_unlock(&metaentry_lock);
	return is;
}

bool meta_peek_within(const uint8_t *ctx, const char *name, int64_t age_ns, struct meta_fact *out)
{
	struct metaentry e;
	bool known;

	pthread_mutex_lock(&metaentry_lock);
	known = metaentry_load(ctx, name, &e) && e.kind != META_UNKNOWN &&
		clock_ns() < e.until_ns - meta_ttl_ns() + age_ns;
	if (known)
		metaentry_read_fact(&e, out);
	pthread_mutex_unlock(&metaentry_lock);
	return known;
}

bool meta_is_fresh(const uint8_t *ctx, const char *name)
{
	struct metaentry e;
	bool fresh;

	pthread_mutex_lock(&metaentry_lock);
	fresh = metaentry_load(ctx, name, &e) && metaentry_is_fresh(&e);
	pthread_mutex_unlock(&metaentry_lock);
	return fresh;
}

/* asked_ns: of what may be older than a change of our own; INT64_MAX: it is one. Returns whether it
 * is what is known now. */
static bool put(const uint8_t *ctx, const char *name, const struct meta_fact *fact, bool listed,
		int64_t asked_ns)
{
	struct metaentry e;
	bool is_new;

	pthread_mutex_lock(&metaentry_lock);
	metaentry_load(ctx, name, &e);
	is_new = *metaentry_changed_at(&e.key) <= asked_ns;
	if (is_new) {
		metaentry_set_fact(&e, fact, listed);
		is_new = metaentry_save(&e);
	}
	if (asked_ns == INT64_MAX)
		*metaentry_changed_at(&e.key) = clock_ns();
	pthread_mutex_unlock(&metaentry_lock);
	return is_new;
}

void meta_put(const uint8_t *ctx, const char *name, const struct meta_fact *fact)
{
	put(ctx, name, fact, false, clock_ns());
}

void meta_put_asked(const uint8_t *ctx, const char *name, const struct meta_fact *fact,
		    int64_t asked_ns)
{
	int64_t until_ns = asked_ns + meta_ttl_ns();
	struct metaentry e;

	pthread_mutex_lock(&metaentry_lock);
	metaentry_load(ctx, name, &e);
	if (*metaentry_changed_at(&e.key) <= asked_ns &&
	    !(metaentry_is_same(&e, fact) && e.until_ns > until_ns)) {
		metaentry_set_fact(&e, fact, false);
		e.until_ns = until_ns;
		metaentry_save(&e);
	}
	pthread_mutex_unlock(&metaentry_lock);
}

bool meta_put_listed(const uint8_t *ctx, const char *name, const struct meta_fact *fact,
		     int64_t asked_ns)
{
	return put(ctx, name, fact, true, asked_ns);
}

void meta_read(const uint8_t *ctx, const char *name)
{
	struct metaentry e;

	pthread_mutex_lock(&metaentry_lock);
	metaentry_load(ctx, name, &e);
	e.read_until_ns = clock_ns() + META_SPARE_MS * CLOCK_NS_PER_MS;
	e.was_kept = false;
	e.is_used = e.ref;
	metaentry_save(&e);
	pthread_mutex_unlock(&metaentry_lock);
}

void meta_put_seen(const uint8_t *ctx, const char *name, const struct meta_fact *fact,
		   int64_t asked_ns)
{
	struct metaentry e;

	pthread_mutex_lock(&metaentry_lock);
	metaentry_load(ctx, name, &e);
	if (*metaentry_changed_at(&e.key) <= asked_ns &&
	    !(metaentry_is_same(&e, fact) && metaentry_is_fresh(&e))) {
		metaentry_set_fact(&e, fact, true);
		metaentry_expire(&e);
		metaentry_save(&e);
	}
	pthread_mutex_unlock(&metaentry_lock);
}

/* An ETag is the same after a change of metadata only; the time then is not. (A time that stands in
 * the metadata is not the object's own: of such a one nothing is known here.) */
void meta_confirm(const uint8_t *ctx, const char *name, const struct store_object *object,
		  int64_t asked_ns)
{
	struct meta_fact fact = {.kind = META_FILE, .object = *object};
	struct metaentry e;

	pthread_mutex_lock(&metaentry_lock);
	if (metaentry_load(ctx, name, &e) && !metalookup_is_under_way(&e.key) && e.until_ns &&
	    e.kind == META_FILE && !e.has_mtime && metaentry_is_same_version(&e, &fact) &&
	    e.mtime_ns == object->mtime_ns && *metaentry_changed_at(&e.key) <= asked_ns &&
	    asked_ns + meta_ttl_ns() > e.until_ns) {
		e.until_ns = asked_ns + meta_ttl_ns();
		metaentry_save(&e);
	}
	pthread_mutex_unlock(&metaentry_lock);
}

void meta_put_own(const uint8_t *ctx, const char *name, const struct meta_fact *fact)
{
	put(ctx, name, fact, false, INT64_MAX);
}

void meta_hide(const uint8_t *ctx, const char *name)
{
	pthread_mutex_lock(&metaentry_lock);
	metaentry_hide(ctx, name);
	pthread_mutex_unlock(&metaentry_lock);
}

static void forget(const struct metakey *key)
{
	struct metaentry e;

	if (metaentry_load_key(key, &e)) {
		metaentry_expire(&e);
		metaentry_save(&e);
	}
	*metaentry_changed_at(key) = clock_ns();
	++*metaentry_evicted(key->ctx); /* no listing may say now that it does not exist */
}

void meta_forget(const uint8_t *ctx, const char *name)
{
	struct metakey key;

	pthread_mutex_lock(&metaentry_lock);
	metaentry_key(ctx, name, &key);
	forget(&key);
	pthread_mutex_unlock(&metaentry_lock);
}

void meta_forget_elsewhere(const uint8_t *ctx, const char *name)
{
	const struct context *other;
	struct metakey key;
	size_t at = 0;

	pthread_mutex_lock(&metaentry_lock);
	metaentry_key(ctx, name, &key);
	while ((other = context_next(&at))) {
		if (!memcmp(context_id(other), ctx, WIRE_CTX_BYTES))
			continue;
		key.ctx = context_id(other);
		forget(&key);
	}
	pthread_mutex_unlock(&metaentry_lock);
}

static void forget_all_of(struct metaentry *e)
{
	metaentry_expire(e);
	e->kind = META_UNKNOWN;
	metaentry_save(e);
	*metaentry_changed_at(&e->key) = clock_ns();
	++*metaentry_evicted(e->key.ctx);
}

void meta_forget_below(const char *prefix)
{
	pthread_mutex_lock(&metaentry_lock);
	metaentry_below(prefix, forget_all_of);
	metalookup_below(prefix);
	pthread_mutex_unlock(&metaentry_lock);
}

/* Is it still what the fact says, to be believed by all who ask up to its time? */
static bool is_current(const struct metaentry *e, const struct meta_fact *fact)
{
	bool is_same = e->kind == fact->kind &&
		       metaentry_hidden(&e->key, e->was_hidden) == fact->hidden;

	if (is_same && fact->kind != META_NONE)
		is_same = e->size == fact->object.size && e->mtime_ns == fact->object.mtime_ns;
	if (is_same && fact->kind == META_FILE)
		is_same = e->is_link == fact->is_link && e->has_mode == fact->has_mode &&
			  e->mode == fact->mode && e->has_uid == fact->has_uid &&
			  e->uid == fact->uid && e->has_gid == fact->has_gid && e->gid == fact->gid;
	return is_same && clock_ns() < e->until_ns;
}

void meta_show(const uint8_t *ctx, const char *name, const struct meta_fact *fact,
	       const struct attrs_ask *ask, const struct wire_attr *attr)
{
	struct attrs_answer answer = {
		.error = fact->kind == META_NONE ? -ENOENT : 0,
		.attr = attr,
	};
	struct metaentry e;

	pthread_mutex_lock(&metaentry_lock);
	if (metaentry_load(ctx, name, &e) && is_current(&e, fact)) {
		metaentry_look_at_marks(&e);
		answer.until_ns = e.until_ns;
		answer.is_marked = e.spare_until_ns;
		shown_put(e.ref, ask, &answer);
	}
	pthread_mutex_unlock(&metaentry_lock);
}

struct opens_ticket meta_show_open(const uint8_t *ctx, const char *name,
				   const struct meta_fact *fact, const char *path)
{
	struct opentable_about about = {.ctx = ctx, .path = path, .object = name};
	struct opens_ticket ticket = {0};
	struct metaentry e;

	pthread_mutex_lock(&metaentry_lock);
	if (metaentry_load(ctx, name, &e) && is_current(&e, fact) && metaentry_is_same(&e, fact)) {
		about.until_ns = e.until_ns;
		ticket = shown_open(e.ref, &about);
	}
	pthread_mutex_unlock(&metaentry_lock);
	return ticket;
}

void meta_show_fixed(const struct attrs_ask *ask, const struct wire_attr *attr)
{
	const struct attrs_answer answer = {.until_ns = clock_ns() + meta_ttl_ns(), .attr = attr};

	pthread_mutex_lock(&metaentry_lock);
	shown_put(METAENTRY_FIXED + next_fixed++ % METAENTRY_FIXEDS, ask, &answer);
	pthread_mutex_unlock(&metaentry_lock);
}

uint64_t meta_evictions(const uint8_t *ctx)
{
	uint64_t n;

	pthread_mutex_lock(&metaentry_lock);
	n = *metaentry_evicted(ctx);
	pthread_mutex_unlock(&metaentry_lock);
	return n;
}

void meta_stop(void)
{
	pthread_mutex_lock(&metaentry_lock);
	metaentry_stop();
	pthread_mutex_unlock(&metaentry_lock);
}

void meta_stats(struct meta_stats *out)
{
	pthread_mutex_lock(&metaentry_lock);
	metaentry_stats(out);
	pthread_mutex_unlock(&metaentry_lock);
}
