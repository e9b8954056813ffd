/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of every size must add up to what a plain walk over sorted names gives. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/bucket.h"
#include "tests/store/list.h"

static const char *const keys[] = {
	"a",   "a b", "a/",  "a//", "a//b", "a/b",	"a/b/c",
	"a/c", "a0",  "b/x", "b/y", "c",    "\303\251", "/lead",
};

static void put(const char *bucket, const char *key)
{
	struct content *content = content_memory(NULL, 0);

	cr_assert_eq(objects_store(bucket, object_new(key, strlen(key), content), NULL), 0);
}

static void fill(void)
{
	cr_assert_eq(bucket_create("bucket", "here"), 0);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		put("bucket", keys[i]);
}

/* All pages as one text: names, each followed by '|'. */
static char *walk(struct list_query q)
{
	char *all = calloc(1, 4096);
	char after[256] = "";
	struct list_page page;
	bool more = true;

	if (q.after)
		snprintf(after, sizeof(after), "%s", q.after);
	for (int pages = 0; more; pages++) {
		cr_assert_lt(pages, 100);
		q.after = after;
		cr_assert_eq(list_walk("bucket", &q, &page), 0);
		cr_assert_leq(page.count, q.max);
		for (size_t i = 0; i < page.count; i++) {
			const struct list_entry *e = &page.entries[i];

			strcat(strcat(all, e->object ? e->object->key : e->prefix), "|");
		}
		more = page.more;
		if (page.count)
			snprintf(after, sizeof(after), "%s", list_last(&page));
		list_free(&page);
	}
	return all;
}

static void expect(struct list_query q, const char *names)
{
	for (q.max = 1; q.max < 20; q.max++) {
		char *got = walk(q);

		cr_expect_str_eq(got, names, "pages of %zu: %s", q.max, got);
		free(got);
	}
}

Test(store_list, flat, .init = fill)
{
	expect((struct list_query){.prefix = "", .delimiter = ""},
	       "/lead|a|a b|a/|a//|a//b|a/b|a/b/c|a/c|a0|b/x|b/y|c|\303\251|");
	expect((struct list_query){.prefix = "a/", .delimiter = ""}, "a/|a//|a//b|a/b|a/b/c|a/c|");
	expect((struct list_query){.prefix = "zz", .delimiter = ""}, "");
}

Test(store_list, delimiter, .init = fill)
{
	expect((struct list_query){.prefix = "", .delimiter = "/"}, "/|a|a b|a/|a0|b/|c|\303\251|");
	expect((struct list_query){.prefix = "a/", .delimiter = "/"}, "a/|a//|a/b|a/b/|a/c|");
	expect((struct list_query){.prefix = "a", .delimiter = "/"}, "a|a b|a/|a0|");
	expect((struct list_query){.prefix = "", .delimiter = "/b"},
	       "/lead|a|a b|a/|a//|a//b|a/b|a/c|a0|b/x|b/y|c|\303\251|");
}

Test(store_list, after, .init = fill)
{
	expect((struct list_query){.prefix = "", .delimiter = "", .after = "a/b"},
	       "a/b/c|a/c|a0|b/x|b/y|c|\303\251|");
	expect((struct list_query){.prefix = "", .delimiter = "/", .after = "a/b"},
	       "a0|b/|c|\303\251|");
	expect((struct list_query){.prefix = "", .delimiter = "/", .after = "a/"},
	       "a0|b/|c|\303\251|");
	expect((struct list_query){.prefix = "b", .delimiter = "/", .after = "b"}, "b/|");
	expect((struct list_query){.prefix = "b/", .delimiter = "/", .after = "a"}, "b/x|b/y|");
	expect((struct list_query){.prefix = "a/", .delimiter = "/", .after = "z"}, "");
}

Test(store_list, empty_page_and_absent_bucket, .init = fill)
{
	struct list_query none = {.prefix = "", .delimiter = "", .after = "", .max = 0};
	struct list_page page;

	cr_assert_eq(list_walk("bucket", &none, &page), 0);
	cr_expect_eq(page.count, 0);
	cr_expect(!page.more);
	cr_expect_null(list_last(&page));
	list_free(&page);
	cr_expect_eq(list_walk("absent", &none, &page), -ENXIO);
}

Test(store_list, from_and_until, .init = fill)
{
	expect((struct list_query){.prefix = "", .delimiter = "", .from = "a/b", .until = "b/y"},
	       "a/b|a/b/c|a/c|a0|b/x|");
	expect((struct list_query){.prefix = "", .delimiter = "/", .from = "a/b", .until = "b/y"},
	       "a/|a0|b/|");
	expect((struct list_query){.prefix = "a/", .delimiter = "/", .from = "a/b/a"}, "a/b/|a/c|");
	expect((struct list_query){.prefix = "b", .delimiter = "", .from = "a"}, "b/x|b/y|");
	expect((struct list_query){.prefix = "", .delimiter = "", .until = "/"}, "");
}

Test(store_list, markers, .init = fill)
{
	struct list_query q = {
		.prefix = "", .delimiter = "/", .after = "a b", .with_markers = true, .max = 2};
	struct list_page page;

	cr_assert_eq(list_walk("bucket", &q, &page), 0);
	cr_assert_eq(page.count, 2);
	cr_expect_str_eq(page.entries[0].prefix, "a/");
	cr_assert_not_null(page.entries[0].object);
	cr_expect_str_eq(page.entries[0].object->key, "a/");
	cr_expect_str_eq(page.entries[1].object->key, "a0");
	list_free(&page);
}
