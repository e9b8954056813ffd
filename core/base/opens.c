/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See opens.h. The two sides of step 3 each write first, the daemon the entry's counter and the
 * program, by open(2), the kernel's count of the data file's descriptions; then they look at what
 * the other writes. So both have a full fence in between, on which the proof rests.
 */
#include "core/base/opens.h"

#include <errno.h>

#define READ_TRIES 4

union line {
	union attrs_line words; /* how it is read and written */
	struct opens_head head;
	struct opens_entry entry;
};

static int read_again(attrs_read *read, union line *dst, const union attrs_line *src)
{
	int ret = -EAGAIN;

	for (int i = 0; i < READ_TRIES && ret == -EAGAIN; i++)
		ret = read(&dst->words, src);
	return ret;
}

bool opens_head_valid(const struct opens_head *head)
{
	return head->magic == OPENS_MAGIC && head->version == OPENS_VERSION &&
	       head->sets == OPENS_SETS && head->generation;
}

static bool believed(const struct opens_head *head, int64_t now_ns)
{
	return opens_head_valid(head) && head->alive_ns > 0 &&
	       head->alive_ns <= now_ns + ATTRS_LATE_NS && now_ns - head->alive_ns < ATTRS_ALIVE_NS;
}

static char *hex(uint64_t value, int digits, char *out)
{
	for (int i = digits - 1; i >= 0; i--)
		*out++ = "0123456789abcdef"[value >> (4 * i) & 15];
	return out;
}

void opens_pair(const uint8_t id[OPENS_ID_BYTES], uint64_t hash, char out[OPENS_PAIR_BYTES + 1])
{
	char *at = out;

	for (unsigned i = 0; i < OPENS_ID_BYTES; i++)
		at = hex(id[i], 2, at);
	*at++ = '-';
	at = hex(hash, 16, at);
	*at = '\0';
}

static uint32_t first_of_set(const uint64_t key[2])
{
	return OPENS_FIRST + (uint32_t)(key[0] & (OPENS_SETS - 1)) * OPENS_WAYS;
}

static bool is_key(const struct opens_entry *e, const uint64_t key[2])
{
	return e->key[0] == key[0] && e->key[1] == key[1];
}

int opens_find(const union attrs_line *table, attrs_read *read, const struct attrs_ask *ask,
	       int64_t now_ns, struct opens_found *out)
{
	union line head, line;
	uint64_t key[2];
	uint32_t first;

	if (read_again(read, &head, table) || !believed(&head.head, now_ns))
		return -EAGAIN;
	attrs_key(head.head.hash_key, ask, key);
	first = first_of_set(key);
	for (uint32_t i = first; i < first + OPENS_WAYS; i++) {
		const struct opens_entry *e = &line.entry;

		if (read_again(read, &line, &table[i]) || !is_key(e, key) ||
		    e->generation != head.head.generation)
			continue;
		if (!e->ino || now_ns + ATTRS_LATE_NS >= e->until_ns)
			return -EAGAIN;
		out->line = i;
		out->seq = e->seq;
		out->generation = e->generation;
		out->ino = e->ino;
		opens_pair(e->id, e->hash, out->pair);
		return 0;
	}
	return -EAGAIN;
}

bool opens_still(const union attrs_line *table, attrs_read *read, const struct opens_found *found)
{
	union line head, line;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return !read_again(read, &line, &table[found->line]) && line.entry.seq == found->seq &&
	       !read_again(read, &head, table) && opens_head_valid(&head.head) &&
	       head.head.generation == found->generation;
}

/* What stands under seq from the first word on. A line that a killed daemon left odd is right again
 * afterwards. */
static void write_line(union attrs_line *to, const union line *from, size_t words)
{
	uint32_t seq = __atomic_load_n(&to->entry.seq, __ATOMIC_RELAXED) | 1;

	__atomic_store_n(&to->entry.seq, seq, __ATOMIC_RELAXED);
	__atomic_store_n(&to->entry.generation, from->words.entry.generation, __ATOMIC_RELEASE);
	for (size_t i = 1; i < words; i++)
		__atomic_store_n(&to->word[i], from->words.word[i], __ATOMIC_RELEASE);
	__atomic_store_n(&to->entry.seq, seq + 1, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#define HEAD_WORDS  (offsetof(struct opens_head, looked) / 8)
#define ENTRY_WORDS (sizeof(struct opens_entry) / 8)

void opens_begin(union attrs_line *table, uint32_t generation, const uint64_t hash_key[2],
		 int64_t now_ns)
{
	union line line = {.head = {
				   .version = OPENS_VERSION,
				   .magic = OPENS_MAGIC,
				   .generation = generation,
				   .sets = OPENS_SETS,
				   .hash_key = {hash_key[0], hash_key[1]},
				   .alive_ns = now_ns,
			   }};

	write_line(table, &line, HEAD_WORDS);
}

void opens_alive(union attrs_line *table, int64_t now_ns)
{
	union line line = {.words = *table};

	line.head.alive_ns = now_ns;
	write_line(table, &line, HEAD_WORDS);
}

uint32_t opens_place(const union attrs_line *table, const uint64_t key[2])
{
	uint32_t generation = ((const union line *)table)->head.generation;
	uint32_t first = first_of_set(key), chosen = first;

	for (uint32_t i = first; i < first + OPENS_WAYS; i++) {
		const struct opens_entry *e = &((const union line *)&table[i])->entry;
		const struct opens_entry *best = &((const union line *)&table[chosen])->entry;

		if (e->generation == generation && is_key(e, key))
			return i;
		if (e->generation != generation ||
		    (best->generation == generation && e->until_ns < best->until_ns))
			chosen = i;
	}
	return chosen;
}

void opens_put(union attrs_line *table, uint32_t line, const struct opens_entry *entry)
{
	union line from = {.entry = *entry};

	from.entry.generation = ((const union line *)table)->head.generation;
	write_line(&table[line], &from, ENTRY_WORDS);
}

void opens_drop(union attrs_line *table, uint32_t line)
{
	const union line none = {.entry = {.generation = 0}};

	if (line != OPENS_NONE)
		write_line(&table[line], &none, ENTRY_WORDS);
}
