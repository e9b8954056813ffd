/* SPDX-License-Identifier: Apache-2.0 */
/* Whose turn it is: requests about the same names, and beside a directory that is being renamed. */
#include "tests/unit/writing_rig.h"

#include <pthread.h>
#include <stdatomic.h>

#include "fs/namelock.h"
#include "fs/turn.h"

#define WAIT_US 50000 /* in which somebody who must wait might not have */

/* A request, served by a thread of its own. */
struct turn_of {
	pthread_t thread;
	struct wire_request req;
	const char *paths[TURN_PATHS_MAX];
	unsigned count;
	struct session_reply reply;
	struct session s;
	int ret;
	unsigned refusals;  /* so often serve says -EDEADLK */
	atomic_uint served; /* times */
	atomic_bool may_end, has_ended;
	bool held_names;
	char object[CACHE_OBJECT_MAX]; /* of the open file, when it was served */
};

static struct turn_of *of(struct session *s)
{
	return (struct turn_of *)((char *)s - offsetof(struct turn_of, s));
}

static int serve(struct session *s)
{
	struct turn_of *t = of(s);
	struct cache_file *file = cache_find_inode(t->req.data_dev, t->req.data_ino);

	t->held_names = namelock_is_mine();
	if (file) {
		cache_object(file, t->object);
		cache_put(file);
	}
	t->served++;
	if (t->served <= t->refusals) {
		strcpy(s->out->line, "not now");
		return -EDEADLK;
	}
	while (!t->may_end)
		usleep(1000);
	return 7;
}

static void *run(void *arg)
{
	struct turn_of *t = arg;

	t->s = (struct session){.req = &t->req, .out = &t->reply, .ctx = context_find(ctx)};
	t->ret = turn_serve(&t->s, serve, t->paths, t->count);
	t->has_ended = true;
	return NULL;
}

static void begin(struct turn_of *t, enum wire_op what, unsigned flags, const char *path)
{
	t->req.op = (uint16_t)what;
	t->req.flags = flags;
	if (path)
		t->paths[t->count++] = path;
	cr_assert_eq(pthread_create(&t->thread, NULL, run, t), 0);
}

static void want_served(struct turn_of *t)
{
	while (!t->served) /* the suite's time is the limit */
		usleep(1000);
}

static void want_waiting(const struct turn_of *t)
{
	usleep(WAIT_US);
	cr_assert_eq(t->served, 0, "does not wait");
}

static int end(struct turn_of *t)
{
	t->may_end = true;
	pthread_join(t->thread, NULL);
	return t->ret;
}

static void setup(void)
{
	start("60000");
}

TestSuite(fs_turn, .init = setup, .fini = stop, .timeout = 60);

Test(fs_turn, who_changes_a_name_holds_it)
{
	struct turn_of first = {0}, second = {0}, other = {0};

	begin(&first, WIRE_UNLINK, 0, "s3/b/dir/x");
	want_served(&first);
	cr_assert(first.held_names);
	begin(&second, WIRE_OPEN, O_WRONLY, "s3/b/dir/x");
	begin(&other, WIRE_OPEN, O_WRONLY, "s3/b/dir/y");
	want_served(&other);
	want_waiting(&second);
	cr_assert_eq(end(&first), 7);
	want_served(&second);
	cr_assert(second.held_names);
	cr_assert_eq(end(&second), 7);
	cr_assert_eq(end(&other), 7);
}

Test(fs_turn, who_reads_holds_nothing_and_waits_for_nobody)
{
	static const struct {
		enum wire_op what;
		unsigned flags;
	} reads[] = {{WIRE_STAT, 0},
		     {WIRE_READLINK, 0},
		     {WIRE_GETXATTR, 0},
		     {WIRE_OPEN, O_PATH},
		     {WIRE_OPEN, O_RDONLY}};
	struct turn_of writer = {0};

	begin(&writer, WIRE_SETATTR, 0, "s3/b/dir/x");
	want_served(&writer);
	for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
		struct turn_of reader = {.may_end = true};

		begin(&reader, reads[i].what, reads[i].flags, "s3/b/dir/x");
		cr_assert_eq(end(&reader), 7, "%zu", i);
		cr_assert_not(reader.held_names, "%zu", i);
	}
	cr_assert_eq(end(&writer), 7);
}

Test(fs_turn, what_is_no_name_is_served_as_it_is)
{
	struct turn_of t = {.may_end = true};

	begin(&t, WIRE_UNLINK, 0, "s3//");
	cr_assert_eq(end(&t), 7);
}

/* Twice it could not begin; of what was said then nothing is left. */
Test(fs_turn, who_cannot_begin_lets_go_and_is_called_again)
{
	struct turn_of t = {.refusals = 2, .may_end = true};

	begin(&t, WIRE_UNLINK, 0, "s3/b/dir/x");
	cr_assert_eq(end(&t), 7);
	cr_assert_eq(t.served, 3);
	cr_assert_str_eq(t.reply.line, "");
	cr_assert_not(namelock_is_mine());
}

/* --- beside a directory's rename; this thread makes it --- */

static struct movelog *begin_move(const uint8_t *by)
{
	struct movelog *log = NULL;

	cr_assert_eq(movelog_begin(by, "s3/b/dir/", "s3/b/new/", &log), 0);
	cr_assert_not_null(log);
	return log;
}

Test(fs_turn, names_below_a_directory_on_its_way_wait)
{
	struct movelog *log = begin_move(ctx);
	struct turn_of below = {0}, target = {0}, reader = {0}, other = {0};

	begin(&below, WIRE_UNLINK, 0, "s3/b/dir/x");
	begin(&target, WIRE_OPEN, O_WRONLY | O_CREAT, "s3/b/new/x");
	begin(&reader, WIRE_STAT, 0, "s3/b/dir/x");
	begin(&other, WIRE_UNLINK, 0, "s3/b/dirx");
	want_served(&other);
	want_served(&reader); /* it sees the one or the other */
	want_waiting(&below);
	want_waiting(&target);
	movelog_end(log);
	cr_assert_eq(end(&below), 7);
	cr_assert_eq(end(&target), 7);
	cr_assert_eq(end(&reader), 7);
	cr_assert_eq(end(&other), 7);
}

/* Half way there is a third name, and neither state is to be seen. */
Test(fs_turn, who_reads_waits_for_an_exchange)
{
	static const char *const both[] = {"s3/b/dir/", "s3/b/new/"};
	static const bool is_dir[] = {true, true};
	struct turn_of reader = {0};
	struct movelog *log = NULL;

	cr_assert_eq(movelog_begin_exchange(ctx, both, is_dir, 0, &log), 0);
	begin(&reader, WIRE_STAT, 0, "s3/b/dir/x");
	want_waiting(&reader);
	movelog_end(log);
	cr_assert_eq(end(&reader), 7);
}

/* Nobody is here who could end it, so that it is not waited for. */
Test(fs_turn, a_stuck_rename_in_the_way_is_told)
{
	static const uint8_t unknown[WIRE_CTX_BYTES] = {1};
	struct movelog *log = begin_move(unknown);
	struct turn_of t = {.refusals = 1000};

	movelog_fail(log, -EIO, "the daemon died");
	begin(&t, WIRE_RENAME, 0, "s3/b/dir");
	cr_assert_eq(end(&t), -EBUSY);
	cr_assert_eq(t.served, 1);
	cr_assert(strstr(t.reply.line, "skyshim recover"), "%s", t.reply.line);
}

/* --- by descriptor: the file has another name when it is its turn --- */

static struct turn_of late;

static void come_late(void)
{
	fake.after_copy = NULL;
	begin(&late, WIRE_SETATTR, 0, NULL);
	want_waiting(&late);
}

Test(fs_turn, a_file_that_was_renamed_meanwhile_is_held_by_its_new_name)
{
	static const char names[] = "s3/b/dir/x\0s3/b/dir/z";
	struct turn_of by_name = {0};
	struct open_file f = {.fd = -1};
	struct stat st;

	cr_assert_eq(open_file("s3/b/dir/x", O_RDWR, &f), 0);
	cr_assert_eq(fstat(f.fd, &st), 0);
	late.req.data_dev = st.st_dev;
	late.req.data_ino = st.st_ino;
	fake.after_copy = come_late;
	request = (struct wire_request){.op = WIRE_RENAME};
	cr_assert_eq(ask(names, sizeof(names) - 1), 0);
	want_served(&late);
	cr_assert_str_eq(late.object, "s3/b/dir/z");
	begin(&by_name, WIRE_UNLINK, 0, "s3/b/dir/z");
	want_waiting(&by_name);
	cr_assert_eq(end(&late), 7);
	want_served(&by_name);
	cr_assert_eq(end(&by_name), 7);
	close_file(&f);
}
