/* SPDX-License-Identifier: Apache-2.0 */
/* Uploads in parts that are to be aborted: not forgotten while that is refused. */
#include "tests/unit/writing_rig.h"

#include <signal.h>
#include <sys/resource.h>

#include "fs/begun.h"
#include "tests/unit/begun_rig.h"

static int dir_fd;

static struct begun *note(void)
{
	const struct store_call call = {
		.ctx = context_find(ctx), .scheme = "s3", .bucket = "b", .key = "dir/x"};
	struct begun *b = begun_note(&call, "its-id");

	cr_assert_not_null(b);
	cr_assert_eq(noted_in(dir), 1);
	return b;
}

/* What is due is done when it returns: with this, and so many requests. */
static void sweep(int error, unsigned aborts)
{
	fake.fail = error;
	fake.counters.requests[STORE_ABORT] = 0;
	begun_sweep();
	begun_stop();
	fake.fail = 0;
	cr_assert_eq(fake.counters.requests[STORE_ABORT], aborts);
}

static void setup(void)
{
	start("60000");
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
	cr_assert_eq(begun_start(dir_fd), 0);
}

static void teardown(void)
{
	close(dir_fd);
	stop();
}

TestSuite(fs_begun, .init = setup, .fini = teardown);

/* Files in the folder, those that no daemon reads included. */
static unsigned files(void)
{
	char path[80];
	unsigned n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/uploads", dir);
	d = opendir(path);
	cr_assert_not_null(d);
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	return n;
}

/* What a full disk cuts short would be read as another, without what stands at its end. */
Test(fs_begun, on_a_full_disk)
{
	const struct rlimit enough = {RLIM_INFINITY, RLIM_INFINITY};
	struct rlimit little = {0, RLIM_INFINITY};
	const struct store_call call = {
		.ctx = context_find(ctx), .scheme = "s3", .bucket = "b", .key = "dir/x"};
	struct begun *b;

	signal(SIGXFSZ, SIG_IGN);
	for (rlim_t bytes = 0; bytes < 60; bytes++) {
		little.rlim_cur = bytes;
		cr_assert_eq(setrlimit(RLIMIT_FSIZE, &little), 0);
		b = begun_note(&call, "an id that is longer than that");
		cr_assert_eq(setrlimit(RLIMIT_FSIZE, &enough), 0);
		cr_assert_null(b);
		cr_assert_eq(files(), 0, "%u bytes: a part of it stays", (unsigned)bytes);
	}
}

/* Killed in the middle of that: the next daemon takes the part away. */
Test(fs_begun, half_made)
{
	char path[120];

	begun_stop();
	snprintf(path, sizeof(path), "%s/uploads/.00000000000000ab", dir);
	close(open(path, O_WRONLY | O_CREAT, 0600));
	cr_assert_eq(files(), 1);
	cr_assert_eq(begun_start(dir_fd), 0);
	cr_assert_eq(files(), 0);
}

/* One that a daemon has left: an expired token forbids it, and the next daemon has another. */
Test(fs_begun, refused_once)
{
	begun_end(note(), false);
	begun_stop();
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(begun_start(dir_fd), 0);
		sweep(-EACCES, 1);
		cr_assert_eq(noted_in(dir), 1, "it is forgotten");
	}
	cr_assert_eq(begun_start(dir_fd), 0);
	sweep(0, 1);
	cr_assert_eq(noted_in(dir), 0);
}

Test(fs_begun, it_is_not_there_any_more)
{
	begun_end(note(), false);
	begun_stop();
	cr_assert_eq(begun_start(dir_fd), 0);
	sweep(-ENOENT, 1);
	cr_assert_eq(noted_in(dir), 0);
}

/* It has just been refused: not again at once. */
Test(fs_begun, left_by_ourselves)
{
	begun_leave(note());
	sweep(0, 0);
	cr_assert_eq(noted_in(dir), 1);
	cr_assert_eq(begun_start(dir_fd), 0);
	sweep(0, 1);
	cr_assert_eq(noted_in(dir), 0);
}

static int count_left(void *arg, const struct begun_left *l)
{
	*(int64_t *)arg = l->id;
	cr_assert_str_eq(l->object, "s3/b/dir/x");
	cr_assert_str_eq(l->upload_id, "its-id");
	return 1;
}

/* What was refused is told of, and can be tried or forgotten; what is about to be tried is not. */
Test(fs_begun, told_of)
{
	char message[STORE_MESSAGE_BYTES];
	int64_t id = 0;

	begun_end(note(), false);
	begun_stop();
	cr_assert_eq(begun_start(dir_fd), 0);
	cr_assert_eq(begun_each(count_left, &id), 0);
	fake.fail = -EACCES;
	begun_retry("s3/b/dir/x");
	cr_assert_eq(begun_each(count_left, &id), 1);
	cr_assert_eq(begun_retry_id(id, ctx, message), -EACCES);
	cr_assert_eq(begun_retry_id(id + 1, ctx, message), -ENOENT);
	cr_assert_eq(noted_in(dir), 1);
	fake.fail = 0;
	cr_assert_eq(begun_retry_id(id, ctx, message), 0);
	cr_assert_eq(noted_in(dir), 0);

	begun_end(note(), false);
	begun_stop();
	cr_assert_eq(begun_start(dir_fd), 0);
	fake.fail = -EACCES;
	begun_retry("s3/b/dir/x");
	cr_assert_eq(begun_each(count_left, &id), 1);
	fake.counters.requests[STORE_ABORT] = 0;
	cr_assert_eq(begun_discard(id), 0);
	cr_assert_eq(noted_in(dir), 0);
	cr_assert_eq(fake.counters.requests[STORE_ABORT], 0u);
	cr_assert_eq(begun_discard(id), -ENOENT);
	begun_stop();
}
