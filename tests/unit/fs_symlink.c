/* SPDX-License-Identifier: Apache-2.0 */
/* Symbolic links as a runtime sees them: what they cost, where a path goes on, every error. */
#include "tests/unit/writing_rig.h"

#include "core/pairs.h"
#include "fs/untold.h"

static int symlink_as(const char *target, const char *path)
{
	static char text[2 * WIRE_PATH_MAX];
	size_t len = strlen(target), path_len = strlen(path);

	memcpy(text, target, len + 1);
	memcpy(text + len + 1, path, path_len);
	request = (struct wire_request){.op = WIRE_SYMLINK};
	return ask(text, len + 1 + path_len);
}

/* The path goes on so. */
static void goes_on(enum wire_op what, const char *path, unsigned flags, const char *text)
{
	int ret = op(what, path, flags);

	cr_assert_eq(ret, -WIRE_ELINK, "%s: %d", path, ret);
	cr_assert_str_eq(reply.text, text);
	cr_assert_eq(reply.head.text_len, strlen(text));
	cr_assert_eq(reply.head.attr.size, 0);
	cr_assert_eq(reply.head.fds, 0);
}

/* As another machine puts one, or a file. */
static void put_text(const char *key, const char *text, const char *mode)
{
	struct fake_object *o;

	fake_put("b", key, strlen(text));
	o = fake_find("b", key);
	o->content = strdup(text);
	if (mode)
		pairs_add(&o->user, "mode", mode);
}

Test(fs_symlink, made_as_s3fs_makes_one)
{
	struct fake_object *o;

	start("60000");
	untold_start(-1);
	cr_assert_eq(op(WIRE_STAT, "s3/b/dir", 0), 0);
	fake_requests();
	cr_assert_eq(symlink_as("x", "s3/b/dir/l"), 0);
	cr_assert_eq(fake.counters.requests[STORE_PUT], 1);
	in_bucket("dir/l", "x");
	o = fake_find("b", "dir/l");
	cr_assert_str_eq(pairs_get(&o->user, "mode"), "41471"); /* 0120777 */
	cr_assert_not_null(pairs_get(&o->user, "mtime"));
	fake_requests();
	cr_assert_eq(op(WIRE_STAT, "s3/b/dir/l", WIRE_NOFOLLOW), 0);
	cr_assert_eq(reply.head.attr.mode, S_IFLNK | 0777);
	cr_assert_eq(reply.head.attr.size, 1);
	cr_assert_eq(op(WIRE_READLINK, "s3/b/dir/l", 0), 0);
	cr_assert_str_eq(reply.text, "x");
	goes_on(WIRE_STAT, "s3/b/dir/l", 0, "s3/b/dir/x");
	goes_on(WIRE_OPEN, "s3/b/dir/l", O_RDONLY, "s3/b/dir/x");
	cr_assert_str_eq(fake_requests(), "0 0 0 0");
	untold_stop();
	stop();
}

Test(fs_symlink, errors)
{
	static char longest[WIRE_PATH_MAX + 1];

	start("60000");
	untold_start(-1);
	memset(longest, 'x', WIRE_PATH_MAX);
	cr_assert_eq(symlink_as("", "s3/b/l"), -ENOENT);
	cr_assert_eq(symlink_as(longest, "s3/b/l"), -ENAMETOOLONG);
	cr_assert_eq(symlink_as("x", "s3/b/old"), -EEXIST);
	cr_assert_eq(symlink_as("x", "s3/b/dir"), -EEXIST);
	cr_assert_eq(symlink_as("x", "s3/b/none/l"), -ENOENT);
	cr_assert_eq(symlink_as("x", "s3/b/old/l"), -ENOTDIR);
	cr_assert_eq(symlink_as("x", "s3/b"), -EEXIST);
	cr_assert_eq(op(WIRE_READLINK, "s3/b/old", 0), -EINVAL);
	cr_assert_eq(op(WIRE_READLINK, "s3/b/dir", 0), -EINVAL);
	cr_assert_eq(op(WIRE_READLINK, "s3/b", 0), -EINVAL);
	cr_assert_eq(op(WIRE_READLINK, "s3/b/none", 0), -ENOENT);
	request = (struct wire_request){.op = WIRE_SYMLINK};
	cr_assert_eq(ask("only one", 8), -EPROTO);
	cr_assert_eq(symlink_as("x", "s3/b/l"), 0);
	cr_assert_eq(symlink_as("y", "s3/b/l"), -EEXIST);
	cr_assert_eq(op(WIRE_MKDIR, "s3/b/l", 0), -EEXIST);
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/l", AT_REMOVEDIR), -ENOTDIR);
	cr_assert_eq(op(WIRE_OPEN, "s3/b/l", O_RDONLY | WIRE_NOFOLLOW), -ELOOP);
	cr_assert_eq(op(WIRE_OPEN, "s3/b/l", O_RDONLY | O_DIRECTORY | WIRE_NOFOLLOW), -ENOTDIR);
	cr_assert_eq(op(WIRE_OPEN, "s3/b/l", O_WRONLY | O_CREAT | O_EXCL), -EEXIST);
	cr_assert_eq(op(WIRE_OPEN, "s3/b/l", O_WRONLY | O_TRUNC | O_CREAT | WIRE_NOFOLLOW), -ELOOP);
	goes_on(WIRE_OPEN, "s3/b/l", O_WRONLY | O_TRUNC | O_CREAT, "s3/b/x");
	goes_on(WIRE_OPEN, "s3/b/l", O_WRONLY, "s3/b/x");
	request = (struct wire_request){
		.op = WIRE_SETATTR, .flags = WIRE_SET_MODE | WIRE_NOFOLLOW, .mode = 0600};
	cr_assert_eq(ask("s3/b/l", 6), -EOPNOTSUPP);
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/l", 0), 0);
	cr_assert_eq(op(WIRE_STAT, "s3/b/l", WIRE_NOFOLLOW), -ENOENT);
	cr_assert(!untold_is_link("s3/b/l"));
	untold_stop();
	stop();
}

Test(fs_symlink, where_a_path_goes_on)
{
	start("60000");
	untold_start(-1);
	cr_assert_eq(symlink_as("../dir", "s3/b/dir/up"), 0);
	cr_assert_eq(symlink_as("/etc/x", "s3/b/abs"), 0);
	cr_assert_eq(symlink_as("dir/", "s3/b/slash"), 0);
	goes_on(WIRE_STAT, "s3/b/dir/up", 0, "s3/b/dir/../dir");
	goes_on(WIRE_STAT, "s3/b/dir/up/x", WIRE_NOFOLLOW, "s3/b/dir/../dir/x");
	goes_on(WIRE_STAT, "s3/b/dir/up", WIRE_MUST_BE_DIR, "s3/b/dir/../dir");
	goes_on(WIRE_UNLINK, "s3/b/dir/up/x", 0, "s3/b/dir/../dir/x");
	goes_on(WIRE_MKDIR, "s3/b/abs/y/z", 0, "/etc/x/y/z");
	goes_on(WIRE_OPEN, "s3/b/abs", O_DIRECTORY, "/etc/x");
	goes_on(WIRE_OPEN, "s3/b/slash/new", O_WRONLY | O_CREAT, "s3/b/dir//new");
	goes_on(WIRE_READLINK, "s3/b/slash/l", 0, "s3/b/dir//l");
	/* the second of two */
	request = (struct wire_request){.op = WIRE_RENAME};
	cr_assert_eq(ask("s3/b/old\0s3/b/abs/new", 21), -WIRE_ELINK);
	cr_assert_str_eq(reply.text, "/etc/x/new");
	cr_assert_eq(reply.head.attr.size, 1);
	cr_assert_eq(symlink_as("x", "s3/b/abs/l"), -WIRE_ELINK);
	cr_assert_eq(reply.head.attr.size, 0);
	untold_stop();
	stop();
}

Test(fs_symlink, of_others_is_found_when_it_is_in_the_way)
{
	start("60000");
	untold_start(-1);
	put_text("l", "dir", "41471");
	put_text("file", "dir", "33188");
	fake_requests();
	/* GET, LIST below it, LIST of its name, GET of its target */
	goes_on(WIRE_OPEN, "s3/b/l/x", O_RDONLY, "s3/b/dir/x");
	cr_assert_str_eq(fake_requests(), "0 2 2 0"); /* HEAD GET LIST */
	goes_on(WIRE_OPEN, "s3/b/l/y", O_RDONLY, "s3/b/dir/y");
	goes_on(WIRE_STAT, "s3/b/l/x", 0, "s3/b/dir/x");
	cr_assert_eq(op(WIRE_STAT, "s3/b/l", WIRE_NOFOLLOW), 0);
	cr_assert_eq(reply.head.attr.mode, S_IFLNK | 0777);
	cr_assert_str_eq(fake_requests(), "0 0 0 0");
	cr_assert_eq(op(WIRE_STAT, "s3/b/file/x", 0), -ENOTDIR);
	cr_assert_eq(op(WIRE_STAT, "s3/b/old/x", 0), -ENOTDIR);
	untold_stop();
	stop();
}

Test(fs_symlink, a_miss_where_the_directory_is_known_costs_nothing_more)
{
	start("0");
	untold_start(-1);
	fake_requests();
	cr_assert_eq(op(WIRE_STAT, "s3/b/dir/none", 0), -ENOENT);
	cr_assert_str_eq(fake_requests(), "1 0 2 0"); /* HEAD, LIST, and a LIST for dir */
	cr_assert_eq(op(WIRE_STAT, "s3/b/dir/none2", 0), -ENOENT);
	cr_assert_str_eq(fake_requests(), "1 0 1 0");
	cr_assert_eq(op(WIRE_STAT, "s3/b/none", 0), -ENOENT);
	cr_assert_str_eq(fake_requests(), "1 0 1 0");
	untold_stop();
	stop();
}

Test(fs_symlink, one_that_was_replaced_is_looked_at_again)
{
	start("0");
	untold_start(-1);
	cr_assert_eq(symlink_as("dir", "s3/b/l"), 0);
	goes_on(WIRE_STAT, "s3/b/l/x", 0, "s3/b/dir/x");
	fake_delete_key("b", "l");
	fake_put("b", "l/x", 77);
	cr_assert_eq(op(WIRE_STAT, "s3/b/l/x", 0), 0);
	cr_assert_eq(reply.head.attr.size, 77);
	cr_assert(!untold_is_link("s3/b/l"));
	untold_stop();
	stop();
}

Test(fs_symlink, a_hostile_one_is_a_file)
{
	start("60000");
	untold_start(-1);
	put_text("empty", "", "41471");
	fake_put("b", "huge", 100000);
	pairs_add(&fake_find("b", "huge")->user, "mode", "41471");
	cr_assert_eq(op(WIRE_STAT, "s3/b/empty", 0), 0);
	cr_assert(S_ISREG(reply.head.attr.mode));
	cr_assert_eq(op(WIRE_STAT, "s3/b/huge", 0), 0);
	cr_assert(S_ISREG(reply.head.attr.mode));
	cr_assert_eq(op(WIRE_READLINK, "s3/b/huge", 0), -EINVAL);
	untold_stop();
	stop();
}

/* On the store's thread: somebody else puts a file in its place when it was looked at. */
static void replace(void)
{
	struct fake_object *o = fake_find("b", "dir/l");

	pairs_free(&o->user);
	o->version++;
	fake.after_head = NULL;
}

/* It is looked at again, as the kernel does. */
Test(fs_symlink, replaced_before_it_is_followed)
{
	start("0");
	untold_start(-1);
	put_text("dir/l", "x", "41471");
	fake.after_head = replace;
	cr_assert_eq(op(WIRE_STAT, "s3/b/dir/l", 0), 0);
	cr_assert_eq(reply.head.attr.mode & S_IFMT, S_IFREG);
	cr_assert_eq(reply.head.attr.size, 1);
	cr_assert_null(fake.after_head);
	untold_stop();
	stop();
}
