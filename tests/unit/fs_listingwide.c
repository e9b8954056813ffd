/* SPDX-License-Identifier: Apache-2.0 */
/* Listings in parts as their readers have them: several at once, and one who comes late. */
#include "tests/unit/writing_rig.h"

#include <pthread.h>

#include "cache/clock.h"
#include "core/memory.h"
#include "fs/listings.h"

#define READERS	   6
#define HELD_BYTES 4096 /* some pages of three names */

static struct name name;
static const char path[] = "s3/b/wide";

static void fill(unsigned count, unsigned page)
{
	char key[32];

	for (unsigned i = 0; i < count; i++) {
		snprintf(key, sizeof(key), "wide/f%04u", i);
		fake_put("b", key, 5);
	}
	fake.page = page;
	cr_assert_eq(name_parse(path, strlen(path), &name), 0);
}

static struct listing *begin(void)
{
	char message[STORE_MESSAGE_BYTES];
	struct listing *l = NULL;

	cr_assert_eq(listing_open(context_find(ctx), &name, path, &l, message), 0);
	return l;
}

static void *read_on(void *arg)
{
	char message[STORE_MESSAGE_BYTES];
	uint64_t at;
	int ret;

	do {
		at = listing_shown(arg);
		ret = listing_ensure(arg, at, false, message);
	} while (!ret && listing_shown(arg) > at);
	return (void *)(intptr_t)ret;
}

static void read_together(void)
{
	start("0");
	fill(40, 2);
	for (unsigned round = 0; round < 300; round++) {
		struct listing *l = begin();
		pthread_t reader[READERS];
		void *ret;

		for (unsigned i = 0; i < READERS; i++)
			cr_assert_eq(pthread_create(&reader[i], NULL, read_on, l), 0);
		for (unsigned i = 0; i < READERS; i++) {
			cr_assert_eq(pthread_join(reader[i], &ret), 0);
			cr_assert_null(ret);
		}
		listing_put(l);
	}
	stop();
}

/* The last page is shown by one of them, and what goes on in parts ends with the last. */
Test(fs_listingwide, readers_side_by_side)
{
	read_together();
}

/* The same where the parts end before. */
Test(fs_listingwide, readers_side_by_side_of_what_is_late)
{
	listings_late_ns = 0;
	read_together();
}

static uint64_t read_all(struct listing *l)
{
	cr_assert_null(read_on(l));
	return listing_shown(l);
}

/* He who was away for long is told of the rest anew, not asked to ask about each name. */
Test(fs_listingwide, what_has_waited_for_too_long_is_listed_anew)
{
	char object[32], message[STORE_MESSAGE_BYTES];
	struct meta_fact fact;
	uint64_t at = 0, bytes;
	struct listing *l;

	listings_late_ns = 100 * CLOCK_NS_PER_MS;
	start("60000");
	fill(300, 3);
	l = begin();
	while (at == listing_shown(l) || fake.counters.requests[STORE_LIST] < 60) {
		at = listing_shown(l);
		cr_assert_eq(listing_ensure(l, at, false, message), 0);
	}
	usleep(300000);
	fake_put("b", "wide/f0297", 6); /* in what waits, or is to come */
	bytes = read_all(l);
	for (unsigned i = 0; i < 300; i++) {
		snprintf(object, sizeof(object), "s3/b/wide/f%04u", i);
		cr_assert(meta_get(ctx, object, &fact), "%s", object);
		cr_assert_eq(fact.object.size, i == 297 ? 6 : 5, "%s", object);
	}
	cr_assert_lt(fake.counters.requests[STORE_LIST], 220u);
	listing_put(l);
	listing_changed("s3/b/wide/f0000"); /* to be listed by one who is in time */
	listings_late_ns = 20 * CLOCK_NS_PER_S;
	l = begin();
	cr_assert_eq(read_all(l), bytes, "names are missing, or there twice");
	listing_put(l);
	stop();
}

/* What has waited for its reader is not younger for that: who opens it has the store asked. */
Test(fs_listingwide, a_late_reader_opens_nothing_old)
{
	unsigned long long asked, held = 0;
	struct meta_fact fact;
	char object[32], message[STORE_MESSAGE_BYTES];
	struct listing *l;
	uint64_t at = 0;

	start("200");
	fill(300, 3);
	l = begin();
	for (unsigned i = 0; i < 40; i++) {
		at = listing_shown(l);
		cr_assert_eq(listing_ensure(l, at, false, message), 0);
	}
	usleep(500000);
	for (unsigned i = 0; i < 300; i++) {
		snprintf(object, sizeof(object), "wide/f%04u", i);
		fake_put("b", object, 6);
	}
	do {
		at = listing_shown(l);
		asked = fake.counters.requests[STORE_LIST];
		cr_assert_eq(listing_ensure(l, at, false, message), 0);
		held += asked == fake.counters.requests[STORE_LIST];
		for (unsigned i = 0; i < 300; i++) {
			snprintf(object, sizeof(object), "s3/b/wide/f%04u", i);
			if (meta_get_open(ctx, object, &fact))
				cr_assert_eq(fact.object.size, 6, "%s", object);
		}
	} while (listing_shown(l) > at);
	cr_assert_gt(held, 1, "no page has waited");
	listing_put(l);
	stop();
}

/* Reads the names in its file: all of fill(), once each, in order. */
static void check_names(struct listing *l, unsigned count)
{
	int fd = listing_open_data(l, O_RDONLY);
	uint64_t end = listing_shown(l);
	char *records = malloc(end), expected[16];
	unsigned n = 0;

	cr_assert_eq(pread(fd, records, end, 0), (ssize_t)end);
	for (uint64_t at = 0; at < end;) {
		const struct vnode_dirent *d = (const void *)(records + at);

		at += d->reclen;
		if (d->name[0] == '.')
			continue;
		snprintf(expected, sizeof(expected), "f%04u", n++);
		cr_assert_str_eq(d->name, expected);
	}
	cr_assert_eq(n, count);
	free(records);
	close(fd);
}

/* Until all questions are answered. */
static void settle(void)
{
	unsigned long long asked;
	bool is_busy;

	do {
		asked = fake.counters.requests[STORE_LIST];
		usleep(300000);
		pthread_mutex_lock(&fake.lock);
		is_busy = fake.queued || asked != fake.counters.requests[STORE_LIST];
		pthread_mutex_unlock(&fake.lock);
	} while (is_busy);
}

/* What was fetched for a reader who does not go on is given back when memory is short; when he
 * does, he finds all names all the same. */
Test(fs_listingwide, what_nobody_reads_is_forgotten)
{
	char message[STORE_MESSAGE_BYTES];
	uint64_t at, before;
	struct listing *l;

	memory_set_cap(MEMORY_CAP_MIN);
	start("60000");
	fill(300, 3);
	l = begin();
	before = memory_of(MEMORY_LISTINGS);
	for (unsigned i = 0; i < 60 && memory_of(MEMORY_LISTINGS) < before + HELD_BYTES; i++)
		cr_assert_eq(listing_ensure(l, listing_shown(l), false, message), 0);
	listing_put(l);
	settle();
	cr_assert_geq(memory_of(MEMORY_LISTINGS), before + HELD_BYTES, "nothing was kept");
	usleep(1100000);
	listing_sweep(false);
	cr_assert_lt(memory_of(MEMORY_LISTINGS), before + HELD_BYTES, "it was kept");
	do {
		at = listing_shown(l);
		cr_assert_eq(listing_ensure(l, at, false, message), 0);
	} while (listing_shown(l) > at);
	check_names(l, 300);
	/* those that were forgotten, 96 at most, and what cuts cost, beside the 100 */
	cr_assert_leq(fake.counters.requests[STORE_LIST], 250);
	memory_set_cap(0);
	stop();
}

/* Lists all; how often it was asked behind a name. */
static unsigned list_all(void)
{
	char message[STORE_MESSAGE_BYTES];
	struct listing *l = begin();
	uint64_t at;

	fake.behind = 0;
	do {
		at = listing_shown(l);
		cr_assert_eq(listing_ensure(l, at, false, message), 0);
	} while (listing_shown(l) > at);
	check_names(l, 300);
	settle();
	listing_put(l);
	return fake.behind;
}

/* Only what says that the service cannot begin behind a name is believed for all directories. */
Test(fs_listingwide, why_it_was_refused)
{
	start("0");
	fill(300, 3);
	fake.fail_behind = "ExpiredToken";
	cr_assert_gt(list_all(), 0);
	cr_assert_gt(list_all(), 0);
	fake.fail_behind = "InvalidArgument";
	cr_assert_gt(list_all(), 0);
	cr_assert_eq(list_all(), 0);
	fake.fail_behind = NULL;
	stop();
}
