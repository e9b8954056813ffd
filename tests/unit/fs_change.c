/* SPDX-License-Identifier: Apache-2.0 */
/* Names and attributes as a runtime changes them: what it costs, what is left, every error. */
#include "tests/unit/writing_rig.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <linux/fs.h>

#include "core/pairs.h"
#include "fs/change.h"
#include "fs/metadata.h"
#include "fs/namelock.h"

/* Requests since the last time, as "put copy delete many head list". */
static const char *verbs(void)
{
	static char text[64];
	const unsigned long long *n = (const unsigned long long *)fake.counters.requests;

	snprintf(text, sizeof(text), "%llu %llu %llu %llu %llu %llu", n[STORE_PUT], n[STORE_COPY],
		 n[STORE_DELETE], n[STORE_DELETE_MANY], n[STORE_HEAD], n[STORE_LIST]);
	fake_requests();
	return text;
}

static int rename_as(const char *from, const char *to, unsigned flags)
{
	char text[256];
	int len = snprintf(text, sizeof(text), "%s%c%s", from, 0, to);

	request = (struct wire_request){.op = WIRE_RENAME, .flags = flags};
	return ask(text, (size_t)len);
}

static int set_attr(const char *path, unsigned what, uint32_t mode, int64_t mtime_ns)
{
	request = (struct wire_request){.op = WIRE_SETATTR,
					.flags = what,
					.mode = mode,
					.uid = 12,
					.gid = 34,
					.mtime_ns = mtime_ns};
	return ask(path, strlen(path));
}

static bool exists(const char *key)
{
	return fake_find("b", key);
}

Test(fs_change, unlink)
{
	start("60000");
	cr_assert_eq(op(WIRE_STAT, "s3/b/old", 0), 0);
	verbs();
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/old", 0), 0);
	cr_assert_str_eq(verbs(), "0 0 1 0 0 0");
	cr_assert(!exists("old"));
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/old", 0), -ENOENT);
	cr_assert_eq(op(WIRE_STAT, "s3/b/old", 0), -ENOENT);
	cr_assert_str_eq(verbs(), "0 0 0 0 0 0");
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/dir", 0), -EISDIR);
	cr_assert_eq(op(WIRE_UNLINK, "s3/b", 0), -EISDIR);
	cr_assert_eq(op(WIRE_UNLINK, "s3/none/x", 0), -ENOENT);
	cr_assert(exists("dir/x"));
	stop();
}

Test(fs_change, unlink_that_is_refused_leaves_it)
{
	struct open_file f;

	start("60000");
	fake.fail_delete = -EACCES;
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/old", 0), -EACCES);
	cr_assert_eq(op(WIRE_STAT, "s3/b/old", 0), 0);
	/* one that is written to goes on as well */
	cr_assert_eq(open_file("s3/b/old", O_RDWR, &f), 0);
	write_at(&f, "still", 5, 0);
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/old", 0), -EACCES);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	cr_assert_eq(memcmp(fake_find("b", "old")->content, "still", 5), 0);
	close_file(&f);
	stop();
}

Test(fs_change, unlinked_while_open_it_is_not_stored)
{
	struct open_file f;
	char text[4] = "";

	start("60000");
	cr_assert_eq(open_file("s3/b/dir/new", O_RDWR | O_CREAT, &f), 0);
	write_at(&f, "gone", 4, 0);
	verbs();
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/dir/new", 0), 0);
	cr_assert_str_eq(verbs(), "0 0 0 0 0 0", "nothing of it is in the bucket");
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	cr_assert_eq(pread(f.fd, text, 4, 0), 4);
	cr_assert_eq(memcmp(text, "gone", 4), 0);
	close_file(&f);
	sweep_until_clean();
	cr_assert(!exists("dir/new"));
	cr_assert_eq(op(WIRE_STAT, "s3/b/dir/new", 0), -ENOENT);
	stop();
}

Test(fs_change, mkdir_and_rmdir)
{
	start("60000");
	verbs();
	cr_assert_eq(op(WIRE_MKDIR, "s3/b/made", 0), 0);
	cr_assert(exists("made/"));
	cr_assert_eq(fake_find("b", "made/")->size, 0);
	cr_assert_str_eq(pairs_get(&fake_find("b", "made/")->user, "mode"), "16800"); /* 040640 */
	cr_assert_eq(op(WIRE_STAT, "s3/b/made", 0), 0);
	cr_assert(S_ISDIR(reply.head.attr.mode));
	cr_assert_eq(op(WIRE_MKDIR, "s3/b/made", 0), -EEXIST);
	cr_assert_eq(op(WIRE_MKDIR, "s3/b/old", 0), -EEXIST);
	cr_assert_eq(op(WIRE_MKDIR, "s3/b/none/sub", 0), -ENOENT);
	cr_assert_eq(op(WIRE_MKDIR, "s3/b/old/sub", 0), -ENOTDIR);
	cr_assert_eq(op(WIRE_MKDIR, "s3/newbucket", 0), -EPERM);
	cr_assert_eq(fake.counters.requests[STORE_PUT], 1);
	verbs();
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/made", AT_REMOVEDIR), 0);
	cr_assert_str_eq(verbs(), "0 0 1 0 0 1", "one look for what it holds");
	cr_assert(!exists("made/"));
	cr_assert_eq(op(WIRE_STAT, "s3/b/made", 0), -ENOENT);
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/dir", AT_REMOVEDIR), -ENOTEMPTY);
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/old", AT_REMOVEDIR), -ENOTDIR);
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/none", AT_REMOVEDIR), -ENOENT);
	cr_assert_eq(op(WIRE_UNLINK, "s3/b", AT_REMOVEDIR), -EBUSY);
	cr_assert(exists("dir/x"));
	stop();
}

Test(fs_change, one_of_two_who_make_a_directory)
{
	start("60000");
	cr_assert_eq(op(WIRE_STAT, "s3/b/made", 0), -ENOENT);
	fake_put("b", "made/", 0);
	fake_put("b", "made/theirs", 1);
	verbs();
	cr_assert_eq(op(WIRE_MKDIR, "s3/b/made", 0), -EEXIST);
	cr_assert_str_eq(verbs(), "1 0 0 0 1 1", "one look for the parent");
	cr_assert_eq(op(WIRE_STAT, "s3/b/made", 0), 0);
	cr_assert(S_ISDIR(reply.head.attr.mode));
	cr_assert_eq(op(WIRE_OPEN, "s3/b/made/theirs", O_WRONLY | O_CREAT | O_EXCL), -EEXIST);
	/* its own, of which it did not hear */
	fake.lose = -ESTALE;
	fake.lose_once = true;
	cr_assert_eq(op(WIRE_MKDIR, "s3/b/mine", 0), 0);
	cr_assert(exists("mine/"));
	stop();
}

/* Another machine was faster: known here by having been made, or by a listing. */
Test(fs_change, rmdir_of_what_another_has_removed)
{
	start("60000");
	fake_put("b", "theirs/", 0);
	cr_assert_eq(op(WIRE_MKDIR, "s3/b/made", 0), 0);
	cr_assert_eq(op(WIRE_STAT, "s3/b/theirs", 0), 0);
	cr_assert_eq(fake_delete_key("b", "made/"), 0);
	cr_assert_eq(fake_delete_key("b", "theirs/"), 0);
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/made", AT_REMOVEDIR), -ENOENT);
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/theirs", AT_REMOVEDIR), -ENOENT);
	cr_assert_eq(op(WIRE_STAT, "s3/b/made", 0), -ENOENT);
	cr_assert_eq(op(WIRE_MKDIR, "s3/b/theirs", 0), 0);
	stop();
}

Test(fs_change, a_directory_with_something_unpublished_is_not_empty)
{
	struct open_file f;

	start("60000");
	cr_assert_eq(op(WIRE_MKDIR, "s3/b/made", 0), 0);
	cr_assert_eq(open_file("s3/b/made/f", O_WRONLY | O_CREAT, &f), 0);
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/made", AT_REMOVEDIR), -ENOTEMPTY);
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/made/f", 0), 0);
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/made", AT_REMOVEDIR), 0);
	close_file(&f);
	stop();
}

Test(fs_change, a_directory_stays_when_its_last_file_goes)
{
	start("60000");
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/dir/x", 0), 0);
	cr_assert_eq(op(WIRE_STAT, "s3/b/dir", 0), 0);
	cr_assert(S_ISDIR(reply.head.attr.mode));
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/dir", AT_REMOVEDIR), 0);
	cr_assert_eq(op(WIRE_STAT, "s3/b/dir", 0), -ENOENT);
	stop();
}

Test(fs_change, rename_is_a_copy_and_a_delete)
{
	start("60000");
	cr_assert_eq(op(WIRE_STAT, "s3/b/old", 0), 0);
	verbs();
	cr_assert_eq(rename_as("s3/b/old", "s3/b/dir/named", 0), 0);
	cr_assert_eq(fake.counters.requests[STORE_COPY], 1);
	cr_assert_eq(fake.counters.requests[STORE_DELETE], 1);
	cr_assert_eq(fake.counters.requests[STORE_PUT], 0);
	cr_assert(!exists("old"));
	cr_assert_eq(fake_find("b", "dir/named")->size, 200000);
	cr_assert_eq(op(WIRE_STAT, "s3/b/old", 0), -ENOENT);
	cr_assert_eq(size_of("s3/b/dir/named"), 200000);
	stop();
}

Test(fs_change, rename_errors)
{
	start("60000");
	cr_assert_eq(op(WIRE_MKDIR, "s3/b/made", 0), 0);
	verbs();
	cr_assert_eq(rename_as("s3/b/none", "s3/b/x", 0), -ENOENT);
	cr_assert_eq(rename_as("s3/b/old", "s3/b/none/x", 0), -ENOENT);
	cr_assert_eq(rename_as("s3/b/old", "s3/b/dir/x", RENAME_NOREPLACE), -EEXIST);
	cr_assert_eq(rename_as("s3/b/old", "s3/b/dir", 0), -EISDIR);
	cr_assert_eq(rename_as("s3/b/dir", "s3/b/old", 0), -ENOTDIR);
	cr_assert_eq(rename_as("s3/b/made", "s3/b/dir", 0), -ENOTEMPTY);
	cr_assert_eq(rename_as("s3/b/dir", "s3/b/dir/below", 0), -EINVAL);
	cr_assert_eq(rename_as("s3/b/old", "s3/b/dir/x", RENAME_WHITEOUT), -EINVAL);
	cr_assert_eq(rename_as("s3/b", "s3/c", 0), -EBUSY);
	cr_assert_eq(rename_as("s3/b/old", "s3/b/old", 0), 0);
	cr_assert_eq(fake.counters.requests[STORE_COPY], 0);
	cr_assert_eq(fake.counters.requests[STORE_DELETE], 0);
	cr_assert(exists("old") && exists("dir/x"));
	stop();
}

Test(fs_change, a_copy_that_fails_removes_nothing)
{
	start("60000");
	fake.fail_copy = -EACCES;
	cr_assert_eq(rename_as("s3/b/old", "s3/b/dir/named", 0), -EACCES);
	cr_assert_eq(rename_as("s3/b/dir", "s3/b/other", 0), -EACCES);
	cr_assert(exists("old") && exists("dir/x"));
	fake.fail_copy = 0;
	fake.fail_delete = -EACCES;
	cr_assert_eq(rename_as("s3/b/old", "s3/b/dir/named", 0), -EACCES);
	cr_assert(exists("old"));
	cr_assert_eq(size_of("s3/b/old"), 200000);
	stop();
}

Test(fs_change, a_folder_half_copied_is_as_before)
{
	char key[32];

	start("60000");
	for (int i = 0; i < 40; i++) {
		snprintf(key, sizeof(key), "tree/%02d", i);
		fake_put("b", key, 10);
	}
	fake.fail_copy = -EACCES;
	fake.copies_first = 20;
	cr_assert_eq(rename_as("s3/b/tree", "s3/b/other", 0), -EACCES);
	for (int i = 0; i < 40; i++) {
		snprintf(key, sizeof(key), "tree/%02d", i);
		cr_assert(exists(key));
		snprintf(key, sizeof(key), "other/%02d", i);
		cr_assert_not(exists(key), "%s is left", key);
	}
	fake.fail_copy = 0;
	cr_assert_eq(rename_as("s3/b/tree", "s3/b/other", 0), 0);
	cr_assert(exists("other/00") && exists("other/39") && !exists("tree/00"));
	stop();
}

/* Whoever has a file open below goes on writing to it. */
Test(fs_change, a_file_below_a_folder_that_moves)
{
	struct open_file f;

	start("60000");
	cr_assert_eq(open_file("s3/b/dir/new", O_RDWR | O_CREAT, &f), 0);
	write_at(&f, "one", 3, 0);
	cr_assert_eq(rename_as("s3/b/dir", "s3/b/moved", 0), 0);
	in_bucket("moved/new", "one");
	write_at(&f, "two", 3, 3);
	cr_assert_eq(size_of("s3/b/moved/new"), 6);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	in_bucket("moved/new", "onetwo");
	cr_assert_not(exists("dir/new"));
	close_file(&f);
	stop();
}

Test(fs_change, rename_of_what_is_only_here_asks_nothing)
{
	struct open_file f;

	start("60000");
	cr_assert_eq(open_file("s3/b/dir/tmp", O_WRONLY | O_CREAT, &f), 0);
	write_at(&f, "text", 4, 0);
	cr_assert_eq(op(WIRE_STAT, "s3/b/old", 0), 0);
	verbs();
	cr_assert_eq(rename_as("s3/b/dir/tmp", "s3/b/old", 0), 0);
	cr_assert_str_eq(verbs(), "0 0 0 0 0 0");
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	cr_assert_str_eq(verbs(), "1 0 0 0 0 0");
	in_bucket("old", "text");
	cr_assert(!exists("dir/tmp"));
	close_file(&f);
	stop();
}

Test(fs_change, rename_of_a_directory)
{
	struct open_file f;

	start("60000");
	fake_put("b", "dir/sub/y", 11);
	cr_assert_eq(open_file("s3/b/dir/z", O_WRONLY | O_CREAT, &f), 0);
	write_at(&f, "fresh", 5, 0);
	cr_assert_eq(rename_as("s3/b/dir", "s3/b/moved", 0), 0);
	close_file(&f);
	cr_assert(!exists("dir/x") && !exists("dir/sub/y") && !exists("dir/z"));
	cr_assert_eq(fake_find("b", "moved/x")->size, 10);
	cr_assert_eq(fake_find("b", "moved/sub/y")->size, 11);
	in_bucket("moved/z", "fresh");
	cr_assert_eq(op(WIRE_STAT, "s3/b/dir", 0), -ENOENT);
	cr_assert_eq(op(WIRE_STAT, "s3/b/dir/sub", 0), -ENOENT, "it is remembered as emptied");
	cr_assert_eq(size_of("s3/b/moved/sub/y"), 11);
	stop();
}

/* What cannot be asked of the disk is told without a line, not with what was in memory. */
Test(fs_change, a_size_that_no_file_has)
{
	struct open_file f;

	start("60000");
	cr_assert_eq(open_file("s3/b/dir/new", O_RDWR | O_CREAT, &f), 0);
	cr_assert_eq(by_fd(WIRE_TRUNCATE, f.fd, 0, UINT64_C(1) << 63), -EFBIG);
	cr_assert_str_eq(reply.line, "");
	close_file(&f);
	stop();
}

Test(fs_change, attributes_are_a_copy_onto_itself)
{
	start("60000");
	cr_assert_eq(op(WIRE_STAT, "s3/b/old", 0), 0);
	verbs();
	cr_assert_eq(set_attr("s3/b/old", WIRE_SET_MODE | WIRE_SET_UID | WIRE_SET_GID, 0755, 0), 0);
	cr_assert_str_eq(verbs(), "0 1 0 0 1 0");
	cr_assert_str_eq(pairs_get(&fake_find("b", "old")->user, "mode"), "33261"); /* 0100755 */
	cr_assert_str_eq(pairs_get(&fake_find("b", "old")->user, "uid"), "12");
	cr_assert_str_eq(pairs_get(&fake_find("b", "old")->user, "gid"), "34");
	cr_assert_eq(op(WIRE_STAT, "s3/b/old", 0), 0);
	cr_assert_eq(reply.head.attr.mode, S_IFREG | 0755);
	cr_assert_eq(reply.head.attr.uid, 12);
	/* said again, it costs nothing */
	cr_assert_eq(set_attr("s3/b/old", WIRE_SET_MODE, 0755, 0), 0);
	cr_assert_str_eq(verbs(), "0 0 0 0 0 0");
	cr_assert_eq(set_attr("s3/b/old", WIRE_SET_MTIME, 0, INT64_C(1000000000123456789)), 0);
	cr_assert_str_eq(pairs_get(&fake_find("b", "old")->user, "mtime"), "1000000000.123456789");
	cr_assert_str_eq(pairs_get(&fake_find("b", "old")->user, "mode"), "33261", "it stays");
	stop();
}

Test(fs_change, attributes_of_what_is_written_go_with_it)
{
	struct open_file f;

	start("60000");
	cr_assert_eq(open_file("s3/b/dir/new", O_WRONLY | O_CREAT, &f), 0);
	write_at(&f, "text", 4, 0);
	verbs();
	cr_assert_eq(set_attr("s3/b/dir/new", WIRE_SET_MODE, 0600, 0), 0);
	cr_assert_eq(set_attr("s3/b/dir/new", WIRE_SET_MTIME, 0, INT64_C(5000000000)), 0);
	cr_assert_str_eq(verbs(), "0 0 0 0 0 0");
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	cr_assert_str_eq(verbs(), "1 0 0 0 0 0");
	cr_assert_str_eq(pairs_get(&fake_find("b", "dir/new")->user, "mode"), "33152");
	cr_assert_str_eq(pairs_get(&fake_find("b", "dir/new")->user, "mtime"), "5.000000000");
	close_file(&f);
	stop();
}

Test(fs_change, attribute_errors)
{
	start("60000");
	cr_assert_eq(set_attr("s3/b/none", WIRE_SET_MODE, 0600, 0), -ENOENT);
	cr_assert_eq(set_attr("s3/b/dir", WIRE_SET_MODE, 0700, 0), 0, "nothing can be kept of it");
	fake.fail_copy = -EACCES;
	cr_assert_eq(set_attr("s3/b/old", WIRE_SET_MODE, 0600, 0), -EACCES);
	fake.fail_copy = 0;
	cr_assert_eq(op(WIRE_STAT, "s3/b/old", 0), 0);
	cr_assert_eq(reply.head.attr.mode, S_IFREG | 0644);
	stop();
}

/* What one job changes, another of the same user with other credentials sees at once. */
Test(fs_change, seen_with_other_credentials)
{
	static const char other_env[] = "AWS_PROFILE=two";
	uint8_t one[WIRE_CTX_BYTES], two[WIRE_CTX_BYTES];
	struct open_file f;

	start("60000");
	memcpy(one, ctx, sizeof(one));
	request = (struct wire_request){.op = WIRE_HELLO};
	cr_assert_eq(ask(other_env, sizeof(other_env)), 0);
	memcpy(two, reply.head.ctx, sizeof(two));
	memcpy(ctx, two, sizeof(ctx));
	cr_assert_eq(op(WIRE_STAT, "s3/b/dir/new", 0), -ENOENT);
	cr_assert_eq(op(WIRE_STAT, "s3/b/made", 0), -ENOENT);
	cr_assert_eq(op(WIRE_STAT, "s3/b/old", 0), 0);

	memcpy(ctx, one, sizeof(ctx));
	cr_assert_eq(open_file("s3/b/dir/new", O_WRONLY | O_CREAT, &f), 0);
	write_at(&f, "new", 3, 0);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	close_file(&f);
	cr_assert_eq(op(WIRE_MKDIR, "s3/b/made", 0), 0);
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/old", 0), 0);

	memcpy(ctx, two, sizeof(ctx));
	cr_assert_eq(size_of("s3/b/dir/new"), 3);
	cr_assert_eq(op(WIRE_STAT, "s3/b/made", 0), 0);
	cr_assert_eq(op(WIRE_STAT, "s3/b/old", 0), -ENOENT);
	stop();
}

/* What the open file is called now; "gone" in front when that leads nowhere. */
static const char *name_of(const struct open_file *f)
{
	static char text[300];

	cr_assert_eq(by_fd(WIRE_NAME, f->fd, 0, 0), 0);
	snprintf(text, sizeof(text), "%s%s", reply.head.attr.nlink ? "" : "gone ", reply.text);
	return text;
}

Test(fs_change, an_open_file_has_the_name_that_it_was_given)
{
	struct open_file f, reader;

	start("60000");
	cr_assert_eq(open_file("s3/b/dir/new", O_RDWR | O_CREAT, &f), 0);
	cr_assert_eq(open_file("s3/b/old", O_RDONLY, &reader), 0);
	cr_assert_str_eq(name_of(&f), "s3/b/dir/new");
	cr_assert_eq(rename_as("s3/b/dir/new", "s3/b/dir/a%~0/b", 0), -ENOENT);
	cr_assert_eq(rename_as("s3/b/dir/new", "s3/b/dir/%~~odd", 0), 0);
	cr_assert_eq(rename_as("s3/b/old", "s3/b/older", 0), 0);
	cr_assert_str_eq(name_of(&f), "s3/b/dir/%~~odd");
	cr_assert_str_eq(name_of(&reader), "s3/b/older");
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/dir/%~~odd", 0), 0);
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/older", 0), 0);
	cr_assert_str_eq(name_of(&f), "gone s3/b/dir/%~~odd");
	cr_assert_str_eq(name_of(&reader), "gone s3/b/older");
	cr_assert_eq(by_fd(WIRE_NAME, 0, 0, 0), -ENOENT, "a file of nobody's");
	close_file(&f);
	close_file(&reader);
	stop();
}

/* What the service has answered is not asked for once more with what it could not be asked. */
Test(fs_change, a_renamed_directorys_objects_are_deleted_once)
{
	char key[32];

	start("60000");
	for (unsigned i = 0; i < 20; i++) {
		snprintf(key, sizeof(key), "many/%u", i);
		fake_put("b", key, 1);
	}
	fake.cannot_name = 3;
	cr_assert_eq(rename_as("s3/b/many", "s3/b/other", 0), 0);
	cr_assert(!exists("many/0") && !exists("many/19"));
	cr_assert(exists("other/0") && exists("other/19"));
	cr_assert_gt(fake.counters.requests[STORE_DELETE_MANY], 0);
	cr_assert_eq(fake.deleted_in_vain, 0);
	stop();
}

/* What is waited for on the disk, and what had been copied and deleted by then. */
static struct {
	unsigned files, dirs;
	bool copied, deleted, over;
} disk;

int fdatasync(int fd)
{
	disk.files++;
	disk.copied = exists("other/0") && exists("other/19");
	disk.deleted = !exists("many/0");
	return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
	disk.dirs++;
	disk.over = !exists("many/0") && !exists("many/19");
	return (int)syscall(SYS_fsync, fd);
}

/* After a power cut too, what is gone must be known to have gone by the rename; and a rename that
 * is over must stay so. That costs two waits for the disk, however many files there are. */
Test(fs_change, a_directorys_rename_is_on_disk)
{
	char key[32];

	start("60000");
	for (unsigned i = 0; i < 20; i++) {
		snprintf(key, sizeof(key), "many/%u", i);
		fake_put("b", key, 1);
	}
	cr_assert_eq(rename_as("s3/b/many", "s3/b/other", 0), 0);
	cr_assert(disk.files == 1 && disk.copied && !disk.deleted);
	cr_assert(disk.dirs == 1 && disk.over);
	stop();
}

/* Nothing is deleted of which the next daemon would not know that it was copied. */
Test(fs_change, a_rename_that_cannot_be_noted_is_taken_back)
{
	/* room for the cache's files about directories and for some copies' records, not for all */
	const struct rlimit little = {900, RLIM_INFINITY};
	const struct rlimit enough = {RLIM_INFINITY, RLIM_INFINITY};
	char key[128], longer[100] = "";
	int ret;

	start("60000");
	memset(longer, 'n', sizeof(longer) - 1);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(key, sizeof(key), "many/%s/%02u", longer, i);
		fake_put("b", key, 1);
	}
	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &little), 0);
	ret = rename_as("s3/b/many", "s3/b/other", 0);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &enough), 0);
	cr_assert_eq(fake.counters.requests[STORE_COPY], 20);
	cr_assert_eq(ret, -ENOSPC, "%d", ret);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(key, sizeof(key), "many/%s/%02u", longer, i);
		cr_assert(exists(key), "%u is gone", i);
		snprintf(key, sizeof(key), "other/%s/%02u", longer, i);
		cr_assert(!exists(key), "%u is there twice", i);
	}
	cr_assert_eq(rename_as("s3/b/many", "s3/b/other", 0), 0);
	cr_assert(exists(key));
	stop();
}

/* A rename that fails, and whose copies cannot be deleted yet. */
static void fail_to_undo(void)
{
	char key[32];

	for (unsigned i = 0; i < 8; i++) {
		snprintf(key, sizeof(key), "many/%u", i);
		fake_put("b", key, 10);
	}
	fake.fail_copy = -EACCES;
	fake.copies_first = 5;
	fake.fail_delete = -EACCES;
	cr_assert_eq(rename_as("s3/b/many", "s3/b/other", 0), -EACCES);
	cr_assert(exists("other/0") && exists("other/4") && !exists("other/5"));
	fake.fail_copy = fake.fail_delete = 0;
}

/* What somebody has stored under the new name since is not a copy, however many bytes it has. */
Test(fs_change, what_was_stored_since_is_not_taken_back)
{
	start("60000");
	fail_to_undo();
	fake_put("b", "other/3", 10);
	fake_put("b", "other/6", 10);
	fake_find("b", "other/6")->version = 77;
	halt();
	start("60000");
	for (int i = 0; i < 500 && movelog_any(); i++) {
		movedir_sweep();
		usleep(2000);
	}
	cr_assert_not(movelog_any());
	cr_assert(!exists("other/0") && !exists("other/2") && !exists("other/4"));
	cr_assert(exists("other/3"), "it was stored in place of a copy");
	cr_assert(exists("other/6"), "it was never a copy");
	cr_assert(exists("many/0") && exists("many/3") && exists("many/6"));
	stop();
}

/* The copy of what is not there any more is the last there is. */
Test(fs_change, the_last_copy_is_not_taken_back)
{
	start("60000");
	fail_to_undo();
	cr_assert_eq(fake_delete_key("b", "many/2"), 0);
	halt();
	start("60000");
	for (int i = 0; i < 500 && movelog_any(); i++) {
		movedir_sweep();
		usleep(2000);
	}
	cr_assert_not(movelog_any());
	cr_assert(!exists("other/1") && exists("other/2"));
	stop();
}

/* Stored between the copy and its being taken back, by the same daemon. */
static void store_meanwhile(void)
{
	if (fake.counters.requests[STORE_COPY] == 3) {
		fake_put("b", "other/1", 10);
		fake_find("b", "other/1")->version = 99;
	}
}

Test(fs_change, what_was_stored_meanwhile_is_not_taken_back)
{
	char key[32];

	start("60000");
	for (unsigned i = 0; i < 8; i++) {
		snprintf(key, sizeof(key), "many/%u", i);
		fake_put("b", key, 10);
	}
	fake_put("b", "many/6", 11);
	fake.fail_copy = -EACCES;
	fake.copies_first = 5;
	fake.after_copy = store_meanwhile;
	fake_requests();
	cr_assert_eq(rename_as("s3/b/many", "s3/b/other", 0), -EACCES);
	fake.after_copy = NULL;
	cr_assert(exists("other/1"), "it was stored in place of a copy");
	cr_assert(!exists("other/0") && !exists("other/4"));
	stop();
}

/* A copy that was made although its answer was an error goes as well. */
Test(fs_change, a_copy_whose_answer_was_lost_is_taken_back)
{
	start("60000");
	fake_put("b", "many/0", 10);
	fake_put("b", "many/1", 11);
	cr_assert_eq(pairs_add(&fake_find("b", "many/0")->user, METADATA_MARK, "00000000000000ab"),
		     0);
	cr_assert_eq(pairs_add(&fake_find("b", "many/1")->user, METADATA_MARK, "00000000000000ac"),
		     0);
	fake.copy_is_lost = true;
	cr_assert_eq(rename_as("s3/b/many", "s3/b/other", 0), -EIO);
	cr_assert_not(fake.copy_is_lost);
	cr_assert(exists("many/0") && exists("many/1"));
	cr_assert(!exists("other/0") && !exists("other/1"));
	cr_assert_not(movelog_any());
	stop();
}

static struct namelock held = {.object = {"s3/b/held"}, .count = 1};

static void *begins(void *log)
{
	cr_assert_eq(movelog_begin(ctx, "s3/b/dir/", "s3/b/full/", log), 0);
	return NULL;
}

/* Somebody goes on with a directory's rename, and it comes to nothing. */
static void *goes_on(void *log)
{
	namelock_take(&held); /* until the other waits for him, who leaves names then */
	namelock_drop(&held);
	movelog_end(log);
	return NULL;
}

Test(fs_change, a_rename_that_another_gave_up_is_begun_anew)
{
	static struct namelock mine = {.object = {"s3/b/held"}, .count = 1};
	struct lookup *from, *to;
	struct movelog *log;
	pthread_t thread;

	start("60000");
	fake_put("b", "full/y", 10);
	from = lookup_of(ctx, "s3/b/dir");
	to = lookup_of(ctx, "s3/b/full");
	namelock_take(&mine);
	cr_assert_eq(pthread_create(&thread, NULL, begins, &log), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_eq(pthread_create(&thread, NULL, goes_on, log), 0);
	cr_assert_eq(movedir(from, to), -EDEADLK, "with his names he may not");
	cr_assert_eq(pthread_join(thread, NULL), 0);
	namelock_drop(&mine);
	cr_assert_eq(movedir(from, to), -ENOTEMPTY);
	free(from);
	free(to);
	stop();
}

/* What others have stored stays, what they have removed does not, whatever the service calls it. */
Test(fs_change, of_many_what_was_replaced_stays)
{
	const char *const keys[] = {"many/kept", "many/goes", "many/went"};
	const char *etags[3];
	struct store_object was[3];
	bool stays[3];
	struct lookup *q;

	start("60000");
	q = lookup_of(ctx, "s3/b/many/goes");
	for (int i = 0; i < 3; i++) {
		fake_put("b", keys[i], 10);
		fake_describe(fake_find("b", keys[i]), &was[i]);
		etags[i] = was[i].etag;
	}
	fake_put("b", keys[0], 20);
	cr_assert_eq(fake_delete_key("b", keys[2]), 0);
	fake.missing_is_other = true;
	fake_requests();
	cr_assert_eq(change_delete_many(q, keys, etags, 3, stays), 0);
	cr_assert(stays[0] && !stays[1] && !stays[2]);
	cr_assert_not_null(fake_find("b", keys[0]));
	cr_assert_null(fake_find("b", keys[1]));
	cr_assert_str_eq(fake_requests(), "2 0 0 0");
	free(q);
	stop();
}
