/* SPDX-License-Identifier: Apache-2.0 */
/* Writing as the daemon sees it, over a store in memory: requests as a runtime makes them. */
#include "tests/unit/writing_rig.h"

Test(fs_writing, new_file_costs_one_put)
{
	struct open_file f;

	start("60000");
	cr_assert_eq(open_file("s3/b/dir/new", O_WRONLY | O_CREAT | O_TRUNC, &f), 0);
	cost("0 0 0 0", 0);
	write_at(&f, "hello", 5, 0);
	cr_assert_eq(size_of("s3/b/dir/new"), 5);
	cr_assert_eq(reply.head.attr.mode, S_IFREG | 0640);
	cr_assert(draft_is_dirty(f.notes));
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	cr_assert(!draft_is_dirty(f.notes));
	in_bucket("dir/new", "hello");
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	close_file(&f);
	cr_assert_eq(size_of("s3/b/dir/new"), 5);
	cr_assert_eq(reply.head.attr.mode, S_IFREG | 0640);
	cost("0 0 0 0", 1);
	stop();
}

Test(fs_writing, made_where_a_directory_is_not)
{
	struct open_file f;

	start("60000");
	cr_assert_eq(open_file("s3/b/none/new", O_WRONLY | O_CREAT, &f), -ENOENT);
	cr_assert_eq(open_file("s3/b/old/new", O_WRONLY | O_CREAT, &f), -ENOTDIR);
	cr_assert_eq(open_file("s3/b/none", O_WRONLY, &f), -ENOENT);
	cr_assert_eq(open_file("s3/b/dir", O_WRONLY, &f), -EISDIR);
	cr_assert_eq(open_file("s3/b/dir", O_WRONLY | O_CREAT | O_EXCL, &f), -EEXIST);
	cr_assert_eq(open_file("s3/b/old", O_WRONLY | O_CREAT | O_EXCL, &f), -EEXIST);
	cr_assert_eq(open_file("s3/b", O_WRONLY, &f), -EISDIR);
	cr_assert_eq(open_file("new", O_WRONLY | O_CREAT, &f), -EROFS);
	cr_assert_eq(fake.counters.requests[STORE_PUT], 0);
	stop();
}

/* cp(1) opens the target as a directory first. */
Test(fs_writing, what_is_being_written_is_no_directory)
{
	struct open_file f;

	start("60000");
	cr_assert_eq(open_file("s3/b/dir/new", O_WRONLY | O_CREAT, &f), 0);
	fake_requests();
	cr_assert_eq(op(WIRE_OPEN, "s3/b/dir/new", O_RDONLY | O_DIRECTORY), -ENOTDIR);
	cr_assert_eq(op(WIRE_OPEN, "s3/b/dir/new", O_PATH | O_DIRECTORY), -ENOTDIR);
	cost("0 0 0 0", 0);
	cr_assert_eq(op(WIRE_OPEN, "s3/b/dir/none", O_RDONLY | O_DIRECTORY), -ENOENT);
	write_at(&f, "x", 1, 0);
	cr_assert_eq(op(WIRE_OPEN, "s3/b/dir/new", O_RDONLY | O_DIRECTORY), -ENOTDIR);
	close_file(&f);
	stop();
}

Test(fs_writing, one_name_one_draft)
{
	struct open_file f, g;

	start("60000");
	cr_assert_eq(open_file("s3/b/dir/new", O_WRONLY | O_CREAT | O_EXCL, &f), 0);
	cr_assert_eq(open_file("s3/b/dir/new", O_WRONLY | O_CREAT | O_EXCL, &g), -EEXIST);
	cr_assert_eq(open_file("s3/b/dir/new", O_RDWR | O_CREAT, &g), 0);
	write_at(&g, "both", 4, 0);
	cr_assert_eq(size_of("s3/b/dir/new"), 4);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	cr_assert(!draft_is_dirty(g.notes));
	in_bucket("dir/new", "both");
	close_file(&f);
	close_file(&g);
	stop();
}

static int make_in(const char *path, const char *text)
{
	struct open_file f;
	int ret = open_file(path, O_WRONLY | O_CREAT | O_EXCL, &f);

	if (ret)
		return ret;
	write_at(&f, text, strlen(text), 0);
	ret = by_fd(WIRE_FLUSH, f.fd, 0, 0);
	close_file(&f);
	return ret;
}

Test(fs_writing, a_directory_made_here_is_not_looked_at_again)
{
	start("100"); /* believed for 3 s */
	cr_assert_eq(op(WIRE_MKDIR, "s3/b/made", 0), 0);
	fake_requests();
	for (int i = 0; i < 3; i++) {
		char path[32];

		snprintf(path, sizeof(path), "s3/b/made/%d", i);
		usleep(120000);
		cr_assert_eq(make_in(path, "ours"), 0);
		cost("0 0 0 0", 1);
		fake_requests();
		cr_assert_eq(make_in(path, "again"), -EEXIST);
	}
	fake_requests();
	/* who only asks is told the truth */
	fake_put("b", "made/theirs", 1);
	usleep(120000);
	cr_assert_eq(op(WIRE_STAT, "s3/b/made/theirs", 0), 0);
	cr_assert_eq(make_in("s3/b/made/theirs", "ours"), -EEXIST);
	/* and who writes, when it is uploaded; from then on, before */
	fake_put("b", "made/theirs2", 1);
	fake_put("b", "made/theirs3", 1);
	cr_assert_eq(make_in("s3/b/made/theirs2", "ours"), -ESTALE);
	cr_assert_eq(fake_find("b", "made/theirs2")->size, 1);
	usleep(120000);
	cr_assert_eq(make_in("s3/b/made/theirs3", "ours"), -EEXIST);
	stop();
}

Test(fs_writing, what_moved_into_a_directory_is_there)
{
	static const char names[] = "s3/b/full\0s3/b/made";

	start("60000");
	fake_put("b", "full/x", 10);
	cr_assert_eq(op(WIRE_MKDIR, "s3/b/made", 0), 0);
	request = (struct wire_request){.op = WIRE_RENAME};
	cr_assert_eq(ask(names, sizeof(names) - 1), 0);
	cr_assert_eq(make_in("s3/b/made/x", "ours"), -EEXIST);
	cr_assert_eq(fake_find("b", "made/x")->size, 10);
	stop();
}

Test(fs_writing, in_the_middle)
{
	struct open_file f, r;
	struct fake_object *o;
	char byte;

	start("60000");
	cr_assert_eq(open_file("s3/b/old", O_RDONLY, &r), 0);
	cr_assert_eq(open_file("s3/b/old", O_RDWR, &f), 0);
	write_at(&f, "XY", 2, 100000);
	/* a reader who came before sees it */
	cr_assert_eq(pread(r.fd, &byte, 1, 100001), 1);
	cr_assert_eq(byte, 'Y');
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	o = fake_find("b", "old");
	cr_assert_eq(o->size, 200000);
	for (unsigned i = 0; i < 200000; i++)
		cr_assert_eq(o->content[i], i == 100000	  ? 'X'
					    : i == 100001 ? 'Y'
							  : fake_byte(1, i));
	close_file(&f);
	close_file(&r);
	stop();
}

Test(fs_writing, truncated)
{
	struct open_file f;
	struct fake_object *o;
	struct stat st;

	start("60000");
	cr_assert_eq(open_file("s3/b/old", O_RDWR, &f), 0);
	cr_assert_eq(by_fd(WIRE_TRUNCATE, f.fd, 0, 70000), 0);
	cr_assert_eq(by_fd(WIRE_TRUNCATE, f.fd, 0, 150000), 0);
	fstat(f.fd, &st);
	cr_assert_eq(st.st_size, 150000);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	o = fake_find("b", "old");
	cr_assert_eq(o->size, 150000);
	for (unsigned i = 0; i < 150000; i++)
		cr_assert_eq(o->content[i], i < 70000 ? fake_byte(1, i) : 0);
	/* everything goes, without a byte having been fetched */
	fake_requests();
	close_file(&f);
	cr_assert_eq(open_file("s3/b/old", O_WRONLY | O_TRUNC | O_CREAT, &f), 0);
	write_at(&f, "end", 3, 0);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	in_bucket("old", "end");
	cr_assert_eq(fake.counters.requests[STORE_GET], 0);
	close_file(&f);
	stop();
}

Test(fs_writing, another_writer_came_first)
{
	struct open_file f;

	start("60000");
	cr_assert_eq(open_file("s3/b/old", O_RDWR, &f), 0);
	write_at(&f, "mine", 4, 0);
	fake_put("b", "old", 7); /* another machine */
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), -ESTALE);
	cr_assert(draft_is_dirty(f.notes));
	cr_assert_eq(fake_find("b", "old")->size, 7);
	close_file(&f);
	/* both are kept: the other under its name, ours on disk */
	sweep_until_clean();
	meta_forget(ctx, "s3/b/old");
	cr_assert_eq(size_of("s3/b/old"), 7);
	stop();
}

static struct open_file *under_way;

static void write_meanwhile(void)
{
	if (!under_way)
		return;
	draft_begin(under_way->notes, 0, 5);
	cr_assert_eq(pwrite(under_way->fd, "later", 5, 0), 5);
	draft_end(under_way->notes);
	under_way = NULL;
}

Test(fs_writing, a_write_during_the_upload_is_not_lost)
{
	struct open_file f;

	start("60000");
	fake.while_writing = write_meanwhile;
	cr_assert_eq(open_file("s3/b/dir/new", O_WRONLY | O_CREAT, &f), 0);
	write_at(&f, "first", 5, 0);
	under_way = &f;
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	in_bucket("dir/new", "first");
	cr_assert(draft_is_dirty(f.notes));
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	in_bucket("dir/new", "later");
	cr_assert(!draft_is_dirty(f.notes));
	close_file(&f);
	stop();
}

Test(fs_writing, a_killed_program_is_published)
{
	struct open_file f;

	start("60000");
	cr_assert_eq(open_file("s3/b/dir/new", O_WRONLY | O_CREAT, &f), 0);
	draft_begin(f.notes, 0, 4); /* and no end: killed in the middle of a write */
	cr_assert_eq(pwrite(f.fd, "kept", 4, 0), 4);
	publish_sweep();
	cr_assert_null(fake_find("b", "dir/new"));
	close_file(&f);
	sweep_until_clean();
	in_bucket("dir/new", "kept");
	/* and it is an ordinary cached file now */
	publish_sweep();
	fake_requests();
	cr_assert_eq(open_file("s3/b/dir/new", O_RDONLY, &f), 0);
	cr_assert_eq(by_fd(WIRE_ENSURE, f.fd, 0, 4), 0);
	cost("0 0 0 0", 0);
	close_file(&f);
	stop();
}

/* Each of them is made into an ordinary file, which takes its time, and nobody else gets at the
 * cache meanwhile: so it is done by portions. */
Test(fs_writing, many_clean_drafts_go_by_portions)
{
	struct cache_file *none[1];
	struct draft_stats stats;
	struct open_file f;
	char path[32];
	bool more;

	start("60000");
	for (int i = 0; i < 2 * DRAFT_RETIRE_MAX + 2; i++) {
		snprintf(path, sizeof(path), "s3/b/dir/new%d", i);
		cr_assert_eq(open_file(path, O_WRONLY | O_CREAT, &f), 0);
		cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
		close_file(&f);
	}
	cr_assert_eq(draft_sweep(none, 1, &more), 0);
	cr_assert(more);
	draft_stats(&stats);
	cr_assert_eq(stats.drafts, DRAFT_RETIRE_MAX + 2);
	publish_sweep();
	draft_stats(&stats);
	cr_assert_eq(stats.drafts, 0);
	cr_assert_eq(draft_sweep(none, 1, &more), 0);
	cr_assert_not(more);
	stop();
}

Test(fs_writing, the_next_daemon_goes_on)
{
	struct open_file f;

	start("60000");
	cr_assert_eq(open_file("s3/b/dir/new", O_WRONLY | O_CREAT, &f), 0);
	write_at(&f, "one", 3, 0);
	halt();
	start("60000");
	/* the program goes on meanwhile */
	draft_begin(f.notes, 3, 3);
	cr_assert_eq(pwrite(f.fd, "two", 3, 3), 3);
	draft_end(f.notes);
	cr_assert_eq(size_of("s3/b/dir/new"), 6);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	in_bucket("dir/new", "onetwo");
	close_file(&f);
	stop();
}

Test(fs_writing, a_failed_flush_keeps_everything)
{
	struct open_file f;

	start("60000");
	cr_assert_eq(open_file("s3/b/dir/new", O_WRONLY | O_CREAT, &f), 0);
	write_at(&f, "kept", 4, 0);
	fake.fail = -EACCES;
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), -EACCES);
	cr_assert(draft_is_dirty(f.notes));
	fake.fail = 0;
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	in_bucket("dir/new", "kept");
	close_file(&f);
	stop();
}

/* What is made without asking for the directory that it is in: that is refused where it has just
 * been listed that there is none, and there as soon as something is in it. */
Test(fs_writing, a_directory_is_there_with_what_is_written_in_it)
{
	const unsigned flags = O_WRONLY | O_CREAT | O_TRUNC;
	struct open_file f, g;

	start("60000");
	cr_assert_eq(open_file("s3/b/made/deep/er/f", flags, &f), 0);
	cr_assert_eq(op(WIRE_OPEN, "s3/b", O_RDONLY | O_DIRECTORY), 0);
	cr_assert_eq(open_file("s3/b/none/f", flags, &g), -ENOENT);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(op(WIRE_STAT, "s3/b/made", 0), 0);
		cr_assert(S_ISDIR(reply.head.attr.mode));
		cr_assert_eq(op(WIRE_STAT, "s3/b/made/deep", i ? WIRE_MUST_BE_DIR : 0), 0);
		cr_assert(S_ISDIR(reply.head.attr.mode));
		cr_assert_eq(op(WIRE_OPEN, "s3/b/made", O_RDONLY | O_DIRECTORY), 0);
		cr_assert_eq(op(WIRE_OPEN, "s3/b/made/deep", O_RDONLY | O_DIRECTORY), 0);
		cr_assert_eq(op(WIRE_STAT, "s3/b/made/deep/none", 0), -ENOENT);
	}
	cr_assert_eq(open_file("s3/b/made/deep/g", flags, &g), 0);
	close_file(&g);
	close_file(&f);
	stop();
}
