/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table with an LRU list, bounded in bytes. An entry that is busy or waited for is never
 * evicted.
 */
#include "fs/metaentry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/clock.h"
#include "core/memory.h"

#define BUCKETS	      32768
#define META_SHARE    4 /* of the memory, or META_BYTES_MAX if that is less */
#define CHANGED_SLOTS 65536
#define CONTEXT_SLOTS 256
#define ENTRY_EXTRA   32 /* bytes the allocator adds for an entry and its etag */

pthread_mutex_t metaentry_lock = PTHREAD_MUTEX_INITIALIZER;

static struct {
	struct metaentry *slot[BUCKETS];
	struct metaentry *first, *last;
	uint64_t entries, bytes;
	uint64_t evictions[CONTEXT_SLOTS]; /* metaentry_evicted() */
	int64_t ttl_ns;
	int64_t changed_ns[CHANGED_SLOTS]; /* metaentry_changed_at() */
} meta = {.ttl_ns = META_TTL_MS * CLOCK_NS_PER_MS};

int64_t meta_ttl_ns(void)
{
	return meta.ttl_ns;
}

static uint64_t hash_of(const uint8_t *ctx, const char *name)
{
	uint64_t word;

	memcpy(&word, ctx, sizeof(word));
	return name_ino(name, strlen(name), false) ^ word;
}

int64_t *metaentry_changed_at(const char *name)
{
	return &meta.changed_ns[name_ino(name, strlen(name), false) % CHANGED_SLOTS];
}

static void lru_remove(struct metaentry *e)
{
	*(e->lru_prev ? &e->lru_prev->lru_next : &meta.first) = e->lru_next;
	*(e->lru_next ? &e->lru_next->lru_prev : &meta.last) = e->lru_prev;
}

static void lru_append(struct metaentry *e)
{
	e->lru_prev = meta.last;
	e->lru_next = NULL;
	*(meta.last ? &meta.last->lru_next : &meta.first) = e;
	meta.last = e;
}

void metaentry_touch(struct metaentry *e)
{
	lru_remove(e);
	lru_append(e);
}

struct metaentry *metaentry_find(const uint8_t *ctx, const char *name)
{
	uint64_t hash = hash_of(ctx, name);
	struct metaentry *e = meta.slot[hash % BUCKETS];

	while (e && (e->hash != hash || memcmp(e->ctx, ctx, WIRE_CTX_BYTES) != 0 ||
		     strcmp(e->name, name) != 0))
		e = e->hash_next;
	return e;
}

static void charge(int64_t bytes)
{
	meta.bytes += (uint64_t)bytes;
	memory_add(MEMORY_NAMES, bytes);
}

uint64_t *metaentry_evicted(const uint8_t *ctx)
{
	return &meta.evictions[ctx[0] % CONTEXT_SLOTS];
}

static void drop(struct metaentry *e)
{
	struct metaentry **at = &meta.slot[e->hash % BUCKETS];

	while (*at != e)
		at = &(*at)->hash_next;
	*at = e->hash_next;
	lru_remove(e);
	shown_reset(&e->shown);
	meta.entries--;
	charge(-(int64_t)e->bytes);
	free(e->etag);
	free(e->message);
	free(e);
}

/* A walk comes to the directories that it was told of first after all that is in those before, and
 * to what it was told of one after that has been read: they stay for another round, once. */
static bool keep(struct metaentry *e, int64_t now_ns)
{
	bool is_wanted = (e->kind == META_DIR && now_ns < e->spare_until_ns) ||
			 now_ns < e->read_until_ns;

	if (e->was_kept || !is_wanted)
		return false;
	e->was_kept = true;
	metaentry_touch(e);
	return true;
}

void metaentry_make_room(void)
{
	struct metaentry *e = meta.first, *next;
	uint64_t most = memory_share(META_SHARE, META_BYTES_MAX);
	int64_t now_ns = meta.bytes > most ? clock_ns() : 0;

	for (; e && meta.bytes > most; e = next) {
		next = e->lru_next;
		if (e->is_busy || e->refs || keep(e, now_ns))
			continue;
		++*metaentry_evicted(e->ctx);
		drop(e);
	}
}

struct metaentry *metaentry_find_or_new(const uint8_t *ctx, const char *name)
{
	struct metaentry *e = metaentry_find(ctx, name);
	size_t len = strlen(name);

	if (e)
		return e;
	e = calloc(1, sizeof(*e) + len + 1);
	if (!e)
		return NULL;
	memcpy(e->name, name, len + 1);
	memcpy(e->ctx, ctx, WIRE_CTX_BYTES);
	e->hash = hash_of(ctx, name);
	e->hash_next = meta.slot[e->hash % BUCKETS];
	meta.slot[e->hash % BUCKETS] = e;
	e->bytes = (uint32_t)(sizeof(*e) + len + 1 + ENTRY_EXTRA);
	charge(e->bytes);
	meta.entries++;
	lru_append(e);
	return e;
}

static void set_etag(struct metaentry *e, const char *etag)
{
	if (!strcmp(e->etag ? e->etag : "", etag))
		return;
	if (e->etag) {
		charge(-(int64_t)strlen(e->etag) - 1);
		e->bytes -= (uint32_t)strlen(e->etag) + 1;
	}
	free(e->etag);
	e->etag = *etag ? strdup(etag) : NULL;
	if (e->etag) {
		charge((int64_t)strlen(etag) + 1);
		e->bytes += (uint32_t)strlen(etag) + 1;
	}
}

bool metaentry_is_same_version(const struct metaentry *e, const struct meta_fact *fact)
{
	return e->kind == META_FILE && fact->kind == META_FILE && e->size == fact->object.size &&
	       e->etag && !strcmp(e->etag, fact->object.etag);
}

bool metaentry_is_same(const struct metaentry *e, const struct meta_fact *fact)
{
	return fact->kind == META_FILE ? metaentry_is_same_version(e, fact) : e->kind == fact->kind;
}

bool metaentry_is_fresh(const struct metaentry *e)
{
	return e->kind != META_UNKNOWN && clock_ns() < e->until_ns;
}

void metaentry_set_fact(struct metaentry *e, const struct meta_fact *fact, bool listed)
{
	int64_t now = clock_ns() - (listed ? fact->waited_ns : 0);

	shown_reset(&e->shown);
	if (!listed || !e->is_told || !metaentry_is_same_version(e, fact)) {
		e->mtime_ns = fact->object.mtime_ns;
		e->is_told = fact->is_told;
		e->is_link = fact->is_link;
		e->has_xattr = fact->has_xattr;
		e->has_foreign = fact->has_foreign;
		e->has_mode = fact->has_mode;
		e->mode = (uint16_t)fact->mode;
		e->has_mtime = fact->has_mtime;
		e->has_uid = fact->has_uid;
		e->uid = fact->uid;
		e->has_gid = fact->has_gid;
		e->gid = fact->gid;
	}
	e->kind = (uint8_t)fact->kind;
	e->is_ahead = e->was_kept = false;
	e->is_listed = listed;
	e->size = fact->object.size;
	set_etag(e, fact->kind == META_FILE ? fact->object.etag : "");
	e->until_ns = now + meta.ttl_ns;
	e->spare_until_ns = listed ? now + META_SPARE_MS * CLOCK_NS_PER_MS : 0;
	metaentry_touch(e);
}

void metaentry_expire(struct metaentry *e)
{
	shown_reset(&e->shown);
	e->until_ns = e->spare_until_ns = 0;
}

void metaentry_read_fact(const struct metaentry *e, struct meta_fact *out)
{
	out->kind = e->kind;
	out->object.size = e->size;
	out->object.mtime_ns = e->mtime_ns;
	out->is_told = e->is_told;
	out->is_link = e->is_link;
	out->has_xattr = e->has_xattr;
	out->has_foreign = e->has_foreign;
	out->has_mode = e->has_mode;
	out->mode = e->mode;
	out->has_mtime = e->has_mtime;
	out->has_uid = e->has_uid;
	out->uid = e->uid;
	out->has_gid = e->has_gid;
	out->gid = e->gid;
	out->hidden = e->hidden;
	out->is_ahead = e->is_ahead;
	snprintf(out->object.etag, sizeof(out->object.etag), "%s", e->etag ? e->etag : "");
}

void metaentry_look_at_marks(struct metaentry *e)
{
	if (e->spare_until_ns && shown_is_taken(&e->shown))
		e->spare_until_ns = 0;
}

/* Does it lie in a directory that somebody is reading, or has read not long ago? Most listings are
 * not made for readers: who only asks about a directory is told of what is in it, too, but does not
 * come to that one after the other. */
static bool is_read(const struct metaentry *e, int64_t now_ns)
{
	const char *name = e->name + (e->name[0] == '/');
	size_t len = strlen(name);
	char dir[META_NAME_MAX];
	struct metaentry *d;

	len -= len && name[len - 1] == '/';
	while (len && name[len - 1] != '/')
		len--;
	if (len + 2 > sizeof(dir))
		return false;
	dir[0] = '/';
	memcpy(dir + 1, name, len);
	dir[len + 1] = '\0';
	d = metaentry_find(e->ctx, dir);
	return d && now_ns < d->read_until_ns;
}

bool metaentry_believe(struct metaentry *e, bool to_open)
{
	int64_t now = clock_ns();
	bool fresh;

	if (to_open && e->kind == META_FILE && now >= e->until_ns)
		return false;
	metaentry_look_at_marks(e);
	fresh = e->kind != META_UNKNOWN &&
		(now < e->until_ns || (now < e->spare_until_ns && is_read(e, now)));

	e->spare_until_ns = 0;
	return fresh;
}

/* name: of an object, or of a directory as such. */
static bool is_below(const char *name, const char *prefix, size_t len)
{
	name += *name == '/';
	return !strncmp(name, prefix, len) && name[len];
}

void meta_forget_below(const char *prefix)
{
	size_t len = strlen(prefix);

	pthread_mutex_lock(&metaentry_lock);
	for (struct metaentry *e = meta.first; e; e = e->lru_next) {
		if (!is_below(e->name, prefix, len))
			continue;
		metaentry_expire(e);
		e->kind = META_UNKNOWN;
		*metaentry_changed_at(e->name) = clock_ns();
		++*metaentry_evicted(e->ctx);
	}
	pthread_mutex_unlock(&metaentry_lock);
}

void meta_start(void)
{
	const char *text = getenv("SKYSHIM_META_TTL_MS");
	char *end;
	double ms = text && *text ? strtod(text, &end) : META_TTL_MS;

	if (text && *text && (*end || !(ms >= 0) || ms > 1e12))
		ms = META_TTL_MS;
	meta.ttl_ns = (int64_t)(ms * (double)CLOCK_NS_PER_MS);
}

void meta_stop(void)
{
	while (meta.first)
		drop(meta.first);
}

void meta_stats(struct meta_stats *out)
{
	pthread_mutex_lock(&metaentry_lock);
	out->entries = meta.entries;
	out->bytes = meta.bytes;
	pthread_mutex_unlock(&metaentry_lock);
}
