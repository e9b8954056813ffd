/* SPDX-License-Identifier: Apache-2.0 */
/* See metadir.h. Records of directories stand among those of entries and are moved with them; a
 * table says where. */
#include "fs/metadir.h"

#include <string.h>
#include <sys/mman.h>

#include "fs/metaindex.h"
#include "fs/metalog.h"

#define IS_FREE	   UINT32_C(0x80000000) /* in the table: what follows is the next free id */
#define PAGE_BYTES 4096
#define RECORD_MAX 8192 /* bytes: more than the longest name has */
#define PER_PAGE   (PAGE_BYTES / sizeof(uint32_t))

static struct {
	uint32_t *ref;
	size_t most, used; /* ids below used have been given */
	uint32_t free;	   /* the first that is free again, or METADIR_NONE */
	uint64_t probes;
} dirs;

struct metarec_dir *metadir_at(uint32_t id)
{
	return metalog_at(dirs.ref[id]);
}

uint64_t metadir_hash(const struct metarec_dir *dir)
{
	return dir->hash[0] | (uint64_t)dir->hash[1] << 32;
}

void metadir_moved(uint32_t id, uint32_t ref)
{
	metaindex_replace(metaindex_mix(metadir_hash(metadir_at(id))), dirs.ref[id], ref);
	dirs.ref[id] = ref;
}

/* An id, for which room is made if need be. */
static uint32_t take_id(void)
{
	unsigned tries = 0;
	uint32_t id;

	while (dirs.free == METADIR_NONE && dirs.used == dirs.most) {
		if (!metalog_clean(tries++))
			return METADIR_NONE;
	}
	if (dirs.free != METADIR_NONE) {
		id = dirs.free;
		dirs.free = dirs.ref[id] & ~IS_FREE;
		return id;
	}
	if (dirs.used % PER_PAGE == 0)
		metalog_charge(PAGE_BYTES);
	return (uint32_t)dirs.used++;
}

static void give_id(uint32_t id)
{
	dirs.ref[id] = IS_FREE | dirs.free;
	dirs.free = id;
}

static void link_to_parent(struct metarec_dir *dir)
{
	struct metarec_dir *parent = metadir_at(dir->parent);

	dir->before = METADIR_NONE;
	dir->after = parent->dirs;
	if (dir->after != METADIR_NONE)
		metadir_at(dir->after)->before = dir->id;
	parent->dirs = dir->id;
	parent->refs++;
}

static void unlink_from_parent(const struct metarec_dir *dir)
{
	if (dir->before != METADIR_NONE)
		metadir_at(dir->before)->after = dir->after;
	else
		metadir_at(dir->parent)->dirs = dir->after;
	if (dir->after != METADIR_NONE)
		metadir_at(dir->after)->before = dir->before;
}

/* With one reference. The parent is referred to by the caller. */
static uint32_t make(uint32_t parent, const char *name, size_t len, uint64_t hash)
{
	_Alignas(8) unsigned char bytes[RECORD_MAX];
	struct metarec_dir *rec = (struct metarec_dir *)bytes;
	uint32_t id = take_id();

	if (id == METADIR_NONE)
		return METADIR_NONE;
	*rec = (struct metarec_dir){.id = id, .parent = parent, .refs = 1, .dirs = METADIR_NONE};
	rec->head.type = METAREC_DIR;
	rec->head.leaf = (uint32_t)len & 0x1fff;
	rec->head.units = (uint32_t)((sizeof(*rec) + len + METAREC_UNIT - 1) / METAREC_UNIT) &
			  0x7ff;
	rec->hash[0] = (uint32_t)hash;
	rec->hash[1] = (uint32_t)(hash >> 32);
	memcpy(bytes + sizeof(*rec), name, len);
	dirs.ref[id] = metalog_append(bytes);
	if (!dirs.ref[id]) {
		give_id(id);
		return METADIR_NONE;
	}
	metaindex_add(metaindex_mix(hash), dirs.ref[id]);
	if (id != METADIR_ROOT)
		link_to_parent(metadir_at(id));
	return id;
}

static bool is_named(uint32_t id, const char *prefix, size_t len)
{
	const struct metarec_dir *dir;

	for (; id != METADIR_ROOT; id = dir->parent) {
		dir = metadir_at(id);
		if (dir->head.leaf > len ||
		    memcmp(prefix + len - dir->head.leaf, dir->name, dir->head.leaf) != 0)
			return false;
		len -= dir->head.leaf;
	}
	return !len;
}

uint32_t metadir_find(const char *prefix, size_t len, uint64_t hash)
{
	const struct metarec_dir *dir;

	for (uint32_t ref = metaindex_first(metaindex_mix(hash)); ref; ref = dir->head.next) {
		dirs.probes++;
		dir = metalog_at(ref);
		if (dir->head.type == METAREC_DIR && metadir_hash(dir) == hash &&
		    is_named(dir->id, prefix, len))
			return dir->id;
	}
	return METADIR_NONE;
}

uint64_t metadir_probes(void)
{
	return dirs.probes;
}

uint32_t metadir_get(const char *prefix, size_t len, uint64_t hash)
{
	uint32_t id = metadir_find(prefix, len, hash), above = METADIR_ROOT;
	uint64_t state = metaindex_basis();
	size_t end;

	if (id != METADIR_NONE) {
		metadir_at(id)->refs++;
		return id;
	}
	metadir_at(above)->refs++;
	for (size_t at = 0; at < len && above != METADIR_NONE; at = end) {
		end = at;
		while (end < len && prefix[end++] != '/')
			;
		state = metaindex_hash(state, prefix + at, end - at);
		id = metadir_find(prefix, end, state);
		if (id != METADIR_NONE)
			metadir_at(id)->refs++;
		else
			id = make(above, prefix + at, end - at, state);
		metadir_put(above);
		above = id;
	}
	return above;
}

void metadir_put(uint32_t id)
{
	struct metarec_dir *dir = metadir_at(id);
	uint32_t parent;

	while (!--dir->refs) { /* never the root: it has one of its own */
		parent = dir->parent;
		unlink_from_parent(dir);
		metaindex_replace(metaindex_mix(metadir_hash(dir)), dirs.ref[id], 0);
		metalog_free(dirs.ref[id]);
		give_id(id);
		id = parent;
		dir = metadir_at(id);
	}
}

uint32_t metadir_next(uint32_t top, uint32_t id)
{
	const struct metarec_dir *dir = metadir_at(id);

	if (dir->dirs != METADIR_NONE)
		return dir->dirs;
	for (; id != top; id = dir->parent) {
		dir = metadir_at(id);
		if (dir->after != METADIR_NONE)
			return dir->after;
	}
	return METADIR_NONE;
}

void metadir_name(uint32_t id, char *text, size_t size)
{
	const struct metarec_dir *dir;
	size_t len = 0, at;

	for (uint32_t i = id; i != METADIR_ROOT; i = dir->parent) {
		dir = metadir_at(i);
		len += dir->head.leaf;
	}
	at = len;
	for (uint32_t i = id; i != METADIR_ROOT; i = dir->parent) {
		dir = metadir_at(i);
		at -= dir->head.leaf;
		if (len < size)
			memcpy(text + at, dir->name, dir->head.leaf);
	}
	text[len < size ? len : 0] = '\0';
}

bool metadir_start(size_t most)
{
	void *at = mmap(NULL, most * sizeof(*dirs.ref), PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return false;
	dirs.ref = at;
	dirs.most = most;
	dirs.used = 0;
	dirs.free = METADIR_NONE;
	return make(METADIR_ROOT, "", 0, metaindex_basis()) == METADIR_ROOT;
}

void metadir_stop(void)
{
	munmap(dirs.ref, dirs.most * sizeof(*dirs.ref));
	metalog_charge(-(int64_t)((dirs.used + PER_PAGE - 1) / PER_PAGE * PAGE_BYTES));
	dirs.ref = NULL;
	dirs.most = dirs.used = 0;
}
