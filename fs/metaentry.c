/* SPDX-License-Identifier: Apache-2.0 */
/* The table of entries: found by their names, linked with what lies in the same directory, and
 * moved or dropped when room is made. */
#include "fs/metaentry.h"

#include <string.h>

#include "cache/clock.h"
#include "core/memory.h"
#include "fs/metactx.h"
#include "fs/metadir.h"
#include "fs/metaindex.h"
#include "fs/metalog.h"

#define META_SHARE    4 /* of the memory, or META_BYTES_MAX if that is less */
#define DIRS_SHARE    2 /* of the slots: so many directories */
#define CHANGED_SLOTS 65536
#define HIDDEN_SLOTS  4096
#define HIDDEN_MS     600000 /* longer than any answer takes */
#define CONTEXT_SLOTS 256
#define OWN	      UINT64_C(0x9e3779b97f4a7c15) /* in a hash: the directory as such */
#define CONTEXT	      UINT64_C(0xd1b54a32d192ed03) /* in a hash: by the number */

_Static_assert(METAPACK_BYTES_MAX <= METALOG_SEGMENT / 6, "what moves fits");
_Static_assert(META_NAME_MAX < 1 << 13 && METAPACK_BYTES_MAX / METAREC_UNIT < 1 << 11,
	       "lengths in a record's head");

pthread_mutex_t metaentry_lock = PTHREAD_MUTEX_INITIALIZER;

static struct {
	uint64_t entries, finds, probes;
	uint64_t evictions[CONTEXT_SLOTS]; /* metaentry_evicted() */
	int64_t changed_ns[CHANGED_SLOTS]; /* metaentry_changed_at() */
	struct {
		uint32_t times;
		int64_t last_ns;
	} hidden[HIDDEN_SLOTS]; /* of names that share a place */
	struct shown fixed[METAENTRY_FIXEDS], transit;
} meta;

static struct metarec_entry *at(uint32_t ref)
{
	return metalog_at(ref);
}

int64_t *metaentry_changed_at(const struct metakey *key)
{
	return &meta.changed_ns[key->hash % CHANGED_SLOTS];
}

uint32_t metaentry_hidden(const struct metakey *key, bool was_hidden)
{
	return was_hidden ? meta.hidden[key->hash % HIDDEN_SLOTS].times : 0;
}

/* An entry that goes takes with it that it was hidden. One that comes again counts as hidden for as
 * long as somebody may still be about to show what he saw before. */
static bool was_hidden_lately(const struct metakey *key)
{
	int64_t since_ns = meta.hidden[key->hash % HIDDEN_SLOTS].last_ns;

	return since_ns && clock_ns() - since_ns < HIDDEN_MS * CLOCK_NS_PER_MS;
}

uint32_t metaentry_hidden_now(const struct metaentry *e)
{
	return metaentry_hidden(&e->key, e->ref ? e->was_hidden : was_hidden_lately(&e->key));
}

uint64_t *metaentry_evicted(const uint8_t *ctx)
{
	return &meta.evictions[ctx[0] % CONTEXT_SLOTS];
}

struct shown *metaentry_shown(uint32_t owner)
{
	if (owner == METAENTRY_TRANSIT)
		return &meta.transit;
	if (owner >= METAENTRY_FIXED)
		return &meta.fixed[owner - METAENTRY_FIXED];
	return &at(owner)->shown;
}

static uint64_t name_hash(uint64_t state, bool is_own)
{
	return metaindex_mix(state ^ (is_own ? OWN : 0));
}

static uint64_t slot_hash(uint64_t name, unsigned ctx)
{
	return name + ctx * CONTEXT;
}

/* As that of its key. */
static uint64_t hash_of(const struct metarec_entry *rec)
{
	uint64_t state = metaindex_hash(metadir_hash(metadir_at(rec->dir)), metapack_leaf(rec),
					rec->head.leaf);

	return slot_hash(name_hash(state, metapack_is_own(rec)), rec->ctx);
}

/* name: without the slash in front of a directory's own. */
static void make_key(const uint8_t *ctx, bool is_own, const char *name, size_t len,
		     struct metakey *out)
{
	size_t dir_len = len - (len && name[len - 1] == '/');

	while (dir_len && name[dir_len - 1] != '/')
		dir_len--;
	out->ctx = ctx;
	out->is_own = is_own;
	out->dir = name;
	out->dir_len = dir_len;
	out->leaf = name + dir_len;
	out->leaf_len = len - dir_len;
	out->dir_hash = metaindex_hash(metaindex_basis(), name, dir_len);
	out->hash = name_hash(metaindex_hash(out->dir_hash, out->leaf, out->leaf_len), is_own);
	out->number = METACTX_NONE;
}

void metaentry_key(const uint8_t *ctx, const char *name, struct metakey *out)
{
	bool is_own = *name == '/';

	make_key(ctx, is_own, name + is_own, strlen(name + is_own), out);
}

static uint32_t find(const struct metakey *key)
{
	uint64_t probes = metadir_probes();
	const struct metarec_entry *rec;
	uint32_t dir, ref;

	if (key->number == METACTX_NONE || !metalog_is_started())
		return 0;
	dir = metadir_find(key->dir, key->dir_len, key->dir_hash);
	if (dir == METADIR_NONE)
		return 0;
	meta.finds++;
	meta.probes += metadir_probes() - probes;
	ref = metaindex_first(slot_hash(key->hash, (unsigned)key->number));
	for (; ref; ref = rec->head.next) {
		meta.probes++;
		rec = at(ref);
		if (rec->head.type == METAREC_ENTRY && rec->dir == dir && rec->ctx == key->number &&
		    rec->head.leaf == key->leaf_len && metapack_is_own(rec) == key->is_own &&
		    !memcmp(metapack_leaf(rec), key->leaf, key->leaf_len))
			break;
	}
	return ref;
}

bool metaentry_load_key(const struct metakey *key, struct metaentry *out)
{
	struct metakey known = *key;
	uint32_t ref;

	known.number = metactx_find(key->ctx); /* it may have got one since */
	ref = find(&known);
	if (ref)
		metapack_read(at(ref), out);
	else
		*out = (struct metaentry){.kind = META_UNKNOWN};
	out->key = known;
	out->ref = ref;
	return ref;
}

bool metaentry_load(const uint8_t *ctx, const char *name, struct metaentry *out)
{
	struct metakey key;

	metaentry_key(ctx, name, &key);
	return metaentry_load_key(&key, out);
}

bool metaentry_load_parent(const struct metaentry *e, struct metaentry *out)
{
	struct metakey key;

	make_key(e->key.ctx, true, e->key.dir, e->key.dir_len, &key);
	return metaentry_load_key(&key, out);
}

/* --- links --- */

static void add_links(uint32_t ref, uint64_t hash)
{
	struct metarec_entry *rec = at(ref);
	struct metarec_dir *dir = metadir_at(rec->dir);

	rec->before = 0;
	rec->after = dir->entries;
	if (rec->after)
		at(rec->after)->before = ref;
	dir->entries = ref;
	metaindex_add(hash, ref);
}

/* In the directory's list: to is there instead, or 0: what was behind it. */
static void replace_link(uint32_t ref, uint32_t to)
{
	const struct metarec_entry *rec = at(ref);

	if (rec->before)
		at(rec->before)->after = to ? to : rec->after;
	else
		metadir_at(rec->dir)->entries = to ? to : rec->after;
	if (rec->after)
		at(rec->after)->before = to ? to : rec->before;
}

static void remove_links(uint32_t ref)
{
	metaindex_replace(hash_of(at(ref)), ref, 0);
	replace_link(ref, 0);
}

static void drop(uint32_t ref)
{
	struct metarec_entry *rec = at(ref);
	uint32_t dir = rec->dir;

	shown_reset(&rec->shown);
	remove_links(ref);
	metalog_free(ref);
	metadir_put(dir);
	meta.entries--;
}

static void move(uint32_t ref)
{
	uint64_t hash = hash_of(at(ref));
	uint32_t to = metalog_move(ref); /* what it is a copy of can still be read */

	metaindex_replace(hash, ref, to);
	replace_link(ref, to);
	shown_moved(&at(to)->shown, to);
}

/* A walk comes to the directories that it was told of first after all that is in those before, and
 * to what it was told of one after that has been read: they stay for another round, once. So does
 * what was told of again since. */
static bool keep(struct metarec_entry *rec)
{
	int64_t now_ns;

	if (rec->head.is_used) {
		rec->head.is_used = 0;
		return true;
	}
	if (metapack_was_kept(rec))
		return false;
	now_ns = clock_ns();
	if (!(rec->head.kind == META_DIR && now_ns < metapack_spare_until_ns(rec)) &&
	    now_ns >= metapack_read_until_ns(rec))
		return false;
	metapack_set_kept(rec);
	return true;
}

static void clean(uint32_t ref, enum metalog_mode mode)
{
	const struct metarec *head = metalog_at(ref);

	if (head->type == METAREC_DIR) {
		metadir_moved(((const struct metarec_dir *)head)->id, metalog_move(ref));
	} else if (mode == METALOG_ALL || (mode == METALOG_WANTED && keep(at(ref)))) {
		move(ref);
	} else {
		++*metaentry_evicted(metactx_id(at(ref)->ctx));
		drop(ref);
	}
}

/* --- saving --- */

static bool start(void)
{
	uint64_t bytes = memory_share(META_SHARE, META_BYTES_MAX);
	size_t slots;

	if (metalog_is_started())
		return true;
	if (!metaindex_start(bytes))
		return false;
	slots = metaindex_slots();
	if (!metalog_start(bytes - (slots + slots / DIRS_SHARE) * sizeof(uint32_t), clean)) {
		metaindex_stop();
		return false;
	}
	if (!metadir_start(slots / DIRS_SHARE)) {
		metalog_stop();
		metaindex_stop();
		return false;
	}
	return true;
}

/* The record that is in the pack, as one of a directory that is referred to for it. */
static bool append(struct metaentry *e, struct metapack *pack, uint32_t dir)
{
	((struct metarec_entry *)pack->bytes)->dir = dir & 0xffffff;
	e->ref = metalog_append(pack->bytes);
	if (!e->ref) {
		metadir_put(dir);
		++*metaentry_evicted(e->key.ctx);
		return false;
	}
	add_links(e->ref, slot_hash(e->key.hash, (unsigned)e->key.number));
	meta.entries++;
	return true;
}

static bool save_new(struct metaentry *e)
{
	struct metapack pack;
	uint32_t dir = METADIR_NONE;

	e->key.number = metactx_get(e->key.ctx);
	if (e->key.number != METACTX_NONE && e->key.dir_len + e->key.leaf_len < META_NAME_MAX &&
	    start())
		dir = metadir_get(e->key.dir, e->key.dir_len, e->key.dir_hash);
	if (dir == METADIR_NONE) {
		++*metaentry_evicted(e->key.ctx);
		return false;
	}
	e->was_hidden = was_hidden_lately(&e->key);
	metapack_write(e, &pack);
	return append(e, &pack, dir);
}

/* It needs more room than before: what it shows has no number until it has another record. */
static bool save_longer(struct metaentry *e, struct metapack *pack)
{
	struct metarec_entry *rec = at(e->ref);
	uint32_t dir = rec->dir;

	((struct metarec_entry *)pack->bytes)->head.is_used = 0; /* it becomes the newest */
	meta.transit = rec->shown;
	shown_moved(&meta.transit, METAENTRY_TRANSIT);
	remove_links(e->ref);
	metalog_free(e->ref);
	meta.entries--;
	if (!append(e, pack, dir)) {
		shown_reset(&meta.transit);
		return false;
	}
	at(e->ref)->shown = meta.transit;
	shown_moved(&meta.transit, e->ref);
	return true;
}

bool metaentry_save(struct metaentry *e)
{
	struct metapack pack;
	struct metarec_entry *new = (struct metarec_entry *)pack.bytes, *rec;
	size_t bytes;

	if (!e->ref)
		return save_new(e);
	rec = at(e->ref);
	metapack_write(e, &pack);
	if (new->head.units > rec->head.units)
		return save_longer(e, &pack);
	new->dir = rec->dir;
	new->after = rec->after;
	new->before = rec->before;
	new->shown = rec->shown;
	new->head.next = rec->head.next;
	bytes = new->head.units *METAREC_UNIT;
	new->head.units = rec->head.units;
	memcpy(rec, new, bytes);
	return true;
}

void metaentry_hide(const uint8_t *ctx, const char *name)
{
	struct metaentry e;
	size_t slot;

	if (metaentry_load(ctx, name, &e)) {
		shown_withdraw(metaentry_shown(e.ref));
		e.was_hidden = true;
		metaentry_save(&e);
	}
	slot = e.key.hash % HIDDEN_SLOTS;
	if (!++meta.hidden[slot].times)
		meta.hidden[slot].times = 1; /* 0 is of what has never been hidden */
	meta.hidden[slot].last_ns = clock_ns();
}

static void visit_dir(uint32_t dir, metaentry_visit *visit)
{
	char name[META_NAME_MAX];
	struct metaentry e;
	size_t len;

	metadir_name(dir, name, sizeof(name));
	len = strlen(name);
	for (uint32_t ref = metadir_at(dir)->entries; ref; ref = at(ref)->after) {
		const struct metarec_entry *rec = at(ref);

		meta.probes++;
		if (len + rec->head.leaf >= sizeof(name))
			continue; /* it would not have been kept */
		memcpy(name + len, metapack_leaf(rec), rec->head.leaf);
		name[len + rec->head.leaf] = '\0';
		metapack_read(rec, &e);
		e.ref = ref;
		make_key(metactx_id(rec->ctx), metapack_is_own(rec), name, len + rec->head.leaf,
			 &e.key);
		e.key.number = rec->ctx;
		visit(&e);
	}
}

static void withdraw(uint32_t ref, enum metalog_mode mode)
{
	const struct metarec *head = metalog_at(ref);

	(void)mode;
	if (head->type == METAREC_ENTRY)
		shown_reset(&at(ref)->shown);
}

void metaentry_below(const char *prefix, metaentry_visit *visit)
{
	size_t len = strlen(prefix);
	uint32_t top, dir;

	if (!metalog_is_started())
		return;
	top = metadir_find(prefix, len, metaindex_hash(metaindex_basis(), prefix, len));
	for (dir = top; dir != METADIR_NONE; dir = metadir_next(top, dir)) {
		meta.probes++;
		visit_dir(dir, visit);
	}
}

void metaentry_stop(void)
{
	if (!metalog_is_started())
		return;
	metalog_each(withdraw);
	for (unsigned i = 0; i < METAENTRY_FIXEDS; i++)
		shown_reset(&meta.fixed[i]);
	meta.entries = 0;
	metadir_stop();
	metalog_stop();
	metaindex_stop();
}

void metaentry_stats(struct meta_stats *out)
{
	out->entries = meta.entries;
	out->bytes = metalog_charged();
	out->finds = meta.finds;
	out->probes = meta.probes;
}
