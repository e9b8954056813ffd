/* SPDX-License-Identifier: Apache-2.0 */
/* See links.h. */
#include "cache/links.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/clock.h"
#include "cache/draft.h"
#include "cache/linkset.h"

/* One behind the first. */
struct cache_link {
	struct cache_name name;
	size_t slot;
	struct cache_link *next;
};

static int64_t linger_ns = DRAFT_LINGER_MS * CLOCK_NS_PER_MS;
static unsigned linked; /* atomic: drafts with several names */

void draft_links_start(void)
{
	const char *text = getenv("SKYSHIM_LINKED_MS");
	char *end;
	double ms = text && *text ? strtod(text, &end) : DRAFT_LINGER_MS;

	if (text && *text && (*end || !(ms >= 0) || ms > 1e9))
		ms = DRAFT_LINGER_MS;
	linger_ns = (int64_t)(ms * (double)CLOCK_NS_PER_MS);
}

unsigned draft_links_count(void)
{
	return __atomic_load_n(&linked, __ATOMIC_RELAXED);
}

static struct linkfile_slot *slot_of(const struct cache_link *l)
{
	return &l->name.file->draft->linkfile.slots[l->slot];
}

static struct cache_link *find(const struct cache_file *file, const char *object)
{
	struct cache_link *l = file->draft->links;

	while (l && strcmp(slot_of(l)->object, object) != 0)
		l = l->next;
	return l;
}

bool links_have(const struct cache_file *file, const char *object)
{
	return find(file, object);
}

void links_show_count(struct cache_file *file)
{
	uint32_t names = 0;

	if (!(file->draft->notes.journal->flags & NOTES_UNLINKED)) {
		names = 1;
		for (const struct cache_link *l = file->draft->links; l; l = l->next)
			names++;
	}
	__atomic_store_n(&file->active->pair.vn->attr.nlink, names, __ATOMIC_RELAXED);
}

unsigned draft_names(const struct cache_file *file)
{
	return __atomic_load_n(&file->active->pair.vn->attr.nlink, __ATOMIC_RELAXED);
}

void links_linger(struct cache_file *file)
{
	file->draft->linger_until_ns = clock_ns() + linger_ns;
}

bool links_are_lingering(const struct cache_file *file)
{
	return file->draft->links && clock_ns() < file->draft->linger_until_ns - linger_ns / 2;
}

/* --- which there are --- */

/* The slot holds a name; the table has it from now on. */
static int take_in(struct cache_file *file, size_t slot, const uint8_t *id)
{
	struct cache_link *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	if (!file->draft->links)
		__atomic_add_fetch(&linked, 1, __ATOMIC_RELAXED);
	*l = (struct cache_link){.name.file = file, .slot = slot, .next = file->draft->links};
	memcpy(l->name.id, id, CACHE_ID_BYTES);
	file->draft->links = l;
	l->name.etag_hash = file_hash_etag(slot_of(l)->etag);
	name_insert(&l->name);
	return 0;
}

/* keeps: it stays on disk. */
static void let_go(struct cache_link *l, bool keeps)
{
	struct cache_file *file = l->name.file;
	struct cache_link **at = &file->draft->links;

	if (!keeps)
		linkfile_use(slot_of(l), false);
	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	name_remove(&l->name);
	free(l);
	if (!file->draft->links)
		__atomic_sub_fetch(&linked, 1, __ATOMIC_RELAXED);
}

/* The first name is that of this slot from now on. Repeated when a daemon dies in between. */
static void copy_to_first(struct notes_journal *j, struct linkfile_slot *slot)
{
	uint32_t flags = j->flags & ~(NOTES_KNOWN | NOTES_NEW | NOTES_SENT | NOTES_SENT_SIZE |
				      NOTES_SENT_APPEND | NOTES_PROMOTING);

	__atomic_store_n(&j->flags, flags | NOTES_PROMOTING, __ATOMIC_SEQ_CST);
	j->size = slot->size;
	j->mtime_ns = slot->mtime_ns;
	j->sent_mtime_ns = slot->sent_mtime_ns;
	j->sent_mark = slot->sent_mark;
	memcpy(j->etag, slot->etag, sizeof(j->etag));
	memcpy(j->object, slot->object, sizeof(j->object));
	flags |= slot->flags & LINKFILE_KNOWN ? NOTES_KNOWN : 0;
	flags |= slot->flags & LINKFILE_SENT ? NOTES_SENT : 0;
	flags |= slot->flags & LINKFILE_SENT_SIZE ? NOTES_SENT_SIZE : 0;
	__atomic_store_n(&j->flags, flags, __ATOMIC_SEQ_CST);
}

/* The first name goes: the one in the lowest slot takes its place. */
static void promote(struct cache_file *file)
{
	struct cache_link *l = file->draft->links;

	for (struct cache_link *other = l->next; other; other = other->next)
		l = other->slot < l->slot ? other : l;
	copy_to_first(file->draft->notes.journal, slot_of(l));
	__atomic_store_n(&file->active->pair.vn->attr.ino, slot_of(l)->ino, __ATOMIC_RELAXED);
	name_change(&file->name, l->name.id, l->name.etag_hash);
	let_go(l, false);
}

static void fill(struct linkfile_slot *slot, const struct draft_name *name)
{
	slot->ino = name->ino;
	slot->sent_mark = name->sent.mark;
	slot->sent_mtime_ns = name->sent.mtime_ns;
	linkfile_set_version(slot, &name->version);
	slot->flags = name->is_known ? LINKFILE_KNOWN : 0;
	if (name->was_sent)
		slot->flags |= name->sent.is_size ? LINKFILE_SENT_SIZE : LINKFILE_SENT;
	snprintf(slot->object, sizeof(slot->object), "%s", name->object);
}

int links_add(struct cache_file *file, const struct draft_name *name)
{
	struct cache_draft *d = file->draft;
	char pair_name[PAIR_NAME_BYTES];
	struct linkfile_slot *slot;
	uint8_t id[CACHE_ID_BYTES];
	int ret = file_make_id(file->active->pair.vn->ctx, name->object, id);
	long at;

	if (ret)
		return ret;
	file_pair_name(file, pair_name);
	at = linkfile_room(cache.files_fd, pair_name, &d->linkfile);
	if (at < 0)
		return (int)at;
	slot = &d->linkfile.slots[at];
	fill(slot, name);
	ret = take_in(file, (size_t)at, id);
	if (ret)
		return ret;
	linkfile_use(slot, true);
	links_show_count(file);
	links_linger(file);
	return 0;
}

static void describe(const struct cache_link *l, struct draft_name *out)
{
	const struct linkfile_slot *slot = slot_of(l);

	*out = (struct draft_name){
		.ino = slot->ino,
		.is_known = slot->flags & LINKFILE_KNOWN,
		.version = {.size = slot->size, .mtime_ns = slot->mtime_ns},
		.was_sent = slot->flags & (LINKFILE_SENT | LINKFILE_SENT_SIZE),
		.sent = {slot->sent_mtime_ns, slot->sent_mark, slot->flags & LINKFILE_SENT_SIZE,
			 false},
	};
	memcpy(out->version.etag, slot->etag, sizeof(slot->etag));
	memcpy(out->object, slot->object, sizeof(slot->object));
}

static void describe_first(const struct cache_file *file, struct draft_name *out)
{
	const struct notes_journal *j = file->draft->notes.journal;

	*out = (struct draft_name){
		.ino = file->active->pair.vn->attr.ino,
		.is_known = j->flags & NOTES_KNOWN,
		.version = {.size = j->size, .mtime_ns = j->mtime_ns},
		.was_sent = j->flags & (NOTES_SENT | NOTES_SENT_SIZE),
		.sent = {j->sent_mtime_ns, j->sent_mark, j->flags & NOTES_SENT_SIZE, false},
	};
	memcpy(out->version.etag, j->etag, sizeof(j->etag));
	memcpy(out->object, j->object, sizeof(j->object));
}

int links_drop(struct cache_file *file, const char *object, struct draft_name *was)
{
	struct cache_link *l;

	if (!file->draft || !file->draft->links)
		return -ENOENT;
	l = find(file, object);
	if (l) {
		describe(l, was);
		let_go(l, false);
	} else if (!strcmp(file->draft->notes.journal->object, object)) {
		describe_first(file, was);
		promote(file);
	} else {
		return -ENOENT;
	}
	links_show_count(file);
	return 0;
}

int links_rename(struct cache_file *file, const char *old, const struct draft_name *now)
{
	struct cache_link *l = find(file, old);
	uint8_t id[CACHE_ID_BYTES];
	int ret = file_make_id(file->active->pair.vn->ctx, now->object, id);

	if (!l)
		return -ENOENT;
	if (ret)
		return ret;
	if (!links_add(file, now)) { /* a daemon that dies here leaves both, never none */
		let_go(l, false);
	} else {
		/* no room for two of them at a time */
		linkfile_use(slot_of(l), false);
		fill(slot_of(l), now);
		linkfile_use(slot_of(l), true);
		name_change(&l->name, id, file_hash_etag(now->version.etag));
	}
	links_show_count(file);
	return 0;
}

bool links_unconditional(struct cache_file *file, const char *object)
{
	bool is_one = false;

	for (struct cache_link *l = file->draft->links; l; l = l->next) {
		if (object && strcmp(slot_of(l)->object, object) != 0)
			continue;
		slot_of(l)->flags &= ~LINKFILE_KNOWN;
		is_one = true;
	}
	return is_one;
}

bool links_below(const struct cache_file *file, const char *prefix)
{
	size_t len = strlen(prefix);

	for (const struct cache_link *l = file->draft->links; l; l = l->next) {
		if (!strncmp(slot_of(l)->object, prefix, len))
			return true;
	}
	return false;
}

void links_close(struct cache_file *file, bool keeps)
{
	char name[PAIR_NAME_BYTES];

	while (file->draft->links)
		let_go(file->draft->links, keeps);
	if (!keeps && file->draft->linkfile.count) {
		file_pair_name(file, name);
		linkfile_remove(cache.files_fd, name);
	}
	linkfile_close(&file->draft->linkfile);
}

/* What a daemon that died was doing with the first name. */
static void mend(struct cache_draft *d)
{
	struct notes_journal *j = d->notes.journal;

	for (size_t i = 0; i < d->linkfile.count; i++) {
		struct linkfile_slot *slot = &d->linkfile.slots[i];

		if (!linkfile_is_used(slot))
			continue;
		if (j->flags & NOTES_PROMOTING && *slot->object)
			copy_to_first(j, slot);
		/* empty: what a machine that stopped has not brought to its disk */
		if (!*slot->object || !strcmp(slot->object, j->object))
			linkfile_use(slot, false);
	}
}

int links_open(struct cache_file *file)
{
	struct cache_draft *d = file->draft;
	char name[PAIR_NAME_BYTES];
	int ret;

	file_pair_name(file, name);
	ret = linkfile_open(cache.files_fd, name, &d->linkfile);
	if (!ret)
		mend(d);
	return ret;
}

int links_adopt(struct cache_file *file, struct vnode_shm *vn)
{
	struct cache_draft *d = file->draft;
	uint8_t id[CACHE_ID_BYTES];
	int ret = 0;

	vn->attr.nlink = 1;
	for (size_t i = 0; !ret && i < d->linkfile.count; i++) {
		if (!linkfile_is_used(&d->linkfile.slots[i]))
			continue;
		ret = file_make_id(vn->ctx, d->linkfile.slots[i].object, id);
		if (!ret)
			ret = take_in(file, i, id);
		if (!ret)
			vn->attr.nlink++;
	}
	links_linger(file);
	return ret;
}

/* --- for fs/ --- */

void draft_stop(struct cache_file *file)
{
	pthread_mutex_lock(&cache.lock);
	while (file->draft->is_flushing)
		pthread_cond_wait(&file->active->wake, &cache.lock);
	file_ref_locked(file);
	file->draft->is_flushing = true;
	pthread_mutex_unlock(&cache.lock);
}

int draft_link(struct cache_file *file, const struct draft_name *name)
{
	int ret = -ENOENT;

	pthread_mutex_lock(&cache.lock);
	if (draft_is_named(file))
		ret = links_add(file, name);
	pthread_mutex_unlock(&cache.lock);
	return ret;
}

int draft_take_back(struct cache_file *file, const struct draft_name *name)
{
	int ret = -ENOENT;

	pthread_mutex_lock(&cache.lock);
	while (file->draft->is_flushing)
		pthread_cond_wait(&file->active->wake, &cache.lock);
	draft_begin(file->draft->notes.shm, 0, 0);
	if (draft_is_named(file))
		ret = links_add(file, name);
	draft_end(file->draft->notes.shm);
	pthread_mutex_unlock(&cache.lock);
	return ret;
}

void draft_version(const struct cache_file *file, const char *object, struct store_object *out)
{
	struct draft_name name;
	struct cache_link *l;

	pthread_mutex_lock(&cache.lock);
	l = file->draft ? find(file, object) : NULL;
	if (l)
		describe(l, &name);
	pthread_mutex_unlock(&cache.lock);
	if (l)
		*out = name.version;
	else
		cache_version(file, out);
}

static bool is_linked(const struct cache_name *name, const void *hash)
{
	return draft_is_named(name->file) && name->file->draft->links &&
	       (!hash || name->etag_hash == *(const uint64_t *)hash);
}

struct cache_file *draft_find_linked(const uint8_t *ctx, const char *object, const char *version)
{
	uint64_t hash = version ? file_hash_etag(version) : 0;
	uint8_t id[CACHE_ID_BYTES];
	struct cache_file *file;

	if (!draft_links_count() || file_make_id(ctx, object, id))
		return NULL;
	pthread_mutex_lock(&cache.lock);
	file = file_use(file_find(id, is_linked, version ? &hash : NULL));
	pthread_mutex_unlock(&cache.lock);
	return file;
}

int draft_drop_name(struct cache_file *file, const char *object, struct draft_name *was)
{
	int ret;

	pthread_mutex_lock(&cache.lock);
	while (file->draft && file->draft->links && file->draft->is_flushing)
		pthread_cond_wait(&file->active->wake, &cache.lock);
	ret = links_drop(file, object, was);
	pthread_mutex_unlock(&cache.lock);
	return ret;
}

int draft_each_name(struct cache_file *file, int (*each)(void *arg, const char *object), void *arg)
{
	char first[CACHE_OBJECT_MAX];
	struct draft_name *others;
	long count;
	int ret;

	cache_object(file, first);
	count = draft_other_names(file, &others);
	ret = count < 0 ? (int)count : each(arg, first);
	for (long i = 0; !ret && i < count; i++)
		ret = each(arg, others[i].object);
	free(others);
	return ret;
}

long draft_other_names(struct cache_file *file, struct draft_name **out)
{
	long count = 0, at = 0;

	*out = NULL;
	pthread_mutex_lock(&cache.lock);
	for (struct cache_link *l = file->draft ? file->draft->links : NULL; l; l = l->next)
		count++;
	if (count)
		*out = calloc((size_t)count, sizeof(**out));
	if (count && !*out)
		count = -ENOMEM;
	else
		for (struct cache_link *l = count ? file->draft->links : NULL; l; l = l->next)
			describe(l, &(*out)[at++]);
	pthread_mutex_unlock(&cache.lock);
	return count;
}

void draft_name_sends(struct cache_file *file, const char *object, const struct draft_sent *sent)
{
	struct cache_link *l;

	pthread_mutex_lock(&cache.lock);
	l = find(file, object);
	if (l) {
		slot_of(l)->sent_mark = sent->mark;
		slot_of(l)->sent_mtime_ns = sent->mtime_ns;
		__atomic_store_n(&slot_of(l)->flags,
				 (slot_of(l)->flags & ~LINKFILE_SENT_SIZE) | LINKFILE_SENT,
				 __ATOMIC_SEQ_CST);
	}
	pthread_mutex_unlock(&cache.lock);
}

void links_has_version(struct cache_file *file, const char *object,
		       const struct store_object *version)
{
	struct cache_link *l = find(file, object);

	if (!l)
		return;
	linkfile_set_version(slot_of(l), version);
	name_change(&l->name, l->name.id, file_hash_etag(version->etag));
}

void draft_name_has(struct cache_file *file, const char *object, const struct store_object *version)
{
	pthread_mutex_lock(&cache.lock);
	links_has_version(file, object, version);
	pthread_mutex_unlock(&cache.lock);
}
