/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams and windows. A mark is placed so that its hint arrives while at least half of the window
 * is still ahead: after half a window while it grows (so at most twice of what was read is fetched
 * in vain), after an eighth once it is full (so the pipeline keeps seven eighths of it in flight).
 * The last mark is the end of the file: it tells that all was used.
 */
#include "cache/readahead.h"

#include <stddef.h>

/* A reader may leave out this much. Reads of one stream may come as much out of order, or half a
 * window if that is more: several threads may share it. */
#define SLACK_BYTES	(UINT64_C(128) << 10)
#define SLACK_BYTES_MAX (UINT64_C(16) << 20)

#define NS_PER_S      INT64_C(1000000000)
#define JUST_SEEN     4			 /* reads */
#define STRIDE_MAX    (INT64_C(1) << 30) /* bytes; a larger step is a coincidence */
#define LEAD	      4			 /* windows for what is read while a part comes */
#define HALVE_NS      (60 * NS_PER_S)
#define WASTE_DIVISOR 10

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void readahead_init(struct readahead *ra, bool opened, int64_t now_ns)
{
	for (int i = 0; i < READAHEAD_STREAMS; i++)
		ra->stream[i] = (struct readahead_stream){0};
	ra->resets = 0;
	ra->last = -1;
	if (opened && ra->size > READAHEAD_OPEN_BYTES) {
		ra->stream[0] = (struct readahead_stream){
			.kind = READAHEAD_FORWARD,
			.end = READAHEAD_OPEN_BYTES,
			.window = READAHEAD_OPEN_BYTES,
			.mark = READAHEAD_OPEN_BYTES / 2,
			.paced_ns = now_ns,
			.used_ns = now_ns,
		};
		ra->last = 0;
	}
}

/* --- what was useful --- */

static void note_used(struct readahead *ra, uint64_t bytes)
{
	if (!ra->ledger)
		return;
	ra->ledger->used += bytes;
	ra->ledger->recent_used += bytes;
}

static void note_wasted(struct readahead *ra, uint64_t from, uint64_t to)
{
	uint64_t bytes = ra->come ? ra->come(ra->arg, from, to) : to - from;

	if (!ra->ledger)
		return;
	ra->ledger->wasted += bytes;
	ra->ledger->recent_wasted += bytes;
}

static bool is_frugal(struct readahead *ra, int64_t now_ns)
{
	struct readahead_ledger *l = ra->ledger;

	if (!l)
		return false;
	if (now_ns > l->halved_ns + HALVE_NS) {
		l->recent_used /= 2;
		l->recent_wasted /= 2;
		l->halved_ns = now_ns;
	}
	return l->recent_wasted > READAHEAD_CREDIT_BYTES + l->recent_used / WASTE_DIVISOR;
}

static uint64_t up_to_block(uint64_t offset)
{
	return (offset + READAHEAD_BLOCK_BYTES - 1) & ~(READAHEAD_BLOCK_BYTES - 1);
}

static void drop(struct readahead *ra, struct readahead_stream *s)
{
	uint64_t from, to;

	for (unsigned n = 0; s->used_ns && readahead_range(ra, s, n, &from, &to); n++) {
		if (s->kind == READAHEAD_STRIDED)
			note_wasted(ra, from & ~(READAHEAD_BLOCK_BYTES - 1), up_to_block(to));
		else
			note_wasted(ra, from, to);
	}
	*s = (struct readahead_stream){0};
	if (ra->last == s - ra->stream)
		ra->last = -1;
}

void readahead_end(struct readahead *ra)
{
	for (int i = 0; i < READAHEAD_STREAMS; i++)
		drop(ra, &ra->stream[i]);
	ra->last = -1;
}

/* --- whose read is it? --- */

static uint64_t slack(const struct readahead_stream *s)
{
	return least(most(SLACK_BYTES, s->window / 2), SLACK_BYTES_MAX);
}

/* How many steps of a strided stream lie between its last read and offset; 0: it is none of its. */
static uint64_t steps_to(const struct readahead_stream *s, uint64_t offset)
{
	int64_t distance = (int64_t)(offset - s->at);

	if (distance % s->step || distance / s->step <= 0 ||
	    (uint64_t)(distance / s->step) > s->window + 1)
		return 0;
	return (uint64_t)(distance / s->step);
}

/* May this read be the next of a stream that is known to go somewhere? */
static bool fits(const struct readahead *ra, const struct readahead_stream *s, uint64_t offset,
		 uint64_t length)
{
	switch (s->kind) {
	case READAHEAD_STRIDED:
		return steps_to(s, offset);
	case READAHEAD_BACKWARD:
		return offset <= s->at && offset + length + SLACK_BYTES >= s->end;
	case READAHEAD_FRESH:
		return offset >= s->at && offset <= s->end + SLACK_BYTES;
	case READAHEAD_FORWARD:
		break;
	}
	/* Who goes through comes by the mark, or to the end. Others only happen to read in a
	 * window, and the more often the larger it is. (Of one that has just been seen, what it
	 * waits for may be told before the hint that it has passed the mark.) */
	return offset + slack(s) >= s->to &&
	       (offset <= s->mark + most(SLACK_BYTES, 4 * length) ||
		(ra->reads <= s->seen + JUST_SEEN && offset <= s->end) ||
		(offset + SLACK_BYTES >= s->end && offset <= s->end + SLACK_BYTES));
}

/* Does it show that a fresh one goes backward? */
static bool turns(const struct readahead_stream *s, uint64_t offset, uint64_t length)
{
	return s->kind == READAHEAD_FRESH && offset < s->at && offset + length <= s->to &&
	       offset + length + SLACK_BYTES >= s->at;
}

static bool is_nearer(const struct readahead_stream *s, const struct readahead_stream *best)
{
	if (!best)
		return true;
	if ((s->kind == READAHEAD_FRESH) != (best->kind == READAHEAD_FRESH))
		return best->kind == READAHEAD_FRESH;
	return s->to > best->to;
}

static struct readahead_stream *find_stream(struct readahead *ra, const struct readahead_read *r)
{
	struct readahead_stream *best = NULL;

	for (int i = 0; i < READAHEAD_STREAMS; i++) {
		struct readahead_stream *s = &ra->stream[i];

		if (s->used_ns && fits(ra, s, r->offset, r->length) && is_nearer(s, best))
			best = s;
	}
	for (int i = 0; i < READAHEAD_STREAMS && !best; i++) {
		struct readahead_stream *s = &ra->stream[i];

		/* a hint is no read that was waited for: it shows no new direction */
		if (s->used_ns && !r->is_hint && turns(s, r->offset, r->length))
			best = s;
	}
	return best;
}

/* The slot for another: a free one, or the oldest of the fresh, or the oldest. */
static struct readahead_stream *take_slot(struct readahead *ra)
{
	struct readahead_stream *oldest = NULL;

	for (int i = 0; i < READAHEAD_STREAMS; i++) {
		struct readahead_stream *s = &ra->stream[i];
		bool fresher = oldest && s->used_ns && s->kind != READAHEAD_FRESH &&
			       oldest->kind == READAHEAD_FRESH;
		bool staler = oldest && oldest->kind != READAHEAD_FRESH &&
			      s->kind == READAHEAD_FRESH;

		if (!oldest || (!fresher && (staler || s->used_ns < oldest->used_ns)))
			oldest = s;
	}
	drop(ra, oldest);
	return oldest;
}

static bool at_random(const struct readahead *ra)
{
	return ra->resets >= READAHEAD_RESETS;
}

/* --- how far? --- */

/* The largest window for this stream now. */
static uint64_t window_limit(struct readahead *ra, const struct readahead_stream *s,
			     const struct readahead_read *r)
{
	uint64_t limit = ra->window_max;
	uint64_t bytes = r->offset > s->paced_at ? r->offset - s->paced_at
						 : s->paced_at - r->offset;
	int64_t passed_ns = r->now_ns - s->paced_ns;

	if (ra->bytes_per_s)
		limit = least(limit, READAHEAD_PARTS * readahead_part(ra, NULL));
	if (is_frugal(ra, r->now_ns))
		limit = least(limit, most(READAHEAD_FRUGAL_BYTES, s->run / WASTE_DIVISOR));
	/* who reads slower than it comes needs no more than what he reads meanwhile */
	if (ra->whole_ns && s->paced_ns && passed_ns > LEAD * ra->whole_ns && bytes &&
	    r->advice != READAHEAD_SEQUENTIAL) {
		uint64_t per_ms = bytes / (uint64_t)(passed_ns / 1000000 + 1);

		limit = least(limit, most(READAHEAD_OPEN_BYTES,
					  per_ms * (uint64_t)(ra->whole_ns / 1000000 + 1) * LEAD));
	}
	return limit;
}

static void grow(struct readahead *ra, struct readahead_stream *s, const struct readahead_read *r)
{
	uint64_t first = r->advice == READAHEAD_SEQUENTIAL ? READAHEAD_TOLD_BYTES
							   : READAHEAD_OPEN_BYTES;
	/* by halves: a reader may only have had to wait for a processor */
	uint64_t limit = most(window_limit(ra, s, r), s->window / 2);

	uint64_t times = r->advice == READAHEAD_SEQUENTIAL ? READAHEAD_TOLD_TIMES : 2;

	/* among many reads elsewhere it may be one of them that came by */
	if (s->window && ra->reads > s->seen + READAHEAD_NEAR)
		times = 1;
	s->window = least(most(s->window * times, first), limit);
	s->paced_at = r->offset;
	s->paced_ns = r->now_ns;
}

/* Bytes from a read to the mark. */
static uint64_t mark_after(const struct readahead *ra, const struct readahead_stream *s)
{
	return s->window / (s->window * 2 <= ra->window_max ? 2 : 8);
}

static void go_forward(struct readahead *ra, struct readahead_stream *s,
		       const struct readahead_read *r)
{
	uint64_t to = r->offset + r->length;

	if (s->kind == READAHEAD_FORWARD && to > s->to)
		note_used(ra, least(to, most(s->end, s->to)) - s->to);
	if (s->kind == READAHEAD_FORWARD && to < s->mark)
		return; /* it waits for what is on its way, or has passed another's mark */
	s->kind = READAHEAD_FORWARD;
	grow(ra, s, r);
	s->end = least(most(s->end, to + s->window), ra->size);
	s->mark = least(r->offset + mark_after(ra, s), ra->size - 1);
	s->is_wanted = true;
}

static void go_backward(struct readahead *ra, struct readahead_stream *s,
			const struct readahead_read *r)
{
	if (s->kind == READAHEAD_BACKWARD) {
		note_used(ra, s->at - least(most(r->offset, s->end), s->at));
		if (r->offset >= s->mark)
			return;
	} else {
		s->end = r->offset;
	}
	s->kind = READAHEAD_BACKWARD;
	grow(ra, s, r);
	s->end = least(s->end, r->offset > s->window ? r->offset - s->window : 0);
	s->mark = r->offset > mark_after(ra, s) ? r->offset - mark_after(ra, s) : 1;
	s->is_wanted = true;
}

static void go_in_steps(struct readahead *ra, struct readahead_stream *s,
			const struct readahead_read *r)
{
	uint64_t steps = s->kind == READAHEAD_STRIDED ? steps_to(s, r->offset) : 0;

	note_used(ra, least(steps, s->window) * r->length);
	s->kind = READAHEAD_STRIDED;
	s->window = s->window ? least(s->window * 2, READAHEAD_STRIDES) : 2;
	if (is_frugal(ra, r->now_ns))
		s->window = 1;
	s->is_wanted = true;
}

/* A read that follows none. The reads before it stay what they are: several readers may just have
 * begun at equal distances. */
static struct readahead_stream *start(struct readahead *ra, const struct readahead_read *r)
{
	struct readahead_stream last = {.used_ns = 0}, *s;

	if (ra->last >= 0)
		last = ra->stream[ra->last];
	s = take_slot(ra);
	if (last.used_ns && last.kind == READAHEAD_FRESH) {
		s->step = (int64_t)(r->offset - last.at);
		s->even = s->step == last.step ? last.even + 1 : 0;
	}
	if (!at_random(ra))
		ra->resets++;
	if (r->advice == READAHEAD_SEQUENTIAL) {
		ra->resets = 0;
		go_forward(ra, s, r);
	} else if (s->even + 1 >= READAHEAD_EVEN && s->step <= STRIDE_MAX &&
		   s->step >= -STRIDE_MAX) {
		go_in_steps(ra, s, r);
	}
	return s;
}

/* A read of a stream: does it go on? */
static void follow(struct readahead *ra, struct readahead_stream *s, const struct readahead_read *r)
{
	enum readahead_kind kind = s->kind;

	if (kind == READAHEAD_FRESH)
		kind = fits(ra, s, r->offset, r->length) ? READAHEAD_FORWARD : READAHEAD_BACKWARD;
	s->followed++;
	if (at_random(ra) && s->kind == READAHEAD_FRESH && s->followed < 2)
		return;
	if (kind != READAHEAD_STRIDED) {
		s->step = 0;
		ra->resets = 0;
	}
	s->run += r->offset + r->length > s->to && kind == READAHEAD_FORWARD
			  ? r->offset + r->length - s->to
			  : r->length;
	if (kind == READAHEAD_FORWARD)
		go_forward(ra, s, r);
	else if (kind == READAHEAD_BACKWARD)
		go_backward(ra, s, r);
	else
		go_in_steps(ra, s, r);
}

static struct readahead_plan plan_for(const struct readahead *ra, const struct readahead_stream *s,
				      const struct readahead_read *r)
{
	uint64_t need = r->length;
	struct readahead_plan plan = {.part = READAHEAD_PART_MIN};

	while (plan.part < READAHEAD_PART_MAX && plan.part < r->length / READAHEAD_PARTS)
		plan.part *= 2;
	if (s && s->kind == READAHEAD_FORWARD)
		plan.part = most(plan.part, readahead_part(ra, s));
	if (s && s->kind == READAHEAD_FRESH && !at_random(ra))
		need = most(need, READAHEAD_FIRST_BYTES);
	plan.to = least(up_to_block(r->offset + need), ra->size);
	if (s && s->kind == READAHEAD_FORWARD)
		plan.to = most(plan.to, s->end);
	return plan;
}

struct readahead_plan readahead_next(struct readahead *ra, const struct readahead_read *r)
{
	struct readahead_stream *s;
	struct readahead_plan plan;

	if (r->advice == READAHEAD_RANDOM)
		return plan_for(ra, NULL, r);
	ra->reads++;
	s = find_stream(ra, r);
	if (s)
		follow(ra, s, r);
	else if (r->is_hint)
		return plan_for(ra, NULL, r); /* of a stream that is gone */
	else
		s = start(ra, r);
	s->at = r->offset;
	s->to = s->kind == READAHEAD_FORWARD ? most(s->to, r->offset + r->length)
					     : r->offset + r->length;
	s->used_ns = r->now_ns;
	s->seen = ra->reads;
	ra->last = (int)(s - ra->stream);
	plan = plan_for(ra, s, r);
	if (s->kind == READAHEAD_FRESH)
		s->end = plan.to;
	if (s->kind == READAHEAD_FORWARD && s->to >= ra->size)
		drop(ra, s); /* it has read all */
	return plan;
}

/* --- what the caller does about it --- */

bool readahead_range(const struct readahead *ra, const struct readahead_stream *s, unsigned n,
		     uint64_t *from_out, uint64_t *to_out)
{
	uint64_t from = 0, to = 0;

	if (!s->used_ns || (n && s->kind != READAHEAD_STRIDED))
		return false;
	if (s->kind == READAHEAD_STRIDED) {
		uint64_t ahead = s->at + (uint64_t)s->step * (n + 1);

		/* below 0 it wraps, and is beyond the end */
		if (n >= s->window || ahead >= ra->size)
			return false;
		from = ahead;
		to = least(ahead + (s->to - s->at), ra->size);
	} else if (s->kind == READAHEAD_BACKWARD) {
		from = s->end;
		to = s->at;
	} else {
		from = s->to;
		to = s->end;
	}
	*from_out = from;
	*to_out = to;
	return from < to;
}

uint64_t readahead_part(const struct readahead *ra, const struct readahead_stream *s)
{
	uint64_t part = READAHEAD_PART_MIN, worth = READAHEAD_PART_MAX;

	/* long enough that most of its time is not the wait for its first byte */
	if (ra->bytes_per_s)
		worth = (uint64_t)(ra->first_ns / 1000) * (ra->bytes_per_s / 1000000 + 1) * 4;
	if (s)
		worth = least(worth, s->window / READAHEAD_PARTS);
	while (part < READAHEAD_PART_MAX && part < worth / 4 * 3)
		part *= 2;
	return part;
}

void readahead_hint(const struct readahead *ra, const struct readahead_stream *s,
		    uint64_t *from_out, uint64_t *to_out)
{
	*from_out = *to_out = 0;
	if (!s->used_ns)
		return;
	if (s->kind == READAHEAD_FORWARD) {
		*from_out = s->mark;
		*to_out = s->end;
	} else if (s->kind == READAHEAD_BACKWARD) {
		*from_out = s->end;
		*to_out = s->mark;
	} else if (s->kind == READAHEAD_STRIDED) {
		uint64_t half = s->at + (uint64_t)s->step * (s->window / 2 + 1);
		uint64_t all = s->at + (uint64_t)s->step * s->window;

		if (half >= ra->size)
			return;
		if (all >= ra->size)
			all = half;
		*from_out = least(half, all);
		*to_out = most(half, all) + 1;
	}
}

static int64_t smooth(int64_t old, int64_t new)
{
	return old ? old + (new - old) / 8 : new;
}

void readahead_measured(struct readahead *ra, int64_t first_ns, int64_t whole_ns, uint64_t bytes)
{
	int64_t body_us = (whole_ns - first_ns) / 1000 + 1;

	if (bytes < READAHEAD_PART_MIN || first_ns < 0 || whole_ns < first_ns)
		return;
	ra->first_ns = smooth(ra->first_ns, first_ns + 1);
	ra->whole_ns = smooth(ra->whole_ns, whole_ns + 1);
	ra->bytes_per_s = (uint64_t)smooth((int64_t)ra->bytes_per_s,
					   (int64_t)(bytes * 1000000 / (uint64_t)body_us));
}

uint64_t readahead_low(const struct readahead *ra, int64_t before_ns)
{
	uint64_t low = ra->size;

	for (int i = 0; i < READAHEAD_STREAMS; i++) {
		const struct readahead_stream *s = &ra->stream[i];

		if (s->used_ns <= before_ns)
			continue;
		if (s->kind == READAHEAD_BACKWARD || (s->kind == READAHEAD_STRIDED && s->step < 0))
			return 0;
		low = least(low, s->to > slack(s) ? s->to - slack(s) : 0);
	}
	return low;
}
