/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams and windows. The mark is placed so that its hint arrives while at least half of the
 * window is still ahead: after half a window while it grows (so at most twice of what was read is
 * fetched in vain), after an eighth once it is full (so the pipeline keeps seven eighths of it in
 * flight).
 */
#include "cache/readahead.h"

#include <stddef.h>

#define SLACK_BYTES \
	(UINT64_C(256) << 10)	    /* reads of one reader may come this much out of order \
				     */
#define STALE_NS INT64_C(500000000) /* a stream at rest does not hold the mark back */

void readahead_init(struct readahead *ra, uint64_t window_max, bool opened, int64_t now_ns)
{
	*ra = (struct readahead){.window_max = window_max};
	if (opened) {
		ra->stream[0] = (struct readahead_stream){
			.end = READAHEAD_OPEN_BYTES,
			.window = READAHEAD_OPEN_BYTES,
			.mark = READAHEAD_OPEN_BYTES / 2,
			.used_ns = now_ns,
		};
	}
}

static struct readahead_stream *find_stream(struct readahead *ra, uint64_t offset)
{
	struct readahead_stream *best = NULL;

	for (int i = 0; i < READAHEAD_STREAMS; i++) {
		struct readahead_stream *s = &ra->stream[i];

		if (!s->used_ns || offset + SLACK_BYTES < s->pos || offset > s->end + SLACK_BYTES)
			continue;
		if (!best || s->pos > best->pos)
			best = s;
	}
	return best;
}

static struct readahead_stream *take_slot(struct readahead *ra)
{
	struct readahead_stream *oldest = &ra->stream[0];

	for (int i = 1; i < READAHEAD_STREAMS; i++) {
		if (ra->stream[i].used_ns < oldest->used_ns)
			oldest = &ra->stream[i];
	}
	return oldest;
}

uint64_t readahead_mark(const struct readahead *ra, uint64_t size)
{
	uint64_t mark = UINT64_MAX;
	int64_t newest = 0;

	for (int i = 0; i < READAHEAD_STREAMS; i++) {
		if (ra->stream[i].used_ns > newest)
			newest = ra->stream[i].used_ns;
	}
	for (int i = 0; i < READAHEAD_STREAMS; i++) {
		const struct readahead_stream *s = &ra->stream[i];

		if (s->used_ns && s->end < size && s->window && s->mark < mark &&
		    s->used_ns + STALE_NS >= newest)
			mark = s->mark;
	}
	return mark;
}

static uint64_t part_for(uint64_t window)
{
	uint64_t part = READAHEAD_PART_MIN;

	while (part < READAHEAD_PART_MAX && part < window / 16)
		part *= 2;
	return part;
}

static bool at_random(const struct readahead *ra)
{
	return ra->resets >= READAHEAD_RESETS;
}

static void advance(struct readahead *ra, struct readahead_stream *s, uint64_t offset,
		    uint64_t length)
{
	if (at_random(ra)) {
		if (++ra->followed < 2)
			return;
		ra->followed = 0;
	}
	ra->resets = 0;
	s->window = s->window ? s->window * 2 : READAHEAD_OPEN_BYTES;
	if (s->window > ra->window_max)
		s->window = ra->window_max;
	if (s->end < offset + length + s->window)
		s->end = offset + length + s->window;
	s->mark = offset + s->window / (s->window < ra->window_max ? 2 : 8);
}

struct readahead_plan readahead_next(struct readahead *ra, uint64_t offset, uint64_t length,
				     uint64_t size, bool hint, int64_t now_ns)
{
	struct readahead_stream *s = find_stream(ra, offset);
	struct readahead_plan plan = {.from = offset, .part = READAHEAD_PART_MAX};
	uint64_t need = length > READAHEAD_FIRST_BYTES ? length : READAHEAD_FIRST_BYTES;

	if (!s && hint) {
		plan.mark = readahead_mark(ra, size);
		plan.to = offset;
		return plan;
	}
	if (s) {
		advance(ra, s, offset, length);
	} else {
		s = take_slot(ra);
		*s = (struct readahead_stream){.mark = UINT64_MAX};
		ra->followed = 0;
		if (!at_random(ra))
			ra->resets++;
	}
	if (s->end < offset + need && !hint)
		s->end = offset + need;
	s->pos = offset + length;
	s->used_ns = now_ns;

	plan.to = at_random(ra) ? offset + need : s->end;
	if (hint && at_random(ra))
		plan.to = offset;
	if (plan.to > size)
		plan.to = size;
	if (length < READAHEAD_PART_MAX)
		plan.part = part_for(s->window);
	plan.mark = readahead_mark(ra, size);
	return plan;
}

uint64_t readahead_low(const struct readahead *ra, uint64_t size, int64_t before_ns)
{
	uint64_t low = size;

	for (int i = 0; i < READAHEAD_STREAMS; i++) {
		const struct readahead_stream *s = &ra->stream[i];

		if (s->used_ns > before_ns && s->pos < low)
			low = s->pos;
	}
	return low;
}
