// SPDX-License-Identifier: Apache-2.0
#include "core/buffer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

Test(core_buffer, starts_empty)
{
	struct buffer b = BUFFER_INIT(8);

	cr_assert_str_eq(buffer_text(&b), "");
	cr_assert_null(buffer_take(&b));
	buffer_free(&b);
}

Test(core_buffer, grows_to_its_ceiling_and_no_further)
{
	SCOPE_BUFFER struct buffer b = BUFFER_INIT(1000);

	for (int i = 0; i < 1000; i++)
		cr_assert_eq(buffer_add_char(&b, 'x'), 0);
	cr_assert_eq(buffer_add_char(&b, 'x'), -EMSGSIZE);
	cr_assert_eq(buffer_addf(&b, "%d", 7), -EMSGSIZE);
	cr_assert_eq(buffer_add(&b, "", 0), 0);
	cr_assert_eq(b.len, 1000u);
	cr_assert_eq(strlen(b.data), 1000u);
}

Test(core_buffer, huge_request_does_not_wrap)
{
	SCOPE_BUFFER struct buffer b = BUFFER_INIT(100);

	cr_assert_eq(buffer_add_text(&b, "abc"), 0);
	cr_assert_eq(buffer_add(&b, "x", (size_t)-1), -EMSGSIZE);
	cr_assert_str_eq(buffer_text(&b), "abc");
}

Test(core_buffer, formats_and_gives_away)
{
	struct buffer b = BUFFER_INIT(100);
	char *text;

	cr_assert_eq(buffer_addf(&b, "%s-%03d", "a", 5), 0);
	cr_assert_eq(buffer_add_text(&b, "!"), 0);
	text = buffer_take(&b);
	cr_assert_str_eq(text, "a-005!");
	free(text);
	cr_assert_eq(b.len, 0u);
	cr_assert_eq(buffer_add_text(&b, "again"), 0);
	buffer_clear(&b);
	cr_assert_str_eq(buffer_text(&b), "");
	buffer_free(&b);
}
