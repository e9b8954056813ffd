// SPDX-License-Identifier: Apache-2.0
/* Counters. The sum is one of its own, so that nobody adds up what changes meanwhile. */
#include "core/memory.h"

#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define QUARTER 4

const char *const memory_names[MEMORY_USES] = {
	[MEMORY_EXCHANGES] = "exchanges", [MEMORY_ANSWERS] = "answers",
	[MEMORY_DIGESTS] = "digests",	  [MEMORY_NAMES] = "names",
	[MEMORY_FILES] = "files",	  [MEMORY_LISTINGS] = "listings",
	[MEMORY_CONTEXTS] = "contexts",
};

static atomic_int_fast64_t uses[MEMORY_USES], sum, peak;
static atomic_uint_fast64_t cap = MEMORY_CAP_DEFAULT;

/* A number in a file, or most. "max" is none. */
static uint64_t read_limit(const char *path, uint64_t most)
{
	FILE *file = fopen(path, "re");
	unsigned long long n;
	bool is_one;

	if (!file)
		return most;
	is_one = fscanf(file, "%llu", &n) == 1;
	fclose(file);
	return is_one && n < most ? n : most;
}

/* The control group's own file, where this process sees its group as the root of all (containers
 * with a namespace of their own); elsewhere the machine's memory is what there is. */
static uint64_t there_is(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
	uint64_t all = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : UINT64_MAX;

	all = read_limit("/sys/fs/cgroup/memory.max", all);
	return read_limit("/sys/fs/cgroup/memory/memory.limit_in_bytes", all);
}

void memory_set_cap(uint64_t bytes)
{
	if (!bytes) {
		bytes = there_is() / QUARTER;
		bytes = bytes < MEMORY_CAP_DEFAULT ? bytes : MEMORY_CAP_DEFAULT;
	}
	cap = bytes < MEMORY_CAP_MIN ? MEMORY_CAP_MIN : bytes;
}

uint64_t memory_cap(void)
{
	return cap;
}

uint64_t memory_share(unsigned divisor, uint64_t most)
{
	uint64_t share = cap / divisor;

	return share < most ? share : most;
}

void memory_add(enum memory_use use, int64_t bytes)
{
	int_fast64_t now = atomic_fetch_add(&sum, bytes) + bytes;
	int_fast64_t before = peak;

	uses[use] += bytes;
	while (now > before && !atomic_compare_exchange_weak(&peak, &before, now))
		;
}

uint64_t memory_of(enum memory_use use)
{
	int_fast64_t bytes = uses[use];

	return bytes > 0 ? (uint64_t)bytes : 0;
}

uint64_t memory_held(void)
{
	int_fast64_t bytes = sum;

	return bytes > 0 ? (uint64_t)bytes : 0;
}

uint64_t memory_peak(void)
{
	return (uint64_t)peak;
}

bool memory_fits(uint64_t bytes)
{
	return memory_held() + bytes <= cap;
}
