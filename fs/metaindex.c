/* SPDX-License-Identifier: Apache-2.0 */
/* See metaindex.h. */
#include "fs/metaindex.h"

#include <sys/mman.h>
#include <sys/random.h>

#include "fs/metalog.h"
#include "fs/metarec.h"

#define ENTRY_BYTES 96 /* for which there is a slot each */

static struct {
	uint32_t *slot;
	size_t count; /* a power of two */
	uint64_t basis;
} table;

bool metaindex_start(size_t bytes)
{
	size_t count = 1;
	void *at;

	while (count * 2 * ENTRY_BYTES <= bytes)
		count *= 2;
	/* now, not as names come to be: what is charged is there, and nothing seems to grow */
	at = mmap(NULL, count * sizeof(*table.slot), PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (at == MAP_FAILED)
		return false;
	table.slot = at;
	table.count = count;
	metalog_charge((int64_t)(count * sizeof(*table.slot)));
	return true;
}

void metaindex_stop(void)
{
	munmap(table.slot, table.count * sizeof(*table.slot));
	metalog_charge(-(int64_t)(table.count * sizeof(*table.slot)));
	table.slot = NULL;
	table.count = 0;
}

size_t metaindex_slots(void)
{
	return table.count;
}

static uint32_t *slot_of(uint64_t hash)
{
	return &table.slot[hash & (table.count - 1)];
}

static uint32_t *next_of(uint32_t ref)
{
	struct metarec *rec = metalog_at(ref);

	return &rec->next;
}

uint32_t metaindex_first(uint64_t hash)
{
	return *slot_of(hash);
}

void metaindex_add(uint64_t hash, uint32_t ref)
{
	uint32_t *at = slot_of(hash);

	*next_of(ref) = *at;
	*at = ref;
}

void metaindex_replace(uint64_t hash, uint32_t ref, uint32_t to)
{
	uint32_t *at = slot_of(hash);

	while (*at != ref)
		at = next_of(*at);
	*at = to ? to : *next_of(ref);
}

/* Of this process alone. */
uint64_t metaindex_basis(void)
{
	if (!table.basis && getrandom(&table.basis, sizeof(table.basis), 0) < 0)
		table.basis = UINT64_C(0xcbf29ce484222325);
	table.basis |= 1; /* drawn once */
	return table.basis;
}

/* FNV-1a alone would be of no use: by how much two hashes differ depends on no more of where they
 * start than the lowest byte, so that names could be chosen that share one for every basis. */
uint64_t metaindex_hash(uint64_t state, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		state = (state ^ (unsigned char)text[i]) * UINT64_C(0x9e3779b97f4a7c15);
		state ^= state >> 32;
	}
	return state;
}

uint64_t metaindex_mix(uint64_t h)
{
	h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}
