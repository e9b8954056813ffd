/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/content.h"

static struct content *text(const char *t)
{
	return content_memory(strdup(t), strlen(t));
}

static void expect(const struct content *c, const char *expected)
{
	char got[64] = "";

	cr_assert_eq(content_bytes(c), strlen(expected));
	content_read(c, 0, got, strlen(expected));
	cr_expect_str_eq(got, expected);
	for (size_t i = 0; i < strlen(expected); i++) {
		content_read(c, i, got, 1);
		cr_expect_eq(got[0], expected[i]);
	}
}

Test(store_content, slices_and_joins_share_bytes)
{
	struct content *items[3] = {text("hello"), content_memory(NULL, 0), text(" world")};
	struct content *all = content_join(items, 3);
	struct content *middle = content_slice(all, 3, 5);
	struct content *nothing = content_slice(all, 11, 0);

	expect(all, "hello world");
	expect(middle, "lo wo");
	expect(nothing, "");
	cr_expect_null(content_direct(all, 3, 5));
	cr_expect_not_null(content_direct(all, 5, 6));
	cr_expect(!memcmp(content_direct(middle, 0, 2), "lo", 2));
	for (int i = 0; i < 3; i++)
		content_put(items[i]);
	content_put(all);
	expect(middle, "lo wo"); /* still holds what it needs */
	content_put(middle);
	content_put(nothing);
}

Test(store_content, generated_bytes_do_not_depend_on_the_cut)
{
	enum generate_kind kinds[] = {GENERATE_BINARY, GENERATE_TEXT};
	static char whole[5000], part[5000];

	for (int k = 0; k < 2; k++) {
		struct content *c = content_generated(kinds[k], 42, 50ull << 30);
		uint64_t base = (40ull << 30) + 3;

		content_read(c, base, whole, sizeof(whole));
		for (size_t at = 0; at < 200; at++) {
			content_read(c, base + at, part, sizeof(part) - at);
			cr_assert(!memcmp(part, whole + at, sizeof(part) - at), "at %zu", at);
		}
		content_put(c);
	}
}

Test(store_content, digest)
{
	struct content *c = text("123456789");
	char hex[65];

	cr_assert_eq(content_digest(c, "MD5", hex, sizeof(hex)), 0);
	cr_expect_str_eq(hex, "25f9e794323b453885f5181f1b624d0b");
	cr_expect_neq(content_digest(c, "MD5", hex, 32), 0);
	cr_expect_neq(content_digest(c, "NONE", hex, sizeof(hex)), 0);
	content_put(c);
}
