// SPDX-License-Identifier: Apache-2.0
#include "core/creds.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

static struct creds creds;

Test(core_creds, most_of_a_key_id_stays_hidden)
{
	char shown[CREDS_SHOWN_BYTES];

	creds_show_id("AKIAIOSFODNN7EXAMPLE", shown);
	cr_assert_str_eq(shown, "AKIA...MPLE");
	creds_show_id("minio", shown);
	cr_assert_str_eq(shown, "mi...");
	creds_show_id("", shown);
	cr_assert_str_eq(shown, "...");
}

Test(core_creds, what_is_too_long_is_refused)
{
	char token[CREDS_TOKEN_BYTES + 1];

	memset(token, 't', CREDS_TOKEN_BYTES);
	token[CREDS_TOKEN_BYTES] = '\0';
	cr_assert_eq(creds_fill(&creds, "a", "b", token), -EMSGSIZE);
	token[CREDS_TOKEN_BYTES - 1] = '\0';
	cr_assert_eq(creds_fill(&creds, "a", "b", token), 0);
	cr_assert_str_eq(creds.token, token);
	token[CREDS_VALUE_BYTES] = '\0';
	cr_assert_eq(creds_fill(&creds, token, "b", ""), -EMSGSIZE);
	cr_assert_eq(creds_fill(&creds, "a", token, ""), -EMSGSIZE);
}

Test(core_creds, notes_are_lines_and_never_too_many)
{
	creds_note(&creds, "one", "not %s", "set");
	creds_note(&creds, "two", "a\nline\tand another");
	cr_assert_str_eq(creds.tried, "one\tnot set\ntwo\ta?line?and another\n");
	for (int i = 0; i < 500; i++)
		creds_note(&creds, "more", "%d and some words to fill it", i);
	cr_assert_lt(strlen(creds.tried), sizeof(creds.tried));
}

Test(core_creds, secrets_are_wiped_and_notes_stay)
{
	static const struct creds zero;

	cr_assert_eq(creds_fill(&creds, "a", "b", "c"), 0);
	creds_note(&creds, "one", "used");
	creds_wipe(&creds);
	cr_assert_eq(memcmp(creds.secret, zero.secret, sizeof(creds.secret)), 0);
	cr_assert_eq(memcmp(creds.token, zero.token, sizeof(creds.token)), 0);
	cr_assert_str_eq(creds.tried, "one\tused\n");
}

static void fail(struct creds *out, char *message, size_t bytes, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	creds_fail(out, message, bytes, "a file", format, args);
	va_end(args);
}

Test(core_creds, a_failure_is_one_line_for_both)
{
	char message[80], longer[1000];

	fail(&creds, message, sizeof(message), "%d\nit said \x1b[0m", 401);
	cr_assert_str_eq(message, "no credentials: a file: 401?it said ?[0m");
	cr_assert_str_eq(creds.tried, "a file\tfailed: 401?it said ?[0m\n");
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	fail(&creds, message, sizeof(message), "%s", longer);
	cr_assert_eq(strlen(message), sizeof(message) - 1);
	cr_assert_lt(strlen(creds.tried), 500u);
}
