/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who waits for what, and which GETs are on their way for it.
 *
 * A reader puts a cache_waiter on its stack into the file; the pump turns waiters, then what is
 * wanted ahead (cache/streams.c), into parts as far as the limits and the space allow; what
 * arrives for them (cache/arrive.c) sets bits and wakes. What could not start marks the file
 * blocked, and is tried again whenever a part ends or the evictor made room. A part of the limits
 * is kept for those who wait.
 */
#include "cache/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cache/blocks.h"
#include "cache/clock.h"
#include "core/log.h"

static void set_blocked(struct cache_file *file, bool blocked)
{
	if (file->active->is_blocked == blocked)
		return;
	file->active->is_blocked = blocked;
	cache.blocked += blocked ? 1 : -1;
}

static bool space_for(uint64_t bytes)
{
	return !cache.is_low && cache.used + cache.reserved + bytes <= cache.size_max;
}

/* The part in flight that covers the block, or, if there is none, *limit lowered to where one
 * starts. */
static struct cache_part *part_at(const struct cache_active *a, uint64_t block, uint64_t *limit)
{
	for (struct cache_part *p = a->parts; p; p = p->next) {
		uint64_t first = p->offset >> VNODE_BLOCK_SHIFT;
		uint64_t end = blocks_of(p->offset + p->length);

		if (block >= first && block < end)
			return p;
		if (first > block && first < *limit)
			*limit = first;
	}
	return NULL;
}

/* Somebody waits for it. */
static void want(struct cache_part *p)
{
	__atomic_store_n(&p->is_wanted, true, __ATOMIC_RELAXED);
	if (p->tells)
		__atomic_store_n(p->tells, true, __ATOMIC_RELAXED);
}

static struct cache_part *part_new(struct cache_file *file, uint64_t offset, uint64_t end,
				   bool is_ahead)
{
	struct cache_active *a = file->active;
	struct cache_part *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->file = file;
	p->offset = p->taken = p->written = offset;
	p->length = end - offset;
	p->is_ahead = is_ahead;
	p->start_ns = clock_ns();
	p->next = a->parts;
	a->parts = p;
	cache.parts++;
	if (is_ahead) {
		a->parts_ahead++;
		cache.parts_ahead++;
		cache.ahead_bytes += p->length;
	}
	cache.reserved += p->length;
	file_ref_locked(file);
	return p;
}

static bool at_limit(const struct cache_active *a, bool is_ahead, unsigned here)
{
	if (is_ahead)
		return a->parts_ahead >= CACHE_PARTS_FILE || cache.parts_ahead >= CACHE_PARTS_AHEAD;
	return here >= CACHE_PARTS_FILE || cache.parts >= CACHE_PARTS_MAX;
}

bool fill_range(struct cache_file *file, const struct cache_waiter *w, bool is_ahead,
		struct fill_list *list)
{
	struct cache_active *a = file->active;
	uint64_t size = a->pair.vn->attr.size;
	uint64_t end = blocks_of(w->end < size ? w->end : size);
	uint64_t goal = blocks_of(w->goal < size ? w->goal : size);
	uint64_t part_blocks = w->part >> VNODE_BLOCK_SHIFT;
	uint64_t at = w->offset >> VNODE_BLOCK_SHIFT;
	unsigned here = 0; /* parts on their way for it */

	for (const struct cache_part *p = is_ahead ? NULL : a->parts; p; p = p->next)
		here += p->offset < w->end && p->offset + p->length > w->offset;
	for (;;) {
		uint64_t stop, limit = goal > end ? goal : end;
		struct cache_part *p;

		at = blocks_next_missing(a->pair.vn, at, end);
		if (at >= end)
			return true;
		p = part_at(a, at, &limit);
		if (p) {
			if (!is_ahead)
				want(p);
			at = blocks_of(p->offset + p->length);
			continue;
		}
		if (at < a->punch_to && at >= a->punch_from)
			return false;
		if (a->punch_from > at && a->punch_from < limit)
			limit = a->punch_from;
		stop = (at / part_blocks + 1) * part_blocks;
		stop = blocks_next_present(a->pair.vn, at, stop < limit ? stop : limit);
		if (at_limit(a, is_ahead, here) || list->count == FILL_LIST_MAX)
			return false;
		if (!space_for((stop - at) << VNODE_BLOCK_SHIFT)) {
			cache.want_space = true;
			pthread_cond_signal(&cache.evict);
			return false;
		}
		stop <<= VNODE_BLOCK_SHIFT;
		p = part_new(file, at << VNODE_BLOCK_SHIFT, stop < size ? stop : size, is_ahead);
		if (!p)
			return false;
		list->parts[list->count++] = p;
		here++;
		at = blocks_of(p->offset + p->length);
	}
}

void fill_pump(struct cache_file *file, struct fill_list *list)
{
	struct cache_active *a = file->active;
	bool all = true;

	for (struct cache_waiter *w = a->waiters; w; w = w->next) {
		if (!w->error && !fill_range(file, w, false, list))
			all = false;
	}
	if (all)
		all = streams_pump(file, list);
	set_blocked(file, !all);
}

void fill_pump_blocked(struct fill_list *list)
{
	struct cache_file *file = NULL;

	while (cache.blocked && list->count < FILL_LIST_MAX &&
	       (file = file_next_active(file)) != NULL) {
		if (file->active->is_blocked)
			fill_pump(file, list);
	}
}

void fill_start(const struct fill_list *list)
{
	for (unsigned i = 0; i < list->count; i++) {
		int ret = cache.source.fetch(list->parts[i]);

		if (ret)
			cache_part_done(list->parts[i], ret, NULL);
	}
}

static void fail_waiter(struct cache_waiter *w, int error, const char *message)
{
	if (w->error)
		return;
	w->error = error;
	if (w->message)
		snprintf(w->message, CACHE_MESSAGE_MAX, "%s", message ? message : "");
}

void fill_fail_blocked(int error, const char *message)
{
	struct cache_file *file = NULL;

	while (cache.blocked && (file = file_next_active(file)) != NULL) {
		struct cache_active *a = file->active;

		if (!a->is_blocked)
			continue;
		for (struct cache_waiter *w = a->waiters; w; w = w->next)
			fail_waiter(w, error, message);
		streams_rest(a);
		set_blocked(file, false);
		pthread_cond_broadcast(&a->wake);
	}
}

static void waiter_add(struct cache_active *a, struct cache_waiter *w)
{
	struct cache_waiter **at = &a->waiters;

	while (*at)
		at = &(*at)->next;
	*at = w;
}

static void waiter_remove(struct cache_active *a, struct cache_waiter *w)
{
	struct cache_waiter **at = &a->waiters;

	while (*at && *at != w)
		at = &(*at)->next;
	if (*at)
		*at = w->next;
}

static void wait_for(struct cache_file *file, struct cache_waiter *w)
{
	struct cache_active *a = file->active;

	while (!w->error && !vnode_present(a->pair.vn, w->offset, w->end - w->offset))
		pthread_cond_wait(&a->wake, &cache.lock);
}

int cache_ensure(struct cache_file *file, uint64_t offset, uint64_t length, unsigned flags,
		 char *message)
{
	struct cache_active *a = file->active;
	uint64_t size = a->pair.vn->attr.size;
	struct cache_waiter w = {.offset = offset, .message = message};
	struct fill_list list = {0};
	bool nowait = flags & WIRE_ENSURE_NOWAIT;
	bool present;

	if (message)
		message[0] = '\0';
	if (offset >= size)
		return 0;
	if (length > size - offset)
		length = size - offset;
	w.end = offset + length;

	pthread_mutex_lock(&cache.lock);
	if (flags & WIRE_ENSURE_PIN)
		__atomic_or_fetch(&a->pair.vn->flags, VNODE_PINNED, __ATOMIC_RELEASE);
	present = vnode_present(a->pair.vn, offset, length);
	if (nowait || !present)
		streams_see(a, &w, flags);
	if (!nowait && !present)
		waiter_add(a, &w);
	fill_pump(file, &list);
	pthread_mutex_unlock(&cache.lock);

	fill_start(&list);
	if (nowait || present)
		return 0;

	pthread_mutex_lock(&cache.lock);
	wait_for(file, &w);
	waiter_remove(a, &w);
	pthread_mutex_unlock(&cache.lock);
	return w.error;
}

struct cache_part *fill_first(struct cache_file *file, uint64_t length)
{
	struct cache_active *a = file->active;
	uint64_t size = a->pair.vn->attr.size;
	uint64_t limit = UINT64_MAX;
	struct cache_part *p;

	if (!size || blocks_has(a->pair.vn, 0) || part_at(a, 0, &limit))
		return NULL;
	if (!a->parts)
		streams_open(a, true);
	p = part_new(file, 0, length < size ? length : size, false);
	if (p)
		p->start_ns = 0; /* it was asked for before: how long that took is not known */
	return p;
}

static void part_remove(struct cache_active *a, struct cache_part *part)
{
	struct cache_part **at = &a->parts;

	while (*at != part)
		at = &(*at)->next;
	*at = part->next;
	cache.parts--;
	if (part->is_ahead) {
		a->parts_ahead--;
		cache.parts_ahead--;
	}
	cache.reserved -= part->length - part->settled;
}

/* The readers who miss something that this part was to bring. */
static void part_failed(struct cache_part *part, int error, const char *message)
{
	struct cache_active *a = part->file->active;
	uint64_t from = part->written & ~(uint64_t)(VNODE_BLOCK_BYTES - 1);
	uint64_t to = part->offset + part->length;

	streams_rest(a);
	if (error == -ENOSPC) {
		/* the disk is full: those who wait go on waiting for the evictor */
		cache.is_low = cache.want_space = true;
		pthread_cond_signal(&cache.evict);
		return;
	}
	for (struct cache_waiter *w = a->waiters; w; w = w->next) {
		if (w->offset < to && w->end > from)
			fail_waiter(w, error, message);
	}
}

void cache_part_done(struct cache_part *part, int error, const char *message)
{
	struct cache_file *file = part->file;
	struct fill_list list = {0};

	pthread_mutex_lock(&cache.lock);
	part_remove(file->active, part);
	if (!error && part->written != part->offset + part->length)
		error = -EIO; /* never short */
	if (error)
		part_failed(part, error, message);
	else if (part->start_ns && part->first_ns)
		readahead_measured(&file->active->readahead, part->first_ns - part->start_ns,
				   clock_ns() - part->start_ns, part->length);
	pthread_cond_broadcast(&file->active->wake);
	fill_pump(file, &list);
	fill_pump_blocked(&list);
	file_put_locked(file);
	pthread_mutex_unlock(&cache.lock);

	free(part->held);
	free(part);
	fill_start(&list);
}
