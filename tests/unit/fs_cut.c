/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/cut.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

static struct cut_names names;

static void learn(const char *const *all)
{
	names = (struct cut_names){0};
	for (; *all; all++)
		cut_learn(&names, *all);
}

#define LEARN(...) learn((const char *const[]){__VA_ARGS__, NULL})

static void expect(const char *low, const char *high, double fraction, const char *cut)
{
	char out[CUT_NAME_BYTES] = "none";

	cr_assert_eq(cut_between(&names, low, high, fraction, out), strcmp(cut, "none") != 0,
		     "between %s and %s: %s", low, high ? high : "the end", out);
	cr_assert_str_eq(out, cut);
}

static void expect_beyond(const char *low, const char *cut)
{
	char out[CUT_NAME_BYTES] = "none";

	cr_assert_eq(cut_beyond(&names, low, out), strcmp(cut, "none") != 0, "behind %s: %s", low,
		     out);
	cr_assert_str_eq(out, cut);
}

Test(fs_cut, numbers)
{
	LEARN("f000", "f001", "f009", "f010", "f019");
	cr_assert_float_eq(cut_count(&names, "f000", "f010", "f030", 10), 20, 0.1);
	cr_assert_float_eq(cut_count(&names, "f000", "f010", NULL, 10), 990, 0.1);
	cr_assert_float_eq(cut_count(&names, "f000", "f010", "f010", 10), 0, 0.1);
	cr_assert_float_eq(cut_count(&names, "f000", "f020", "f010", 10), 0, 0.1);
	expect("f000", "f900", 0.5, "f450");
	expect("f010", "f011", 0.5, "none");
	expect("f010", "f010", 0.5, "none");
	expect("f020", "f010", 0.5, "none");
	expect_beyond("f010", "f:");
}

Test(fs_cut, hexadecimal_and_random)
{
	char out[CUT_NAME_BYTES];

	LEARN("00a", "01f", "023");
	expect("000", NULL, 0.5, "80");
	expect_beyond("023", "g");
	/* only one character came first yet, but many second: any of those may come first */
	names = (struct cut_names){0};
	for (char c = 'a'; c <= 'z'; c++)
		cut_learn(&names, (const char[]){'-', c, '\0'});
	cut_learn(&names, "--");
	cr_assert(cut_between(&names, "-z", NULL, 0.5, out));
	cr_assert(*out > 'a' && *out < 'z', "%s", out);
}

Test(fs_cut, one_name_and_none)
{
	names = (struct cut_names){0};
	expect("", NULL, 0.5, "none");
	expect_beyond("", "none");
	LEARN("same");
	expect("same", NULL, 0.5, "none");
	expect_beyond("same", "none");
	LEARN("same", "same2");
	expect_beyond("same2", "same:");
	LEARN("a/", "b/");
	expect("a/", "b/", 0.5, "none");
}

/* What is no character of a file's name, or of UTF-8, is in no cut. */
Test(fs_cut, only_what_can_be_said)
{
	LEARN("}", "~");
	expect_beyond("~", "\u00a0"); /* neither DELETE nor what follows it */
	LEARN(".", "-");
	expect_beyond("-", "0"); /* no slash */
	LEARN("\U0010fffe", "\U0010ffff");
	expect_beyond("\U0010fffe", "none");
	LEARN("\ud7fe", "\ud7ff");
	expect_beyond("\ud7fe", "\ue000");
	LEARN("a\xff", "a\xfe", "b");
	expect("a\xff", "b", 0.5, "none");
	LEARN("\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80"); /* none of these is one */
	expect("\xc0\xaf", "\xf4", 0.5, "none");
	LEARN("\x01", "\x1f");
	expect("\x01", "\x1f", 0.5, "none");
}

static bool is_sound(const char *name)
{
	const unsigned char *s = (const unsigned char *)name;

	while (*s) {
		unsigned more = *s < 0x80 ? 0 : *s < 0xc2 ? 9 : *s < 0xe0 ? 1 : *s < 0xf0 ? 2 : 3;

		if (more > 3 || *s < ' ' || *s == '/' || *s == 0x7f)
			return false;
		if ((*s == 0xed && s[1] >= 0xa0) || (*s == 0xf4 && s[1] >= 0x90))
			return false;
		for (unsigned i = 1; i <= more; i++)
			if ((s[i] & 0xc0) != 0x80)
				return false;
		s += more + 1;
	}
	return true;
}

/* Between any two names of any bytes: a cut that lies there, and can be said; or none. */
Test(fs_cut, any_bytes)
{
	unsigned random = 1, cuts = 0;

	for (unsigned round = 0; round < 3000; round++) {
		char text[12][24], out[CUT_NAME_BYTES];

		names = (struct cut_names){0};
		for (unsigned i = 0; i < 12; i++) {
			unsigned len = 1 + (random >> 16) % 20;

			for (unsigned k = 0; k < len; k++) {
				random = random * 1664525u + 1013904223u;
				text[i][k] = (char)(1 + (random >> 16) % (round % 3 ? 255 : 127));
			}
			text[i][len] = '\0';
			cut_learn(&names, text[i]);
		}
		for (unsigned i = 0; i < 11; i++) {
			const char *low = text[i], *high = round % 2 ? text[i + 1] : NULL;

			cr_assert_geq(cut_count(&names, text[0], low, high, 12), 0);
			if (cut_between(&names, low, high, 0.37, out)) {
				cuts++;
				cr_assert(is_sound(out));
				cr_assert_gt(strcmp(out, low), 0);
				cr_assert(!high || strcmp(out, high) < 0);
			}
			if (cut_beyond(&names, low, out)) {
				cr_assert(is_sound(out));
				cr_assert_gt(strcmp(out, low), 0);
			}
		}
	}
	cr_assert_gt(cuts, 1000);
}

Test(fs_cut, names_longer_than_is_looked_at)
{
	char a[1025], b[1025];

	memset(a, 'p', 1024);
	memset(b, 'p', 1024);
	a[1024] = b[1024] = '\0';
	b[1023] = 'q';
	names = (struct cut_names){0};
	cut_learn(&names, a);
	cut_learn(&names, b);
	expect(a, b, 0.5, "none");
	expect_beyond(a, "none");
}
