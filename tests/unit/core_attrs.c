/* SPDX-License-Identifier: Apache-2.0 */
/* The shared table of attributes: what is believed, what is not; no answer is ever torn. */
#include "core/base/attrs.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <criterion/criterion.h>

#include "core/base/siphash.h"

#define S  INT64_C(1000000000)
#define MS INT64_C(1000000)
#define T0 (100 * S)

static const uint64_t hash_key[2] = {1, 2};
static const uint8_t one[WIRE_CTX_BYTES] = {1}, two[WIRE_CTX_BYTES] = {2};
static union attrs_line *table;
static const struct attrs_reader plain = {attrs_read_plain, NULL};

static void start(void)
{
	table = aligned_alloc(4096, ATTRS_BYTES);
	memset(table, 0, ATTRS_BYTES);
	attrs_begin(table, 1, hash_key, T0);
}

static void stop(void)
{
	free(table);
}

TestSuite(core_attrs, .init = start, .fini = stop, .timeout = 120);

static struct attrs_ask ask(const uint8_t *ctx, const char *path)
{
	return (struct attrs_ask){.ctx = ctx, .path = path, .len = strlen(path)};
}

static bool was_marked;

static uint32_t put_answer(const struct attrs_ask *q, int64_t until_ns, int error,
			   const struct wire_attr *attr)
{
	const struct attrs_answer answer = {.until_ns = until_ns, .error = error, .attr = attr};

	return attrs_put(table, q, &answer, &was_marked);
}

static uint32_t put(const char *path, uint64_t size, int64_t until_ns)
{
	struct wire_attr attr = {
		.ino = 7, .size = size, .mtime_ns = 9, .mode = 0100644, .nlink = 1};
	struct attrs_ask q = ask(one, path);

	return put_answer(&q, until_ns, 0, &attr);
}

static int find(const uint8_t *ctx, const char *path, int64_t now_ns, struct wire_attr *out)
{
	struct attrs_ask q = ask(ctx, path);

	return attrs_find(table, &plain, &q, now_ns, out);
}

static int known(const char *path, int64_t now_ns)
{
	struct wire_attr out;

	return find(one, path, now_ns, &out);
}

Test(core_attrs, an_answer_comes_back_whole)
{
	struct wire_attr out = {0};

	put("s3/b/k", 1234, T0 + S);
	cr_assert_eq(find(one, "s3/b/k", T0, &out), 0);
	cr_assert_eq(out.ino, 7);
	cr_assert_eq(out.size, 1234);
	cr_assert_eq(out.mtime_ns, 9);
	cr_assert_eq(out.mode, 0100644);
	cr_assert_eq(out.nlink, 1);
	cr_assert_eq(known("s3/b/kk", T0), -EAGAIN);
	cr_assert_eq(known("s3/b/", T0), -EAGAIN);
	cr_assert_eq(known("", T0), -EAGAIN);
}

Test(core_attrs, a_missing_name_is_an_answer)
{
	struct attrs_ask q = ask(one, "s3/b/none");

	put_answer(&q, T0 + S, -ENOENT, NULL);
	cr_assert_eq(known("s3/b/none", T0), -ENOENT);
	put("s3/b/none", 5, T0 + S); /* it has come */
	cr_assert_eq(known("s3/b/none", T0), 0);
	put_answer(&q, T0 + S, -EACCES, NULL); /* nobody shows that */
	cr_assert_eq(known("s3/b/none", T0), -EAGAIN);
}

Test(core_attrs, another_context_is_another_question)
{
	struct wire_attr out;

	put("s3/b/k", 1, T0 + S);
	cr_assert_eq(find(two, "s3/b/k", T0, &out), -EAGAIN);
}

Test(core_attrs, with_a_slash_it_is_another_question)
{
	struct wire_attr out;
	struct attrs_ask q = ask(one, "s3/b/k");

	put("s3/b/k", 1, T0 + S);
	q.must_be_dir = true;
	cr_assert_eq(attrs_find(table, &plain, &q, T0, &out), -EAGAIN);
}

Test(core_attrs, nothing_is_believed_beyond_its_time)
{
	put("s3/b/k", 1, T0 + S);
	cr_assert_eq(known("s3/b/k", T0 + S - ATTRS_LATE_NS - 1), 0);
	cr_assert_eq(known("s3/b/k", T0 + S - ATTRS_LATE_NS), -EAGAIN, "a coarse clock is late");
	cr_assert_eq(known("s3/b/k", T0 + S), -EAGAIN);
}

Test(core_attrs, a_daemon_that_is_gone_is_not_believed)
{
	put("s3/b/k", 1, T0 + 1000 * S);
	cr_assert_eq(known("s3/b/k", T0 + ATTRS_ALIVE_NS - 1), 0);
	cr_assert_eq(known("s3/b/k", T0 + ATTRS_ALIVE_NS), -EAGAIN);
	attrs_alive(table, T0 + 2 * S);
	cr_assert_eq(known("s3/b/k", T0 + ATTRS_ALIVE_NS), 0);
	attrs_alive(table, 0);
	cr_assert_eq(known("s3/b/k", T0 + 2 * S), -EAGAIN, "it has left");
}

Test(core_attrs, another_time_is_not_believed)
{
	put("s3/b/k", 1, T0 + S);
	cr_assert_eq(known("s3/b/k", T0 - ATTRS_LATE_NS), 0, "a late clock");
	cr_assert_eq(known("s3/b/k", T0 - ATTRS_LATE_NS - 1), -EAGAIN, "before it was written");
	cr_assert_eq(known("s3/b/k", 5), -EAGAIN);
}

Test(core_attrs, another_generation_is_nothing)
{
	put("s3/b/k", 1, T0 + 1000 * S);
	attrs_begin(table, 2, hash_key, T0);
	cr_assert_eq(known("s3/b/k", T0), -EAGAIN);
	put("s3/b/k", 2, T0 + S);
	cr_assert_eq(known("s3/b/k", T0), 0);
}

Test(core_attrs, a_head_that_is_none)
{
	union attrs_line was = *table;

	put("s3/b/k", 1, T0 + S);
	table->head.magic++;
	cr_assert_eq(known("s3/b/k", T0), -EAGAIN);
	*table = was;
	table->head.version++;
	cr_assert_eq(known("s3/b/k", T0), -EAGAIN);
	*table = was;
	table->head.sets *= 2;
	cr_assert_eq(known("s3/b/k", T0), -EAGAIN);
	*table = was;
	table->head.generation = 0;
	cr_assert_eq(known("s3/b/k", T0), -EAGAIN);
	*table = was;
	table->head.seq |= 1;
	cr_assert_eq(known("s3/b/k", T0), -EAGAIN, "being written for ever");
	*table = was;
	cr_assert_eq(known("s3/b/k", T0), 0);
}

Test(core_attrs, a_line_left_half_written)
{
	uint32_t line = put("s3/b/k", 1, T0 + S);

	table[line].entry.seq |= 1;
	cr_assert_eq(known("s3/b/k", T0), -EAGAIN);
	put("s3/b/k", 1, T0 + S);
	cr_assert_eq(known("s3/b/k", T0), 0, "the next writer makes it right");
}

Test(core_attrs, withdrawn)
{
	uint32_t line = put("s3/b/k", 1, T0 + S);

	attrs_drop(table, ATTRS_NONE);
	cr_assert(attrs_head_valid(&table->head));
	attrs_drop(table, line);
	attrs_drop(table, line);
	cr_assert_eq(known("s3/b/k", T0), -EAGAIN);
}

static uint32_t marked; /* the line that was marked last */

static int mark_it(uint32_t line)
{
	marked = line;
	*((uint8_t *)table + ATTRS_MARKS + line) = 1;
	return 0;
}

static uint32_t put_marked(const char *path)
{
	struct wire_attr attr = {.ino = 7, .mode = 0100644, .nlink = 1};
	struct attrs_ask q = ask(one, path);
	const struct attrs_answer answer = {.until_ns = T0 + S, .attr = &attr, .is_marked = true};

	return attrs_put(table, &q, &answer, &was_marked);
}

static int take(attrs_mark *mark)
{
	const struct attrs_reader marking = {attrs_read_plain, mark};
	struct attrs_ask q = ask(one, "s3/b/k");
	struct wire_attr out;

	return attrs_find(table, &marking, &q, T0, &out);
}

Test(core_attrs, some_are_for_those_who_mark_them)
{
	uint32_t line = put_marked("s3/b/k");

	cr_assert_not(attrs_is_marked(table, line));
	cr_assert_eq(take(NULL), -EAGAIN);
	cr_assert_not(attrs_is_marked(table, line));
	cr_assert_eq(take(mark_it), 0);
	cr_assert_eq(marked, line);
	cr_assert(attrs_is_marked(table, line));
	cr_assert_eq(take(mark_it), 0, "as often as one likes");
	cr_assert_not(attrs_is_marked(table, ATTRS_NONE));
}

Test(core_attrs, marks_come_back_once)
{
	uint32_t line = put_marked("s3/b/k");

	cr_assert_not(was_marked);
	take(mark_it);
	put("s3/b/k", 1, T0 + S);
	cr_assert(was_marked);
	cr_assert_not(attrs_is_marked(table, line));
	cr_assert_not(attrs_drop(table, line));
	line = put_marked("s3/b/k");
	take(mark_it);
	cr_assert(attrs_drop(table, line));
	cr_assert_not(attrs_drop(table, line));
	put_marked("s3/b/k");
	cr_assert_not(was_marked);
}

static int replace_then_mark(uint32_t line)
{
	put_marked("s3/b/k"); /* as if by the daemon, after the line was read */
	return mark_it(line);
}

static int drop_then_mark(uint32_t line)
{
	attrs_drop(table, line);
	return mark_it(line);
}

static int cannot(uint32_t line)
{
	(void)line;
	return -EFAULT;
}

Test(core_attrs, marked_too_late)
{
	put_marked("s3/b/k");
	cr_assert_eq(take(replace_then_mark), -EAGAIN, "the daemon took no note of it");
	cr_assert_eq(take(mark_it), 0);
	cr_assert_eq(take(drop_then_mark), -EAGAIN);
	put_marked("s3/b/k");
	cr_assert_eq(take(cannot), -EAGAIN);
}

Test(core_attrs, more_than_there_is_room_for)
{
	unsigned found = 0, fresh = 0;
	char path[32];

	for (unsigned i = 0; i < 200000; i++) {
		snprintf(path, sizeof(path), "s3/b/%u", i);
		put(path, i, T0 + S + i);
	}
	for (unsigned i = 0; i < 200000; i++) {
		struct wire_attr out;

		snprintf(path, sizeof(path), "s3/b/%u", i);
		if (find(one, path, T0, &out))
			continue;
		cr_assert_eq(out.size, i);
		found++;
		fresh += i >= 190000;
	}
	cr_assert_gt(found, 60000);
	cr_assert_leq(found, ATTRS_SETS * ATTRS_WAYS);
	cr_assert_gt(fresh, 9500, "the oldest goes first; %u of the last 10000 are there", fresh);
}

#define SEEN_WANTED 100u

/* A writer that never rests, and readers: every field tells of one version. */
static uint32_t stop_writing;

static void *write_versions(void *arg)
{
	struct attrs_ask q = ask(one, "s3/b/k");

	(void)arg;
	for (uint64_t i = 1; !__atomic_load_n(&stop_writing, __ATOMIC_RELAXED); i++) {
		struct wire_attr attr = {.ino = i,
					 .size = i,
					 .mtime_ns = (int64_t)i,
					 .mode = (uint32_t)i,
					 .nlink = (uint16_t)i};
		uint32_t line = put_answer(&q, T0 + S, 0, &attr);

		if (i % 16 == 0)
			attrs_drop(table, line);
		if (i % 64 == 0)
			attrs_begin(table, (uint32_t)(i / 64) + 1, hash_key, T0);
	}
	return NULL;
}

static void *read_versions(void *arg)
{
	unsigned *seen = arg;

	/* on a busy machine a thread may do all of its rounds before the writer gets a turn */
	for (unsigned i = 0; i < 300000 || *seen <= SEEN_WANTED; i++) {
		struct wire_attr a;

		if (find(one, "s3/b/k", T0, &a))
			continue;
		(*seen)++;
		if (a.ino != a.size || a.ino != (uint64_t)a.mtime_ns || a.mode != (uint16_t)a.ino ||
		    a.nlink != (uint16_t)a.ino)
			return arg; /* torn */
	}
	return NULL;
}

Test(core_attrs, no_answer_is_torn)
{
	unsigned seen[2] = {0, 0};
	pthread_t writer, reader[2];
	void *wrong;

	pthread_create(&writer, NULL, write_versions, NULL);
	for (int i = 0; i < 2; i++)
		pthread_create(&reader[i], NULL, read_versions, &seen[i]);
	for (int i = 0; i < 2; i++) {
		pthread_join(reader[i], &wrong);
		cr_assert_null(wrong);
		cr_assert_gt(seen[i], SEEN_WANTED);
	}
	__atomic_store_n(&stop_writing, 1, __ATOMIC_RELAXED);
	pthread_join(writer, NULL);
}
