/* SPDX-License-Identifier: Apache-2.0 */
/* A file is written to and stored while its object is copied onto itself for other attributes. */
#include "tests/unit/writing_rig.h"

#include "core/pairs.h"

static struct open_file f;
static pthread_t writer;
static unsigned puts_before; /* asked for before the copy was answered */

/* A program's close. */
static void *store(void *arg)
{
	static char message[STORE_MESSAGE_BYTES];
	struct cache_file *file = cache_find(ctx, "s3/b/dir/new", NULL);

	(void)arg;
	cr_assert_not_null(file);
	if (draft_has_changes(file))
		cr_assert_eq(publish(file, message), 0, "%s", message);
	cache_put(file);
	return NULL;
}

static void write_and_close(void)
{
	fake.after_copy = NULL;
	draft_begin(f.notes, 0, 5);
	cr_assert_eq(pwrite(f.fd, "later", 5, 0), 5);
	draft_end(f.notes);
	cr_assert_eq(pthread_create(&writer, NULL, store, NULL), 0);
	/* this is the thread that would answer the PUT as well: long enough for it to be asked */
	for (int i = 0; i < 30 && !fake.queued; i++)
		usleep(10000);
	puts_before = fake.queued;
}

static const char *mode(void)
{
	return pairs_get(&fake_find("b", "dir/new")->user, "mode");
}

static void make(void)
{
	start("60000");
	cr_assert_eq(open_file("s3/b/dir/new", O_RDWR | O_CREAT, &f), 0);
	write_at(&f, "first", 5, 0);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	cr_assert_str_eq(mode(), "33184");
	fake.after_copy = write_and_close;
}

static void end(void)
{
	struct stat st;

	pthread_join(writer, NULL);
	cr_assert_eq(puts_before, 0, "it was stored while the copy was being made");
	in_bucket("dir/new", "later");
	cr_assert_str_eq(mode(), "33152");
	cr_assert(!draft_is_dirty(f.notes));
	cr_assert_eq(fstat(f.fd, &st), 0);
	cr_assert_gt(st.st_mtim.tv_sec, 1600000100, "the time of the write is gone");
	cr_assert_eq(op(WIRE_STAT, "s3/b/dir/new", 0), 0);
	cr_assert_eq(reply.head.attr.mode & 07777, 0600);
	close_file(&f);
	stop();
}

Test(fs_copygate, chmod_by_name)
{
	static const char path[] = "s3/b/dir/new";

	make();
	request = (struct wire_request){.op = WIRE_SETATTR, .flags = WIRE_SET_MODE, .mode = 0600};
	cr_assert_eq(ask(path, strlen(path)), 0);
	end();
}

Test(fs_copygate, chmod_of_a_descriptor)
{
	struct stat st;

	make();
	cr_assert_eq(fstat(f.fd, &st), 0);
	request = (struct wire_request){.op = WIRE_SETATTR,
					.flags = WIRE_SET_MODE,
					.mode = 0600,
					.data_dev = st.st_dev,
					.data_ino = st.st_ino};
	cr_assert_eq(ask("", 0), 0);
	end();
}
