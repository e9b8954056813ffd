/* SPDX-License-Identifier: Apache-2.0 */
/* What of an answer's metadata is somebody else's, and how long it is known. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "core/pairs.h"
#include "fs/foreign.h"

#define PAIR(name, value)                \
	{                                \
		(char[]){name}, (char[]) \
		{                        \
			value            \
		}                        \
	}

static struct store_pair user_pair[] = {
	PAIR("mode", "33188"),	 PAIR("xattr", "{}"),	     PAIR("mtime", "1"),
	PAIR("theirs", "stays"), PAIR("odd", "caf\xc3\xa9"), PAIR("na(me", "x"),
};
static struct store_pair type[] = {PAIR("Content-Type", "text/x")};
static struct store_pair default_type[] = {PAIR("Content-Type", "binary/octet-stream")};

Test(fs_foreign, ours_and_what_cannot_be_sent_is_none)
{
	const struct store_pairs all = {user_pair, 6}, ours = {user_pair, 3}, none = {0};
	const struct store_pairs odd = {user_pair + 4, 2};
	const struct store_pairs fields = {type, 1}, plain = {default_type, 1};

	cr_assert(foreign_learn("s3/b/f", "\"e\"", &all, &none));
	cr_assert(foreign_learn("s3/b/f", "\"e\"", &none, &fields));
	cr_assert_not(foreign_learn("s3/b/f", "\"e\"", &ours, &plain));
	cr_assert_not(foreign_learn("s3/b/f", "\"e\"", &odd, &none));
	foreign_forget();
}

Test(fs_foreign, a_copy_is_its_own)
{
	struct foreign from = {0}, to;

	cr_assert_eq(pairs_add(&from.user, "theirs", "stays"), 0);
	cr_assert(foreign_is(&from));
	cr_assert_eq(foreign_copy(&from, &to), 0);
	foreign_free(&from);
	cr_assert_not(foreign_is(&from));
	cr_assert_str_eq(pairs_get(&to.user, "theirs"), "stays");
	foreign_free(&to);
}

Test(fs_foreign, many_are_not_kept_for_ever)
{
	const struct store_pairs fields = {type, 1}, none = {0};
	char name[32];

	for (unsigned i = 0; i < 3 * FOREIGN_MAX; i++) {
		snprintf(name, sizeof(name), "s3/b/%u", i);
		cr_assert(foreign_learn(name, "\"e\"", &none, &fields));
		cr_assert(foreign_learn(name, "", &none, &fields)); /* no version to keep it of */
	}
	cr_assert_eq(foreign_count(), FOREIGN_MAX);
	foreign_forget();
	cr_assert_eq(foreign_count(), 0);
}
