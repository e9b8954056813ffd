/* SPDX-License-Identifier: Apache-2.0 */
/* Mode, owner and time of directories: what is written to their marks, and what is read there. */
#include "fs/dirattr.h"

#include "fs/told.h"
#include "tests/unit/writing_rig.h"

#define LONG_AGO INT64_C(1500000000123456789) /* before anything in the fake store */
#define TTL_US	 60000			      /* a little more than what start() is given here */

static int set(const char *path, unsigned what, uint32_t mode, int64_t mtime_ns)
{
	request = (struct wire_request){.op = WIRE_SETATTR,
					.flags = what,
					.mode = mode,
					.uid = 12,
					.gid = 34,
					.mtime_ns = mtime_ns};
	return ask(path, strlen(path));
}

static const struct wire_attr *look(const char *path)
{
	cr_assert_eq(op(WIRE_STAT, path, 0), 0, "%s", path);
	return &reply.head.attr;
}

static const char *written(const char *mark, const char *name)
{
	struct fake_object *o = fake_find("b", mark);

	cr_assert_not_null(o);
	return pairs_get(&o->user, name);
}

/* Another daemon on the same store. */
static void restart(void)
{
	halt();
	told_forget_all();
	start("50");
}

/* Somebody else's tool writes the mark. */
static void theirs(const char *mark, const char *mode)
{
	struct fake_object *o;

	fake_put("b", mark, 0);
	o = fake_find("b", mark);
	pairs_free(&o->user);
	cr_assert_eq(pairs_add(&o->user, "mode", mode), 0);
	cr_assert_eq(pairs_add(&o->user, "note", "keep this"), 0);
}

static void finish(void)
{
	told_forget_all();
	stop();
}

Test(fs_dirattr, a_change_makes_the_mark)
{
	start("50");
	cr_assert_eq(look("s3/b/dir")->mode, S_IFDIR | 0755);
	cr_assert_null(fake_find("b", "dir/"));
	cr_assert_eq(set("s3/b/dir", WIRE_SET_MODE, 0755, 0), 0);
	cr_assert_null(fake_find("b", "dir/"), "it is so already");
	cr_assert_eq(set("s3/b/dir", WIRE_SET_MODE, 01770, 0), 0);
	cr_assert_str_eq(written("dir/", "mode"), "17400"); /* 041770 */
	cr_assert_null(written("dir/", "mtime"));
	cr_assert_eq(look("s3/b/dir")->mode, S_IFDIR | 01770);
	cr_assert_eq(set("s3/b/dir", WIRE_SET_UID | WIRE_SET_GID, 0, 0), 0);
	cr_assert_str_eq(written("dir/", "uid"), "12");
	cr_assert_str_eq(written("dir/", "gid"), "34");
	cr_assert_eq(look("s3/b/dir")->uid, 12);
	cr_assert_eq(reply.head.attr.mode, S_IFDIR | 01770);
	finish();
}

Test(fs_dirattr, the_next_daemon_asks_once)
{
	start("50");
	cr_assert_eq(set("s3/b/dir", WIRE_SET_MODE, 0700, 0), 0);
	restart();
	fake_requests();
	cr_assert_eq(look("s3/b/dir")->mode, S_IFDIR | 0700);
	cr_assert_str_eq(fake_requests(), "2 0 1 0", "is it a file, its names, its mark");
	usleep(TTL_US);
	cr_assert_eq(look("s3/b/dir")->mode, S_IFDIR | 0700);
	cr_assert_str_eq(fake_requests(), "1 0 1 0", "the mark is the same");
	finish();
}

Test(fs_dirattr, what_others_write_is_seen_and_kept)
{
	start("50");
	theirs("dir/", "16877"); /* 040755 */
	cr_assert_eq(look("s3/b/dir")->mode, S_IFDIR | 0755);
	theirs("dir/", "16832"); /* 040700 */
	usleep(TTL_US);
	cr_assert_eq(look("s3/b/dir")->mode, S_IFDIR | 0700);
	cr_assert_eq(set("s3/b/dir", WIRE_SET_MTIME, 0, LONG_AGO), 0);
	cr_assert_str_eq(written("dir/", "note"), "keep this");
	cr_assert_str_eq(written("dir/", "mode"), "16832");
	cr_assert_str_eq(written("dir/", "mtime"), "1500000000.123456789");
	finish();
}

Test(fs_dirattr, a_time_counts_until_something_is_newer)
{
	struct open_file f;

	start("50");
	cr_assert_eq(set("s3/b/dir", WIRE_SET_MTIME, 0, LONG_AGO), 0);
	cr_assert_eq(look("s3/b/dir")->mtime_ns, LONG_AGO);
	cr_assert_eq(set("s3/b/dir", WIRE_SET_MODE, 0711, 0), 0);
	cr_assert_eq(look("s3/b/dir")->mtime_ns, LONG_AGO, "a mode is no time");
	restart();
	cr_assert_eq(look("s3/b/dir")->mtime_ns, LONG_AGO);
	cr_assert_eq(open_file("s3/b/dir/new", O_RDWR | O_CREAT, &f), 0);
	cr_assert_gt(look("s3/b/dir")->mtime_ns, LONG_AGO, "a name came");
	close_file(&f);
	sweep_until_clean();
	finish();
}

Test(fs_dirattr, the_group_is_handed_on)
{
	struct open_file f;

	start("60000");
	cr_assert_eq(op(WIRE_MKDIR, "s3/b/made", 0), 0);
	cr_assert_eq(set("s3/b/made", WIRE_SET_MODE | WIRE_SET_GID, 02770, 0), 0);
	cr_assert_eq(op(WIRE_MKDIR, "s3/b/made/sub", 0), 0);
	cr_assert_str_eq(written("made/sub/", "gid"), "34");
	cr_assert_str_eq(written("made/sub/", "mode"), "17824"); /* 042640 */
	cr_assert_eq(open_file("s3/b/made/sub/file", O_RDWR | O_CREAT, &f), 0);
	cr_assert_eq(look("s3/b/made/sub/file")->gid, 34);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	cr_assert_str_eq(written("made/sub/file", "gid"), "34");
	close_file(&f);
	finish();
}

Test(fs_dirattr, it_goes_with_the_directory)
{
	char text[] = "s3/b/made\0s3/b/moved";

	start("60000");
	cr_assert_eq(op(WIRE_MKDIR, "s3/b/made", 0), 0);
	cr_assert_eq(op(WIRE_MKDIR, "s3/b/made/sub", 0), 0);
	cr_assert_eq(set("s3/b/made/sub", WIRE_SET_MODE, 0500, 0), 0);
	request = (struct wire_request){.op = WIRE_RENAME};
	cr_assert_eq(ask(text, sizeof(text) - 1), 0);
	cr_assert_eq(look("s3/b/moved")->mode, S_IFDIR | 0640);
	cr_assert_eq(look("s3/b/moved/sub")->mode, S_IFDIR | 0500);
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/moved/sub", AT_REMOVEDIR), 0);
	fake_put("b", "moved/sub/x", 1); /* somebody else's, without a mark */
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/moved/sub", AT_REMOVEDIR), -ENOENT);
	restart();
	cr_assert_eq(look("s3/b/moved/sub")->mode, S_IFDIR | 0755);
	finish();
}

Test(fs_dirattr, a_refusal_is_told)
{
	start("60000");
	cr_assert_eq(op(WIRE_STAT, "s3/b/dir", 0), 0);
	fake.fail = -EACCES;
	cr_assert_eq(set("s3/b/dir", WIRE_SET_MODE, 0700, 0), -EACCES);
	fake.fail = 0;
	cr_assert_eq(look("s3/b/dir")->mode, S_IFDIR | 0755);
	cr_assert_eq(set("s3/b", WIRE_SET_MODE, 0700, 0), 0, "a bucket keeps none");
	cr_assert_eq(look("s3/b")->mode, S_IFDIR | 0755);
	finish();
}
