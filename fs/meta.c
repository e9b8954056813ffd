/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table with an LRU list, bounded in bytes, under one lock; one condition for all who wait
 * for another's lookup. An entry that is busy or waited for is never evicted.
 */
#include "fs/meta.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "cache/clock.h"
#include "core/memory.h"
#include "fs/shown.h"

#define BUCKETS	      32768
#define META_SHARE    4 /* of the memory, or META_BYTES_MAX if that is less */
#define CHANGED_SLOTS 65536
#define CONTEXT_SLOTS 256
#define FIXED_MAX     8	      /* the root and the schemes, with and without a slash */
#define GAVE_UP	      (-5000) /* who fetched ahead has: no errno */
#define ENTRY_EXTRA   32      /* bytes the allocator adds for an entry and its etag */

struct entry {
	struct entry *hash_next;
	struct entry *lru_prev, *lru_next; /* oldest first */
	uint64_t hash;
	uint8_t ctx[WIRE_CTX_BYTES];
	int64_t until_ns;	/* believed up to here */
	int64_t spare_until_ns; /* and once more up to here, of what is_read(); 0: not */
	int64_t read_until_ns;	/* of a directory: meta_read() */
	uint64_t size;
	int64_t mtime_ns;
	int64_t asked_ns;    /* when the lookup under way began */
	char *etag;	     /* owned; NULL for "" */
	char *message;	     /* owned: line of the lookup that failed */
	int error;	     /* of the lookup that ended last */
	unsigned refs, turn; /* waiters; lookups ended */
	struct shown shown;
	uint32_t hidden;  /* times: of what was looked at before, nothing is shown */
	bool is_listed;	  /* a listing told so, and meta_take_listed() has not given that */
	bool was_kept;	  /* keep() has done so */
	bool is_ahead;	  /* what is known was fetched before anybody asked */
	bool leads_ahead; /* the lookup under way is such a one */
	bool *is_wanted;  /* ... and is told here that somebody waits; or NULL */
	bool is_busy, is_told, is_link, has_xattr, has_foreign, has_mode, has_uid, has_gid,
		has_mtime;
	uint8_t kind;
	uint16_t mode;
	uint32_t uid, gid;
	uint32_t bytes;
	char name[];
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t ended;
	struct entry *slot[BUCKETS];
	struct entry *first, *last;
	uint64_t entries, bytes;
	uint64_t evictions[CONTEXT_SLOTS]; /* evicted() */
	int64_t ttl_ns;
	int64_t changed_ns[CHANGED_SLOTS]; /* changed_at() */
	struct shown fixed[FIXED_MAX];	   /* taken in turn */
	unsigned next_fixed;
} meta = {.lock = PTHREAD_MUTEX_INITIALIZER,
	  .ended = PTHREAD_COND_INITIALIZER,
	  .ttl_ns = META_TTL_MS * CLOCK_NS_PER_MS};

void meta_dir_name(const char *prefix, char out[META_NAME_MAX])
{
	snprintf(out, META_NAME_MAX, "/%s", prefix);
}

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

/* When this daemon last changed the name, as whoever, or one that shares its place: what was asked
 * before is no news. It outlives the entries, which go when room is wanted. */
static int64_t *changed_at(const char *name)
{
	return &meta.changed_ns[name_ino(name, strlen(name), false) % CHANGED_SLOTS];
}

static void lru_remove(struct entry *e)
{
	*(e->lru_prev ? &e->lru_prev->lru_next : &meta.first) = e->lru_next;
	*(e->lru_next ? &e->lru_next->lru_prev : &meta.last) = e->lru_prev;
}

static void lru_append(struct entry *e)
{
	e->lru_prev = meta.last;
	e->lru_next = NULL;
	*(meta.last ? &meta.last->lru_next : &meta.first) = e;
	meta.last = e;
}

static struct entry *find(const uint8_t *ctx, const char *name)
{
	uint64_t hash = hash_of(ctx, name);
	struct entry *e = meta.slot[hash % BUCKETS];

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

/* Of this context, or one that shares its place: ids are digests. Others' listings still tell what
 * does not exist. */
static uint64_t *evicted(const uint8_t *ctx)
{
	return &meta.evictions[ctx[0] % CONTEXT_SLOTS];
}

static void drop(struct entry *e)
{
	struct entry **at = &meta.slot[e->hash % BUCKETS];

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
static bool keep(struct entry *e, int64_t now_ns)
{
	bool is_wanted = (e->kind == META_DIR && now_ns < e->spare_until_ns) ||
			 now_ns < e->read_until_ns;

	if (e->was_kept || !is_wanted)
		return false;
	e->was_kept = true;
	lru_remove(e);
	lru_append(e);
	return true;
}

static void make_room(void)
{
	struct entry *e = meta.first, *next;
	uint64_t most = memory_share(META_SHARE, META_BYTES_MAX);
	int64_t now_ns = meta.bytes > most ? clock_ns() : 0;

	for (; e && meta.bytes > most; e = next) {
		next = e->lru_next;
		if (e->is_busy || e->refs || keep(e, now_ns))
			continue;
		++*evicted(e->ctx);
		drop(e);
	}
}

static struct entry *find_or_new(const uint8_t *ctx, const char *name)
{
	struct entry *e = find(ctx, name);
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

static void set_etag(struct entry *e, const char *etag)
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

static bool is_same_version(const struct entry *e, const struct meta_fact *fact)
{
	return e->kind == META_FILE && fact->kind == META_FILE && e->size == fact->object.size &&
	       e->etag && !strcmp(e->etag, fact->object.etag);
}

static bool is_same(const struct entry *e, const struct meta_fact *fact)
{
	return fact->kind == META_FILE ? is_same_version(e, fact) : e->kind == fact->kind;
}

static bool is_fresh(const struct entry *e)
{
	return e->kind != META_UNKNOWN && clock_ns() < e->until_ns;
}

static void set_fact(struct entry *e, const struct meta_fact *fact, bool listed)
{
	int64_t now = clock_ns();

	shown_reset(&e->shown);
	if (!listed || !e->is_told || !is_same_version(e, fact)) {
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
	lru_remove(e);
	lru_append(e);
}

static void expire(struct entry *e)
{
	shown_reset(&e->shown);
	e->until_ns = e->spare_until_ns = 0;
}

static void read_fact(const struct entry *e, struct meta_fact *out)
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

/* Is there nothing to spare any more, because a program has taken it from the shared table? */
static void look_at_marks(struct entry *e)
{
	if (e->spare_until_ns && shown_is_taken(&e->shown))
		e->spare_until_ns = 0;
}

/* Does it lie in a directory that somebody is reading, or has read not long ago? Most listings are
 * not made for readers: who only asks about a directory is told of what is in it, too, but does not
 * come to that one after the other. */
static bool is_read(const struct entry *e, int64_t now_ns)
{
	const char *name = e->name + (e->name[0] == '/');
	size_t len = strlen(name);
	char dir[META_NAME_MAX];
	struct entry *d;

	len -= len && name[len - 1] == '/';
	while (len && name[len - 1] != '/')
		len--;
	if (len + 2 > sizeof(dir))
		return false;
	dir[0] = '/';
	memcpy(dir + 1, name, len);
	dir[len + 1] = '\0';
	d = find(e->ctx, dir);
	return d && now_ns < d->read_until_ns;
}

/* May it be believed now? Uses up what a listing gave to spare, which is for attributes only: who
 * opens a file after another's close gets what that one wrote. */
static bool believe(struct entry *e, bool to_open)
{
	int64_t now = clock_ns();
	bool fresh;

	if (to_open && e->kind == META_FILE && now >= e->until_ns)
		return false;
	look_at_marks(e);
	fresh = e->kind != META_UNKNOWN &&
		(now < e->until_ns || (now < e->spare_until_ns && is_read(e, now)));

	e->spare_until_ns = 0;
	return fresh;
}

static bool get(const uint8_t *ctx, const char *name, bool to_open, struct meta_fact *out)
{
	struct entry *e;
	bool known;

	pthread_mutex_lock(&meta.lock);
	e = find(ctx, name);
	known = e && believe(e, to_open);
	if (known)
		read_fact(e, out);
	pthread_mutex_unlock(&meta.lock);
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
	struct entry *e;

	pthread_mutex_lock(&meta.lock);
	e = find(ctx, name);
	if (e)
		read_fact(e, out);
	pthread_mutex_unlock(&meta.lock);
	return e && out->kind != META_UNKNOWN;
}

bool meta_take_listed(const uint8_t *ctx, const char *name, struct meta_fact *out)
{
	struct entry *e;
	bool known;

	pthread_mutex_lock(&meta.lock);
	e = find(ctx, name);
	known = e && e->kind == META_DIR && e->until_ns && e->is_listed;
	if (known) {
		read_fact(e, out);
		e->is_listed = false;
	}
	pthread_mutex_unlock(&meta.lock);
	return known;
}

bool meta_was_there(const uint8_t *ctx, const char *name)
{
	struct entry *e;
	bool is;

	pthread_mutex_lock(&meta.lock);
	e = find(ctx, name);
	is = e && (e->kind == META_FILE || e->kind == META_DIR);
	pthread_mutex_unlock(&meta.lock);
	return is;
}

bool meta_peek_within(const uint8_t *ctx, const char *name, int64_t age_ns, struct meta_fact *out)
{
	struct entry *e;
	bool known;

	pthread_mutex_lock(&meta.lock);
	e = find(ctx, name);
	known = e && e->kind != META_UNKNOWN && clock_ns() < e->until_ns - meta.ttl_ns + age_ns;
	if (known)
		read_fact(e, out);
	pthread_mutex_unlock(&meta.lock);
	return known;
}

/* Waits for the lookup that is on its way. */
static int join(struct entry *e, struct meta_fact *out, char *message)
{
	/* what was asked for too long ago is no answer to who opens it now */
	bool is_late = e->leads_ahead && clock_ns() >= e->asked_ns + meta.ttl_ns;
	unsigned turn = e->turn;
	int ret;

	e->refs++;
	if (e->is_wanted)
		__atomic_store_n(e->is_wanted, true, __ATOMIC_RELAXED);
	while (e->turn == turn)
		pthread_cond_wait(&meta.ended, &meta.lock);
	e->refs--;
	ret = is_late ? GAVE_UP : e->error;
	if (ret)
		snprintf(message, STORE_MESSAGE_BYTES, "%s", e->message ? e->message : "");
	else
		read_fact(e, out);
	return ret ? ret : 1;
}

static int enter(const uint8_t *ctx, const char *name, bool anew, struct meta_fact *out,
		 char message[STORE_MESSAGE_BYTES])
{
	struct entry *e = find_or_new(ctx, name);
	int ret = 0;

	if (!e) {
		ret = -ENOMEM;
	} else if (!e->is_busy && !anew && believe(e, false)) {
		read_fact(e, out);
		ret = 1;
	} else if (e->is_busy) {
		ret = join(e, out, message);
	} else {
		e->is_busy = true;
		e->asked_ns = clock_ns();
	}
	return ret;
}

int meta_enter(const uint8_t *ctx, const char *name, bool anew, struct meta_fact *out,
	       char message[STORE_MESSAGE_BYTES])
{
	int ret;

	pthread_mutex_lock(&meta.lock);
	do
		ret = enter(ctx, name, anew, out, message);
	while (ret == GAVE_UP);
	make_room();
	pthread_mutex_unlock(&meta.lock);
	return ret;
}

bool meta_enter_ahead(const uint8_t *ctx, const char *name)
{
	struct entry *e;
	bool leads;

	pthread_mutex_lock(&meta.lock);
	e = find(ctx, name);
	leads = e && !e->is_busy && e->kind == META_FILE;
	if (leads) {
		e->is_busy = e->leads_ahead = true;
		e->asked_ns = clock_ns();
	}
	pthread_mutex_unlock(&meta.lock);
	return leads;
}

bool meta_is_fresh(const uint8_t *ctx, const char *name)
{
	struct entry *e;
	bool fresh;

	pthread_mutex_lock(&meta.lock);
	e = find(ctx, name);
	fresh = e && is_fresh(e);
	pthread_mutex_unlock(&meta.lock);
	return fresh;
}

void meta_want_ahead(const uint8_t *ctx, const char *name, bool *is_wanted)
{
	struct entry *e;

	pthread_mutex_lock(&meta.lock);
	e = find(ctx, name); /* there: it is busy */
	e->is_wanted = is_wanted;
	if (e->refs) /* somebody has come already */
		__atomic_store_n(is_wanted, true, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&meta.lock);
}

void meta_leave(const uint8_t *ctx, const char *name, int error, const struct meta_fact *fact,
		const char *message)
{
	struct entry *e;

	pthread_mutex_lock(&meta.lock);
	e = find(ctx, name); /* there: it is busy */
	e->is_busy = false;
	e->error = error;
	e->turn++;
	free(e->message);
	e->message = error && message && *message ? strdup(message) : NULL;
	if (error)
		expire(e);
	else if (*changed_at(name) <= e->asked_ns)
		set_fact(e, fact, false);
	else if (!e->until_ns) /* those who wait look for themselves */
		e->error = GAVE_UP;
	pthread_cond_broadcast(&meta.ended);
	pthread_mutex_unlock(&meta.lock);
}

void meta_leave_ahead(const uint8_t *ctx, const char *name, const struct meta_fact *fact)
{
	struct entry *e;
	int64_t spare_until_ns;

	pthread_mutex_lock(&meta.lock);
	e = find(ctx, name); /* there: it is busy */
	e->is_busy = e->leads_ahead = false;
	e->is_wanted = NULL;
	e->error = fact ? 0 : GAVE_UP;
	e->turn++;
	free(e->message);
	e->message = NULL;
	if (fact && *changed_at(name) <= e->asked_ns) {
		look_at_marks(e);
		spare_until_ns = e->spare_until_ns;
		set_fact(e, fact, false);
		e->spare_until_ns = spare_until_ns;
		e->until_ns = e->asked_ns + meta.ttl_ns;
		e->is_ahead = true;
	}
	pthread_cond_broadcast(&meta.ended);
	pthread_mutex_unlock(&meta.lock);
}

/* asked_ns: of what may be older than a change of our own; INT64_MAX: it is one. Returns whether it
 * is what is known now. */
static bool put(const uint8_t *ctx, const char *name, const struct meta_fact *fact, bool listed,
		int64_t asked_ns)
{
	struct entry *e;
	bool is_new;

	pthread_mutex_lock(&meta.lock);
	e = find_or_new(ctx, name);
	is_new = e && *changed_at(name) <= asked_ns;
	if (!e)
		++*evicted(ctx);
	else if (is_new)
		set_fact(e, fact, listed);
	if (asked_ns == INT64_MAX)
		*changed_at(name) = clock_ns();
	make_room();
	pthread_mutex_unlock(&meta.lock);
	return is_new;
}

void meta_put(const uint8_t *ctx, const char *name, const struct meta_fact *fact)
{
	put(ctx, name, fact, false, clock_ns());
}

bool meta_put_listed(const uint8_t *ctx, const char *name, const struct meta_fact *fact,
		     int64_t asked_ns)
{
	return put(ctx, name, fact, true, asked_ns);
}

void meta_read(const uint8_t *ctx, const char *name)
{
	struct entry *e;

	pthread_mutex_lock(&meta.lock);
	e = find_or_new(ctx, name);
	if (e) {
		e->read_until_ns = clock_ns() + META_SPARE_MS * CLOCK_NS_PER_MS;
		e->was_kept = false;
		lru_remove(e);
		lru_append(e);
		make_room();
	}
	pthread_mutex_unlock(&meta.lock);
}

void meta_put_seen(const uint8_t *ctx, const char *name, const struct meta_fact *fact,
		   int64_t asked_ns)
{
	struct entry *e;

	pthread_mutex_lock(&meta.lock);
	e = find_or_new(ctx, name);
	if (!e)
		++*evicted(ctx);
	else if (*changed_at(name) <= asked_ns && !(is_same(e, fact) && is_fresh(e))) {
		set_fact(e, fact, true);
		expire(e);
	}
	make_room();
	pthread_mutex_unlock(&meta.lock);
}

/* An ETag is the same after a change of metadata only; the time then is not. (A time that stands in
 * the metadata is not the object's own: of such a one nothing is known here.) */
void meta_confirm(const uint8_t *ctx, const char *name, const struct store_object *object,
		  int64_t asked_ns)
{
	struct meta_fact fact = {.kind = META_FILE, .object = *object};
	struct entry *e;

	pthread_mutex_lock(&meta.lock);
	e = find(ctx, name);
	if (e && !e->is_busy && e->until_ns && e->kind == META_FILE && e->etag && !e->has_mtime &&
	    is_same_version(e, &fact) && e->mtime_ns == object->mtime_ns &&
	    *changed_at(name) <= asked_ns && asked_ns + meta.ttl_ns > e->until_ns)
		e->until_ns = asked_ns + meta.ttl_ns;
	pthread_mutex_unlock(&meta.lock);
}

void meta_put_own(const uint8_t *ctx, const char *name, const struct meta_fact *fact)
{
	put(ctx, name, fact, false, INT64_MAX);
}

void meta_hide(const uint8_t *ctx, const char *name)
{
	struct entry *e;

	pthread_mutex_lock(&meta.lock);
	e = find(ctx, name);
	if (e) {
		shown_withdraw(&e->shown);
		e->hidden++;
	}
	pthread_mutex_unlock(&meta.lock);
}

void meta_forget(const uint8_t *ctx, const char *name)
{
	struct entry *e;

	pthread_mutex_lock(&meta.lock);
	e = find(ctx, name);
	if (e)
		expire(e);
	*changed_at(name) = clock_ns();
	++*evicted(ctx); /* no listing may say now that it does not exist */
	pthread_mutex_unlock(&meta.lock);
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

	pthread_mutex_lock(&meta.lock);
	for (struct entry *e = meta.first; e; e = e->lru_next) {
		if (!is_below(e->name, prefix, len))
			continue;
		expire(e);
		e->kind = META_UNKNOWN;
		*changed_at(e->name) = clock_ns();
		++*evicted(e->ctx);
	}
	pthread_mutex_unlock(&meta.lock);
}

/* Is it still what the fact says, to be believed by all who ask up to its time? */
static bool is_current(const struct entry *e, const struct meta_fact *fact)
{
	bool is_same = e->kind == fact->kind && e->hidden == fact->hidden;

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
	struct entry *e;

	pthread_mutex_lock(&meta.lock);
	e = find(ctx, name);
	if (e && is_current(e, fact)) {
		look_at_marks(e);
		answer.until_ns = e->until_ns;
		answer.is_marked = e->spare_until_ns;
		shown_put(&e->shown, ask, &answer);
	}
	pthread_mutex_unlock(&meta.lock);
}

void meta_show_fixed(const struct attrs_ask *ask, const struct wire_attr *attr)
{
	const struct attrs_answer answer = {.until_ns = clock_ns() + meta.ttl_ns, .attr = attr};

	pthread_mutex_lock(&meta.lock);
	shown_put(&meta.fixed[meta.next_fixed++ % FIXED_MAX], ask, &answer);
	pthread_mutex_unlock(&meta.lock);
}

uint64_t meta_evictions(const uint8_t *ctx)
{
	uint64_t n;

	pthread_mutex_lock(&meta.lock);
	n = *evicted(ctx);
	pthread_mutex_unlock(&meta.lock);
	return n;
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
	pthread_mutex_lock(&meta.lock);
	out->entries = meta.entries;
	out->bytes = meta.bytes;
	pthread_mutex_unlock(&meta.lock);
}
