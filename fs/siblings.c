/* SPDX-License-Identifier: Apache-2.0 */
/* Ranks in three orders, and streams that move along them. */
#include "fs/siblings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 64
#define ORDERS	   3

/* The likeliest first. */
enum { ORDER_NONE, ORDER_LISTED, ORDER_INODE, ORDER_BACKWARDS };

void siblings_init(struct siblings *s, struct siblings_ledger *ledger)
{
	*s = (struct siblings){.ledger = ledger};
}

static void count_waste(struct siblings *s, struct sibling *e)
{
	e->state = SIBLING_PASSED;
	s->ahead--;
	s->ahead_bytes -= e->bytes;
	s->ledger->wasted++;
	s->ledger->wasted_bytes += e->bytes;
}

void siblings_free(struct siblings *s)
{
	for (uint32_t i = 0; i < s->count; i++) {
		if (s->of[i].state == SIBLING_AHEAD)
			count_waste(s, &s->of[i]);
	}
	free(s->of);
	free(s->by_ino);
	free(s->ino_rank);
	siblings_init(s, s->ledger);
}

int siblings_add(struct siblings *s, uint64_t ino, uint64_t bytes, uint32_t at, bool never)
{
	if (s->count >= SIBLINGS_MAX)
		return -ENOSPC;
	if (s->count == s->room) {
		uint32_t room = s->room ? s->room * 2 : ROOM_FIRST;
		struct sibling *of = realloc(s->of, room * sizeof(*of));

		if (!of)
			return -ENOMEM;
		s->of = of;
		s->room = room;
	}
	s->of[s->count++] = (struct sibling){
		.ino = ino,
		.bytes = bytes,
		.at = at,
		.state = never ? SIBLING_NEVER : SIBLING_OPEN,
	};
	return 0;
}

static uint32_t rank_of(const struct siblings *s, unsigned order, uint32_t index)
{
	if (order == ORDER_INODE)
		return s->ino_rank[index];
	return order == ORDER_BACKWARDS ? s->count - 1 - index : index;
}

static uint32_t index_at(const struct siblings *s, unsigned order, uint32_t rank)
{
	if (order == ORDER_INODE)
		return s->by_ino[rank];
	return order == ORDER_BACKWARDS ? s->count - 1 - rank : rank;
}

static int compare_ino(const void *a, const void *b, void *of)
{
	uint64_t left = ((const struct sibling *)of)[*(const uint32_t *)a].ino;
	uint64_t right = ((const struct sibling *)of)[*(const uint32_t *)b].ino;

	return (left > right) - (left < right);
}

/* The rank of what the stream has taken last; -1: nothing yet. */
static int64_t position(const struct siblings *s, const struct sibling_stream *t)
{
	return t->last == SIBLINGS_NONE ? -1 : (int64_t)rank_of(s, t->order, t->last);
}

int siblings_sort(struct siblings *s)
{
	uint32_t *by_ino, *ino_rank;

	if (!s->count)
		return 0;
	by_ino = realloc(s->by_ino, s->count * sizeof(*by_ino));
	if (!by_ino)
		return -ENOMEM;
	s->by_ino = by_ino;
	ino_rank = realloc(s->ino_rank, s->count * sizeof(*ino_rank));
	if (!ino_rank)
		return -ENOMEM;
	s->ino_rank = ino_rank;
	for (uint32_t i = 0; i < s->count; i++)
		by_ino[i] = i;
	qsort_r(by_ino, s->count, sizeof(*by_ino), compare_ino, s->of);
	for (uint32_t i = 0; i < s->count; i++)
		ino_rank[by_ino[i]] = i;
	for (unsigned i = 0; i < SIBLINGS_STREAMS; i++) {
		struct sibling_stream *t = &s->stream[i];

		if (t->taken_ns && t->order)
			t->scan = t->tail = (uint32_t)(position(s, t) + 1);
	}
	return 0;
}

uint32_t siblings_find(const struct siblings *s, uint64_t ino)
{
	uint32_t low = 0, high = s->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (s->of[s->by_ino[middle]].ino < ino)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->count && s->of[s->by_ino[low]].ino == ino ? s->by_ino[low] : SIBLINGS_NONE;
}

/* What was wasted is not when it is taken after all: there may be less of it than was forgiven. */
static uint64_t since(uint64_t now, uint64_t old)
{
	return now > old ? now - old : 0;
}

/* Has it been wasted more than may be? */
static bool in_debt(const struct siblings_ledger *l)
{
	uint64_t used = since(l->used, l->old_used);
	uint64_t used_bytes = since(l->used_bytes, l->old_used_bytes);
	uint64_t wasted = since(l->wasted, l->old_wasted);
	uint64_t wasted_bytes = since(l->wasted_bytes, l->old_wasted_bytes);

	return wasted > l->credit + used / SIBLINGS_SHARE ||
	       wasted_bytes > l->credit_bytes + used_bytes / SIBLINGS_SHARE;
}

void siblings_forgive(struct siblings_ledger *l)
{
	l->old_used += since(l->used, l->old_used) / 2;
	l->old_used_bytes += since(l->used_bytes, l->old_used_bytes) / 2;
	l->old_wasted += since(l->wasted, l->old_wasted) / 2;
	l->old_wasted_bytes += since(l->wasted_bytes, l->old_wasted_bytes) / 2;
}

/* How many entries the stream may be ahead of its reader. */
static uint32_t window(const struct siblings *s, const struct sibling_stream *t,
		       int64_t believed_ns)
{
	uint32_t earned = t->run / SIBLINGS_SHARE;
	uint32_t n = SIBLINGS_START + earned;

	if (in_debt(s->ledger) || t->wasted > SIBLINGS_PARDON + earned)
		n = earned > t->wasted ? earned - t->wasted : 0;
	if (n > SIBLINGS_WINDOW)
		n = SIBLINGS_WINDOW;
	if (t->gap_ns && believed_ns / 2 / t->gap_ns < n)
		n = (uint32_t)(believed_ns / 2 / t->gap_ns);
	return t->last == SIBLINGS_NONE && n > t->room ? t->room : n;
}

/* What lies that far behind the reader will hardly be taken any more. */
static void count_passed(struct siblings *s, struct sibling_stream *t)
{
	uint32_t pos = rank_of(s, t->order, t->last);

	for (; t->tail + SIBLINGS_BEHIND < pos; t->tail++) {
		struct sibling *e = &s->of[index_at(s, t->order, t->tail)];

		if (e->state != SIBLING_AHEAD)
			continue;
		count_waste(s, e);
		t->wasted++;
	}
}

/* Does it come soon after, in this order, what the stream has seen last? */
static bool follows(const struct siblings *s, const struct sibling_stream *t, unsigned order,
		    uint32_t index)
{
	uint32_t from = rank_of(s, order, t->last), to = rank_of(s, order, index);

	return to > from && to - from <= SIBLINGS_GAP;
}

/* Two that are swapped look like a walk backwards, and any two may be neighbours by inode number;
 * three tell. */
static bool is_sure(const struct sibling_stream *t)
{
	return t->order && (t->order == ORDER_LISTED || t->run > 2);
}

/* Is it where the reader of this stream might be? */
static bool fits(const struct siblings *s, const struct sibling_stream *t, uint32_t index,
		 int64_t now_ns)
{
	int64_t away;

	if (!t->taken_ns || !t->order)
		return false;
	away = (int64_t)rank_of(s, t->order, index) - position(s, t);
	if (!is_sure(t))
		return away > 0 && away <= SIBLINGS_GAP;
	if (away < 0) /* one of several threads, or somebody who begins anew */
		return away > -SIBLINGS_BEHIND && now_ns - t->taken_ns < SIBLINGS_REST_NS;
	return away <= SIBLINGS_START;
}

static void advance(struct siblings *s, struct sibling_stream *t, uint32_t index, int64_t now_ns)
{
	int64_t gap = now_ns - t->taken_ns;

	if (t->last != SIBLINGS_NONE) /* who was expected has been elsewhere */
		t->gap_ns = t->run > 1 ? (t->gap_ns * 7 + gap) / 8 : gap;
	t->taken_ns = now_ns;
	t->run++;
	t->here++;
	if (rank_of(s, t->order, index) > position(s, t))
		t->last = index;
	count_passed(s, t);
}

static struct sibling_stream *take_slot(struct siblings *s)
{
	struct sibling_stream *best = &s->stream[0];

	for (unsigned i = 1; i < SIBLINGS_STREAMS; i++) {
		struct sibling_stream *t = &s->stream[i];

		/* those that lead somewhere stay as long as others can go */
		if (!t->taken_ns ||
		    (best->taken_ns &&
		     (!best->order == !t->order ? t->taken_ns < best->taken_ns : !t->order)))
			best = t;
	}
	return best;
}

/* Makes a stream of one that led nowhere yet, if this comes after it in that order. */
static bool begin_stream(struct siblings *s, struct sibling_stream *t, unsigned order,
			 uint32_t index, int64_t now_ns)
{
	if (!t->taken_ns || is_sure(t))
		return false;
	if (t->last == index) {
		t->taken_ns = now_ns; /* opened again */
		return true;
	}
	if (!follows(s, t, order, index))
		return false;
	t->order = (uint8_t)order;
	t->scan = t->tail = rank_of(s, order, t->last);
	advance(s, t, index, now_ns);
	return true;
}

static void move_streams(struct siblings *s, uint32_t index, int64_t now_ns)
{
	struct sibling_stream *t;

	for (unsigned i = 0; i < SIBLINGS_STREAMS; i++) {
		t = &s->stream[i];
		if (fits(s, t, index, now_ns)) {
			advance(s, t, index, now_ns);
			return;
		}
	}
	for (unsigned order = ORDER_LISTED; order <= ORDERS; order++) {
		for (unsigned i = 0; i < SIBLINGS_STREAMS; i++) {
			if (begin_stream(s, &s->stream[i], order, index, now_ns))
				return;
		}
	}
	t = take_slot(s);
	*t = (struct sibling_stream){.last = index, .run = 1, .here = 1, .taken_ns = now_ns};
}

bool siblings_taken(struct siblings *s, uint32_t index, int64_t now_ns)
{
	struct sibling *e = &s->of[index];
	bool was_ahead = e->state == SIBLING_AHEAD || e->state == SIBLING_PASSED;

	if (e->state == SIBLING_PASSED) {
		s->ledger->wasted--;
		s->ledger->wasted_bytes -= e->bytes;
	} else if (e->state == SIBLING_AHEAD) {
		s->ahead--;
		s->ahead_bytes -= e->bytes;
	}
	if (was_ahead) {
		s->ledger->used++;
		s->ledger->used_bytes += e->bytes;
		e->state = SIBLING_OPEN;
	}
	move_streams(s, index, now_ns);
	return was_ahead;
}

static uint32_t next_of(struct siblings *s, struct sibling_stream *t, int64_t believed_ns)
{
	int64_t pos = position(s, t);
	uint32_t end = (uint32_t)(pos + 1) + window(s, t, believed_ns);

	if (t->scan <= pos)
		t->scan = (uint32_t)(pos + 1);
	for (; t->scan < end && t->scan < s->count; t->scan++) {
		uint32_t index = index_at(s, t->order, t->scan);

		if (s->of[index].state == SIBLING_OPEN) {
			t->scan++;
			return index;
		}
	}
	return SIBLINGS_NONE;
}

uint32_t siblings_next(struct siblings *s, int64_t believed_ns)
{
	uint32_t index = SIBLINGS_NONE;

	for (unsigned i = 0; i < SIBLINGS_STREAMS && index == SIBLINGS_NONE; i++) {
		if (s->stream[i].taken_ns && is_sure(&s->stream[i]))
			index = next_of(s, &s->stream[i], believed_ns);
	}
	return index;
}

/* Of those that lead somewhere. expected: one that is only that. NULL: none. */
static const struct sibling_stream *moved_last(const struct siblings *s, bool expected)
{
	const struct sibling_stream *best = NULL;

	for (unsigned i = 0; i < SIBLINGS_STREAMS; i++) {
		const struct sibling_stream *t = &s->stream[i];

		if (t->taken_ns && (t->last == SIBLINGS_NONE) == expected &&
		    (!best || t->taken_ns > best->taken_ns))
			best = t;
	}
	return best && is_sure(best) ? best : NULL;
}

const struct sibling_stream *siblings_habit(const struct siblings *s)
{
	const struct sibling_stream *t = moved_last(s, false);

	if (!t || (uint64_t)t->here * 10 < (uint64_t)(position(s, t) + 1) * SIBLINGS_HABIT)
		return NULL;
	return t;
}

void siblings_expect(struct siblings *s, const struct sibling_stream *like, uint32_t room,
		     int64_t now_ns)
{
	struct sibling_stream *t = NULL;

	for (unsigned i = 0; i < SIBLINGS_STREAMS; i++) {
		if (s->stream[i].taken_ns && s->stream[i].last == SIBLINGS_NONE)
			t = &s->stream[i];
	}
	if (!t) {
		if (moved_last(s, false))
			return; /* somebody is here already */
		t = take_slot(s);
		*t = *like;
		t->last = SIBLINGS_NONE;
		t->scan = t->tail = t->here = 0;
		t->taken_ns = now_ns;
	}
	t->room = room;
}

bool siblings_is_unread(const struct siblings *s)
{
	for (unsigned i = 0; i < SIBLINGS_STREAMS; i++) {
		const struct sibling_stream *t = &s->stream[i];

		if (t->taken_ns && t->last == SIBLINGS_NONE && t->room == SIBLINGS_NONE)
			return s->count;
	}
	return false;
}

uint32_t siblings_beyond(const struct siblings *s, int64_t believed_ns)
{
	const struct sibling_stream *t = moved_last(s, false);
	uint64_t end;

	if (!t)
		t = moved_last(s, true);
	if (!t)
		return 0;
	end = (uint64_t)(position(s, t) + 1) + window(s, t, believed_ns);
	return end > s->count ? (uint32_t)(end - s->count) : 0;
}

uint32_t siblings_after(const struct siblings *s, uint32_t index)
{
	const struct sibling_stream *t = moved_last(s, false);
	uint32_t rank;

	if (!t)
		return SIBLINGS_NONE;
	rank = rank_of(s, t->order, index) + 1;
	return rank < s->count ? index_at(s, t->order, rank) : SIBLINGS_NONE;
}

void siblings_begun(struct siblings *s, uint32_t index)
{
	struct sibling *e = &s->of[index];

	if (e->state == SIBLING_AHEAD)
		return;
	e->state = SIBLING_AHEAD;
	s->ahead++;
	s->ahead_bytes += e->bytes;
	s->ledger->begun++;
	s->ledger->begun_bytes += e->bytes;
}

void siblings_failed(struct siblings *s, uint32_t index)
{
	if (s->of[index].state == SIBLING_AHEAD)
		count_waste(s, &s->of[index]);
	s->of[index].state = SIBLING_NEVER;
}
