/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far ahead of its readers a file is fetched. Pure arithmetic: what is present already, and
 * what is on its way, is the caller's business.
 *
 * The daemon sees only misses (a reader waits) and hints (a reader came to a mark, nobody waits).
 * From these, up to READAHEAD_STREAMS readers of one file are told apart by position:
 *
 *   fresh      a read that follows no other. After READAHEAD_RESETS of those in a row the file
 *              counts as read at random: only the blocks that were asked for are fetched, until
 *              two reads in a row follow one of them.
 *   forward    a read follows it. Its window doubles with each mark (after SEQUENTIAL: four times),
 *              as far as it takes for the reader's own pace: four times what it reads while a
 *              part is on its way.
 *   backward   the same, downward.
 *   strided    reads at equal distances, each beyond what would follow: single reads are fetched
 *              ahead, up to READAHEAD_STRIDES.
 *
 * What was fetched ahead and not read when its stream ends is waste. As long as more than a tenth
 * of what was used is waste, beyond a credit, no window is larger than a tenth of what its reader
 * has read in a row, or READAHEAD_FRUGAL_BYTES.
 */
#ifndef CACHE_READAHEAD_H
#define CACHE_READAHEAD_H

#include <stdbool.h>
#include <stdint.h>

#define READAHEAD_FIRST_BYTES  (UINT64_C(128) << 10) /* of a read that follows nothing */
#define READAHEAD_BLOCK_BYTES  (UINT64_C(64) << 10)  /* the least that is fetched */
#define READAHEAD_OPEN_BYTES   (UINT64_C(1) << 20)   /* fetched by the open itself; first window */
#define READAHEAD_TOLD_BYTES   (UINT64_C(8) << 20)   /* first window after SEQUENTIAL */
#define READAHEAD_TOLD_TIMES   4		     /* then it grows so much with each mark */
#define READAHEAD_WINDOW_BYTES (UINT64_C(128) << 20) /* the largest */
#define READAHEAD_FRUGAL_BYTES (UINT64_C(1) << 20)   /* ... as long as too much is wasted */
#define READAHEAD_CREDIT_BYTES (UINT64_C(64) << 20)  /* may be wasted in any case */
#define READAHEAD_PART_MIN     (UINT64_C(1) << 20)   /* bytes of one GET */
#define READAHEAD_PART_MAX     (UINT64_C(8) << 20)
#define READAHEAD_PARTS	       16 /* GETs that a window is split into, once they are worth it */
#define READAHEAD_STRIDES      32
#define READAHEAD_STREAMS      16
#define READAHEAD_EVEN	       4 /* equal steps from read to read that make a strided stream */
#define READAHEAD_RESETS       3
#define READAHEAD_NEAR	       64 /* a stream seen less often than once in so many does not grow */

enum readahead_kind { READAHEAD_FRESH, READAHEAD_FORWARD, READAHEAD_BACKWARD, READAHEAD_STRIDED };

struct readahead_stream {
	enum readahead_kind kind;
	bool is_wanted;	   /* the caller has not started all of it yet; the caller clears it */
	uint64_t at, to;   /* the last read that was seen of it: [at, to) */
	uint64_t end;	   /* ahead up to here; backward: down to here */
	uint64_t window;   /* bytes; strided: reads; fresh: 0 */
	uint64_t run;	   /* bytes read in a row */
	int64_t step;	   /* from the read before to this one; strided: from each to the next */
	uint64_t mark;	   /* a read from here on (backward: below) gives a hint */
	uint64_t paced_at; /* where it was at paced_ns */
	int64_t paced_ns;
	int64_t used_ns; /* 0: slot is free */
	uint64_t seen;	 /* the number of that read */
	unsigned followed;
	unsigned even; /* fresh: steps before this read that were equal to its own */
};

/* Of all files; what counts for the limit is halved now and then. */
struct readahead_ledger {
	uint64_t used, wasted; /* bytes, since the start */
	uint64_t recent_used, recent_wasted;
	int64_t halved_ns;
};

struct readahead {
	struct readahead_stream stream[READAHEAD_STREAMS];
	uint64_t size;	     /* of the file, bytes */
	uint64_t window_max; /* bytes */
	uint64_t reads;	     /* that were seen, so far */
	unsigned resets;
	int last;		    /* the slot used last; -1: none, or it has ended */
	int64_t first_ns, whole_ns; /* a part's first byte and its end, smoothed; 0: not known */
	uint64_t bytes_per_s;	    /* of one connection, smoothed; 0: not known */
	struct readahead_ledger *ledger;
	/* [from, to) is ahead of a stream that ends: returns how much of it has come */
	uint64_t (*come)(void *arg, uint64_t from, uint64_t to);
	void *arg;
};

enum readahead_advice { READAHEAD_NORMAL, READAHEAD_RANDOM, READAHEAD_SEQUENTIAL };

struct readahead_read {
	uint64_t offset, length;
	bool is_hint; /* the reader does not wait */
	enum readahead_advice advice;
	int64_t now_ns; /* > 0 */
};

/* What a miss should fetch, beside what its stream wants ahead. */
struct readahead_plan {
	uint64_t to;   /* [offset, to): with the least number of GETs */
	uint64_t part; /* bytes of one GET: a power of two */
};

/* ra is zeroed, but for size, window_max, ledger, come and arg. opened: the open itself fetches the
 * first READAHEAD_OPEN_BYTES. */
void readahead_init(struct readahead *ra, bool opened, int64_t now_ns);

/* All streams end. */
void readahead_end(struct readahead *ra);

struct readahead_plan readahead_next(struct readahead *ra, const struct readahead_read *read);

/* The n-th range that stream s wants ahead, nearest first; false: there are no more. */
bool readahead_range(const struct readahead *ra, const struct readahead_stream *s, unsigned n,
		     uint64_t *from_out, uint64_t *to_out);

/* Bytes of one GET for what it wants. */
uint64_t readahead_part(const struct readahead *ra, const struct readahead_stream *s);

/* Where a read gives a hint: the range that is to stand in the vnode, empty for none. */
void readahead_hint(const struct readahead *ra, const struct readahead_stream *s,
		    uint64_t *from_out, uint64_t *to_out);

/* A part of bytes came: its first byte after first_ns, the last after whole_ns. */
void readahead_measured(struct readahead *ra, int64_t first_ns, int64_t whole_ns, uint64_t bytes);

/* The first byte that some reader may still come to soon; everything before may be evicted. Streams
 * that rested since before_ns do not count. size when there is no stream. */
uint64_t readahead_low(const struct readahead *ra, int64_t before_ns);

#endif
