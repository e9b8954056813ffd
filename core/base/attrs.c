/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See attrs.h. Every word of a line is read with acquire and written with release order, which
 * costs nothing on this machine and makes a fence unnecessary: the counter is odd before any word
 * changes, and a reader looks at it again after the last word.
 */
#include "core/base/attrs.h"

#include <errno.h>

#include "core/base/siphash.h"

#define READ_TRIES 4
#define WORDS	   (sizeof(union attrs_line) / 8)

int attrs_read_plain(union attrs_line *dst, const union attrs_line *src)
{
	const uint32_t *seq = &src->entry.seq;
	uint32_t before = __atomic_load_n(seq, __ATOMIC_ACQUIRE);

	if (before & 1)
		return -EAGAIN;
	for (size_t i = 0; i < WORDS; i++)
		dst->word[i] = __atomic_load_n(&src->word[i], __ATOMIC_ACQUIRE);
	return __atomic_load_n(seq, __ATOMIC_RELAXED) == before ? 0 : -EAGAIN;
}

/* Of one who writes. */
static uint8_t *mark_of(union attrs_line *table, uint32_t line)
{
	return (uint8_t *)table + ATTRS_MARKS + line;
}

static int read_again(attrs_read *read, union attrs_line *dst, const union attrs_line *src)
{
	int ret = -EAGAIN;

	for (int i = 0; i < READ_TRIES && ret == -EAGAIN; i++)
		ret = read(dst, src);
	return ret;
}

void attrs_key(const uint64_t hash_key[2], const struct attrs_ask *ask, uint64_t out[2])
{
	uint64_t prefix[3] = {0, 0, ask->must_be_dir};

	__builtin_memcpy(prefix, ask->ctx, WIRE_CTX_BYTES);
	siphash128(hash_key, prefix, 3, ask->path, ask->len, out);
}

static uint32_t first_of_set(const uint64_t key[2])
{
	return ATTRS_FIRST + (uint32_t)(key[0] & (ATTRS_SETS - 1)) * ATTRS_WAYS;
}

bool attrs_head_valid(const struct attrs_head *head)
{
	return head->magic == ATTRS_MAGIC && head->version == ATTRS_VERSION &&
	       head->sets == ATTRS_SETS && head->generation;
}

static bool believed(const struct attrs_head *head, int64_t now_ns)
{
	return attrs_head_valid(head) && head->alive_ns > 0 &&
	       head->alive_ns <= now_ns + ATTRS_LATE_NS && now_ns - head->alive_ns < ATTRS_ALIVE_NS;
}

static int answer(const struct attrs_entry *e, struct wire_attr *out)
{
	if (e->error)
		return e->error == -ENOENT ? -ENOENT : -EAGAIN;
	*out = (struct wire_attr){
		.uid = WIRE_CALLER,
		.gid = WIRE_CALLER,
		.ino = e->ino,
		.size = e->size,
		.mtime_ns = e->mtime_ns,
		.mode = e->mode,
		.nlink = e->nlink,
	};
	return 0;
}

/* Who takes a marked entry and who puts another in its place each write first, and then look at
 * what the other writes: one of them sees the other. */
static bool take(const struct attrs_reader *reader, const union attrs_line *src,
		 const struct attrs_entry *e, uint32_t line)
{
	union attrs_line now;

	if (!(e->flags & ATTRS_MARKED))
		return true;
	if (!reader->mark || reader->mark(line))
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return !reader->read(&now, src) && now.entry.seq == e->seq;
}

int attrs_find(const union attrs_line *table, const struct attrs_reader *reader,
	       const struct attrs_ask *ask, int64_t now_ns, struct wire_attr *out)
{
	attrs_read *read = reader->read;
	union attrs_line head, line;
	uint64_t key[2];
	uint32_t first;

	if (read_again(read, &head, table) || !believed(&head.head, now_ns))
		return -EAGAIN;
	attrs_key(head.head.hash_key, ask, key);
	first = first_of_set(key);
	for (uint32_t i = first; i < first + ATTRS_WAYS; i++) {
		if (read_again(read, &line, &table[i]))
			continue;
		if (line.entry.key[0] == key[0] && line.entry.key[1] == key[1] &&
		    line.entry.generation == head.head.generation)
			return now_ns + ATTRS_LATE_NS < line.entry.until_ns &&
					       take(reader, &table[i], &line.entry, i)
				       ? answer(&line.entry, out)
				       : -EAGAIN;
	}
	return -EAGAIN;
}

/* seq of from does not matter. A line that a killed daemon left odd is right again afterwards.
 * mark: NULL: it has none; otherwise it is taken away. Returns what it was. */
static bool write_line(union attrs_line *to, const union attrs_line *from, uint8_t *mark)
{
	uint32_t seq = __atomic_load_n(&to->entry.seq, __ATOMIC_RELAXED) | 1;
	uint32_t upper = (uint32_t)(from->word[0] >> 32);
	bool was_marked = false;

	__atomic_store_n(&to->entry.seq, seq, __ATOMIC_RELAXED);
	if (mark)
		was_marked = __atomic_exchange_n(mark, 0, __ATOMIC_SEQ_CST); /* see take() */
	__atomic_store_n(&to->entry.generation, upper, __ATOMIC_RELEASE);
	for (size_t i = 1; i < WORDS; i++)
		__atomic_store_n(&to->word[i], from->word[i], __ATOMIC_RELEASE);
	__atomic_store_n(&to->entry.seq, seq + 1, __ATOMIC_RELEASE);
	return was_marked;
}

void attrs_begin(union attrs_line *table, uint32_t generation, const uint64_t hash_key[2],
		 int64_t now_ns)
{
	union attrs_line line = {.head = {
					 .version = ATTRS_VERSION,
					 .magic = ATTRS_MAGIC,
					 .generation = generation,
					 .sets = ATTRS_SETS,
					 .hash_key = {hash_key[0], hash_key[1]},
					 .alive_ns = now_ns,
				 }};

	write_line(table, &line, NULL);
}

void attrs_alive(union attrs_line *table, int64_t now_ns)
{
	union attrs_line line = *table;

	line.head.alive_ns = now_ns;
	write_line(table, &line, NULL);
}

uint32_t attrs_put(union attrs_line *table, const struct attrs_ask *ask,
		   const struct attrs_answer *answer, bool *was_marked_out)
{
	union attrs_line line = {.entry = {
					 .generation = table->head.generation,
					 .until_ns = answer->until_ns,
					 .error = (int16_t)answer->error,
					 .flags = answer->is_marked ? ATTRS_MARKED : 0,
				 }};
	const struct wire_attr *attr = answer->attr;
	uint32_t first, chosen;

	attrs_key(table->head.hash_key, ask, line.entry.key);
	first = chosen = first_of_set(line.entry.key);
	for (uint32_t i = first; i < first + ATTRS_WAYS; i++) {
		const struct attrs_entry *e = &table[i].entry;
		const struct attrs_entry *best = &table[chosen].entry;

		if (e->generation == line.entry.generation && e->key[0] == line.entry.key[0] &&
		    e->key[1] == line.entry.key[1]) {
			chosen = i;
			break;
		}
		if (e->generation != line.entry.generation ||
		    (best->generation == line.entry.generation && e->until_ns < best->until_ns))
			chosen = i;
	}
	if (!answer->error) {
		line.entry.ino = attr->ino;
		line.entry.size = attr->size;
		line.entry.mtime_ns = attr->mtime_ns;
		line.entry.mode = (uint16_t)attr->mode;
		line.entry.nlink = (uint16_t)attr->nlink;
	}
	*was_marked_out = write_line(&table[chosen], &line, mark_of(table, chosen));
	return chosen;
}

bool attrs_drop(union attrs_line *table, uint32_t line)
{
	union attrs_line none = {.entry = {.generation = 0}};

	if (line == ATTRS_NONE || !table[line].entry.generation)
		return false;
	return write_line(&table[line], &none, mark_of(table, line));
}

bool attrs_is_marked(const union attrs_line *table, uint32_t line)
{
	const uint8_t *mark = (const uint8_t *)table + ATTRS_MARKS + line;

	return line != ATTRS_NONE && __atomic_load_n(mark, __ATOMIC_SEQ_CST);
}
