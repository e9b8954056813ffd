// SPDX-License-Identifier: Apache-2.0
#include "core/http/header.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct header_list list;

static int add_line(const char *line)
{
	return header_add_line(&list, line, strlen(line));
}

Test(http_header, reads_lines)
{
	char out[8];

	cr_assert_eq(add_line("ETag: \"abc\"\r\n"), 0);
	cr_assert_eq(add_line("X-Empty:\r\n"), 0);
	cr_assert_eq(add_line("x-two:  a: b \t\n"), 0);
	cr_assert_str_eq(header_get(&list, "etag"), "\"abc\"");
	cr_assert_str_eq(header_get(&list, "X-EMPTY"), "");
	cr_assert_str_eq(header_get(&list, "X-Two"), "a: b");
	cr_assert_null(header_get(&list, "X-Tw"));
	cr_assert_eq(header_copy(&list, "ETag", out, sizeof(out)), 0);
	cr_assert_str_eq(out, "\"abc\"");
	cr_assert_eq(header_copy(&list, "ETag", out, 5), -EMSGSIZE);
	cr_assert_eq(header_copy(&list, "none", out, sizeof(out)), 0);
	cr_assert_str_eq(out, "");
	header_clear(&list);
	cr_assert_null(header_get(&list, "ETag"));
}

Test(http_header, refuses_what_could_become_another_line)
{
	cr_assert_eq(header_add(&list, "If-Match", "a\r\nX-Evil: 1"), -EINVAL);
	cr_assert_eq(header_add(&list, "If-Match", "a\nb"), -EINVAL);
	cr_assert_eq(header_add(&list, "Bad name", "a"), -EINVAL);
	cr_assert_eq(header_add(&list, "", "a"), -EINVAL);
	cr_assert_eq(header_add_line(&list, "A: b\0c\r\n", 8), -EINVAL);
	cr_assert_eq(add_line("no colon\r\n"), -EINVAL);
	cr_assert_eq(add_line(" folded: x\r\n"), -EINVAL);
	cr_assert_eq(list.count, 0u);
}

Test(http_header, has_ceilings)
{
	char *big = calloc(1, HEADER_BYTES_MAX + 2);

	memset(big, 'x', HEADER_BYTES_MAX + 1);
	cr_assert_eq(header_add(&list, "A", big), -EMSGSIZE);
	for (int i = 0; i < HEADER_COUNT_MAX; i++)
		cr_assert_eq(header_add(&list, "A", "b"), 0);
	cr_assert_eq(header_add(&list, "A", "b"), -EMSGSIZE);
	header_clear(&list);
	big[HEADER_BYTES_MAX - 1] = '\0';
	cr_assert_eq(header_add(&list, "A", big), 0);
	cr_assert_eq(header_add(&list, "A", "b"), -EMSGSIZE);
	header_clear(&list);
	free(big);
}
