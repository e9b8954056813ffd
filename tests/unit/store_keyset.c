/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/keyset.h"

#define MANY 20000u

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Distinct texts in a scrambled order: the bits of i, mirrored. */
static char *scrambled(unsigned i)
{
	char text[16];

	snprintf(text, sizeof(text), "%08x", (i * 2654435761u));
	return strdup(text);
}

Test(store_keyset, holds_many_in_order)
{
	static char *texts[MANY];
	struct keyset set = {0};
	struct keyset_node *node;
	void *old;

	for (unsigned i = 0; i < MANY; i++) {
		texts[i] = scrambled(i);
		cr_assert_eq(keyset_put(&set, texts[i], 8, texts[i], &old), 0);
		cr_assert_null(old);
	}
	qsort(texts, MANY, sizeof(texts[0]), by_text);
	node = set.head[0];
	for (unsigned i = 0; i < MANY; i++, node = keyset_next(node)) {
		cr_assert_str_eq(node->key, texts[i]);
		cr_assert_eq(keyset_get(&set, texts[i], 8), texts[i]);
	}
	cr_expect_null(node);
	for (unsigned i = 0; i < MANY; i += 2)
		cr_assert_eq(keyset_remove(&set, texts[i], 8), texts[i]);
	cr_expect_eq(set.count, MANY / 2);
	cr_expect_null(keyset_get(&set, texts[0], 8));
	cr_expect_null(keyset_remove(&set, texts[0], 8));
	cr_expect_str_eq(keyset_seek(&set, texts[2], 8)->key, texts[3]);
	for (unsigned i = 1; i < MANY; i += 2)
		cr_assert_eq(keyset_remove(&set, texts[i], 8), texts[i]);
	cr_expect_null(set.head[0]);
}

Test(store_keyset, replaces_and_seeks)
{
	static char values[5][2] = {"1", "2", "3", "4", "5"};
	struct keyset set = {0};
	void *old;

	keyset_put(&set, "a", 1, values[0], &old);
	keyset_put(&set, "a/b", 3, values[1], &old);
	keyset_put(&set, "a/c", 3, values[2], &old);
	keyset_put(&set, "b", 1, values[3], &old);
	keyset_put(&set, "a/b", 3, values[4], &old);
	cr_expect_str_eq(old, "2");
	cr_expect_eq(set.count, 4);
	cr_expect_str_eq(keyset_get(&set, "a/b", 3), "5");
	cr_expect_str_eq(keyset_seek(&set, "a/", 2)->key, "a/b");
	cr_expect_str_eq(keyset_seek_past(&set, "a/", 2)->key, "b");
	cr_expect_null(keyset_seek_past(&set, "b", 1));
	cr_expect_null(keyset_seek(&set, "c", 1));
	cr_expect_null(keyset_seek_past(&set, "", 0));
	while (set.head[0])
		keyset_remove(&set, set.head[0]->key, set.head[0]->key_len);
}
