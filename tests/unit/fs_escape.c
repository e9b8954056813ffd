/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/escape.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

static void both(const char *key, const char *path)
{
	char text[8192];
	struct escape_result res;

	cr_assert_geq(escape_key(key, text, sizeof(text)), 0);
	cr_assert_str_eq(text, path);
	cr_assert_eq(unescape_key(path, text, sizeof(text), &res), 0, "path '%s'", path);
	cr_assert_str_eq(text, key);
	cr_assert(!res.is_dir && !res.is_pieces);
}

static void no_key(const char *path)
{
	char text[8192];
	struct escape_result res;

	cr_assert_eq(unescape_key(path, text, sizeof(text), &res), -ENOENT, "path '%s'", path);
}

Test(fs_escape, examples)
{
	both("a", "a");
	both("a/b c+%/\xc3\xa4\n", "a/b c+%/\xc3\xa4\n");
	both("a//b", "a/%~0/b");
	both("/a", "%~0/a");
	both("a/", "a/%~0");
	both("/", "%~0/%~0");
	both("./../.../a", "%~./%~../.../a");
	both("%~", "%~~");
	both("%%~~0", "%%~~~0");
	both("%~0", "%~~0");
	both("a%~d", "a%~~d");
	both("a%~+/b", "a%~~+/b");
}

Test(fs_escape, refused)
{
	no_key("%~");
	no_key("a%~x");
	no_key("%~0a");
	no_key("a%~0");
	no_key("short%~+/rest");
	no_key("short%~+");
}

Test(fs_escape, directory_beside_a_file)
{
	char key[64];
	struct escape_result res;

	cr_assert_eq(unescape_key("a%~d/b", key, sizeof(key), &res), 0);
	cr_assert_str_eq(key, "a/b");
	cr_assert(!res.is_dir);
	cr_assert_eq(unescape_key("x/a%~d", key, sizeof(key), &res), 0);
	cr_assert_str_eq(key, "x/a");
	cr_assert(res.is_dir);
	cr_assert_eq(unescape_key("%~0%~d", key, sizeof(key), &res), 0);
	cr_assert_str_eq(key, "");
	cr_assert(res.is_dir);
}

Test(fs_escape, long_component)
{
	char key[2000], path[4096], back[4096];
	struct escape_result res;

	memset(key, 'k', 600);
	key[600] = '\0';
	cr_assert_eq(escape_key(key, path, sizeof(path)), 600 + 2 * 4);
	cr_assert_eq(strcspn(path, "/"), 255);
	cr_assert_eq(unescape_key(path, back, sizeof(back), &res), 0);
	cr_assert_str_eq(back, key);

	/* the first piece alone is a directory */
	path[255] = '\0';
	cr_assert_eq(unescape_key(path, back, sizeof(back), &res), 0);
	cr_assert(res.is_pieces);
	cr_assert_eq(res.key_len, 252);

	/* cut at a character: 2-byte ones at odd places */
	key[0] = 'x';
	for (int i = 1; i < 599; i += 2)
		memcpy(key + i, "\xc3\xa4", 2);
	key[599] = '\0';
	cr_assert_gt(escape_key(key, path, sizeof(path)), 0);
	cr_assert_eq(strcspn(path, "/"), 254);
	cr_assert_eq(unescape_key(path, back, sizeof(back), &res), 0);
	cr_assert_str_eq(back, key);
}

/* Every key comes out of its own path, every name of it is one that Linux takes. */
Test(fs_escape, any_bytes)
{
	static const char likely[] = "%~%~//..0d+a\xc3\xa4\xff";
	char key[1200], path[8192], back[8192];
	struct escape_result res;

	srandom(1);
	for (int round = 0; round < 100000; round++) {
		size_t len = 1 + (size_t)random() % (round % 100 ? 24 : 1100);
		bool slashes = random() % 2;

		for (size_t i = 0; i < len; i++) {
			do {
				key[i] = random() % 3
						 ? likely[random() % (long)(sizeof(likely) - 1)]
						 : (char)(1 + random() % 255);
			} while (!slashes && key[i] == '/');
		}
		key[len] = '\0';
		cr_assert_gt(escape_key(key, path, sizeof(path)), 0);
		for (const char *p = path;; p++) {
			size_t n = strcspn(p, "/");

			cr_assert(n > 0 && n <= 255);
			cr_assert(strncmp(p, ".", n) && strncmp(p, "..", n));
			p += n;
			if (!*p)
				break;
		}
		cr_assert_eq(unescape_key(path, back, sizeof(back), &res), 0, "path '%s'", path);
		cr_assert_str_eq(back, key);
		cr_assert(!res.is_dir && !res.is_pieces);
	}
}
