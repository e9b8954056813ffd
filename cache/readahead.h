/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far ahead of its readers a file is fetched. Pure arithmetic: what is present already is the
 * caller's business.
 *
 * The daemon sees only misses (a reader waits) and hints (a reader passed the mark, nobody waits).
 * Up to READAHEAD_STREAMS readers of one file are told apart by position. A stream that goes
 * forward doubles its window; a position that fits no stream starts a small one, and after
 * READAHEAD_RESETS of those in a row the file counts as read at random: nothing is fetched beyond
 * what was asked, until two reads follow each other again.
 */
#ifndef CACHE_READAHEAD_H
#define CACHE_READAHEAD_H

#include <stdbool.h>
#include <stdint.h>

#define READAHEAD_FIRST_BYTES  (UINT64_C(128) << 10) /* of a read that follows nothing */
#define READAHEAD_OPEN_BYTES   (UINT64_C(1) << 20)   /* fetched by the open itself */
#define READAHEAD_WINDOW_BYTES (UINT64_C(64) << 20)  /* the largest window */
#define READAHEAD_PART_MIN     (UINT64_C(1) << 20)   /* bytes of one GET */
#define READAHEAD_PART_MAX     (UINT64_C(8) << 20)
#define READAHEAD_STREAMS      4
#define READAHEAD_RESETS       3

struct readahead_stream {
	uint64_t pos;	 /* where its reader was last seen, end of that read */
	uint64_t end;	 /* fetched, or being fetched, up to here */
	uint64_t window; /* bytes; 0: no read has followed yet */
	uint64_t mark;	 /* hint wanted from here on */
	int64_t used_ns; /* 0: slot is free */
};

struct readahead {
	struct readahead_stream stream[READAHEAD_STREAMS];
	uint64_t window_max; /* bytes */
	unsigned resets;
	unsigned followed; /* reads in a row that followed another, in random mode */
};

/* What to fetch. to <= from: nothing. */
struct readahead_plan {
	uint64_t from, to; /* bytes */
	uint64_t part;	   /* bytes of one GET: a power of two */
	uint64_t mark;	   /* the new vnode_shm.ahead_mark, UINT64_MAX for none */
};

/* opened: the open itself fetches the first READAHEAD_OPEN_BYTES. */
void readahead_init(struct readahead *ra, uint64_t window_max, bool opened, int64_t now_ns);

/* A reader of a file of size bytes is at [offset, offset + length). hint: it does not wait. */
struct readahead_plan readahead_next(struct readahead *ra, uint64_t offset, uint64_t length,
				     uint64_t size, bool hint, int64_t now_ns);

/* The mark as it stands. */
uint64_t readahead_mark(const struct readahead *ra, uint64_t size);

/* The first byte that some reader may still come to soon; everything before may be evicted. Streams
 * that rested since before_ns do not count. size when there is no stream. */
uint64_t readahead_low(const struct readahead *ra, uint64_t size, int64_t before_ns);

#endif
