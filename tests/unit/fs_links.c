/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files with several names, and daemons that die while those change. halt() and start() are a
 * daemon that ends at that point and the next one.
 */
#include "tests/unit/writing_rig.h"

#include <dirent.h>
#include <pthread.h>
#include <semaphore.h>

#include "cache/linkfile.h"
#include "cache/links.h"
#include "cache/notes.h"
#include "fs/deeds.h"
#include "fs/movelog.h"

static int two(enum wire_op what, const char *from, const char *to)
{
	char text[200];
	int len = snprintf(text, sizeof(text), "%s%c%s", from, 0, to);

	request = (struct wire_request){.op = (uint16_t)what};
	return ask(text, (size_t)len);
}

static void names(const char *path, unsigned count)
{
	cr_assert_eq(op(WIRE_STAT, path, 0), 0);
	cr_assert_eq(reply.head.attr.nlink, count, "%s has %u names", path, reply.head.attr.nlink);
}

static uint64_t inode(const char *path)
{
	cr_assert_eq(op(WIRE_STAT, path, 0), 0);
	return reply.head.attr.ino;
}

/* "a" and "b", open, with something that is not in the bucket yet. */
static void make(struct open_file *f)
{
	cr_assert_eq(open_file("s3/b/dir/a", O_RDWR | O_CREAT, f), 0);
	write_at(f, "one", 3, 0);
	cr_assert_eq(two(WIRE_LINK, "s3/b/dir/a", "s3/b/dir/b"), 0);
	in_bucket("dir/a", "one");
	in_bucket("dir/b", "one");
	write_at(f, "two", 3, 0);
}

/* The only file in the cache's directory that ends so. */
static int open_in_cache(const char *kind, bool must_exist)
{
	char path[320] = "", files[80];
	struct dirent *e;
	DIR *d;

	snprintf(files, sizeof(files), "%s/files", dir);
	d = opendir(files);
	cr_assert_not_null(d);
	while ((e = readdir(d))) {
		size_t len = strlen(e->d_name);

		if (len > 2 && !strcmp(e->d_name + len - 2, kind)) {
			cr_assert_str_empty(path);
			snprintf(path, sizeof(path), "%s/%.200s", files, e->d_name);
		}
	}
	closedir(d);
	cr_assert_eq(!*path, !must_exist, "a file %s", kind);
	return *path ? open(path, O_RDWR) : -1;
}

Test(fs_links, one_file)
{
	struct open_file f, g;
	uint64_t ino;

	start("60000");
	make(&f);
	names("s3/b/dir/a", 2);
	names("s3/b/dir/b", 2);
	ino = inode("s3/b/dir/a");
	cr_assert_eq(inode("s3/b/dir/b"), ino);
	cr_assert_eq(open_file("s3/b/dir/b", O_RDWR, &g), 0);
	cr_assert_eq(g.notes->data_ino, f.notes->data_ino);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	in_bucket("dir/a", "two");
	in_bucket("dir/b", "two");
	names("s3/b/dir/b", 2);
	cr_assert_eq(inode("s3/b/dir/b"), ino);
	cr_assert_eq(two(WIRE_LINK, "s3/b/dir/b", "s3/b/dir/a"), -EEXIST);
	cr_assert_eq(two(WIRE_RENAME, "s3/b/dir/b", "s3/b/dir/a"), 0,
		     "of one file it does nothing");
	names("s3/b/dir/a", 2);
	names("s3/b/dir/b", 2);
	close_file(&g);
	close_file(&f);
	stop();
}

static int again(const char *from, const char *to)
{
	char text[200];
	int len = snprintf(text, sizeof(text), "%s%c%s", from, 0, to);

	request = (struct wire_request){.op = WIRE_LINK, .flags = WIRE_AGAIN};
	return ask(text, (size_t)len);
}

Test(fs_links, asked_for_again)
{
	struct open_file f;

	start("60000");
	make(&f);
	cr_assert_eq(again("s3/b/dir/a", "s3/b/dir/b"), 0, "they are one file already");
	names("s3/b/dir/b", 2);
	cr_assert_eq(again("s3/b/dir/a", "s3/b/dir/c"), 0, "it was not made at all");
	names("s3/b/dir/c", 3);
	cr_assert_eq(again("s3/b/dir/a", "s3/b/dir/x"), -EEXIST, "that is another");
	cr_assert_eq(again("s3/b/dir/a", "s3/b/dir/a"), -EEXIST);
	names("s3/b/dir/x", 1);
	close_file(&f);
	stop();
}

Test(fs_links, cloned_over_while_open)
{
	struct open_file source, target, other;
	struct stat st;

	start("60000");
	cr_assert_eq(open_file("s3/b/old", O_RDONLY, &source), 0);
	cr_assert_eq(fstat(source.fd, &st), 0);
	cr_assert_eq(open_file("s3/b/dir/a", O_WRONLY | O_CREAT, &target), 0);
	cr_assert_eq(open_file("s3/b/dir/a", O_WRONLY, &other), 0);
	cr_assert_eq(by_fd(WIRE_CLONE, target.fd, st.st_dev, st.st_ino), -EOPNOTSUPP);
	close_file(&other);
	cr_assert_eq(by_fd(WIRE_CLONE, target.fd, st.st_dev, st.st_ino), -EOPNOTSUPP,
		     "it may have been shared since");
	close_file(&target);
	cr_assert_eq(open_file("s3/b/dir/a", O_WRONLY, &target), 0);
	cr_assert_eq(by_fd(WIRE_CLONE, target.fd, st.st_dev, st.st_ino), 0, "by nobody else");
	close_file(&target);
	close_file(&source);
	stop();
}

static int clone_to(struct open_file *to, const struct stat *from, int64_t number, unsigned flags)
{
	struct stat st;

	cr_assert_eq(fstat(to->fd, &st), 0);
	request = (struct wire_request){.op = WIRE_CLONE,
					.data_dev = st.st_dev,
					.data_ino = st.st_ino,
					.offset = from->st_dev,
					.length = from->st_ino,
					.mtime_ns = number,
					.flags = flags};
	return ask("", 0);
}

static void start_with_deeds(void)
{
	int fd;

	start("60000");
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	deeds_start(fd);
	close(fd);
}

/* The daemon died when all was done, and nobody has got what it was to hand over: who asks again
 * has the old file, which is what the name means. replaces: what was there before. */
static void clone_taken_back(unsigned flags, const char *path, const char *key)
{
	struct open_file source, target;
	struct stat st;

	start_with_deeds();
	cr_assert_eq(open_file("s3/b/old", O_RDONLY, &source), 0);
	cr_assert_eq(fstat(source.fd, &st), 0);
	cr_assert_eq(open_file(path, O_RDWR | flags, &target), 0);
	cr_assert_eq(clone_to(&target, &st, 77, 0), 0);
	deeds_stop();
	halt();
	start_with_deeds();
	cr_assert_eq(clone_to(&target, &st, 77, WIRE_AGAIN), -EOPNOTSUPP);
	write_at(&target, "mine", 4, 0);
	cr_assert_eq(size_of(path), 4);
	cr_assert_eq(by_fd(WIRE_FLUSH, target.fd, 0, 0), 0);
	in_bucket(key, "mine");
	cr_assert_eq(clone_to(&target, &st, 77, WIRE_AGAIN), -EOPNOTSUPP, "once more");
	close_file(&target);
	close_file(&source);
	sweep_until_clean();
	in_bucket(key, "mine");
	deeds_stop();
	stop();
}

Test(fs_links, clone_taken_back)
{
	clone_taken_back(O_CREAT, "s3/b/dir/a", "dir/a");
}

Test(fs_links, clone_over_another_taken_back)
{
	clone_taken_back(O_TRUNC, "s3/b/dir/x", "dir/x");
}

/* What somebody else has stored there since stays, and what the program writes is kept. */
Test(fs_links, clone_taken_back_too_late)
{
	struct open_file source, target;
	struct draft_stats stats;
	struct stat st;

	start_with_deeds();
	cr_assert_eq(open_file("s3/b/old", O_RDONLY, &source), 0);
	cr_assert_eq(fstat(source.fd, &st), 0);
	cr_assert_eq(open_file("s3/b/dir/a", O_RDWR | O_CREAT, &target), 0);
	cr_assert_eq(clone_to(&target, &st, 78, 0), 0);
	deeds_stop();
	halt();
	start_with_deeds();
	cr_assert_eq(fake_delete_key("b", "dir/a"), 0);
	fake_put("b", "dir/a", 30);
	cr_assert_eq(clone_to(&target, &st, 78, WIRE_AGAIN), -EOPNOTSUPP);
	write_at(&target, "mine", 4, 0);
	cr_assert_eq(by_fd(WIRE_FLUSH, target.fd, 0, 0), -ESTALE);
	cr_assert_eq(fake_find("b", "dir/a")->size, 30);
	close_file(&target);
	close_file(&source);
	publish_sweep();
	draft_stats(&stats);
	cr_assert_eq(stats.parked + stats.dirty, 1, "it is kept");
	deeds_stop();
	stop();
}

Test(fs_links, apart_when_nobody_has_it_open)
{
	struct open_file f;

	setenv("SKYSHIM_LINKED_MS", "1", 1);
	draft_links_start();
	start("60000");
	make(&f);
	close_file(&f);
	sweep_until_clean();
	usleep(10000);
	publish_sweep();
	publish_sweep();
	names("s3/b/dir/a", 1);
	names("s3/b/dir/b", 1);
	cr_assert_neq(inode("s3/b/dir/a"), inode("s3/b/dir/b"));
	open_in_cache(".l", false);
	cr_assert_eq(open_file("s3/b/dir/a", O_RDWR, &f), 0);
	write_at(&f, "new", 3, 0);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	in_bucket("dir/a", "new");
	in_bucket("dir/b", "two");
	close_file(&f);
	stop();
}

Test(fs_links, next_daemon)
{
	struct open_file f;

	start("60000");
	make(&f);
	close_file(&f);
	halt();
	start("60000");
	sweep_until_clean();
	in_bucket("dir/a", "two");
	in_bucket("dir/b", "two");
	names("s3/b/dir/b", 2);
	halt();
	start("60000");
	names("s3/b/dir/a", 2);
	stop();
}

/* Not all names could be reached: it is not called stored, and stays. */
Test(fs_links, not_under_all)
{
	struct open_file f;
	struct draft_stats stats;

	start("60000");
	make(&f);
	fake.fail_copy = -EIO;
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), -EIO);
	in_bucket("dir/a", "two");
	in_bucket("dir/b", "one");
	draft_stats(&stats);
	cr_assert_eq(stats.dirty, 1);
	close_file(&f);
	halt();
	fake.fail_copy = 0;
	start("60000");
	sweep_until_clean();
	in_bucket("dir/a", "two");
	in_bucket("dir/b", "two");
	stop();
}

/* Somebody else's version under one name stays, and what was written is kept with both. */
Test(fs_links, another_version)
{
	struct open_file f;

	start("0");
	make(&f);
	fake_put("b", "dir/b", 5);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), -ESTALE);
	in_bucket("dir/a", "two");
	cr_assert_eq(fake_find("b", "dir/b")->size, 5);
	close_file(&f);
	stop();
}

Test(fs_links, first_name_removed)
{
	struct open_file f, g;
	struct stat st;

	start("60000");
	make(&f);
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/dir/a", 0), 0);
	cr_assert_null(fake_find("b", "dir/a"));
	names("s3/b/dir/b", 1);
	cr_assert_eq(op(WIRE_STAT, "s3/b/dir/a", 0), -ENOENT);
	halt();
	start("60000");
	names("s3/b/dir/b", 1);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	in_bucket("dir/b", "two");
	cr_assert_null(fake_find("b", "dir/a"), "it is back");
	cr_assert_eq(open_file("s3/b/dir/a", O_RDWR | O_CREAT, &g), 0);
	cr_assert_neq(inode("s3/b/dir/a"), inode("s3/b/dir/b"));
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/dir/b", 0), 0);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	cr_assert_null(fake_find("b", "dir/b"), "it is back");
	cr_assert_eq(fstat(f.fd, &st), 0);
	cr_assert_eq(st.st_size, 3);
	close_file(&g);
	close_file(&f);
	stop();
}

/* The daemon dies while the second name becomes the first: half of it stands in the journal. */
static void die_promoting(void)
{
	const off_t at = DRAFT_HEAD_BYTES;
	struct notes_journal j;
	struct vnode_shm vn;
	int fd;

	halt();
	fd = open_in_cache(".w", true);
	cr_assert_eq(pread(fd, &vn, sizeof(vn), 0), (ssize_t)sizeof(vn));
	cr_assert_eq(vn.magic, VNODE_MAGIC);
	cr_assert_eq(pread(fd, &j, sizeof(j), (off_t)vn.notes_off + at), (ssize_t)sizeof(j));
	cr_assert_str_eq(j.object, "s3/b/dir/a");
	strcpy(j.object, "s3/b/d");
	j.flags = (j.flags & ~NOTES_KNOWN) | NOTES_PROMOTING;
	cr_assert_eq(pwrite(fd, &j, sizeof(j), (off_t)vn.notes_off + at), (ssize_t)sizeof(j));
	close(fd);
}

Test(fs_links, promotion_cut_short)
{
	struct open_file f;

	start("60000");
	make(&f);
	close_file(&f);
	die_promoting();
	start("60000");
	sweep_until_clean();
	in_bucket("dir/b", "two");
	in_bucket("dir/a", "one");
	cr_assert_null(fake_find("b", "d"));
	names("s3/b/dir/b", 1);
	stop();
}

/* Only one of the others does, and the next time as well. */
Test(fs_links, promotion_of_one_of_three_cut_short)
{
	struct open_file f;

	start("60000");
	make(&f);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	cr_assert_eq(two(WIRE_LINK, "s3/b/dir/a", "s3/b/dir/c"), 0);
	write_at(&f, "six", 3, 0);
	close_file(&f);
	die_promoting();
	start("60000");
	halt();
	start("60000");
	names("s3/b/dir/b", 2);
	sweep_until_clean();
	in_bucket("dir/b", "six");
	in_bucket("dir/c", "six");
	in_bucket("dir/a", "two");
	stop();
}

/* ... or when it was through with that, and the name stands in both places. */
Test(fs_links, name_twice)
{
	struct linkfile_slot slot;
	struct open_file f;
	int fd;

	start("60000");
	make(&f);
	close_file(&f);
	halt();
	fd = open_in_cache(".l", true);
	cr_assert_eq(pread(fd, &slot, sizeof(slot), 0), (ssize_t)sizeof(slot));
	cr_assert_str_eq(slot.object, "s3/b/dir/b");
	strcpy(slot.object, "s3/b/dir/a");
	cr_assert_eq(pwrite(fd, &slot, sizeof(slot), 0), (ssize_t)sizeof(slot));
	close(fd);
	start("60000");
	names("s3/b/dir/a", 1);
	sweep_until_clean();
	in_bucket("dir/a", "two");
	stop();
}

/* Names that make no sense: what was written stays on disk. */
Test(fs_links, damaged)
{
	struct linkfile_slot slot;
	struct open_file f;
	int fd;

	start("60000");
	make(&f);
	close_file(&f);
	halt();
	fd = open_in_cache(".l", true);
	cr_assert_eq(pread(fd, &slot, sizeof(slot), 0), (ssize_t)sizeof(slot));
	slot.is_used = 77;
	cr_assert_eq(pwrite(fd, &slot, sizeof(slot), 0), (ssize_t)sizeof(slot));
	close(fd);
	start("60000");
	halt();
	close(open_in_cache(".w", true));
	close(open_in_cache(".l", true));
	start("60000");
	stop();
}

Test(fs_links, renamed)
{
	struct open_file f, g;

	start("60000");
	make(&f);
	cr_assert_eq(two(WIRE_RENAME, "s3/b/dir/b", "s3/b/dir/c"), 0);
	cr_assert_eq(two(WIRE_RENAME, "s3/b/dir/a", "s3/b/dir/d"), 0);
	cr_assert_null(fake_find("b", "dir/a"));
	cr_assert_null(fake_find("b", "dir/b"));
	write_at(&f, "three", 5, 0);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	in_bucket("dir/c", "three");
	in_bucket("dir/d", "three");
	cr_assert_eq(inode("s3/b/dir/c"), inode("s3/b/dir/d"));
	/* another file takes one of them */
	cr_assert_eq(open_file("s3/b/dir/e", O_RDWR | O_CREAT, &g), 0);
	write_at(&g, "other", 5, 0);
	cr_assert_eq(two(WIRE_RENAME, "s3/b/dir/e", "s3/b/dir/d"), 0);
	write_at(&f, "THREE", 5, 0);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	cr_assert_eq(by_fd(WIRE_FLUSH, g.fd, 0, 0), 0);
	in_bucket("dir/c", "THREE");
	in_bucket("dir/d", "other");
	names("s3/b/dir/c", 1);
	close_file(&g);
	close_file(&f);
	stop();
}

/* A directory that moves takes those along that are in it. */
Test(fs_links, directory_moves)
{
	struct open_file f;

	start("60000");
	make(&f);
	cr_assert_eq(two(WIRE_LINK, "s3/b/dir/b", "s3/b/beside"), 0);
	cr_assert_eq(two(WIRE_RENAME, "s3/b/dir", "s3/b/moved"), 0);
	write_at(&f, "three", 5, 0);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	in_bucket("moved/a", "three");
	in_bucket("moved/b", "three");
	in_bucket("beside", "three");
	cr_assert_null(fake_find("b", "dir/a"));
	names("s3/b/beside", 3);
	close_file(&f);
	stop();
}

/* --- a directory with one of the names in it is on its way --- */

static sem_t is_begun;
static bool was_sent;

static void *move_for_a_while(void *arg)
{
	struct fake_object *o;
	struct movelog *log;

	if (movelog_begin(ctx, "s3/b/other/", "s3/b/new/", &log))
		return arg;
	sem_post(&is_begun);
	usleep(200000);
	o = fake_find("b", "other/b");
	was_sent = !o || !o->content || memcmp(o->content, "one", 3) != 0;
	movelog_end(log);
	return NULL;
}

Test(fs_links, one_of_the_names_is_in_a_directory_that_moves)
{
	struct open_file f;
	pthread_t mover;
	void *failed;

	start("60000");
	cr_assert_eq(open_file("s3/b/dir/a", O_RDWR | O_CREAT, &f), 0);
	write_at(&f, "one", 3, 0);
	cr_assert_eq(op(WIRE_MKDIR, "s3/b/other", 0), 0);
	cr_assert_eq(two(WIRE_LINK, "s3/b/dir/a", "s3/b/other/b"), 0);
	write_at(&f, "two", 3, 0);
	sem_init(&is_begun, 0, 0);
	cr_assert_eq(pthread_create(&mover, NULL, move_for_a_while, &f), 0);
	sem_wait(&is_begun);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	pthread_join(mover, &failed);
	cr_assert_null(failed);
	cr_assert_not(was_sent, "under a name that was about to be another");
	in_bucket("dir/a", "two");
	in_bucket("other/b", "two");
	close_file(&f);
	stop();
}
