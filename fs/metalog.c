/* SPDX-License-Identifier: Apache-2.0 */
/* One segment is always free: what stays of a full one fits there and behind the newest record. */
#include "fs/metalog.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/memory.h"
#include "fs/metarec.h"

#define DEAD_SHARE 8  /* of all, from which on the dead are looked for first */
#define SPARING	   16 /* segments in a row of which everything may stay */
#define ROUNDS	   4  /* through all segments, then there is no room */

struct segment {
	uint32_t used, live; /* bytes */
	uint64_t age;	     /* the lower, the older; 0: it is free */
};

static struct {
	char *base;
	struct segment *segments;
	size_t count, free, touched;
	size_t head;		  /* where records are added */
	uint64_t age, used, live; /* the last two of all */
	int64_t charged;
	metalog_visit *visit;
} mem;

void metalog_charge(int64_t bytes)
{
	mem.charged += bytes;
	memory_add(MEMORY_NAMES, bytes);
}

uint64_t metalog_charged(void)
{
	return (uint64_t)mem.charged;
}

bool metalog_is_started(void)
{
	return mem.base;
}

static size_t bytes_of(uint32_t ref)
{
	const struct metarec *rec = metalog_at(ref);

	return rec->units * METAREC_UNIT;
}

/* Numbers begin with 1. */
static uint32_t ref_of(size_t segment, size_t offset)
{
	return (uint32_t)((segment * METALOG_SEGMENT + offset) / METAREC_UNIT) + 1;
}

static size_t segment_of(uint32_t ref)
{
	return (size_t)(ref - 1) * METAREC_UNIT / METALOG_SEGMENT;
}

void *metalog_at(uint32_t ref)
{
	return mem.base + (size_t)(ref - 1) * METAREC_UNIT;
}

/* A free one gets the next records, unless no more than so many are. */
static bool next_segment(size_t keep)
{
	size_t i = 0;

	if (mem.free <= keep)
		return false;
	while (mem.segments[i].age)
		i++;
	if (i >= mem.touched) {
		metalog_charge((int64_t)METALOG_SEGMENT);
		mem.touched = i + 1;
	}
	mem.segments[i].age = ++mem.age;
	mem.free--;
	mem.head = i;
	return true;
}

static bool fits(size_t bytes)
{
	return mem.segments[mem.head].used + bytes <= METALOG_SEGMENT;
}

static uint32_t place(const void *rec, size_t bytes)
{
	struct segment *s = &mem.segments[mem.head];
	uint32_t ref = ref_of(mem.head, s->used);

	memcpy(metalog_at(ref), rec, bytes);
	s->used += (uint32_t)bytes;
	s->live += (uint32_t)bytes;
	mem.used += bytes;
	mem.live += bytes;
	return ref;
}

void metalog_free(uint32_t ref)
{
	struct metarec *rec = metalog_at(ref);

	rec->type = METAREC_DEAD;
	mem.segments[segment_of(ref)].live -= (uint32_t)bytes_of(ref);
	mem.live -= bytes_of(ref);
}

uint32_t metalog_move(uint32_t ref)
{
	size_t bytes = bytes_of(ref);
	uint32_t to;

	if (!fits(bytes))
		next_segment(0);
	to = place(metalog_at(ref), bytes);
	metalog_free(ref);
	return to;
}

static void visit_segment(size_t i, metalog_visit *visit, enum metalog_mode mode)
{
	const struct segment *s = &mem.segments[i];
	uint32_t ref;
	size_t bytes;

	for (size_t at = 0; at < s->used; at += bytes) {
		ref = ref_of(i, at);
		bytes = bytes_of(ref);
		if (((struct metarec *)metalog_at(ref))->type != METAREC_DEAD)
			visit(ref, mode);
	}
}

/* mem.count: there is none. */
static size_t deadest(void)
{
	size_t best = mem.count, most = 0;

	for (size_t i = 0; i < mem.count; i++) {
		const struct segment *s = &mem.segments[i];

		if (i == mem.head || s->used - s->live <= most)
			continue;
		best = i;
		most = s->used - s->live;
	}
	return best;
}

static size_t oldest(void)
{
	size_t best = mem.count;

	for (size_t i = 0; i < mem.count; i++) {
		if (i != mem.head && mem.segments[i].age &&
		    (best == mem.count || mem.segments[i].age < mem.segments[best].age))
			best = i;
	}
	return best;
}

bool metalog_clean(unsigned tries)
{
	enum metalog_mode mode = METALOG_ALL;
	size_t i = mem.count;

	if (tries > ROUNDS * mem.count)
		return false;
	if (tries <= SPARING && (mem.used - mem.live) * DEAD_SHARE > mem.used)
		i = deadest();
	if (i == mem.count) {
		mode = tries <= SPARING ? METALOG_WANTED : METALOG_NONE;
		i = oldest();
	}
	if (i == mem.count)
		return false;
	visit_segment(i, mem.visit, mode);
	mem.used -= mem.segments[i].used;
	mem.segments[i] = (struct segment){0};
	mem.free++;
	return true;
}

uint32_t metalog_append(const void *rec)
{
	const struct metarec *head = rec;
	size_t bytes = head->units * METAREC_UNIT;
	unsigned tries = 0;

	while (!fits(bytes) && !next_segment(1)) {
		if (!metalog_clean(tries++))
			return 0;
	}
	return place(rec, bytes);
}

void metalog_each(metalog_visit *visit)
{
	for (size_t i = 0; i < mem.count; i++)
		visit_segment(i, visit, METALOG_NONE);
}

bool metalog_start(size_t bytes, metalog_visit *visit)
{
	void *base;

	mem.count = bytes / METALOG_SEGMENT;
	mem.segments = calloc(mem.count, sizeof(*mem.segments));
	base = mmap(NULL, mem.count * METALOG_SEGMENT, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!mem.segments || base == MAP_FAILED) {
		if (base != MAP_FAILED)
			munmap(base, mem.count * METALOG_SEGMENT);
		free(mem.segments);
		mem.segments = NULL;
		return false;
	}
	mem.base = base;
	mem.free = mem.count;
	mem.touched = 0;
	mem.age = mem.used = mem.live = 0;
	mem.visit = visit;
	return next_segment(0);
}

void metalog_stop(void)
{
	if (!mem.base)
		return;
	munmap(mem.base, mem.count * METALOG_SEGMENT);
	free(mem.segments);
	metalog_charge(-(int64_t)(mem.touched * METALOG_SEGMENT));
	mem.base = NULL;
	mem.segments = NULL;
	mem.count = mem.touched = 0;
}
