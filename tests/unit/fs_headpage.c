/* SPDX-License-Identifier: Apache-2.0 */
/* What a directory's files tell of themselves, asked for when it is read, and only once. */
#include "tests/unit/writing_rig.h"

#include "core/pairs.h"
#include "fs/headpage.h"

static void open_dir(void)
{
	cr_assert_eq(op(WIRE_OPEN, "s3/b/d", O_RDONLY | O_DIRECTORY), 0);
	session_free(&reply);
}

static void begin(const char *metadata)
{
	setenv("SKYSHIM_METADATA", metadata, 1);
	start("60000");
	fake_put("b", "d/", 0);
	for (int i = 0; i < 3 * HEADPAGE_PARALLEL; i++) {
		char key[16];

		snprintf(key, sizeof(key), "d/f%d", i);
		fake_put("b", key, 3);
		pairs_add(&fake_find("b", key)->user, "mode", i % 2 ? "33152" : "33252");
	}
}

static uint32_t mode_of(const char *path)
{
	cr_assert_eq(op(WIRE_STAT, path, 0), 0);
	return reply.head.attr.mode;
}

Test(fs_headpage, modes_of_a_whole_directory)
{
	begin("full");
	cr_assert(headpage_wanted());
	open_dir();
	cr_assert_str_eq(fake_requests(), "192 0 1 0");
	cr_assert_eq(mode_of("s3/b/d/f0"), S_IFREG | 0744);
	cr_assert_eq(mode_of("s3/b/d/f191"), S_IFREG | 0600);
	cr_assert_str_eq(fake_requests(), "0 0 0 0", "all was asked before");
	stop();
}

Test(fs_headpage, not_unless_it_is_wanted)
{
	begin("");
	cr_assert_not(headpage_wanted());
	open_dir();
	cr_assert_eq(mode_of("s3/b/d/f0"), S_IFREG | 0644, "as a listing has it");
	cr_assert_str_eq(fake_requests(), "0 0 1 0");
	stop();
}
