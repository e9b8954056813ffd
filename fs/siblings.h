/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In which order programs take the entries of one directory, and which are worth fetching before
 * they ask. Pure arithmetic: what is cached already, and how to fetch, is the caller's business.
 *
 * An order is learnt from opens that follow each other: two in the order of the listing, three in
 * that of inode numbers (`cp -r` and others sort so) or backwards. Up to SIBLINGS_STREAMS readers
 * of a directory are told apart by position. A stream may be SIBLINGS_START entries ahead of its
 * reader and a tenth of what that one has taken more, but never by more than the reader takes in
 * half the time for which what is fetched is believed. What the reader passes by is waste: a stream
 * that wastes more than a tenth, and all streams of a ledger that does, lose their start.
 *
 * Who has read one directory in some order reads the next in the same: a stream may be expected in
 * a directory before anything in it is taken.
 *
 * No lock: one thread's.
 */
#ifndef FS_SIBLINGS_H
#define FS_SIBLINGS_H

#include <stdbool.h>
#include <stdint.h>

#define SIBLINGS_MAX	 65536 /* entries of one directory; what is beyond is not known */
#define SIBLINGS_START	 32
#define SIBLINGS_WINDOW	 128 /* entries, the most a stream is ahead */
#define SIBLINGS_STREAMS 8
#define SIBLINGS_GAP	 2  /* opens this near to each other make a stream */
#define SIBLINGS_BEHIND	 64 /* entries this far behind their reader were passed by */
#define SIBLINGS_SHARE	 10 /* one part in so many may be waste */
#define SIBLINGS_PARDON	 4  /* entries a stream may waste before that counts */
#define SIBLINGS_REST_NS INT64_C(1000000000) /* who has not moved for so long has not gone back */
#define SIBLINGS_NONE	 UINT32_MAX
#define SIBLINGS_HABIT	 8 /* tenths of what a reader has passed that it took, to be expected */

/* What has become of all that was fetched ahead; the same of many directories. */
struct siblings_ledger {
	uint64_t begun, begun_bytes;
	uint64_t used, used_bytes;
	uint64_t wasted, wasted_bytes;
	/* how much may be wasted without anything used; constant */
	uint64_t credit, credit_bytes;
	/* used and wasted at the last siblings_forgive() that count no more */
	uint64_t old_used, old_used_bytes, old_wasted, old_wasted_bytes;
};

enum sibling_state {
	SIBLING_OPEN,	/* nothing was done about it */
	SIBLING_NEVER,	/* not worth it, or tried in vain */
	SIBLING_AHEAD,	/* fetched before anybody asked, and nobody has yet */
	SIBLING_PASSED, /* the same, and counted as waste */
};

struct sibling {
	uint64_t ino;
	uint64_t bytes; /* what fetching it costs */
	uint32_t at;	/* the caller's own */
	uint8_t state;
};

struct sibling_stream {
	uint32_t last;	  /* the entry that its reader took last, the farthest one; SIBLINGS_NONE:
			   * it is expected only */
	uint32_t room;	  /* of one that is expected: no farther */
	uint32_t scan;	  /* rank up to which it was looked at */
	uint32_t tail;	  /* rank up to which waste was counted */
	uint32_t run;	  /* entries taken, also in the directories before */
	uint32_t here;	  /* in this one */
	uint32_t wasted;  /* entries passed by, as run */
	uint8_t order;	  /* ORDER_*, 0: only one entry was taken */
	int64_t gap_ns;	  /* between two of them, on average */
	int64_t taken_ns; /* the last, or since when it is expected; 0: slot is free */
};

struct siblings {
	struct siblings_ledger *ledger;
	struct sibling *of; /* owned; in the directory's order */
	uint32_t *by_ino;   /* owned; indices */
	uint32_t *ino_rank; /* owned; the reverse */
	uint32_t count, room;
	uint64_t ahead_bytes; /* of all that is SIBLING_AHEAD */
	uint32_t ahead;
	struct sibling_stream stream[SIBLINGS_STREAMS];
};

void siblings_init(struct siblings *s, struct siblings_ledger *ledger);

/* What is still ahead counts as waste. */
void siblings_free(struct siblings *s);

/* The next entry in the directory's order. Returns 0, -ENOMEM, -ENOSPC (SIBLINGS_MAX). Afterwards,
 * before anything else, siblings_sort(). */
int siblings_add(struct siblings *s, uint64_t ino, uint64_t bytes, uint32_t at, bool never);
int siblings_sort(struct siblings *s);

uint32_t siblings_find(const struct siblings *s, uint64_t ino);

/* Somebody took this one. Returns whether it had been fetched ahead. */
bool siblings_taken(struct siblings *s, uint32_t index, int64_t now_ns);

/* The next one that is worth fetching, or SIBLINGS_NONE; each is said once to a stream.
 * believed_ns: how long what is fetched may be used without asking. */
uint32_t siblings_next(struct siblings *s, int64_t believed_ns);

/* The stream that has moved last, if it takes what it passes: NULL otherwise. */
const struct sibling_stream *siblings_habit(const struct siblings *s);

/* Somebody like that is expected here, from the first entry on, and no more than room entries of it
 * for now. One who is expected already gets that room. */
void siblings_expect(struct siblings *s, const struct sibling_stream *like, uint32_t room,
		     int64_t now_ns);

/* Is somebody expected here for whom there is no such limit, and has nothing been taken? */
bool siblings_is_unread(const struct siblings *s);

/* By how many entries the stream that moved last, or is expected, may be ahead beyond the end. */
uint32_t siblings_beyond(const struct siblings *s, int64_t believed_ns);

/* The entry that comes after another for who goes on as he has, or SIBLINGS_NONE. */
uint32_t siblings_after(const struct siblings *s, uint32_t index);

/* It is being fetched; that failed, or turned out to be of no use. */
void siblings_begun(struct siblings *s, uint32_t index);
void siblings_failed(struct siblings *s, uint32_t index);

/* Half of what was is forgotten: waste of long ago is not held against anybody. */
void siblings_forgive(struct siblings_ledger *ledger);

#endif
