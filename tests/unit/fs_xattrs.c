/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes to the text that s3fs keeps them in, and back. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "fs/xattrs.h"

static char text[XATTRS_MAX];

static int set(const char *name, const void *value, size_t len, int flags)
{
	char out[XATTRS_MAX];
	int ret = xattrs_set(text, name, value, len, flags, out);

	if (!ret)
		memcpy(text, out, sizeof(text));
	return ret;
}

static void has(const char *name, const char *value, size_t len)
{
	char out[XATTRS_MAX];

	cr_assert_eq(xattrs_get(text, name, out, sizeof(out)), (int)len, "%s", name);
	cr_assert_eq(memcmp(out, value, len), 0, "%s", name);
}

Test(fs_xattrs, written_as_s3fs_does)
{
	*text = '\0';
	cr_assert_eq(set("user.a", "b", 1, 0), 0);
	cr_assert_str_eq(text, "%7B%22user.a%22%3A%22Yg%3D%3D%22%7D"); /* {"user.a":"Yg=="} */
	cr_assert_eq(set("user.n", "\0\377", 2, 0), 0);
	cr_assert_str_eq(text, "%7B%22user.a%22%3A%22Yg%3D%3D%22%2C%22user.n%22%3A%22AP8%3D%22%7D");
	has("user.a", "b", 1);
	has("user.n", "\0\377", 2);
}

Test(fs_xattrs, read_as_others_write_them)
{
	char out[64];

	/* less is encoded than here, and blanks are between */
	strcpy(text, "{ \"user.a\" : \"/+8=\", \"user.b\":\"\",\"user.c\":\"eA\"}");
	has("user.a", "\377\357", 2);
	has("user.b", "", 0);
	has("user.c", "x", 1);
	cr_assert_eq(xattrs_list(text, out, sizeof(out)), 21);
	cr_assert_eq(memcmp(out, "user.a\0user.b\0user.c", 21), 0);
}

Test(fs_xattrs, create_replace_remove)
{
	*text = '\0';
	cr_assert_eq(set("user.a", "1", 1, XATTR_REPLACE), -ENODATA);
	cr_assert_eq(set("user.a", NULL, 0, 0), -ENODATA);
	cr_assert_eq(set("user.a", "1", 1, XATTR_CREATE), 0);
	cr_assert_eq(set("user.a", "2", 1, XATTR_CREATE), -EEXIST);
	cr_assert_eq(set("user.a", "22", 2, XATTR_REPLACE), 0);
	cr_assert_eq(set("user.b", "", 0, 0), 0);
	has("user.a", "22", 2);
	has("user.b", "", 0);
	cr_assert_eq(xattrs_get(text, "user.c", NULL, 0), -ENODATA);
	cr_assert_eq(xattrs_get(text, "user.a", NULL, 0), 2);
	cr_assert_eq(xattrs_list(text, NULL, 0), 14);
	cr_assert_eq(set("user.a", NULL, 0, 0), 0);
	cr_assert_eq(set("user.b", NULL, 0, 0), 0);
	cr_assert_str_eq(text, "");
	cr_assert_eq(xattrs_list(text, NULL, 0), 0);
}

Test(fs_xattrs, odd_names_come_back)
{
	static const char *const names[] = {"user.\"", "user.a,b",	"user.a:b",  "user.\\u0041",
					    "user.\n", "user.\303\244", "user.\377", "user.{}%41"};
	const size_t count = sizeof(names) / sizeof(names[0]);

	*text = '\0';
	for (size_t i = 0; i < count; i++)
		cr_assert_eq(set(names[i], names[i], strlen(names[i]), XATTR_CREATE), 0);
	for (size_t i = 0; i < count; i++)
		has(names[i], names[i], strlen(names[i]));
	for (const char *c = text; *c; c++)
		cr_assert(*c > ' ' && *c < 0x7f && *c != '"' && *c != ',');
}

Test(fs_xattrs, there_is_an_end_of_room)
{
	char value[XATTRS_MAX];

	memset(value, 'x', sizeof(value));
	*text = '\0';
	cr_assert_eq(set("user.a", value, sizeof(value), 0), -ENOSPC);
	cr_assert_eq(set("user.a", value, 1200, 0), 0);
	cr_assert_eq(set("user.b", value, 400, 0), -ENOSPC);
	has("user.a", value, 1200);
	cr_assert_eq(set("user.b", value, 10, 0), 0);
	has("user.b", value, 10);
}

Test(fs_xattrs, what_is_none_holds_none)
{
	static const char *const bad[] = {"",
					  "{",
					  "}",
					  "{}",
					  "x",
					  "{\"a",
					  "{\"a\"",
					  "{\"a\":",
					  "{\"a\":1}",
					  "{\"\":\"eA\"}",
					  "{\"a\\\":\"eA\"}",
					  "%7",
					  "%",
					  "{\"a\\u00\":\"\"}"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(xattrs_list(bad[i], NULL, 0), 0, "%s", bad[i]);
}
