/* SPDX-License-Identifier: Apache-2.0 */
/* Where writing was refused: for whom, where, and until when. */
#include "fs/refused.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

static const uint8_t one[16] = {1}, two[16] = {2};

Test(fs_refused, a_directory_and_who_asked)
{
	cr_assert_not(refused_is(one, "s3/b/dir/f"));
	refused_note(one, "s3/b/dir/f", -EACCES);
	cr_assert(refused_is(one, "s3/b/dir/f"));
	cr_assert(refused_is(one, "s3/b/dir/g"));
	cr_assert_not(refused_is(two, "s3/b/dir/f"));
	cr_assert_not(refused_is(one, "s3/b/dir/sub/f"));
	cr_assert_not(refused_is(one, "s3/b/dir"));
	cr_assert_not(refused_is(one, "s3/c/dir/f"));
}

Test(fs_refused, only_a_refusal_counts_and_success_ends_it)
{
	refused_note(one, "s3/b/f", -EIO);
	refused_note(one, "s3/b/f", -ESTALE);
	cr_assert_not(refused_is(one, "s3/b/f"));
	refused_note(one, "s3/b/f", -EACCES);
	refused_note(one, "s3/b/f", -EIO);
	cr_assert(refused_is(one, "s3/b/f"));
	refused_note(two, "s3/b/g", 0);
	cr_assert(refused_is(one, "s3/b/f"));
	refused_note(one, "s3/b/g", 0);
	cr_assert_not(refused_is(one, "s3/b/f"));
}

Test(fs_refused, the_oldest_goes)
{
	char name[32];

	for (int i = 0; i <= REFUSED_MAX; i++) {
		snprintf(name, sizeof(name), "s3/b/%d/f", i);
		refused_note(one, name, -EACCES);
		refused_note(one, name, -EACCES);
	}
	cr_assert_not(refused_is(one, "s3/b/0/f"));
	cr_assert(refused_is(one, "s3/b/1/f"));
	cr_assert(refused_is(one, name));
}
