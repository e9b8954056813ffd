/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/mime.h"

/* The parts' data, each followed by '|'; "!" when there is no boundary. */
static char *parts(const char *type, const char *body)
{
	char *all = calloc(1, 1024);
	struct mime m;
	struct mime_part part;

	if (!mime_begin(&m, type, body, strlen(body)))
		return strcpy(all, "!");
	while (mime_next(&m, &part)) {
		strncat(all, part.data, part.bytes);
		strcat(all, "|");
		headers_free(&part.headers);
	}
	return all;
}

static void expect(const char *type, const char *body, const char *want)
{
	char *got = parts(type, body);

	cr_expect_str_eq(got, want, "%s", got);
	free(got);
}

Test(store_mime, parts)
{
	static const char type[] = "multipart/related; boundary=\"b b\"";

	expect(type, "--b b\r\nA: 1\r\n\r\none\r\n--b b\r\n\r\ntwo\r\n--b b--\r\n", "one|two|");
	expect("multipart/mixed; boundary=xy; a=b", "preamble\r\n--xy\r\n\r\n\r\n--xy--", "|");
	expect("Multipart/Related;Boundary=xy", "--xy\n\nbare\n--xy--", "bare|");
	/* a delimiter stands at a line's begin only, and what looks like one otherwise is data */
	expect("multipart/related; boundary=xy", "--xy\r\n\r\na--xyb\r\n\r\n--xy--", "a--xyb\r\n|");
}

Test(store_mime, malformed)
{
	expect("multipart/related", "--x\r\n", "!");
	expect("text/plain; boundary=x", "--x\r\n", "!");
	expect("multipart/related; boundary=", "--\r\n", "!");
	expect("multipart/related; boundary=x", "--x\r\n\r\nnever ends", "");
	expect("multipart/related; boundary=x", "--x\r\nno colon\r\n\r\na\r\n--x--", "");
	expect("multipart/related; boundary=x", "", "");
}

Test(store_mime, headers)
{
	static const char text[] = "A: 1\r\nb:  two words\r\n\r\nrest";
	struct headers h = {0};
	const char *at = text;

	cr_assert_eq(mime_headers(&at, text + sizeof(text) - 1, &h), 0);
	cr_expect_str_eq(at, "rest");
	cr_expect_str_eq(headers_get(&h, "a"), "1");
	cr_expect_str_eq(headers_get(&h, "B"), "two words");
	headers_free(&h);
}
