/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/dirpage.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

static char out[20000];
static struct dirpage d;

static int emit(void *arg, const struct dirpage_name *n)
{
	(void)arg;
	strcat(out, n->name);
	strcat(out, n->is_dir ? "/ " : " ");
	return 0;
}

/* keys: those that end in '/' and are not "=KEY" are prefixes. */
static void add(const char *const *keys)
{
	struct store_entry entries[32] = {0};
	struct store_list page = {.entries = entries};

	for (; *keys; keys++) {
		const char *key = *keys;
		struct store_entry *e = &entries[page.count++];
		size_t len;

		e->object.size = *key == '0' ? 0 : 5;
		if (*key == '0' || *key == '=')
			key++;
		len = strlen(key);
		e->is_prefix = key == *keys && len && key[len - 1] == '/';
		e->name = (char *)key;
	}
	cr_assert_eq(dirpage_add(&d, &page, emit, NULL), 0);
}

static void expect(const char *prefix, bool pieces, const char *const *keys, const char *names)
{
	out[0] = '\0';
	dirpage_free(&d);
	dirpage_init(&d, prefix, pieces);
	add(keys);
	cr_assert_str_eq(out, names);
}

#define KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})

Test(fs_dirpage, plain)
{
	expect("", false, KEYS("b", "a", "c/"), "a b c/ ");
	expect("d/", false, KEYS("d/x", "d/y z", "d/s/"), "s/ x y z ");
}

Test(fs_dirpage, marks_and_empty_components)
{
	expect("d/", false, KEYS("0d/", "d/x"), "x ");
	cr_assert(d.has_mark);
	expect("d/", false, KEYS("=d/", "d/x"), "%~0 x ");
	cr_assert(!d.has_mark);
	expect("d/", false, KEYS("=d/", "d//"), "%~0 %~0%~d/ ");
	expect("d/", false, KEYS("0d/", "d//"), "%~0/ ");
	expect("", false, KEYS("/"), "%~0/ ");
	expect("", false, KEYS("./", "..", "%~"), "%~~ %~.. %~./ ");
}

Test(fs_dirpage, file_and_directory_of_one_name)
{
	expect("", false, KEYS("a", "a/"), "a a%~d/ ");
	expect("", false, KEYS("a", "a-1", "a-1/", "a/", "b/"), "a a-1 a-1%~d/ a%~d/ b/ ");
	/* ... on another page */
	expect("", false, KEYS("a", "a!", "a!b"), "a a! a!b ");
	out[0] = '\0';
	add(KEYS("a#", "a/"));
	cr_assert_str_eq(out, "a# a%~d/ ");
	expect("", false, KEYS("ab", "a/"), "a/ ab ");
}

/* What is remembered grows with the keys that start with each other, and is not more than they. */
Test(fs_dirpage, as_little_as_need_be)
{
	char key[402], *start = key + 2;
	const char *const keys[] = {key, NULL};

	expect("", false, KEYS("some", "short", "names/"), "names/ short some ");
	cr_assert_leq(dirpage_bytes(&d), 128, "%zu bytes", dirpage_bytes(&d));
	expect("d/", false, KEYS("d/"), "");
	memcpy(key, "d/", 2);
	for (unsigned len = 1; len < 100; len++) {
		memset(start, 'a', len);
		start[len] = '\0';
		out[0] = '\0';
		add(keys);
		cr_assert_eq(strlen(out), len + 1);
	}
	for (unsigned len = 99; len; len--) {
		strcpy(start + len, "/");
		out[0] = '\0';
		add(keys);
		cr_assert_not_null(strstr(out, "%~d/ "), "%s", out);
	}
}

Test(fs_dirpage, not_what_was_asked_for)
{
	expect("d/", false, KEYS("e/x", "d", "d/ok"), "ok ");
}

Test(fs_dirpage, long_components)
{
	char one[301], two[301], slash[302], edge[256], prefix[253], expected[600];

	memset(one, 'k', 300);
	one[300] = '\0';
	memcpy(two, one, 301);
	two[299] = 'l';
	snprintf(slash, sizeof(slash), "%s/", one);
	memcpy(edge, one, 255);
	edge[255] = '\0';
	memcpy(prefix, one, 252);
	prefix[252] = '\0';

	snprintf(expected, sizeof(expected), "%s %s%%~+/ ", edge, prefix);
	expect("", false, KEYS(edge, one, two, slash), expected);
	snprintf(expected, sizeof(expected), "%s %s%%~d/ %s ", one + 252, one + 252, two + 252);
	expect(prefix, true, KEYS(edge, one, two, slash), expected);
}
