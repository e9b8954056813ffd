/* SPDX-License-Identifier: Apache-2.0 */
/* The order in which a directory is read, learnt from what is taken, and what may be wasted. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fs/siblings.h"

#define MS	 INT64_C(1000000)
#define BELIEVED (1000 * MS)
#define BYTES	 4096

static struct siblings_ledger ledger;
static struct siblings s;
static int64_t now_ns;
static unsigned fetched, hits;
static bool cached[10000];

/* Inode numbers jump about, and none is met twice. */
static uint64_t ino_of(uint32_t i)
{
	uint64_t x = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static void make(uint32_t count)
{
	ledger = (struct siblings_ledger){.credit = 256, .credit_bytes = 4 << 20};
	siblings_init(&s, &ledger);
	for (uint32_t i = 0; i < count; i++)
		cr_assert_eq(siblings_add(&s, ino_of(i), BYTES, i, false), 0);
	cr_assert_eq(siblings_sort(&s), 0);
	now_ns = BELIEVED;
	fetched = hits = 0;
	memset(cached, 0, sizeof(cached));
}

static void fetch(void)
{
	uint32_t i;

	while ((i = siblings_next(&s, BELIEVED)) != SIBLINGS_NONE) {
		cr_assert_eq(s.of[i].state, SIBLING_OPEN, "said twice: %u", i);
		if (cached[i])
			continue;
		siblings_begun(&s, i);
		fetched++;
	}
}

static void take(uint32_t index)
{
	bool hit = siblings_taken(&s, index, now_ns += MS / 10);

	hits += hit;
	cached[index] = true;
	fetch();
}

static void end(void)
{
	siblings_free(&s);
	cr_assert_eq(ledger.begun, ledger.used + ledger.wasted);
	cr_assert_eq(ledger.begun_bytes, ledger.used_bytes + ledger.wasted_bytes);
}

Test(fs_siblings, found_by_inode)
{
	make(1000);
	for (uint32_t i = 0; i < 1000; i++)
		cr_assert_eq(siblings_find(&s, ino_of(i)), i);
	cr_assert_eq(siblings_find(&s, 0), SIBLINGS_NONE);
	cr_assert_eq(siblings_find(&s, UINT64_MAX), SIBLINGS_NONE);
	end();
}

Test(fs_siblings, as_listed)
{
	make(1000);
	take(0);
	cr_assert_eq(fetched, 0, "one alone tells nothing");
	take(1);
	cr_assert_eq(fetched, SIBLINGS_START);
	for (uint32_t i = 2; i < 1000; i++)
		take(i);
	cr_assert_eq(hits, 998);
	cr_assert_eq(fetched, 998);
	cr_assert_eq(ledger.wasted, 0);
	end();
	cr_assert_eq(ledger.wasted, 0);
}

/* What was forgiven as wasted is taken after all. */
Test(fs_siblings, less_was_wasted_than_forgiven)
{
	make(1000);
	ledger.old_wasted = 3;
	ledger.old_wasted_bytes = 3 * BYTES;
	siblings_forgive(&ledger);
	cr_assert_eq(ledger.old_wasted, 3);
	take(0);
	take(1);
	cr_assert_eq(fetched, SIBLINGS_START);
	for (uint32_t i = 2; i < 1000; i++)
		take(i);
	cr_assert_eq(hits, 998);
	end();
}

static int by_ino(const void *a, const void *b)
{
	uint64_t left = ino_of(*(const uint32_t *)a), right = ino_of(*(const uint32_t *)b);

	return (left > right) - (left < right);
}

Test(fs_siblings, by_inode)
{
	uint32_t order[1000];

	make(1000);
	for (uint32_t i = 0; i < 1000; i++)
		order[i] = i;
	qsort(order, 1000, sizeof(order[0]), by_ino);
	for (uint32_t i = 0; i < 1000; i++)
		take(order[i]);
	cr_assert_geq(hits, 996);
	end();
	cr_assert_leq(ledger.wasted, SIBLINGS_START, "by the wrong guess at most: %lu",
		      (unsigned long)ledger.wasted);
}

Test(fs_siblings, backwards)
{
	make(1000);
	for (uint32_t i = 1000; i-- > 0;)
		take(i);
	cr_assert_eq(hits, 997); /* three tell */
	end();
	cr_assert_eq(ledger.wasted, 0);
}

/* Four workers, each with a share of its own. */
Test(fs_siblings, shares)
{
	make(1000);
	for (uint32_t i = 0; i < 250; i++) {
		for (uint32_t worker = 0; worker < 4; worker++)
			take(worker * 250 + i);
	}
	cr_assert_geq(hits, 988);
	end();
	cr_assert_eq(ledger.wasted, 0, "%lu", (unsigned long)ledger.wasted);
}

/* Workers that take from one queue come a little out of order. */
Test(fs_siblings, a_queue)
{
	make(1000);
	for (uint32_t i = 0; i < 1000; i += 4) {
		take(i + 1);
		take(i);
		take(i + 3);
		take(i + 2);
	}
	cr_assert_geq(hits, 990, "%u", hits);
	end();
	cr_assert_eq(ledger.wasted, 0);
}

Test(fs_siblings, every_hundredth)
{
	make(10000);
	for (uint32_t i = 0; i < 10000; i += 100)
		take(i);
	cr_assert_eq(fetched, 0);
	end();
}

Test(fs_siblings, at_random)
{
	srand(7);
	make(10000);
	for (int i = 0; i < 5000; i++)
		take((uint32_t)rand() % 10000);
	end();
	cr_assert_leq(ledger.wasted, 256 + 64 + 5000 / SIBLINGS_SHARE, "%lu of %lu",
		      (unsigned long)ledger.wasted, (unsigned long)ledger.begun);
}

/* Near enough to each other to look like a walk: it is seen to be none. */
static void with_step(uint32_t step, uint32_t count)
{
	make(count);
	for (uint32_t i = 0; i < count; i += step)
		take(i);
	end();
	cr_assert_leq(ledger.wasted, 3 * SIBLINGS_START + count / step / SIBLINGS_SHARE,
		      "step %u: %lu wasted, %lu used", step, (unsigned long)ledger.wasted,
		      (unsigned long)ledger.used);
}

Test(fs_siblings, steps)
{
	for (uint32_t step = 2; step <= 40; step++)
		with_step(step, 10000);
}

/* Who stops after two files, in directory after directory. */
Test(fs_siblings, gives_up)
{
	unsigned long used = 0;

	make(100);
	for (int round = 0; round < 1000; round++) {
		struct siblings_ledger kept = ledger;

		siblings_free(&s);
		kept = ledger;
		make(100);
		ledger = kept;
		take(0);
		take(1);
		used += 2;
	}
	end();
	cr_assert_leq(ledger.wasted, ledger.credit + SIBLINGS_START + used / SIBLINGS_SHARE,
		      "%lu wasted", (unsigned long)ledger.wasted);
	siblings_forgive(&ledger);
	siblings_forgive(&ledger);
	make(100);
}

/* What would be too old when its turn comes is not fetched. */
Test(fs_siblings, slowly)
{
	make(1000);
	for (uint32_t i = 0; i < 100; i++) {
		now_ns += 100 * MS;
		take(i);
		cr_assert_leq(s.ahead, 5, "%u ahead of one who takes ten a second", s.ahead);
	}
	cr_assert_geq(hits, 98);
	end();
}

/* Pages of a listing come in while it is read. */
Test(fs_siblings, grows)
{
	make(100);
	for (uint32_t i = 0; i < 50; i++)
		take(i);
	for (uint32_t i = 100; i < 300; i++)
		cr_assert_eq(siblings_add(&s, ino_of(i), BYTES, i, i % 2), 0);
	cr_assert_eq(siblings_sort(&s), 0);
	for (uint32_t i = 50; i < 300; i++)
		take(i);
	cr_assert_eq(hits, 98 + 100, "%u", hits);
	end();
	cr_assert_eq(ledger.wasted, 0);
}

Test(fs_siblings, a_second_walk)
{
	make(40);
	for (int walk = 0; walk < 2; walk++) {
		unsigned before = fetched;

		for (uint32_t i = 0; i < 40; i++)
			take(i);
		cr_assert_geq(fetched - before, 38, "walk %d: %u", walk, fetched - before);
		now_ns += 2 * SIBLINGS_REST_NS;
		memset(cached, 0, sizeof(cached)); /* or changed in the bucket meanwhile */
	}
	end();
	cr_assert_eq(ledger.wasted, 0);
}

Test(fs_siblings, failed)
{
	make(100);
	take(0);
	take(1);
	siblings_failed(&s, 2);
	cr_assert_eq(ledger.wasted, 1);
	cr_assert_eq(s.of[2].state, SIBLING_NEVER);
	cr_assert_not(siblings_taken(&s, 2, now_ns));
	end();
}

/* The same reader in another directory: its way is known before it takes anything. */
static struct siblings other;

static unsigned fetch_other(void)
{
	unsigned n = 0;
	uint32_t i;

	while ((i = siblings_next(&other, BELIEVED)) != SIBLINGS_NONE) {
		siblings_begun(&other, i);
		n++;
	}
	return n;
}

static void make_other(uint32_t count)
{
	siblings_init(&other, &ledger);
	for (uint32_t i = 0; i < count; i++)
		cr_assert_eq(siblings_add(&other, ino_of(20000 + i), BYTES, i, false), 0);
	cr_assert_eq(siblings_sort(&other), 0);
}

Test(fs_siblings, expected_in_the_next_directory)
{
	make(100);
	for (uint32_t i = 0; i < 100; i++)
		take(i);
	make_other(100);
	cr_assert_eq(fetch_other(), 0);
	cr_assert_not_null(siblings_habit(&s));
	siblings_expect(&other, siblings_habit(&s), SIBLINGS_NONE, now_ns);
	cr_assert_eq(fetch_other(), SIBLINGS_START + 10, "as far as it has earned");
	for (uint32_t i = 0; i < 100; i++) {
		cr_assert(siblings_taken(&other, i, now_ns += MS / 10), "%u", i);
		fetch_other();
	}
	siblings_free(&other);
	end();
	cr_assert_eq(ledger.wasted, 0);
}

Test(fs_siblings, expected_by_inode)
{
	uint32_t count = 60;

	make(count);
	for (uint32_t i = 0; i < count; i++)
		take(s.by_ino[i]);
	make_other(count);
	siblings_expect(&other, siblings_habit(&s), SIBLINGS_NONE, now_ns);
	fetch_other();
	for (uint32_t i = 0; i < count; i++) {
		cr_assert(siblings_taken(&other, other.by_ino[i], now_ns += MS / 10), "%u", i);
		fetch_other();
	}
	siblings_free(&other);
	end();
}

Test(fs_siblings, not_farther_than_there_is_room)
{
	make(100);
	for (uint32_t i = 0; i < 90; i++)
		take(i);
	cr_assert_eq(siblings_beyond(&s, BELIEVED), SIBLINGS_START + 9 - 10);
	make_other(100);
	siblings_expect(&other, siblings_habit(&s), 5, now_ns);
	cr_assert_eq(fetch_other(), 5);
	siblings_expect(&other, siblings_habit(&s), 7, now_ns);
	cr_assert_eq(fetch_other(), 2);
	cr_assert_eq(siblings_beyond(&other, BELIEVED), 0);
	siblings_expect(&other, siblings_habit(&s), SIBLINGS_NONE, now_ns); /* it has come */
	cr_assert_eq(fetch_other(), SIBLINGS_START + 9 - 7);
	siblings_free(&other);
	end();
	cr_assert_eq(ledger.wasted, 10 + SIBLINGS_START + 9, "nobody took these");
}

Test(fs_siblings, who_passes_by_is_not_expected)
{
	make(100);
	take(0);
	cr_assert_null(siblings_habit(&s), "one tells nothing");
	take(1);
	cr_assert_not_null(siblings_habit(&s));
	for (uint32_t i = 3; i < 100; i += 2)
		take(i);
	cr_assert_null(siblings_habit(&s));
	end();
}

Test(fs_siblings, who_is_there_is_not_expected)
{
	make(10);
	for (uint32_t i = 0; i < 10; i++)
		take(i);
	make_other(10);
	for (uint32_t i = 0; i < 3; i++)
		siblings_taken(&other, i, now_ns += MS);
	siblings_expect(&other, siblings_habit(&s), SIBLINGS_NONE, now_ns);
	for (unsigned i = 0; i < SIBLINGS_STREAMS; i++)
		cr_assert_neq(other.stream[i].taken_ns && other.stream[i].last == SIBLINGS_NONE,
			      true);
	siblings_free(&other);
	end();
}

Test(fs_siblings, who_came_and_took_nothing)
{
	make(10);
	take(0);
	take(1);
	make_other(10);
	cr_assert_not(siblings_is_unread(&other));
	siblings_expect(&other, siblings_habit(&s), 5, now_ns);
	cr_assert_not(siblings_is_unread(&other), "he has not come yet");
	siblings_expect(&other, siblings_habit(&s), SIBLINGS_NONE, now_ns);
	cr_assert(siblings_is_unread(&other));
	siblings_taken(&other, 0, now_ns += MS);
	cr_assert_not(siblings_is_unread(&other));
	siblings_free(&other);
	end();
}

Test(fs_siblings, which_comes_next)
{
	make(10);
	cr_assert_eq(siblings_after(&s, 3), SIBLINGS_NONE, "nobody walks here");
	take(0);
	take(1);
	cr_assert_eq(siblings_after(&s, 1), 2);
	cr_assert_eq(siblings_after(&s, 9), SIBLINGS_NONE);
	end();
}

Test(fs_siblings, no_listing_no_harm)
{
	make(10);
	take(0);
	take(1);
	make_other(0); /* its names come later */
	siblings_expect(&other, siblings_habit(&s), SIBLINGS_NONE, now_ns);
	cr_assert_eq(fetch_other(), 0);
	for (uint32_t i = 0; i < 50; i++)
		cr_assert_eq(siblings_add(&other, ino_of(20000 + i), BYTES, i, false), 0);
	cr_assert_eq(siblings_sort(&other), 0);
	cr_assert_eq(fetch_other(), SIBLINGS_START);
	siblings_free(&other);
	end();
}
