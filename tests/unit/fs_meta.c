/* SPDX-License-Identifier: Apache-2.0 */
/* What was found out ahead: how long it is believed, and what those who wait for it get. */
#include <inttypes.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/clock.h"
#include "core/context.h"
#include "fs/attrfile.h"
#include "fs/meta.h"

static const uint8_t ctx[WIRE_CTX_BYTES] = {1};
static const char name[] = "s3/b/key";

static struct meta_fact fact_of(const char *etag)
{
	struct meta_fact fact = {.kind = META_FILE, .object.size = 5};

	snprintf(fact.object.etag, sizeof(fact.object.etag), "%s", etag);
	return fact;
}

static void start(const char *ttl_ms)
{
	setenv("SKYSHIM_META_TTL_MS", ttl_ms, 1);
	meta_start();
}

/* By a listing that somebody reads. */
static void listed(void)
{
	struct meta_fact fact = fact_of("listed");

	meta_read(ctx, "/s3/b/");
	meta_put_listed(ctx, name, &fact, INT64_MAX - 1);
}

Test(fs_meta, only_what_is_known_as_a_file, .fini = meta_stop)
{
	struct meta_fact dir = {.kind = META_DIR};

	start("60000");
	cr_assert_not(meta_enter_ahead(ctx, name));
	meta_put(ctx, name, &dir);
	cr_assert_not(meta_enter_ahead(ctx, name));
	listed();
	cr_assert(meta_enter_ahead(ctx, name));
	cr_assert_not(meta_enter_ahead(ctx, name), "it is on its way");
	meta_leave_ahead(ctx, name, NULL);
	cr_assert(meta_enter_ahead(ctx, name));
	meta_leave_ahead(ctx, name, NULL);
}

/* A write makes the daemon forget the name for all other contexts: what their listings deny may be
 * there now, but those of the writer's own still know all. */
Test(fs_meta, what_others_forget_is_not_forgotten_here, .fini = meta_stop)
{
	static const uint8_t other[WIRE_CTX_BYTES] = {2};
	uint64_t here, there;

	start("60000");
	here = meta_evictions(ctx);
	there = meta_evictions(other);
	meta_forget(other, name);
	cr_assert_eq(meta_evictions(ctx), here);
	cr_assert_neq(meta_evictions(other), there, "a listing may deny it");
	meta_forget(ctx, name);
	cr_assert_neq(meta_evictions(ctx), here);
}

Test(fs_meta, believed_for_the_ttl, .fini = meta_stop)
{
	struct meta_fact fact = fact_of("ahead"), out;

	start("60000");
	listed();
	cr_assert(meta_enter_ahead(ctx, name));
	meta_leave_ahead(ctx, name, &fact);
	cr_assert(meta_get_open(ctx, name, &out));
	cr_assert_str_eq(out.object.etag, "ahead");
}

Test(fs_meta, after_that_attributes_only, .fini = meta_stop)
{
	struct meta_fact fact = fact_of("ahead"), out;

	start("0"); /* it is over at once */
	listed();
	cr_assert(meta_enter_ahead(ctx, name));
	meta_leave_ahead(ctx, name, &fact);
	cr_assert_not(meta_get_open(ctx, name, &out), "an open asks again");
	cr_assert(meta_get(ctx, name, &out), "what the listing gave to spare is left");
	cr_assert_not(meta_get(ctx, name, &out), "once");
}

Test(fs_meta, what_is_listed_for_no_reader_has_nothing_to_spare, .fini = meta_stop)
{
	struct meta_fact fact = fact_of("listed"), dir = {.kind = META_DIR}, out;

	start("0");
	meta_read(ctx, "/s3/b/other/");
	meta_put_listed(ctx, name, &fact, INT64_MAX - 1);
	cr_assert_not(meta_get(ctx, name, &out));
	meta_put_listed(ctx, name, &fact, INT64_MAX - 1);
	meta_read(ctx, "/s3/b/");
	cr_assert(meta_get(ctx, name, &out), "the reader came later");
	meta_put_listed(ctx, "/s3/b/sub/", &dir, INT64_MAX - 1);
	cr_assert(meta_get(ctx, "/s3/b/sub/", &out));
	cr_assert_not(meta_get(ctx, "/s3/b/sub/", &out), "once");
	meta_put_listed(ctx, "/s3/b/other/sub/", &dir, INT64_MAX - 1);
	cr_assert(meta_get_open(ctx, "/s3/b/other/sub/", &out), "a directory's own is listed anew");
}

Test(fs_meta, nobody_opens_what_is_older_than_the_ttl, .fini = meta_stop)
{
	struct meta_fact out;

	start("0");
	listed();
	cr_assert_not(meta_get_open(ctx, name, &out));
	cr_assert(meta_get(ctx, name, &out), "what is told of it is to spare still");
}

Test(fs_meta, a_change_of_our_own_stays, .fini = meta_stop)
{
	struct meta_fact fact = fact_of("ahead"), own = fact_of("own"), out;

	start("60000");
	listed();
	cr_assert(meta_enter_ahead(ctx, name));
	usleep(1000);
	meta_put_own(ctx, name, &own);
	meta_leave_ahead(ctx, name, &fact);
	cr_assert(meta_get_open(ctx, name, &out));
	cr_assert_str_eq(out.object.etag, "own");
}

/* Asks while it is on its way. */
static int asked;
static struct meta_fact got;

static void *ask(void *arg)
{
	char message[STORE_MESSAGE_BYTES];

	(void)arg;
	asked = meta_enter(ctx, name, true, &got, message);
	return NULL;
}

static void ask_meanwhile(const struct meta_fact *fact)
{
	pthread_t thread;
	bool is_wanted = false;

	listed();
	cr_assert(meta_enter_ahead(ctx, name));
	meta_want_ahead(ctx, name, &is_wanted);
	cr_assert_not(is_wanted);
	cr_assert_eq(pthread_create(&thread, NULL, ask, NULL), 0);
	while (!__atomic_load_n(&is_wanted, __ATOMIC_RELAXED))
		usleep(1000);
	meta_leave_ahead(ctx, name, fact);
	cr_assert_eq(pthread_join(thread, NULL), 0);
}

Test(fs_meta, who_waits_gets_it, .fini = meta_stop, .timeout = 60)
{
	struct meta_fact fact = fact_of("ahead");

	start("60000");
	ask_meanwhile(&fact);
	/* or it came too late, and leads */
	cr_assert(asked == 1 ? !strcmp(got.object.etag, "ahead") : asked == 0, "%d", asked);
}

Test(fs_meta, who_waits_for_nothing_leads, .fini = meta_stop, .timeout = 60)
{
	start("60000");
	ask_meanwhile(NULL);
	cr_assert_eq(asked, 0, "%d", asked);
}

Test(fs_meta, asked_for_too_long_ago, .fini = meta_stop, .timeout = 60)
{
	struct meta_fact fact = fact_of("ahead");

	start("0");
	ask_meanwhile(&fact);
	cr_assert_eq(asked, 0, "%d", asked);
}

/* --- what is shown in the table of attributes --- */

static union attrs_line *table;
static char folder[] = "/tmp/fs-meta.XXXXXX";

static void start_table(void)
{
	int fd, dir_fd;

	cr_assert_not_null(mkdtemp(folder));
	dir_fd = open(folder, O_RDONLY | O_DIRECTORY);
	attrfile_start(dir_fd);
	fd = openat(dir_fd, ATTRS_NAME, O_RDWR);
	table = mmap(NULL, ATTRS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_assert_neq(table, MAP_FAILED);
	close(fd);
	close(dir_fd);
}

static void stop_table(void)
{
	char path[64];

	meta_stop();
	attrfile_stop();
	munmap(table, ATTRS_BYTES);
	snprintf(path, sizeof(path), "%s/%s", folder, ATTRS_NAME);
	unlink(path);
	rmdir(folder);
}

static int set_mark(uint32_t line)
{
	*((uint8_t *)table + ATTRS_MARKS + line) = 1;
	return 0;
}

static const struct attrs_ask question = {.ctx = ctx, .path = name, .len = sizeof(name) - 1};

/* As a program takes it. */
static bool takes(struct wire_attr *out)
{
	const struct attrs_reader reader = {attrs_read_plain, set_mark};

	return !attrs_find(table, &reader, &question, clock_ns(), out);
}

static void show_size(uint64_t size)
{
	struct meta_fact fact;
	struct wire_attr attr = {
		.size = size, .mode = S_IFREG | 0644, .uid = WIRE_CALLER, .gid = WIRE_CALLER};

	attrfile_alive();
	cr_assert(meta_peek(ctx, name, &fact));
	meta_show(ctx, name, &fact, &question, &attr);
}

Test(fs_meta, who_takes_it_from_the_table_was_the_first, .init = start_table, .fini = stop_table,
     .timeout = 60)
{
	struct meta_fact out;
	struct wire_attr attr;

	start("300");
	do { /* a slow machine may need more than that */
		listed();
		show_size(5);
	} while (!takes(&attr));
	cr_assert_eq(attr.size, 5);
	usleep(310000);
	cr_assert_not(takes(&attr), "its time is over");
	cr_assert_not(meta_get(ctx, name, &out));
}

Test(fs_meta, who_does_not_leaves_it_to_the_first, .init = start_table, .fini = stop_table)
{
	struct meta_fact out;

	start("50");
	listed();
	show_size(5);
	usleep(60000);
	cr_assert(meta_get(ctx, name, &out));
	cr_assert_not(meta_get(ctx, name, &out));
}

Test(fs_meta, what_is_fetched_ahead_gives_nothing_to_spare_again, .init = start_table,
     .fini = stop_table, .timeout = 60)
{
	struct meta_fact fact = fact_of("listed"), out;
	struct wire_attr attr;

	start("300");
	do {
		listed();
		show_size(5);
	} while (!takes(&attr));
	cr_assert(meta_enter_ahead(ctx, name));
	meta_leave_ahead(ctx, name, &fact);
	usleep(310000);
	cr_assert_not(meta_get(ctx, name, &out));
}

Test(fs_meta, another_in_its_place_does_not_forget_who_took_it, .init = start_table,
     .fini = stop_table, .timeout = 60)
{
	struct meta_fact fact = fact_of("x"), out;
	struct wire_attr attr = {.uid = WIRE_CALLER, .gid = WIRE_CALLER, .mode = S_IFREG | 0644};
	char other[32];
	struct attrs_ask ask = {.ctx = ctx, .path = other};
	int again = 0;

	start("2000");
	do {
		listed();
		show_size(5);
	} while (!takes(&attr));
	/* its set must be full before: of 8 for each set, one in 24 would not be */
	for (unsigned i = 0; i < 32 * ATTRS_SETS && takes(&attr); i++) {
		ask.len = (size_t)snprintf(other, sizeof(other), "s3/b/%u", i);
		meta_put(ctx, other, &fact);
		meta_show(ctx, other, &fact, &ask, &attr);
		again++;
	}
	cr_assert_not(takes(&attr), "%d others did not displace it", again);
	usleep(2010000);
	cr_assert_not(meta_get(ctx, name, &out));
}

Test(fs_meta, hidden_after_it_was_looked_at, .init = start_table, .fini = stop_table)
{
	struct wire_attr attr = {.size = 5, .uid = WIRE_CALLER, .gid = WIRE_CALLER};
	struct meta_fact fact;

	start("60000");
	listed();
	cr_assert(meta_peek(ctx, name, &fact));
	meta_hide(ctx, name); /* somebody begins to write to it */
	meta_show(ctx, name, &fact, &question, &attr);
	cr_assert_not(takes(&attr));
	show_size(5); /* whoever looks now sees what is written */
	cr_assert(takes(&attr));
	meta_hide(ctx, name);
	cr_assert_not(takes(&attr));
}

Test(fs_meta, changed_after_it_was_looked_at, .init = start_table, .fini = stop_table)
{
	struct wire_attr attr = {.size = 5, .uid = WIRE_CALLER, .gid = WIRE_CALLER};
	struct meta_fact fact, other;

	start("60000");
	listed();
	cr_assert(meta_peek(ctx, name, &fact));
	other = fact;
	other.has_mode = true;
	other.mode = 0600;
	meta_put_own(ctx, name, &other);
	meta_show(ctx, name, &fact, &question, &attr);
	cr_assert_not(takes(&attr), "its mode is another");
	meta_show(ctx, name, &other, &question, &attr);
	cr_assert(takes(&attr));
}

Test(fs_meta, a_listing_of_before_a_change_is_not_taken, .init = start_table, .fini = stop_table)
{
	struct meta_fact fact = fact_of("old"), none = {.kind = META_NONE};
	int64_t asked_ns = clock_ns();

	start("60000");
	meta_put_own(ctx, name, &none);
	cr_assert_not(meta_put_listed(ctx, name, &fact, asked_ns));
	cr_assert(meta_put_listed(ctx, name, &fact, clock_ns()));
}

/* Somebody with other credentials has changed it, or the entry had to go since: a page that was
 * asked for before that is no news. */
Test(fs_meta, a_listing_of_before_somebody_changed_it_is_not_taken, .fini = meta_stop)
{
	struct meta_fact fact = fact_of("old"), out;
	int64_t asked_ns = clock_ns();

	start("60000");
	usleep(1000);
	meta_forget(ctx, name);
	cr_assert_not(meta_put_listed(ctx, name, &fact, asked_ns));
	cr_assert_not(meta_get(ctx, name, &out));
	cr_assert(meta_put_listed(ctx, name, &fact, clock_ns()));
}

Test(fs_meta, what_had_to_go_was_changed_all_the_same, .fini = meta_stop)
{
	struct meta_fact fact = fact_of("old"), own = fact_of("own"), other = fact_of("other");
	int64_t asked_ns = clock_ns();
	struct meta_stats stats;
	char text[64];
	uint64_t n = 0;

	start("60000");
	usleep(1000);
	meta_put_own(ctx, name, &own);
	do {
		snprintf(text, sizeof(text), "s3/b/other%" PRIu64, n++);
		meta_put(ctx, text, &other);
		meta_stats(&stats);
	} while (stats.entries == n + 1 || meta_peek(ctx, name, &own));
	cr_assert_not(meta_put_listed(ctx, name, &fact, asked_ns));
}

/* Who leads asked before the change, and does not tell those who have come after it. */
Test(fs_meta, who_waits_after_a_change_looks_for_himself, .fini = meta_stop, .timeout = 60)
{
	struct meta_fact fact = fact_of("old"), out;
	char message[STORE_MESSAGE_BYTES];
	pthread_t thread;

	start("60000");
	cr_assert_eq(meta_enter(ctx, name, true, &out, message), 0);
	usleep(1000);
	meta_forget(ctx, name);
	asked = -1;
	cr_assert_eq(pthread_create(&thread, NULL, ask, NULL), 0);
	usleep(50000);
	meta_leave(ctx, name, 0, &fact, NULL);
	pthread_join(thread, NULL);
	cr_assert_eq(asked, 0, "he leads");
}

/* The same of who fetches it ahead of those who ask. */
Test(fs_meta, who_waits_for_what_is_ahead_of_a_change_looks_for_himself, .fini = meta_stop,
     .timeout = 60)
{
	struct meta_fact fact = fact_of("old");
	bool is_wanted = false;
	pthread_t thread;

	start("60000");
	listed();
	cr_assert(meta_enter_ahead(ctx, name));
	meta_want_ahead(ctx, name, &is_wanted);
	usleep(1000);
	meta_forget(ctx, name);
	asked = -1;
	cr_assert_eq(pthread_create(&thread, NULL, ask, NULL), 0);
	while (!__atomic_load_n(&is_wanted, __ATOMIC_RELAXED))
		usleep(1000);
	meta_leave_ahead(ctx, name, &fact);
	pthread_join(thread, NULL);
	cr_assert_eq(asked, 0, "he leads");
}

/* A directory moves while a name in it is looked up of which nothing was known. */
Test(fs_meta, what_is_looked_up_while_it_moves_is_not_believed, .fini = meta_stop)
{
	struct meta_fact fact = fact_of("old"), out;
	char message[STORE_MESSAGE_BYTES];

	start("60000");
	cr_assert_eq(meta_enter(ctx, name, false, &out, message), 0);
	usleep(1000);
	meta_forget_below("s3/b/");
	meta_leave(ctx, name, 0, &fact, NULL);
	cr_assert_not(meta_get(ctx, name, &out));
	cr_assert_not(meta_peek(ctx, name, &out));
}

/* In all contexts but that of who has changed it. */
Test(fs_meta, others_forget_what_was_changed, .fini = meta_stop)
{
	static const char text[] = "AWS_PROFILE=a", more[] = "AWS_PROFILE=b";
	struct meta_fact fact = fact_of("e"), out;
	uint8_t a[WIRE_CTX_BYTES], b[WIRE_CTX_BYTES];
	int64_t asked_ns = clock_ns();
	struct context *unused;
	uint64_t evictions;

	start("60000");
	cr_assert_eq(context_register(text, sizeof(text), &unused, a), 0);
	cr_assert_eq(context_register(more, sizeof(more), &unused, b), 0);
	meta_put(a, name, &fact);
	meta_put(b, name, &fact);
	evictions = meta_evictions(b);
	usleep(1000);
	meta_forget_elsewhere(a, name);
	cr_assert(meta_get(a, name, &out));
	cr_assert_not(meta_get(b, name, &out));
	cr_assert(meta_peek(b, name, &out), "what it was is known");
	cr_assert_neq(meta_evictions(b), evictions);
	cr_assert_not(meta_put_listed(b, name, &fact, asked_ns));
	context_free_all();
}

/* Nobody has read that listing: who asks about the name wants more than it told. */
Test(fs_meta, what_was_seen_is_neither_believed_nor_denied, .fini = meta_stop)
{
	struct meta_fact fact = fact_of("seen"), out;

	start("60000");
	meta_put_seen(ctx, name, &fact, clock_ns());
	cr_assert_not(meta_get(ctx, name, &out));
	cr_assert_not(meta_is_fresh(ctx, name));
	cr_assert(meta_peek(ctx, name, &out) && out.kind == META_FILE);
	cr_assert_str_eq(out.object.etag, "seen");
	cr_assert(meta_was_there(ctx, name));
	cr_assert(meta_enter_ahead(ctx, name), "it may be asked about ahead");
	meta_leave_ahead(ctx, name, NULL);
}

Test(fs_meta, what_is_believed_stays_when_it_is_seen, .fini = meta_stop)
{
	struct meta_fact fact = fact_of("same"), other = fact_of("other"), none = {0}, out;

	start("60000");
	fact.is_told = fact.has_mode = true;
	fact.mode = 0755;
	meta_put(ctx, name, &fact);
	fact.is_told = fact.has_mode = false;
	meta_put_seen(ctx, name, &fact, clock_ns());
	cr_assert(meta_get(ctx, name, &out) && out.is_told && out.mode == 0755);
	meta_put_seen(ctx, name, &other, clock_ns());
	cr_assert_not(meta_get(ctx, name, &out), "it is another version now");
	none.kind = META_NONE;
	meta_put(ctx, name, &none);
	meta_put_seen(ctx, name, &fact, clock_ns());
	cr_assert_not(meta_get(ctx, name, &out), "it is there now");
	cr_assert(meta_peek(ctx, name, &out) && out.kind == META_FILE);
}

Test(fs_meta, what_was_seen_before_a_change_is_no_news, .fini = meta_stop)
{
	struct meta_fact fact = fact_of("old"), none = {.kind = META_NONE}, out;
	int64_t asked_ns = clock_ns();

	start("60000");
	usleep(1000);
	meta_put_own(ctx, name, &none);
	meta_put_seen(ctx, name, &fact, asked_ns);
	cr_assert(meta_get(ctx, name, &out) && out.kind == META_NONE);
}

/* A walk is told of all directories at the start, and comes to them after what is in them. */
Test(fs_meta, directories_of_a_walk_outlive_files, .fini = meta_stop, .timeout = 120)
{
	struct meta_fact dir = {.kind = META_DIR}, file = fact_of("listed"), out;
	uint64_t most = META_BYTES_MAX / 4 * 5, added = 0;
	char text[64];
	unsigned n = 0;

	start("60000");
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "s3/b/tree/d%03d", i);
		meta_put_listed(ctx, text, &dir, clock_ns());
	}
	while (added < most) {
		snprintf(text, sizeof(text), "s3/b/tree/file%u", n++);
		meta_put_listed(ctx, text, &file, clock_ns());
		added += 60; /* an entry takes more */
	}
	cr_assert_not(meta_peek(ctx, "s3/b/tree/file0", &out));
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "s3/b/tree/d%03d", i);
		cr_assert(meta_get(ctx, text, &out) && out.kind == META_DIR, "%s", text);
	}
}

/* ... but not for ever. */
Test(fs_meta, directories_go_when_they_are_all_there_is, .fini = meta_stop, .timeout = 120)
{
	struct meta_fact dir = {.kind = META_DIR}, out;
	struct meta_stats stats;
	char text[64];

	start("60000");
	for (unsigned i = 0; i < META_BYTES_MAX / 40; i++) {
		snprintf(text, sizeof(text), "s3/b/tree/d%u", i);
		meta_put_listed(ctx, text, &dir, clock_ns());
	}
	meta_stats(&stats);
	cr_assert(stats.bytes <= META_BYTES_MAX);
	cr_assert_not(meta_peek(ctx, "s3/b/tree/d0", &out));
}

/* What a part of an object tells: in an hour, so that no machine is too slow for it. */
static bool confirmed(const struct meta_fact *known, const struct meta_fact *told)
{
	const int64_t hour_ns = 3600 * CLOCK_NS_PER_S;
	struct meta_fact out;

	start("1");
	meta_put(ctx, name, known);
	usleep(5000);
	cr_assert_not(meta_get(ctx, name, &out), "it was a millisecond's");
	meta_confirm(ctx, name, &told->object, clock_ns() + hour_ns);
	return meta_get(ctx, name, &out);
}

Test(fs_meta, a_part_confirms_what_is_known, .fini = meta_stop)
{
	struct meta_fact known = fact_of("e"), told = fact_of("e"), other = fact_of("f");

	cr_assert(confirmed(&known, &told));
	cr_assert_not(confirmed(&known, &other), "another version");
	told.object.size = 6;
	cr_assert_not(confirmed(&known, &told));
	told.object.size = 5;
	told.object.mtime_ns = 1;
	cr_assert_not(confirmed(&known, &told), "its metadata may be others");
	known.object.mtime_ns = 1;
	cr_assert(confirmed(&known, &told));
	known.has_mtime = true;
	cr_assert_not(confirmed(&known, &told), "the time is not the object's own");
}

Test(fs_meta, but_not_what_was_changed_here, .fini = meta_stop)
{
	struct meta_fact fact = fact_of("e"), out;
	int64_t asked_ns = clock_ns();

	start("60000");
	meta_put(ctx, name, &fact);
	meta_forget(ctx, name);
	meta_confirm(ctx, name, &fact.object, asked_ns);
	cr_assert_not(meta_get(ctx, name, &out));
	meta_confirm(ctx, name, &fact.object, clock_ns());
	cr_assert_not(meta_get(ctx, name, &out), "nor asked for since: only an answer tells");
	cr_assert_not(meta_get(ctx, "s3/b/none", &out));
	meta_confirm(ctx, "s3/b/none", &fact.object, clock_ns());
	cr_assert_not(meta_get(ctx, "s3/b/none", &out), "nothing is known of it");
}

/* A directory has moved: whoever knew a name below knows nothing of it, not even that it was there,
 * what was asked before does not tell, and no listing denies it. */
Test(fs_meta, nothing_is_known_below_what_moved, .fini = meta_stop)
{
	static const uint8_t other[WIRE_CTX_BYTES] = {2}, *const both[] = {ctx, other};
	const struct meta_fact dir = {.kind = META_DIR}, file = fact_of("1");
	static const char *const below[] = {"s3/b/e/f", "/s3/b/e/f/", "/s3/b/e/f/g/"};
	static const char *const beside[] = {"s3/b/e", "/s3/b/e/", "s3/b/e2", "/s3/b/e2/f/"};
	int64_t asked_ns = clock_ns();
	uint64_t evictions[2];
	struct meta_fact fact;

	start("60000");
	for (int c = 0; c < 2; c++) {
		for (size_t i = 0; i < 3; i++)
			meta_put(both[c], below[i], &dir);
		for (size_t i = 0; i < 4; i++)
			meta_put(both[c], beside[i], &dir);
		evictions[c] = meta_evictions(both[c]);
	}
	meta_forget_below("s3/b/e/");
	for (int c = 0; c < 2; c++) {
		for (size_t i = 0; i < 3; i++) {
			cr_assert_not(meta_get(both[c], below[i], &fact), "%s", below[i]);
			cr_assert_not(meta_peek(both[c], below[i], &fact), "%s", below[i]);
			cr_assert_not(meta_was_there(both[c], below[i]), "%s", below[i]);
			cr_assert_not(meta_put_listed(both[c], below[i], &file, asked_ns));
		}
		for (size_t i = 0; i < 4; i++)
			cr_assert(meta_get(both[c], beside[i], &fact), "%s", beside[i]);
		cr_assert_neq(meta_evictions(both[c]), evictions[c]);
	}
	meta_put(ctx, below[0], &file);
	cr_assert(meta_get(ctx, below[0], &fact) && fact.kind == META_FILE);
}

/* An answer that took its time is no younger for that. */
Test(fs_meta, believed_from_when_it_was_asked_for, .fini = meta_stop)
{
	const int64_t s = CLOCK_NS_PER_S, now = clock_ns();
	struct meta_fact none = {.kind = META_NONE}, dir = {.kind = META_DIR}, found;

	start("60000");
	meta_put_asked(ctx, name, &dir, now - 10 * s);
	cr_assert(meta_get(ctx, name, &found));
	cr_assert_not(meta_peek_within(ctx, name, 10 * s, &found));
	meta_put_asked(ctx, name, &dir, now - 20 * s);
	cr_assert(meta_peek_within(ctx, name, 50 * s, &found), "it is the same, and younger");
	meta_put_asked(ctx, name, &dir, now);
	meta_put_asked(ctx, "s3/b/old", &dir, now - 61 * s);
	cr_assert_not(meta_get(ctx, "s3/b/old", &found));
	meta_put_own(ctx, name, &dir);
	meta_put_asked(ctx, name, &none, now);
	cr_assert(meta_get(ctx, name, &found));
	cr_assert_eq(found.kind, META_DIR, "made here since");
}
