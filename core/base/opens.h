/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of files that programs may open by themselves: a file of fixed size in the cache
 * directory, written by the one daemon of that directory and mapped by programs. It names the pairs
 * (cache/pair.h) of files that the cache has whole, that nobody writes to, and for which the daemon
 * would not ask the store either at that moment; each with the time up to which it would not.
 *
 * As in core/base/attrs.h, whose lines, readers, clock and keys these are, line 0 is the head and
 * OPENS_SETS sets of OPENS_WAYS entries follow, each under a sequence counter of its own. A name is
 * known by its hash together with the context's: who has other credentials finds nothing.
 *
 * How a program opens a file, and why that is one which the daemon has not given up:
 *
 *	1. finds the entry (opens_find());
 *	2. opens the vnode file and the data file by the name that it says;
 *	3. looks whether head and entry are still what they were (opens_still()); if not, it closes
 *	   both and asks the daemon.
 *
 * Before the daemon does anything with a pair that it would not do to one that is open (drops,
 * renames or punches it, makes it a draft, or decides by nobody's having it open), it
 *
 *	1. withdraws the entry, which changes its counter for good;
 *	2. asks the kernel for a write lease of the data file (fcntl(2)), which is refused while any
 *	   other open file description of it exists, in whatever process.
 *
 * So either the lease is refused, or the program's open came after the lease was granted, which is
 * after the entry was withdrawn: then step 3 finds it changed. The counter is never what it was, so
 * it does not matter that a file of the same name may have been made meanwhile. A daemon that comes
 * after one that was killed changes the head before it touches a file. What a program holds by a
 * mistake of somebody's is a file of the cache, which it reads: it is never written to.
 *
 * Behind the lines, OPENS_TOLD from the start, stands what programs write, and what the daemon
 * takes for no more than a hint: a mark for each line, which tells that it is in use; and a ring
 * of records, one for each file opened so, from which the daemon learns afterwards, many at a
 * time, what was opened in which order and for whom.
 */
#ifndef CORE_BASE_OPENS_H
#define CORE_BASE_OPENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attrs.h"

#define OPENS_NAME    "opens"			   /* in the cache directory */
#define OPENS_FILES   "files"			   /* the same: the folder of the pairs */
#define OPENS_MAGIC   UINT64_C(0x314e45504f594b53) /* "SKYOPEN1" */
#define OPENS_VERSION 1u
#define OPENS_WAYS    4u
#define OPENS_SETS    8192u /* a power of two */
#define OPENS_FIRST   64u   /* the first entry's line: head and entries share no page */
#define OPENS_LINES   (OPENS_FIRST + OPENS_SETS * OPENS_WAYS)
#define OPENS_NONE    0u		   /* no entry: line 0 is none */
#define OPENS_RING    16384u		   /* records; a power of two */
#define OPENS_TOLD    (OPENS_LINES * 64ul) /* bytes: at a page */
#define OPENS_BYTES   ((OPENS_TOLD + sizeof(struct opens_told) + 4095ul) / 4096 * 4096)
/* A program that makes it so many which the daemon has not looked at wakes it (WIRE_OPENED). */
#define OPENS_MANY (OPENS_RING / 2)

#define OPENS_ID_BYTES	 16u
#define OPENS_PAIR_BYTES 49u /* of a pair's name: 32 and 16 hexadecimal digits, and a dash */

struct opens_head {
	uint32_t seq;
	uint32_t version;
	uint64_t magic;
	uint32_t generation; /* never 0 */
	uint32_t sets;
	uint64_t hash_key[2];
	int64_t alive_ns; /* when the daemon last said so; 0: it left */
	uint64_t looked;  /* atomic, not under seq: records that the daemon has looked at */
	uint64_t unused;
};

struct opens_entry {
	uint32_t seq;
	uint32_t generation;
	uint64_t key[2];
	int64_t until_ns;
	uint8_t id[OPENS_ID_BYTES]; /* the pair's name, with: */
	uint64_t hash;
	uint64_t ino; /* of the data file; 0: it is not whole yet, nobody may open it */
};

/* Of one file that was opened. The second word is written last, and not 0 then. */
struct opens_record {
	uint64_t who;  /* atomic; job << 32, and microseconds of the clock, modulo 2^32 */
	uint64_t what; /* atomic; line << 32, and the entry's counter */
};

struct opens_told {
	uint8_t mark[(OPENS_LINES + 63u) / 64 * 64]; /* atomic */
	uint64_t count; /* atomic; records so far, since ever: this one's place is count % RING */
	uint64_t unused[7];
	struct opens_record ring[OPENS_RING];
};

_Static_assert(sizeof(struct opens_head) == 64 && sizeof(struct opens_entry) == 64, "lines");
_Static_assert(OPENS_TOLD % 4096 == 0, "what programs write is mapped by itself");

/* What opens_find() has found. */
struct opens_found {
	uint32_t line, seq, generation;
	uint64_t ino;
	char pair[OPENS_PAIR_BYTES + 1];
};

/* 0 with *out, or -EAGAIN: the daemon must be asked. table: of OPENS_BYTES; read: of attrs.h; ask:
 * without must_be_dir; now_ns: of CLOCK_MONOTONIC or CLOCK_MONOTONIC_COARSE. */
int opens_find(const union attrs_line *table, attrs_read *read, const struct attrs_ask *ask,
	       int64_t now_ns, struct opens_found *out);

/* Is that true still? After the files were opened. */
bool opens_still(const union attrs_line *table, attrs_read *read, const struct opens_found *found);

/* The name of a pair. */
void opens_pair(const uint8_t id[OPENS_ID_BYTES], uint64_t hash, char out[OPENS_PAIR_BYTES + 1]);

/* Where programs write. */
static inline struct opens_told *opens_told(union attrs_line *table)
{
	return (struct opens_told *)((char *)table + OPENS_TOLD);
}

/* The rest is for the daemon, one thread at a time. */

bool opens_head_valid(const struct opens_head *head);

/* A new generation: what stands in the table is nothing any more. */
void opens_begin(union attrs_line *table, uint32_t generation, const uint64_t hash_key[2],
		 int64_t now_ns);

/* now_ns 0: the daemon leaves. */
void opens_alive(union attrs_line *table, int64_t now_ns);

/* The line that a question's entry is to have: the one that it has, or else that of its set which
 * ends first. */
uint32_t opens_place(const union attrs_line *table, const uint64_t key[2]);

/* Writes an entry: seq and generation of it do not matter. */
void opens_put(union attrs_line *table, uint32_t line, const struct opens_entry *entry);

/* Withdraws what stands there: nobody who has looked before goes on with it. */
void opens_drop(union attrs_line *table, uint32_t line);

#endif
