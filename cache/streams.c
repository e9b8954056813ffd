/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers of one file: what they do is told to the policy (cache/readahead.h), and what that wants
 * ahead is turned into parts, each stream in its turn, so that none starves another. The policy's
 * marks are put where runtimes see them.
 */
#include <string.h>

#include "cache/blocks.h"
#include "cache/clock.h"
#include "cache/file.h"
#include "core/tally.h"

_Static_assert(READAHEAD_STREAMS == VNODE_HINTS, "each stream has its hint");
_Static_assert(READAHEAD_BLOCK_BYTES == VNODE_BLOCK_BYTES, "the least that is fetched");

/* Bytes of a range that have come. */
static uint64_t come(void *arg, uint64_t from, uint64_t to)
{
	const struct cache_active *a = arg;
	uint64_t end = to >>
		       VNODE_BLOCK_SHIFT; /* a block that was begun to be read does not count */
	uint64_t at = blocks_of(from), bytes = 0;

	while (at < end) {
		uint64_t gone;

		at = blocks_next_present(a->pair.vn, at, end);
		gone = blocks_next_missing(a->pair.vn, at, end);
		bytes += (gone - at) << VNODE_BLOCK_SHIFT;
		at = gone;
	}
	return bytes;
}

/* What has been fetched, used and wasted since the last time was the doing of the job for which
 * this thread works. */
static void account(void)
{
	static struct {
		uint64_t fetched, used, wasted;
	} told;
	struct job *job = job_current();

	if (told.fetched == cache.ahead_bytes && told.used == cache.ledger.used &&
	    told.wasted == cache.ledger.wasted)
		return;
	TALLY_ADD(job, ahead[TALLY_AHEAD_WITHIN].bytes_fetched,
		  (int64_t)(cache.ahead_bytes - told.fetched));
	TALLY_ADD(job, ahead[TALLY_AHEAD_WITHIN].bytes_used,
		  (int64_t)(cache.ledger.used - told.used));
	TALLY_ADD(job, ahead[TALLY_AHEAD_WITHIN].bytes_wasted,
		  (int64_t)(cache.ledger.wasted - told.wasted));
	told.fetched = cache.ahead_bytes;
	told.used = cache.ledger.used;
	told.wasted = cache.ledger.wasted;
}

static void show_hints(struct cache_active *a)
{
	struct vnode_shm *vn = a->pair.vn;
	uint32_t used = 0;

	for (unsigned i = 0; i < READAHEAD_STREAMS; i++) {
		uint64_t from, to;

		readahead_hint(&a->readahead, &a->readahead.stream[i], &from, &to);
		__atomic_store_n(&vn->hint[i].from, from, __ATOMIC_RELAXED);
		__atomic_store_n(&vn->hint[i].to, to, __ATOMIC_RELAXED);
		if (from < to)
			used = i + 1;
	}
	__atomic_store_n(&vn->hints, used, __ATOMIC_RELEASE);
}

void streams_open(struct cache_active *a, bool opened)
{
	if (opened && a->readahead.last >= 0)
		return; /* there are readers: they find out by themselves */
	a->readahead.size = a->pair.vn->attr.size;
	a->readahead.window_max = cache.window_max;
	a->readahead.ledger = &cache.ledger;
	a->readahead.come = come;
	a->readahead.arg = a;
	readahead_init(&a->readahead, opened, clock_ns());
	show_hints(a);
}

void streams_close(struct cache_active *a)
{
	readahead_end(&a->readahead); /* the hints that are left are nobody's */
	account();
}

static enum readahead_advice advice_of(unsigned flags)
{
	return flags & WIRE_ENSURE_RANDOM   ? READAHEAD_RANDOM
	       : flags & WIRE_ENSURE_ONWARD ? READAHEAD_SEQUENTIAL
					    : READAHEAD_NORMAL;
}

static uint64_t whole_part(uint64_t bytes)
{
	uint64_t part = READAHEAD_PART_MIN;

	while (part < READAHEAD_PART_MAX && part < bytes / READAHEAD_PARTS)
		part *= 2;
	return part;
}

/* Only the last such range is remembered, if they do not touch: what has begun comes anyway. */
static void will_need(struct cache_active *a, uint64_t offset, uint64_t end)
{
	struct cache_waiter *w = &a->willneed;

	if (w->end <= w->offset || offset > w->end || end < w->offset) {
		w->offset = offset;
		w->end = end;
	} else {
		w->offset = offset < w->offset ? offset : w->offset;
		w->end = end > w->end ? end : w->end;
	}
	w->goal = w->end;
	w->part = whole_part(w->end - w->offset);
}

static void will_not_need(struct cache_active *a, uint64_t offset, uint64_t end)
{
	for (unsigned i = 0; i < READAHEAD_STREAMS; i++) {
		struct readahead_stream *s = &a->readahead.stream[i];

		if (offset <= s->to && end > s->to)
			s->is_wanted = false;
	}
	if (offset < a->willneed.end && end > a->willneed.offset)
		a->willneed.end = a->willneed.offset;
}

void streams_see(struct cache_active *a, struct cache_waiter *w, unsigned flags)
{
	const struct readahead_read read = {
		.offset = w->offset,
		.length = w->end - w->offset,
		.is_hint = flags & WIRE_ENSURE_NOWAIT,
		.advice = advice_of(flags),
		.now_ns = clock_ns(),
	};
	struct readahead_plan plan;

	if (flags & WIRE_ENSURE_WANT) {
		will_need(a, w->offset, w->end);
	} else if (flags & WIRE_ENSURE_LEAVE) {
		will_not_need(a, w->offset, w->end);
	} else {
		a->readahead.size = a->pair.vn->attr.size;
		plan = readahead_next(&a->readahead, &read);
		w->goal = plan.to;
		w->part = plan.part;
		show_hints(a);
		account();
	}
}

/* Makes the parts of one stream. False: held back by the count. */
static bool pump_stream(struct cache_file *file, struct readahead_stream *s, struct fill_list *list)
{
	struct readahead *ra = &file->active->readahead;
	struct cache_waiter w = {.part = readahead_part(ra, s)};

	for (unsigned n = 0; readahead_range(ra, s, n, &w.offset, &w.end); n++) {
		w.goal = w.end;
		if (!fill_range(file, &w, true, list))
			return false;
	}
	return true;
}

static bool is_full(const struct cache_active *a)
{
	return a->parts_ahead >= CACHE_PARTS_FILE || cache.parts_ahead >= CACHE_PARTS_AHEAD;
}

bool streams_pump(struct cache_file *file, struct fill_list *list)
{
	struct cache_active *a = file->active;
	bool all = true;

	if (a->willneed.end > a->willneed.offset) {
		if (!fill_range(file, &a->willneed, true, list) && is_full(a))
			all = false;
		else
			a->willneed.end = a->willneed.offset;
	}
	a->turn++;
	for (unsigned i = 0; i < READAHEAD_STREAMS; i++) {
		struct readahead_stream *s =
			&a->readahead.stream[(a->turn + i) % READAHEAD_STREAMS];

		if (!s->used_ns || !s->is_wanted)
			continue;
		/* what there was no space for is not come back to */
		if (!pump_stream(file, s, list) && is_full(a))
			all = false;
		else
			s->is_wanted = false;
	}
	account();
	return all;
}

void streams_rest(struct cache_active *a)
{
	for (unsigned i = 0; i < READAHEAD_STREAMS; i++)
		a->readahead.stream[i].is_wanted = false;
	a->willneed.end = a->willneed.offset;
}
