/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of the files of a draft that was made here, once it is in the bucket. */
#include "tests/unit/writing_rig.h"

#include <dirent.h>

#include "cache/notes.h"

#define TEXT "in the bucket, and still here"

/* The files of the cache: how many end in .d, .v and .w, and the inodes of the last of each. */
struct found {
	unsigned data, vnodes, notes;
	ino_t data_ino, vnode_ino, notes_ino;
	char name[64]; /* of the last .d */
};

static void look(struct found *out)
{
	char path[128];
	struct dirent *e;
	DIR *d;

	*out = (struct found){0};
	snprintf(path, sizeof(path), "%s/files", dir);
	d = opendir(path);
	cr_assert_not_null(d);
	while ((e = readdir(d))) {
		char kind = e->d_name[strlen(e->d_name) - 1];

		if (kind == 'd') {
			out->data++;
			out->data_ino = e->d_ino;
			snprintf(out->name, sizeof(out->name), "%s", e->d_name);
		} else if (kind == 'v') {
			out->vnodes++;
			out->vnode_ino = e->d_ino;
		} else if (kind == 'w') {
			out->notes++;
			out->notes_ino = e->d_ino;
		}
	}
	closedir(d);
}

static void make(const char *path, const char *text)
{
	struct open_file f;

	cr_assert_eq(open_file(path, O_WRONLY | O_CREAT | O_TRUNC, &f), 0);
	write_at(&f, text, strlen(text), 0);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	close_file(&f);
}

static void until_retired(void)
{
	struct draft_stats stats;

	for (int i = 0; i < 200; i++) {
		publish_sweep();
		draft_stats(&stats);
		if (!stats.drafts)
			return;
		usleep(10000);
	}
	cr_assert_fail("it stays a draft");
}

static void reads(const char *path, const char *text)
{
	char buf[128] = "";
	struct open_file f;

	cr_assert_eq(open_file(path, O_RDONLY, &f), 0);
	cr_assert_eq(by_fd(WIRE_ENSURE, f.fd, 0, strlen(text)), 0);
	cr_assert_eq(pread(f.fd, buf, sizeof(buf) - 1, 0), (ssize_t)strlen(text));
	cr_assert_str_eq(buf, text);
	close_file(&f);
}

Test(fs_retire, two_files_are_made_and_none_is_removed)
{
	struct found draft, version;

	start("60000");
	make("s3/b/dir/new", TEXT);
	look(&draft);
	cr_assert_eq(draft.data, 1);
	cr_assert_eq(draft.vnodes, 0);
	cr_assert_eq(draft.notes, 1);
	until_retired();
	look(&version);
	cr_assert_eq(version.data, 1);
	cr_assert_eq(version.vnodes, 1);
	cr_assert_eq(version.notes, 0);
	cr_assert_eq(version.data_ino, draft.data_ino);
	cr_assert_eq(version.vnode_ino, draft.notes_ino);
	fake_requests();
	reads("s3/b/dir/new", TEXT);
	cost("0 0 0 0", 0);
	stop();
}

Test(fs_retire, the_next_daemon_has_it)
{
	start("60000");
	make("s3/b/dir/new", TEXT);
	until_retired();
	halt();
	start("60000");
	reads("s3/b/dir/new", TEXT);
	cr_assert_eq(fake.longest_get, 0, "it was fetched");
	/* and may write to it: then it is a draft of three files */
	make("s3/b/dir/new", "changed");
	in_bucket("dir/new", "changed");
	until_retired();
	reads("s3/b/dir/new", "changed");
	stop();
}

/* Between the two renames; either half alone is nothing. */
Test(fs_retire, a_daemon_that_dies_in_between)
{
	char from[256], to[256];
	struct found found;

	start("60000");
	make("s3/b/dir/new", TEXT);
	until_retired();
	look(&found);
	halt();
	snprintf(from, sizeof(from), "%s/files/%s", dir, found.name);
	snprintf(to, sizeof(to), "%s", from);
	to[strlen(to) - 3] = to[strlen(to) - 3] == '0' ? '1' : '0'; /* its draft's name */
	cr_assert_eq(rename(from, to), 0);
	start("60000");
	look(&found);
	cr_assert_eq(found.data + found.vnodes + found.notes, 0);
	reads("s3/b/dir/new", TEXT);
	cr_assert_gt(fake.longest_get, 0);
	stop();
}

/* Of a file that makes a bitmap longer than its page, another vnode file is made. */
Test(fs_retire, what_does_not_fit)
{
	const struct wire_attr empty = {.mode = S_IFREG | 0644};
	const struct wire_attr large = {.mode = S_IFREG | 0644, .size = 3 * 1024 * MIB};
	struct pair_about about = {.kind = VNODE_FILE,
				   .ctx = ctx,
				   .attr = &empty,
				   .path = "/p",
				   .object = "o",
				   .etag = ""};
	struct pair pair = {.data_fd = -1};
	struct notes notes;
	int fd;

	strcpy(dir, "/tmp/skyshim-test-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	cr_assert_eq(notes_create_pair(fd, "a", &about, &pair, &notes), 0);
	cr_assert_eq(pair.vn->notes_off, notes.vnode_bytes);
	cr_assert_eq(ftruncate(pair.data_fd, (off_t)large.size), 0);
	about.attr = &large;
	about.etag = "\"e\"";
	cr_assert_eq(pair_turn(fd, "a", "b", &about, notes.vn, notes.vnode_bytes), -EFBIG);
	cr_assert_eq(pair.vn->attr.size, 0);
	pair_close(&pair);
	cr_assert_eq(pair_take_over(fd, "a", "b", &about), 0);
	cr_assert_eq(pair_open(fd, "b", &pair), 0);
	cr_assert_str_eq(pair.tail->etag, "\"e\"");
	pair_close(&pair);
	notes_remove(fd, "a");
	pair_remove(fd, "b");
	notes_close(&notes);
	close(fd);
	cr_assert_eq(rmdir(dir), 0, "something is left");
}
