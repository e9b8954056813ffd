/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much of a fixed memory a listed name takes, how many names go through it, and what that costs
 * each. SKYSHIM_KEYS=10000000 (`make keys`) is the long form.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/clock.h"
#include "core/memory.h"
#include "fs/meta.h"

#define PER_DIR	    1000
#define ENTRY_BYTES 100 /* what one may take, in all */
#define KEYS	    1000000

static const uint8_t ctx[WIRE_CTX_BYTES] = {1};

static void start(void)
{
	setenv("SKYSHIM_META_TTL_MS", "60000000", 1);
	meta_start();
}

/* Names of 20 bytes, a thousand in a directory. */
static void name_of(uint64_t key, char out[96])
{
	snprintf(out, 96, "s3/bucket/data/2026/part-%05" PRIu64 "/record-%09" PRIu64 ".bin",
		 key / PER_DIR, key);
}

/* As a listing of S3 tells of it: every part of its own. */
static struct meta_fact fact_of(uint64_t key)
{
	struct meta_fact fact = {.kind = META_FILE};
	uint64_t x = (key + 1) * UINT64_C(0x9e3779b97f4a7c15);

	fact.object.size = x >> 40;
	fact.object.mtime_ns = (int64_t)(1700000000 + key) * CLOCK_NS_PER_S;
	snprintf(fact.object.etag, STORE_ETAG_BYTES, "\"%016" PRIx64 "%016" PRIx64 "\"", x,
		 x * UINT64_C(0xd1b54a32d192ed03));
	return fact;
}

static void list(uint64_t from, uint64_t to)
{
	struct meta_fact fact;
	char name[96];

	for (uint64_t key = from; key < to; key++) {
		name_of(key, name);
		fact = fact_of(key);
		cr_assert(meta_put_listed(ctx, name, &fact, clock_ns()));
	}
}

static bool is_known(uint64_t key)
{
	struct meta_fact fact = fact_of(key), out;
	char name[96];
	bool is;

	name_of(key, name);
	is = meta_peek(ctx, name, &out);
	if (is)
		cr_assert(out.object.size == fact.object.size &&
				  out.object.mtime_ns == fact.object.mtime_ns &&
				  !strcmp(out.object.etag, fact.object.etag),
			  "%s", name);
	return is;
}

static uint64_t resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long long all, resident;

	cr_assert(file && fscanf(file, "%llu %llu", &all, &resident) == 2);
	fclose(file);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

Test(fs_metasize, a_listed_name_takes_a_hundred_bytes, .fini = meta_stop, .timeout = 120)
{
	uint64_t evictions = meta_evictions(ctx), keys = 0;
	struct meta_stats stats;

	start();
	while (meta_evictions(ctx) == evictions) {
		list(keys, keys + PER_DIR);
		keys += PER_DIR;
	}
	meta_stats(&stats);
	fprintf(stderr, "%" PRIu64 " names in %" PRIu64 " bytes: %.1f each\n", stats.entries,
		stats.bytes, (double)stats.bytes / (double)stats.entries);
	cr_assert_leq(stats.bytes, META_BYTES_MAX);
	cr_assert_eq(memory_of(MEMORY_NAMES), stats.bytes, "all of it is counted");
	cr_assert_leq(stats.bytes, ENTRY_BYTES * stats.entries);
	cr_assert_geq(keys, META_BYTES_MAX / ENTRY_BYTES - 2 * PER_DIR);
	for (uint64_t key = keys - stats.entries + PER_DIR; key < keys; key++)
		cr_assert(is_known(key), "%" PRIu64, key);
}

/* Found and not found, of the newest n: how many records are looked at for each name. */
static double probes_each(uint64_t end, uint64_t n)
{
	struct meta_stats before, after;
	struct meta_fact out;
	char name[96];

	meta_stats(&before);
	for (uint64_t key = end - n; key < end; key++) {
		cr_assert(is_known(key), "%" PRIu64, key);
		name_of(key, name);
		name[strlen(name) - 1] = '-';
		cr_assert_not(meta_peek(ctx, name, &out));
	}
	meta_stats(&after);
	cr_assert_eq(after.finds - before.finds, 2 * n);
	return (double)(after.probes - before.probes) / (double)(2 * n);
}

Test(fs_metasize, any_number_of_names_go_through, .fini = meta_stop, .timeout = 600)
{
	const char *text = getenv("SKYSHIM_KEYS");
	uint64_t keys = text ? strtoull(text, NULL, 10) : KEYS, resident, at = 0;
	struct meta_stats stats;
	double probes;

	start();
	list(0, PER_DIR);
	resident = resident_bytes();
	for (uint64_t to = 1000; at < keys; to *= 10) {
		to = to < keys ? to : keys;
		list(at, to);
		at = to;
		probes = probes_each(at, at < 100000 ? at : 100000);
		meta_stats(&stats);
		fprintf(stderr,
			"%9" PRIu64 " names: %6" PRIu64 " kept in %8" PRIu64
			" bytes, %.2f records looked at for one\n",
			at, stats.entries, stats.bytes, probes);
		cr_assert_lt(probes, 3.5); /* a directory and a name, and who shares their slots */
		cr_assert_leq(stats.bytes, META_BYTES_MAX);
	}
	cr_assert_geq(stats.entries, META_BYTES_MAX / ENTRY_BYTES);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	cr_assert_lt(resident_bytes() - resident, META_BYTES_MAX + (2u << 20));
#else
	(void)resident; /* shadows of that are resident, too */
#endif
	cr_assert_not(is_known(0));
}

/* Trees of many directories with a file each: they are what takes the room, and go with them. */
Test(fs_metasize, as_many_directories_as_names, .fini = meta_stop, .timeout = 120)
{
	struct meta_fact fact = fact_of(1);
	struct meta_stats stats;
	char name[128];

	start();
	for (unsigned i = 0; i < 400000; i++) {
		snprintf(name, sizeof(name), "s3/bucket/%u/%u/%u/file", i % 7, i % 1000, i);
		cr_assert(meta_put_listed(ctx, name, &fact, clock_ns()));
	}
	meta_stats(&stats);
	cr_assert_leq(stats.bytes, META_BYTES_MAX);
	cr_assert_geq(stats.entries, META_BYTES_MAX / 250);
	for (unsigned i = 400000 - 50000; i < 400000; i++) {
		snprintf(name, sizeof(name), "s3/bucket/%u/%u/%u/file", i % 7, i % 1000, i);
		cr_assert(meta_peek(ctx, name, &fact), "%s", name);
	}
}

/* As long as a name can be: of as many directories as it can have, or of none, in little memory. */
static void longest_of(unsigned i, char out[META_NAME_MAX])
{
	size_t len = (size_t)snprintf(out, META_NAME_MAX, "s3/bucket/%u/", i);

	for (; len < META_NAME_MAX - 2; len++)
		out[len] = i % 2 && len % 2 ? '/' : 'n';
	out[len++] = 'e';
	out[len] = '\0';
}

Test(fs_metasize, the_longest_names, .fini = meta_stop, .timeout = 120)
{
	static char name[META_NAME_MAX];
	struct meta_fact fact = fact_of(1), out;
	struct meta_stats stats;

	memory_set_cap(MEMORY_CAP_MIN);
	start();
	memset(fact.object.etag, 'e', STORE_ETAG_BYTES - 1);
	for (unsigned i = 0; i < 2000; i++) {
		longest_of(i, name);
		cr_assert(meta_put_listed(ctx, name, &fact, clock_ns()), "%u", i);
		meta_stats(&stats);
		cr_assert_leq(stats.bytes, MEMORY_CAP_MIN / 4);
		cr_assert(meta_peek(ctx, name, &out));
		cr_assert_str_eq(out.object.etag, fact.object.etag);
		name[strlen(name) - 1] = 'f';
		cr_assert_not(meta_peek(ctx, name, &out));
	}
	for (unsigned i = 1990; i < 2000; i++) {
		longest_of(i, name);
		cr_assert(meta_peek(ctx, name, &out), "%u", i);
	}
	meta_forget_below("s3/bucket/1999/");
	cr_assert_not(meta_peek(ctx, name, &out));
	longest_of(1998, name);
	cr_assert(meta_peek(ctx, name, &out));
}

/* One that is longer is not kept, and what is said of it is that it may be there. */
Test(fs_metasize, a_name_that_is_too_long, .fini = meta_stop)
{
	static char name[META_NAME_MAX + 1];
	uint64_t evictions = meta_evictions(ctx);
	struct meta_fact fact = fact_of(1);

	start();
	memset(name, 'n', META_NAME_MAX);
	cr_assert_not(meta_put_listed(ctx, name, &fact, clock_ns()));
	cr_assert_not(meta_peek(ctx, name, &fact));
	cr_assert_neq(meta_evictions(ctx), evictions);
	name[META_NAME_MAX - 1] = '\0';
	cr_assert(meta_put_listed(ctx, name, &fact, clock_ns()));
	cr_assert(meta_peek(ctx, name, &fact));
}

/* What is told of again and again, each time in other words, costs nobody else his place. */
Test(fs_metasize, one_that_changes_displaces_nobody, .fini = meta_stop, .timeout = 120)
{
	uint64_t evictions;
	struct meta_fact fact = {.kind = META_NONE};
	char name[96];

	start();
	list(0, 100000);
	evictions = meta_evictions(ctx);
	for (unsigned i = 0; i < 500000; i++) {
		name_of(i % 7, name);
		fact = i % 3 ? fact_of(i) : (struct meta_fact){.kind = META_NONE};
		fact.is_told = fact.has_uid = i % 3 == 2;
		fact.uid = i % 3 == 2 ? i : 0;
		meta_put(ctx, name, &fact);
	}
	cr_assert_eq(meta_evictions(ctx), evictions);
	for (uint64_t key = 7; key < 100000; key++)
		cr_assert(is_known(key));
}

Test(fs_metasize, what_moves_costs_what_is_in_it, .fini = meta_stop, .timeout = 60)
{
	struct meta_stats before, after;
	struct meta_fact fact = fact_of(0);

	start();
	list(0, 50000);
	meta_put(ctx, "s3/bucket/data/other/file", &fact);
	meta_put(ctx, "s3/bucket/data/other/deep/er/file", &fact);
	meta_put(ctx, "/s3/bucket/data/other/deep/er/", &fact);
	meta_stats(&before);
	meta_forget_below("s3/bucket/data/other/");
	meta_forget_below("s3/bucket/data/none/");
	meta_stats(&after);
	cr_assert_eq(after.probes - before.probes, 6, "three directories and what is in them");
	cr_assert_not(meta_peek(ctx, "s3/bucket/data/other/deep/er/file", &fact));
	for (uint64_t key = 0; key < 50000; key++)
		cr_assert(is_known(key));
}
