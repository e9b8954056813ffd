/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of attributes that the daemon shows and runtimes read by themselves: a file of fixed
 * size in the cache directory, written by the one daemon of that directory and mapped read-only by
 * programs. It holds answers that the daemon would give from memory at that moment, each with the
 * time up to which it would.
 *
 * The file is an array of lines of 64 bytes, each under a sequence counter of its own: odd while it
 * is written. Line 0 is the head; from ATTRS_FIRST on stand ATTRS_SETS sets of ATTRS_WAYS entries.
 * Behind the lines stands one byte for each, its mark, which alone programs write.
 *
 * What a listing told may be believed once more when its time is over, by the first who asks
 * (fs/meta.h). Whoever has taken it from here was the first: an entry with ATTRS_MARKED is an
 * answer only for who sets its mark, or finds it set, and then finds the entry still there; the
 * daemon looks at the mark before it gives what is to spare away, and when another entry takes the
 * place.
 *
 * A name is known by a SipHash of 128 bits of context, kind of question and virtual path, under a
 * random key of the daemon's. With 2^16 entries, a question about a name that is not there meets
 * another's answer with a probability of 2^-126; nobody can choose names to raise it without
 * reading the key, which only the user can.
 *
 * Nothing is believed beyond its time. Times are CLOCK_MONOTONIC's, and the daemon tells in the
 * head once a second that it lives: a table whose daemon is gone, or one that is read in another
 * time namespace or after another boot, is not believed. Each daemon counts the generation up, so
 * that entries of another are nothing.
 */
#ifndef CORE_BASE_ATTRS_H
#define CORE_BASE_ATTRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/wire.h"

#define ATTRS_NAME     "attrs"			    /* in the cache directory */
#define ATTRS_MAGIC    UINT64_C(0x3152545441594b53) /* "SKYATTR1" */
#define ATTRS_VERSION  2u
#define ATTRS_WAYS     4u
#define ATTRS_SETS     16384u /* a power of two */
#define ATTRS_FIRST    64u    /* the first entry's line: head and entries share no page */
#define ATTRS_LINES    (ATTRS_FIRST + ATTRS_SETS * ATTRS_WAYS)
#define ATTRS_MARKS    (ATTRS_LINES * 64ul) /* where the marks stand: at a page */
#define ATTRS_BYTES    (ATTRS_MARKS + (ATTRS_LINES + 4095ul) / 4096 * 4096)
#define ATTRS_NONE     0u		   /* no entry: line 0 is none */
#define ATTRS_ALIVE_NS INT64_C(3000000000) /* a daemon silent for so long is gone */
/* A reader's clock may be CLOCK_MONOTONIC_COARSE: late by up to a tick, at 100 Hz. */
#define ATTRS_LATE_NS INT64_C(10000000)

struct attrs_head {
	uint32_t seq;
	uint32_t version;
	uint64_t magic;
	uint32_t generation; /* never 0 */
	uint32_t sets;
	uint64_t hash_key[2];
	int64_t alive_ns; /* when the daemon last said so; 0: it left */
	uint64_t unused[2];
};

struct attrs_entry {
	uint32_t seq;
	uint32_t generation;
	uint64_t key[2];
	int64_t until_ns;
	uint64_t ino, size;
	int64_t mtime_ns;
	uint16_t mode;
	uint16_t flags; /* ATTRS_MARKED */
	uint16_t nlink;
	int16_t error; /* 0 or -ENOENT */
};

#define ATTRS_MARKED 1u /* who takes it marks it */

union attrs_line {
	struct attrs_head head;
	struct attrs_entry entry;
	uint64_t word[8]; /* seq is the lower half of word[0] */
};

_Static_assert(sizeof(union attrs_line) == 64, "one cache line");
_Static_assert(ATTRS_MARKS % 4096 == 0, "marks are mapped by themselves");

/* A question. */
struct attrs_ask {
	const uint8_t *ctx; /* WIRE_CTX_BYTES */
	const char *path;   /* virtual; no NUL needed */
	size_t len;
	bool must_be_dir; /* WIRE_MUST_BE_DIR: another question than without */
};

/* Copies a line as of one moment. 0, or a negative errno: it is being written (-EAGAIN), it cannot
 * be read (-EFAULT). */
typedef int attrs_read(union attrs_line *dst, const union attrs_line *src);

/* Sets the mark of a line. 0, or a negative errno: it cannot be set. */
typedef int attrs_mark(uint32_t line);

/* How a table is read. */
struct attrs_reader {
	attrs_read *read;
	attrs_mark *mark; /* NULL: no mark can be set */
};

/* The reader for memory that is there. */
attrs_read attrs_read_plain;

void attrs_key(const uint64_t hash_key[2], const struct attrs_ask *ask, uint64_t out[2]);

/* 0 with *out, -ENOENT, or -EAGAIN: nothing is known, the daemon must be asked. now_ns: of
 * CLOCK_MONOTONIC or CLOCK_MONOTONIC_COARSE. *out is untouched unless 0. */
int attrs_find(const union attrs_line *table, const struct attrs_reader *reader,
	       const struct attrs_ask *ask, int64_t now_ns, struct wire_attr *out);

/* The rest is for the daemon, one thread at a time. */

/* Is this the head of a table that can be gone on with? */
bool attrs_head_valid(const struct attrs_head *head);

/* A new generation: what stands in the table is nothing any more. */
void attrs_begin(union attrs_line *table, uint32_t generation, const uint64_t hash_key[2],
		 int64_t now_ns);

/* now_ns 0: the daemon leaves. */
void attrs_alive(union attrs_line *table, int64_t now_ns);

/* An answer to show. */
struct attrs_answer {
	int64_t until_ns;
	int error;		      /* 0 with attr, or -ENOENT */
	const struct wire_attr *attr; /* its owner is WIRE_CALLER */
	bool is_marked;		      /* ATTRS_MARKED */
};

/* Shows it; the oldest entry of its set goes. Returns its line, which is unmarked; was_marked_out:
 * what was there before had been taken. */
uint32_t attrs_put(union attrs_line *table, const struct attrs_ask *ask,
		   const struct attrs_answer *answer, bool *was_marked_out);

/* Withdraws what stands in a line, and says whether it had been taken. ATTRS_NONE is allowed. */
bool attrs_drop(union attrs_line *table, uint32_t line);

/* Has somebody taken what stands there? */
bool attrs_is_marked(const union attrs_line *table, uint32_t line);

#endif
