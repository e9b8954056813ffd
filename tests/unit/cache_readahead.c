/* SPDX-License-Identifier: Apache-2.0 */
/* Sequences of reads, as a daemon is told of them, and what is fetched because of them. */
#include "cache/readahead.h"

#include <criterion/criterion.h>

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define MS  INT64_C(1000000)

static struct readahead ra;
static struct readahead_ledger ledger;
static int64_t now;
static uint64_t came; /* bytes that were ahead when a stream ended */

static uint64_t come(void *arg, uint64_t from, uint64_t to)
{
	(void)arg;
	from = (from + READAHEAD_BLOCK_BYTES - 1) / READAHEAD_BLOCK_BYTES * READAHEAD_BLOCK_BYTES;
	to = to / READAHEAD_BLOCK_BYTES * READAHEAD_BLOCK_BYTES;
	to = to > from ? to : from;
	came += to - from;
	return to - from;
}

static void start(uint64_t size, bool opened)
{
	ledger = (struct readahead_ledger){0};
	came = 0;
	now = 1;
	ra = (struct readahead){.size = size,
				.window_max = READAHEAD_WINDOW_BYTES,
				.ledger = &ledger,
				.come = come};
	readahead_init(&ra, opened, now);
}

static struct readahead_plan next(uint64_t offset, uint64_t length, bool hint)
{
	struct readahead_read read = {
		.offset = offset, .length = length, .is_hint = hint, .now_ns = ++now};

	return readahead_next(&ra, &read);
}

static struct readahead_plan advised(uint64_t offset, uint64_t length, enum readahead_advice advice)
{
	struct readahead_read read = {
		.offset = offset, .length = length, .advice = advice, .now_ns = ++now};

	return readahead_next(&ra, &read);
}

/* The stream whose last read ended here. */
static const struct readahead_stream *at(uint64_t to)
{
	for (int i = 0; i < READAHEAD_STREAMS; i++) {
		if (ra.stream[i].used_ns && ra.stream[i].to == to)
			return &ra.stream[i];
	}
	cr_assert_fail("no stream ends at %llu", (unsigned long long)to);
	return NULL;
}

static unsigned streams(void)
{
	unsigned n = 0;

	for (int i = 0; i < READAHEAD_STREAMS; i++)
		n += ra.stream[i].used_ns != 0;
	return n;
}

/* Does a read of this range give a hint, as runtimes decide it? */
static bool hints(uint64_t offset, uint64_t length, uint64_t *sent)
{
	for (int i = 0; i < READAHEAD_STREAMS; i++) {
		uint64_t from, to;

		readahead_hint(&ra, &ra.stream[i], &from, &to);
		if (from < to && offset + length > from && offset < to && sent[i] != from + 1) {
			sent[i] = from + 1;
			return true;
		}
	}
	return false;
}

static uint64_t dice(void)
{
	static uint64_t state = 88172645463325252;

	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

/* Reads 1 GiB in steps as a runtime does: a miss where nothing was fetched, a hint at the mark. */
Test(cache_readahead, sequential_never_drains)
{
	uint64_t fetched = READAHEAD_OPEN_BYTES, sent[READAHEAD_STREAMS] = {0};
	unsigned misses = 0, told = 0;

	start(GIB, true);
	for (uint64_t pos = 0; pos < GIB; pos += 128 * KIB) {
		const struct readahead_stream *s = &ra.stream[0];
		bool miss = pos + 128 * KIB > fetched;

		if (!miss && !hints(pos, 128 * KIB, sent))
			continue;
		misses += miss;
		told++;
		if (!miss && s->end < GIB)
			cr_assert_geq((fetched - pos) * 2 + 256 * KIB, s->window);
		next(pos, 128 * KIB, !miss);
		cr_assert_leq(readahead_part(&ra, s), READAHEAD_PART_MAX);
		if (s->end > fetched)
			fetched = s->end;
		cr_assert(fetched <= pos + 128 * KIB + READAHEAD_WINDOW_BYTES);
	}
	cr_assert_eq(misses, 0);
	cr_assert_lt(told, 80);
	cr_assert_eq(fetched, GIB);
	cr_assert_eq(streams(), 0, "it has read all");
	cr_assert_eq(came, 0);
	cr_assert_eq(ledger.wasted, 0);
	cr_assert_geq(ledger.used, GIB - MIB);
}

Test(cache_readahead, the_window_doubles_at_its_mark_only)
{
	start(GIB, true);
	cr_assert_eq(ra.stream[0].window, MIB);
	next(0, 128 * KIB, false); /* waits for what is on its way */
	next(128 * KIB, 128 * KIB, false);
	cr_assert_eq(ra.stream[0].window, MIB);
	next(384 * KIB, 128 * KIB, true);
	cr_assert_eq(ra.stream[0].window, 2 * MIB);
	cr_assert_eq(ra.stream[0].end, 512 * KIB + 2 * MIB);
	cr_assert_eq(ra.stream[0].mark, 384 * KIB + MIB);
	next(512 * KIB, 128 * KIB, false);
	next(1024 * KIB, 128 * KIB, true);
	cr_assert_eq(ra.stream[0].window, 2 * MIB);
	next(1536 * KIB, 128 * KIB, true);
	cr_assert_eq(ra.stream[0].window, 4 * MIB);
}

Test(cache_readahead, a_small_file_needs_no_hints)
{
	uint64_t sent[READAHEAD_STREAMS] = {0};

	start(MIB, true);
	cr_assert_eq(streams(), 0);
	cr_assert_not(hints(0, MIB, sent));
}

Test(cache_readahead, random_reads_fetch_one_block)
{
	uint64_t total = 0, from, to;

	start(1100 * MIB, true);
	for (int i = 0; i < 2000; i++) {
		uint64_t pos = dice() % (1000 * MIB / (4 * KIB)) * 4 * KIB + 3 * MIB;

		total += next(pos, 4 * KIB, false).to - pos;
		for (int k = 0; k < READAHEAD_STREAMS; k++) {
			if (ra.stream[k].is_wanted &&
			    readahead_range(&ra, &ra.stream[k], 0, &from, &to))
				total += to - from; /* a read that happens to follow another */
			ra.stream[k].is_wanted = false;
		}
	}
	cr_assert_leq(total, 2400 * READAHEAD_BLOCK_BYTES);
	readahead_end(&ra);
	cr_assert_leq(came, 4 * MIB);
}

/* The hint of the mark may come after a miss behind it. */
Test(cache_readahead, a_hint_that_is_late)
{
	start(GIB, true);
	for (uint64_t pos = 0; pos < 100 * MIB; pos += 128 * KIB)
		next(pos, 128 * KIB, false);
	next(ra.stream[0].mark + 20 * MIB, 128 * KIB, false);
	cr_assert_eq(streams(), 1);
	cr_assert_geq(ra.stream[0].window, 32 * MIB);
}

/* Reads that happen to meet a window must not make it grow until they always do. */
Test(cache_readahead, random_reads_do_not_follow_each_other)
{
	for (int round = 0; round < 200; round++) {
		uint64_t window = 0;

		start(GIB, true);
		for (int i = 0; i < 2000; i++)
			next(dice() % (GIB / (4 * KIB)) * 4 * KIB, 4 * KIB, false);
		for (int k = 0; k < READAHEAD_STREAMS; k++) {
			if (ra.stream[k].kind != READAHEAD_STRIDED && ra.stream[k].window > window)
				window = ra.stream[k].window;
		}
		cr_assert_leq(window, 4 * MIB, "round %d", round);
	}
}

Test(cache_readahead, sequential_again_after_random)
{
	start(GIB, false);
	for (int i = 0; i < 10; i++)
		next((uint64_t)(900 - 5 * i * i) * MIB, 4 * KIB, false);
	for (uint64_t i = 0; i < 2; i++)
		cr_assert_eq(next(5 * MIB + i * 128 * KIB, 128 * KIB, false).to,
			     5 * MIB + (i + 1) * 128 * KIB);
	next(5 * MIB + 256 * KIB, 128 * KIB, false);
	cr_assert_eq(at(5 * MIB + 384 * KIB)->window, MIB);
	cr_assert_eq(at(5 * MIB + 384 * KIB)->end, 6 * MIB + 384 * KIB);
	next(900 * MIB, 4 * KIB, false);
	cr_assert_eq(next(300 * MIB, 4 * KIB, false).to, 300 * MIB + 128 * KIB);
}

Test(cache_readahead, eight_readers_of_one_file)
{
	start(GIB, false);
	for (uint64_t i = 0; i < 40; i++) {
		for (uint64_t r = 0; r < 8; r++)
			next((r * 128) * MIB + i * 512 * KIB, 512 * KIB, false);
	}
	cr_assert_geq(streams(), 8);
	for (uint64_t r = 0; r < 8; r++) {
		const struct readahead_stream *s = at(r * 128 * MIB + 20 * MIB);

		cr_assert_eq(s->kind, READAHEAD_FORWARD);
		cr_assert_geq(s->window, 16 * MIB);
		cr_assert_gt(s->end, s->to + 8 * MIB);
		cr_assert_lt(s->end, (r + 1) * 128 * MIB);
	}
	cr_assert_leq(readahead_low(&ra, 0), 20 * MIB);
	cr_assert_geq(readahead_low(&ra, 0), 4 * MIB);
}

/* A pass-by of random reads takes only the slots of their own kind. */
Test(cache_readahead, random_reads_beside_a_stream)
{
	start(GIB, true);
	for (uint64_t i = 0; i < 200; i++) {
		next(i * 256 * KIB, 256 * KIB, false);
		for (uint64_t k = 0; k < 9; k++)
			next(200 * MIB + dice() % (800 * MIB), 4 * KIB, false);
	}
	cr_assert_geq(at(50 * MIB)->window, 32 * MIB);
}

Test(cache_readahead, backward)
{
	uint64_t sent[READAHEAD_STREAMS] = {0}, low = GIB;
	unsigned told = 0;

	start(GIB, false);
	for (uint64_t pos = GIB - 64 * KIB; pos; pos -= 64 * KIB) {
		bool miss = pos < low;
		const struct readahead_stream *s;
		uint64_t from, to;

		if (!miss && !hints(pos, 64 * KIB, sent))
			continue;
		told++;
		next(pos, 64 * KIB, !miss);
		s = at(pos + 64 * KIB);
		low = pos < low ? pos : low;
		if (s->kind == READAHEAD_BACKWARD && readahead_range(&ra, s, 0, &from, &to)) {
			cr_assert_eq(to, pos);
			low = from;
		}
	}
	cr_assert_lt(told, 100);
	cr_assert_eq(low, 0);
	cr_assert_eq(readahead_low(&ra, 0), 0);
}

/* Of a matrix, one column: 4 KiB every 4 MiB. */
Test(cache_readahead, strided)
{
	bool fetched[1024] = {0};
	uint64_t sent[READAHEAD_STREAMS] = {0}, from, to;
	unsigned misses = 0, told = 0, total = 0;

	start(4 * GIB, false);
	for (uint64_t i = 0; i < 1024; i++) {
		uint64_t pos = i * 4 * MIB + 12345;
		const struct readahead_stream *s;

		misses += !fetched[i];
		if (fetched[i] && !hints(pos, 4 * KIB, sent))
			continue;
		told++;
		next(pos, 4 * KIB, fetched[i]);
		total += !fetched[i];
		fetched[i] = true;
		s = at(pos + 4 * KIB);
		for (unsigned n = 0;
		     s->kind == READAHEAD_STRIDED && readahead_range(&ra, s, n, &from, &to); n++) {
			cr_assert_eq(from % (4 * MIB), 12345);
			cr_assert_eq(to - from, 4 * KIB);
			total += !fetched[from / (4 * MIB)];
			fetched[from / (4 * MIB)] = true;
		}
	}
	cr_assert_eq(misses, 1 + READAHEAD_EVEN);
	cr_assert_lt(told, 80);
	cr_assert_eq(total, 1024);
}

Test(cache_readahead, strided_downward)
{
	uint64_t from, to;
	const struct readahead_stream *s;

	start(GIB, false);
	for (uint64_t i = 0; i < 7; i++)
		next((120 - 10 * i) * MIB, 4 * KIB, false);
	s = at(60 * MIB + 4 * KIB);
	cr_assert_eq(s->kind, READAHEAD_STRIDED);
	for (unsigned n = 0; n < 6; n++) {
		cr_assert(readahead_range(&ra, s, n, &from, &to));
		cr_assert_eq(from, (50 - 10 * n) * MIB);
	}
	cr_assert_not(readahead_range(&ra, s, 6, &from, &to), "beyond the beginning");
	cr_assert_eq(readahead_low(&ra, 0), 0);
}

/* Threads that share a stream: 1 MiB each, a little out of order. */
Test(cache_readahead, out_of_order)
{
	static const uint64_t order[] = {1, 0, 3, 2, 5, 4, 7, 6};

	start(GIB, true);
	for (uint64_t i = 0; i < 128; i++)
		next((i / 8 * 8 + order[i % 8]) * MIB, MIB, false);
	cr_assert_leq(streams(), 4);
	cr_assert_geq(at(128 * MIB)->window, 32 * MIB);
}

Test(cache_readahead, a_hint_elsewhere_fetches_nothing)
{
	start(GIB, true);
	next(800 * MIB, 4 * KIB, true);
	cr_assert_eq(streams(), 1);
	cr_assert_eq(ra.stream[0].end, MIB);
	start(800 * MIB + 10, true);
	cr_assert_eq(next(800 * MIB, 4 * KIB, false).to, 800 * MIB + 10);
}

Test(cache_readahead, advice)
{
	start(GIB, false);
	cr_assert_eq(advised(5 * MIB, 4 * KIB, READAHEAD_RANDOM).to, 5 * MIB + 64 * KIB);
	cr_assert_eq(streams(), 0);
	advised(5 * MIB, 128 * KIB, READAHEAD_SEQUENTIAL);
	cr_assert_eq(at(5 * MIB + 128 * KIB)->window, READAHEAD_TOLD_BYTES);
	start(GIB, true);
	advised(512 * KIB, 128 * KIB, READAHEAD_SEQUENTIAL);
	cr_assert_eq(ra.stream[0].window, READAHEAD_TOLD_BYTES);
}

/* What is not on its way after four rounds of 20 ms is late for a reader at 1 GB/s. */
Test(cache_readahead, who_said_so_is_believed_sooner)
{
	start(GIB, true);
	advised(512 * KIB, 128 * KIB, READAHEAD_SEQUENTIAL);
	for (int marks = 1; marks < 3; marks++)
		advised(ra.stream[0].mark, 128 * KIB, READAHEAD_SEQUENTIAL);
	cr_assert_eq(ra.stream[0].window, READAHEAD_WINDOW_BYTES);
	start(GIB, true);
	next(512 * KIB, 128 * KIB, false);
	for (int marks = 1; marks < 3; marks++)
		next(ra.stream[0].mark, 128 * KIB, true);
	cr_assert_eq(ra.stream[0].window, 8 * MIB);
}

/* Files of which only the first 10 MiB are read. Adds up in all; *half: after half of them. */
static void read_beginnings(bool advise, struct readahead_ledger *all,
			    struct readahead_ledger *half)
{
	for (int file = 0; file < 400; file++) {
		start(GIB, true);
		ra.ledger = all;
		for (uint64_t pos = 0; pos < 10 * MIB; pos += 128 * KIB) {
			if (advise)
				advised(pos, 128 * KIB, READAHEAD_SEQUENTIAL);
			else
				next(pos, 128 * KIB, true);
		}
		readahead_end(&ra);
		if (file == 199)
			*half = *all;
	}
}

/* They waste as others do: as much as is allowed. */
Test(cache_readahead, who_said_so_and_stops)
{
	struct readahead_ledger all = {0}, half = {0};

	read_beginnings(true, &all, &half);
	cr_assert_leq((all.wasted - half.wasted) * 8, all.used - half.used);
}

Test(cache_readahead, a_slow_reader_gets_a_small_window)
{
	start(GIB, true);
	readahead_measured(&ra, 20 * MS, 60 * MS, 4 * MIB);
	for (uint64_t pos = 0; pos < 40 * MIB; pos += 128 * KIB) {
		now += 128 * MS; /* 1 MB/s */
		next(pos, 128 * KIB, true);
	}
	cr_assert_leq(ra.stream[0].window, 2 * MIB);
	for (uint64_t pos = 40 * MIB; pos < 400 * MIB; pos += 128 * KIB)
		next(pos, 128 * KIB, true);
	cr_assert_geq(ra.stream[0].window, 64 * MIB);
}

/* A part takes four times as long as its first byte. */
Test(cache_readahead, parts_by_what_a_connection_delivers)
{
	start(GIB, true);
	cr_assert_eq(readahead_part(&ra, NULL), READAHEAD_PART_MAX);
	for (int i = 0; i < 50; i++) /* 90 MB/s and 20 ms */
		readahead_measured(&ra, 20 * MS, 20 * MS + 93 * MS, 8 * MIB);
	cr_assert_eq(readahead_part(&ra, NULL), 8 * MIB);
	for (int i = 0; i < 50; i++) /* 10 MB/s and 20 ms */
		readahead_measured(&ra, 20 * MS, 20 * MS + 105 * MS, MIB);
	cr_assert_eq(readahead_part(&ra, NULL), MIB);
	for (int i = 0; i < 100; i++) /* 1 GB/s and 1 ms */
		readahead_measured(&ra, MS, 3 * MS, 2 * MIB);
	cr_assert_eq(readahead_part(&ra, NULL), 4 * MIB);
	readahead_measured(&ra, 5 * MS, 4 * MS, 2 * MIB);
	readahead_measured(&ra, MS, 300000 * MS, 64 * KIB);
	cr_assert_eq(readahead_part(&ra, NULL), 4 * MIB, "what makes no sense does not count");
}

Test(cache_readahead, waste_is_held_down)
{
	struct readahead_ledger all = {0}, half = {0};

	read_beginnings(false, &all, &half);
	cr_assert_gt(all.wasted, READAHEAD_CREDIT_BYTES);
	cr_assert_leq(all.used - half.used, 2000 * MIB);
	cr_assert_geq(all.used - half.used, 1700 * MIB);
	/* a tenth, and what was marked late */
	cr_assert_leq((all.wasted - half.wasted) * 8, all.used - half.used);
	/* who goes on reading gets ahead again */
	start(GIB, true);
	ra.ledger = &all;
	for (uint64_t pos = 0; pos < 900 * MIB; pos += 128 * KIB)
		next(pos, 128 * KIB, true);
	cr_assert_geq(ra.stream[0].window, 64 * MIB);
}
