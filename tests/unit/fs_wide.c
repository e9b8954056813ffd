/* SPDX-License-Identifier: Apache-2.0 */
/* Directories of all shapes, listed in parts by a store that lives here: what comes out is what one
 * chain of pages would have told, whatever the store does, and at which price. */
#include "fs/wide.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "core/entries.h"

#define PREFIX "d/"
#define PAGE   1000

enum manner {
	GOOD = 0,
	IGNORES = 1,  /* begins at the beginning, wherever it is told to */
	REFUSES = 2,  /* an error to what begins behind a name */
	LOSES = 4,    /* leaves out what is first behind the name that it begins behind */
	CHANGES = 8,  /* names come and go */
	FAILS = 16,   /* now and then a page does not come */
	ONE_WAY = 32, /* answers come in order of the questions */
	NO_ORDER = 64,
	SHORT = 128, /* pages have any number of names, even none */
};

struct store {
	char **names;
	size_t count, room;
	enum manner manner;
	unsigned random;
	unsigned requests, rounds, most_held;
	size_t page;
};

static unsigned draw(struct store *s)
{
	s->random = s->random * 1664525u + 1013904223u;
	return s->random >> 8;
}

static void add(struct store *s, const char *name)
{
	if (s->count == s->room) {
		s->room = s->room ? 2 * s->room : 1024;
		s->names = reallocarray(s->names, s->room, sizeof(*s->names));
	}
	s->names[s->count++] = strdup(name);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void settle(struct store *s)
{
	size_t kept = 0;

	qsort(s->names, s->count, sizeof(*s->names), by_text);
	for (size_t i = 0; i < s->count; i++) {
		if (kept && !strcmp(s->names[kept - 1], s->names[i]))
			free(s->names[i]);
		else
			s->names[kept++] = s->names[i];
	}
	s->count = kept;
	s->page = s->page ? s->page : PAGE;
}

static void end(struct store *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->names[i]);
	free(s->names);
}

/* Where the first name behind that one is. */
static size_t behind(const struct store *s, const char *name)
{
	size_t low = 0, high = s->count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (strcmp(s->names[mid], name) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* A page from there on: objects, then prefixes, each in order, as S3 has them. */
static void fill(struct store *s, size_t from, bool loses, struct store_list *out)
{
	size_t most = s->manner & SHORT && s->requests > 2 ? draw(s) % (s->page + 1) : s->page;
	size_t to = from + most < s->count ? from + most : s->count;

	*out = (struct store_list){.entries = calloc(s->page, sizeof(*out->entries))};
	for (int prefixes = 0; prefixes < 2; prefixes++) {
		for (size_t i = from; i < to; i++) {
			const char *name = s->names[i];
			bool is_prefix = name[strlen(name) - 1] == '/';
			struct store_entry *e = &out->entries[out->count];

			if (is_prefix != prefixes || (loses && i == from))
				continue;
			e->is_prefix = is_prefix;
			e->object.size = i;
			e->object.mtime_ns = s->manner & CHANGES ? INT64_MAX : 1;
			cr_assert_gt(asprintf(&e->name, PREFIX "%s", name), 0);
			out->count++;
		}
	}
	if (s->manner & NO_ORDER && out->count > 3) {
		struct store_entry e = out->entries[1];

		out->entries[1] = out->entries[2];
		out->entries[2] = e;
	}
	if (to < s->count)
		out->next_token = strdup(to ? s->names[to - 1] : "");
}

struct shown {
	char **names;
	size_t count;
};

static void show(struct shown *shown, const struct store_list *list)
{
	shown->names = reallocarray(shown->names, shown->count + list->count + 1, sizeof(char *));
	for (size_t i = 0; i < list->count; i++)
		shown->names[shown->count++] = strdup(list->entries[i].name + strlen(PREFIX));
	qsort(shown->names + shown->count - list->count, list->count, sizeof(char *), by_text);
}

/* Takes what is there. Returns whether that was the last. */
static bool take(struct wide *w, struct shown *shown, struct store *s)
{
	char message[STORE_MESSAGE_BYTES];
	struct store_list list;
	bool is_last = false;
	int64_t asked_ns;
	int ret;

	while (!is_last && (ret = wide_take(w, &list, &asked_ns, message)) != 0) {
		if (ret < 0) {
			cr_assert_eq(ret, -EIO);
			cr_assert(s->manner & FAILS);
			continue;
		}
		is_last = !list.next_token;
		show(shown, &list);
		entries_free(&list);
	}
	return is_last;
}

static void answer(struct store *s, struct wide *w, const struct wide_question *q)
{
	size_t from = q->token ? behind(s, q->token) : 0;
	bool begins = !q->token && q->after;
	struct store_list list;

	s->requests++;
	if ((begins && s->manner & REFUSES) || (s->manner & FAILS && draw(s) % 5 == 0)) {
		wide_fail(w, q->part, -EIO, begins && s->manner & REFUSES, "no");
		return;
	}
	if (begins && !(s->manner & IGNORES))
		from = behind(s, q->after + strlen(PREFIX));
	fill(s, from, begins && s->manner & LOSES, &list);
	wide_answer(w, q->part, &list, 7);
}

/* Something comes, and something that was not there from the beginning goes again. */
static void change(struct store *s)
{
	char name[64];

	snprintf(name, sizeof(name), "%s~new%u", s->names[draw(s) % s->count], draw(s) % 1000);
	add(s, name);
	settle(s);
}

static void list_all(struct store *s, struct shown *shown)
{
	struct wide_question q[WIDE_PARTS_MAX + 1];
	struct store_list page;
	struct wide *w;
	bool over = false;

	shown->names = NULL;
	shown->count = 0;
	s->requests = s->rounds = s->count > s->page ? 2 : 1;
	for (unsigned n = 0; n < s->requests; n++) {
		fill(s, n * s->page, false, &page);
		show(shown, &page);
		if (n + 1 < s->requests)
			entries_free(&page);
	}
	w = wide_new(PREFIX, &page, INT64_C(1) << 60);
	if (!page.next_token || s->manner & NO_ORDER) {
		cr_assert_null(w);
		entries_free(&page);
		return;
	}
	entries_free(&page);
	while (!over) {
		unsigned n = 0;

		s->rounds++;
		cr_assert_lt(s->rounds, 100000);
		while (wide_ask(w, 96, &q[n]))
			cr_assert_leq(++n, WIDE_PARTS_MAX);
		while (n) {
			unsigned i = s->manner & ONE_WAY ? 0 : draw(s) % n;
			struct wide_question at = q[i];

			memmove(&q[i], &q[i + 1], (--n - i) * sizeof(*q));
			if (s->manner & CHANGES)
				change(s);
			answer(s, w, &at);
			if (wide_held(w) > s->most_held)
				s->most_held = (unsigned)wide_held(w);
			if (!over && draw(s) % 2)
				over = take(w, shown, s);
			else if (!over && draw(s) % 3 == 0 && wide_ask(w, 96, &q[n]))
				n++;
		}
		if (!over)
			over = take(w, shown, s);
	}
	if (s->manner & IGNORES && s->count > 40 * s->page)
		cr_assert_eq(wide_trust(w), WIDE_REFUSED);
	wide_free(w);
}

/* Each name that was there from the beginning once, in order. */
static void check(struct store *s, const char *what)
{
	struct store before = {.manner = GOOD};
	unsigned sequential = (unsigned)((s->count + s->page - 1) / s->page);
	struct shown shown;
	size_t at = 0;

	for (size_t i = 0; i < s->count; i++)
		add(&before, s->names[i]);
	list_all(s, &shown);
	if (!(s->manner & NO_ORDER) && s->count > s->page) {
		for (size_t i = 1; i < shown.count; i++)
			cr_assert_lt(strcmp(shown.names[i - 1], shown.names[i]), 0,
				     "%s: %s then %s", what, shown.names[i - 1], shown.names[i]);
		for (size_t i = 0; i < shown.count; i++)
			if (at < before.count && !strcmp(before.names[at], shown.names[i]))
				at++;
		cr_assert_eq(at, before.count, "%s: %s is lost", what,
			     at < before.count ? before.names[at] : "");
		if (!(s->manner & CHANGES))
			cr_assert_eq(shown.count, before.count, "%s", what);
	}
	if (getenv("WIDE_SHOW"))
		fprintf(stderr, "%-28s %7zu names %5u pages %5u requests %5u rounds %3u held\n",
			what, before.count, sequential, s->requests, s->rounds, s->most_held);
	if (!(s->manner & (CHANGES | FAILS | LOSES | SHORT)))
		cr_assert_leq(s->requests,
			      sequential + sequential * (getenv("WIDE_SHOW") ? 100 : 1) / 10 + 3,
			      "%s: %u of %u", what, s->requests, sequential);
	for (size_t i = 0; i < shown.count; i++)
		free(shown.names[i]);
	free(shown.names);
	end(&before);
}

typedef void shape(char name[512], unsigned i, unsigned count);

static void padded(char name[512], unsigned i, unsigned count)
{
	(void)count;
	snprintf(name, 512, "img_%07u.jpg", i);
}

static void unpadded(char name[512], unsigned i, unsigned count)
{
	(void)count;
	snprintf(name, 512, "img_%u.jpg", i);
}

static void hashed(char name[512], unsigned i, unsigned count)
{
	(void)count;
	snprintf(name, 512, "%08x-%04x", i * 2654435761u, i & 0xffff);
}

static void base64ish(char name[512], unsigned i, unsigned count)
{
	static const char of[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned long long x = (i + 1) * 0x9e3779b97f4a7c15ull;

	(void)count;
	for (int k = 0; k < 10; k++, x >>= 6)
		name[k] = of[x & 63];
	name[10] = '\0';
}

static void dated(char name[512], unsigned i, unsigned count)
{
	(void)count;
	snprintf(name, 512, "2024-%02u-%02uT%02u:%02u:%02u.log", 1 + i / 50000 % 12,
		 1 + i / 1800 % 28, i / 75 % 24, i / 3 % 60, i % 3 * 20);
}

static void two_heaps(char name[512], unsigned i, unsigned count)
{
	snprintf(name, 512, i < count / 2 ? "a%07u" : "z%07u", i);
}

static void sparse(char name[512], unsigned i, unsigned count)
{
	(void)count;
	snprintf(name, 512, "%07u", i < 5000 ? i : i % 50 * 100000 + i / 50);
}

static void directories(char name[512], unsigned i, unsigned count)
{
	(void)count;
	snprintf(name, 512, i % 3 ? "part-%06u/" : "part-%06u", i / 2);
}

static void chinese(char name[512], unsigned i, unsigned count)
{
	unsigned code[3] = {0x4e00 + i / 8000, 0x4e00 + i % 8000 * 2, 0x3042 + i % 80};
	size_t len = 0;

	(void)count;
	for (int k = 0; k < 3; k++) {
		name[len++] = (char)(0xe0 | code[k] >> 12);
		name[len++] = (char)(0x80 | (code[k] >> 6 & 0x3f));
		name[len++] = (char)(0x80 | (code[k] & 0x3f));
	}
	name[len] = '\0';
}

static void extremes(char name[512], unsigned i, unsigned count)
{
	static const char *const of[] = {"\x01",       " ",    "\x7f", "\u00ff", "\ud7ff",
					 "\U0010ffff", "\xff", "-",    "0"};
	size_t len = 0;

	(void)count;
	for (int k = 0; k < 8; k++, i /= 9)
		len += (size_t)snprintf(name + len, 512 - len, "%s", of[i % 9]);
}

static void one_char_each(char name[512], unsigned i, unsigned count)
{
	(void)count;
	memset(name, 'a', i % 400 + 1);
	snprintf(name + i % 400 + 1, 100, "%u", i / 400);
}

static void nested(char name[512], unsigned i, unsigned count)
{
	size_t len = 0;

	(void)count;
	memset(name, 'p', 240);
	len = 240;
	snprintf(name + len, 512 - len, "%u", i);
}

static void words(char name[512], unsigned i, unsigned count)
{
	static const char *const of[] = {"alpha", "Beta",   "gamma",	"delta", "epsilon",
					 "zeta",  "README", "makefile", "index", "test"};
	unsigned x = i * 2654435761u;

	(void)count;
	snprintf(name, 512, "%s %s-%u.%s", of[x >> 4 & 7], of[(x >> 9) % 10], i, of[x >> 13 & 3]);
}

static const struct {
	const char *what;
	shape *of;
} shapes[] = {
	{"padded", padded},
	{"unpadded", unpadded},
	{"hashed", hashed},
	{"base64", base64ish},
	{"dated", dated},
	{"two heaps", two_heaps},
	{"sparse", sparse},
	{"directories", directories},
	{"chinese", chinese},
	{"extremes", extremes},
	{"one char", one_char_each},
	{"long prefix", nested},
	{"words", words},
};
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static void try(size_t at, unsigned count, enum manner manner, size_t page, unsigned seed)
{
	struct store s = {.manner = manner, .random = seed, .page = page};
	char name[512], what[100];

	for (unsigned i = 0; i < count; i++) {
		shapes[at].of(name, i, count);
		add(&s, name);
	}
	settle(&s);
	snprintf(what, sizeof(what), "%s/%u/%d/%u", shapes[at].what, count, manner, seed);
	check(&s, what);
	end(&s);
}

Test(fs_wide, any_size)
{
	static const unsigned sizes[] = {1, 1000, 1001, 2000, 2001, 3500, 9000, 30000, 200000};

	for (size_t at = 0; at < SHAPES; at++)
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
			try(at, sizes[i], ONE_WAY, PAGE, 1);
}

Test(fs_wide, a_million_names)
{
	try(0, 1000000, ONE_WAY, PAGE, 1);
	try(2, 1000000, ONE_WAY, PAGE, 1);
}

Test(fs_wide, answers_in_any_order)
{
	for (size_t at = 0; at < SHAPES; at++)
		for (unsigned seed = 0; seed < 30; seed++)
			try(at, 20 + seed * 37, GOOD, 10, seed);
}

Test(fs_wide, names_that_come_meanwhile)
{
	for (size_t at = 0; at < SHAPES; at++)
		for (unsigned seed = 0; seed < 5; seed++)
			try(at, 300 + seed * 37, CHANGES, 10, seed);
}

Test(fs_wide, pages_that_do_not_come)
{
	for (size_t at = 0; at < SHAPES; at++)
		for (unsigned seed = 0; seed < 20; seed++)
			try(at, 100 + seed * 37, FAILS, 10, seed);
}

Test(fs_wide, pages_of_any_length)
{
	for (size_t at = 0; at < SHAPES; at++)
		for (unsigned seed = 0; seed < 30; seed++)
			try(at, 100 + seed * 37, SHORT, 10, seed);
}

Test(fs_wide, parts_of_a_page_or_two)
{
	static const enum manner manners[] = {SHORT | CHANGES, SHORT | FAILS, SHORT | REFUSES,
					      SHORT | IGNORES};

	for (size_t at = 0; at < SHAPES; at++)
		for (size_t i = 0; i < sizeof(manners) / sizeof(manners[0]); i++)
			for (unsigned seed = 0; seed < 10; seed++)
				try(at, 100 + seed * 31, manners[i], 4, seed);
}

/* A part in which nothing is left lies between one that has ended and one in which names are. */
Test(fs_wide, names_that_come_behind_the_end)
{
	try(5, 952, CHANGES, 4, 1084);
}

Test(fs_wide, a_store_that_cannot)
{
	static const enum manner manners[] = {IGNORES, REFUSES, LOSES, LOSES | ONE_WAY, NO_ORDER};

	for (size_t at = 0; at < SHAPES; at++)
		for (size_t i = 0; i < sizeof(manners) / sizeof(manners[0]); i++)
			for (unsigned seed = 0; seed < 10; seed++)
				try(at, 100 + seed * 97, manners[i], 10, seed);
}
