/* SPDX-License-Identifier: Apache-2.0 */
/* Publishing when a daemon dies, names change meanwhile, or somebody else was first. */
#include "tests/unit/writing_rig.h"

#include <sys/mman.h>

#include "cache/notes.h"
#include "core/pairs.h"
#include "fs/metadata.h"

static void recover(unsigned flags, uint64_t id, int wanted)
{
	request = (struct wire_request){.op = WIRE_RECOVER, .flags = flags, .offset = id};
	cr_assert_eq(ask("", 0), wanted);
}

/* Of the one that is left, or 0. */
static uint64_t left(void)
{
	const char *at;

	recover(0, 0, 0);
	at = strstr(reply.text, "\"id\":");
	cr_assert(!at || at[strlen("\"id\":")] != '-', "an id that no command takes");
	return at ? strtoull(at + strlen("\"id\":"), NULL, 10) : 0;
}

/* A draft that lost against another writer, and is kept. */
static uint64_t lose_race(const char *text)
{
	struct open_file f;
	uint64_t id;

	cr_assert_eq(open_file("s3/b/old", O_RDWR, &f), 0);
	write_at(&f, text, strlen(text), 0);
	fake_put("b", "old", 7);
	close_file(&f);
	sweep_until_clean();
	id = left();
	cr_assert_neq(id, 0);
	return id;
}

Test(fs_publish, discarded_it_is_gone)
{
	struct draft_stats stats;
	uint64_t id;

	start("0");
	id = lose_race("mine");
	recover(WIRE_RECOVER_DISCARD, id, 0);
	cr_assert_eq(left(), 0);
	recover(WIRE_RECOVER_DISCARD, id, -ENOENT);
	publish_sweep();
	draft_stats(&stats);
	cr_assert_eq(stats.drafts, 0);
	cr_assert_eq(fake_find("b", "old")->size, 7);
	stop();
}

/* Whatever the number of the name is. */
Test(fs_publish, every_id_is_a_number)
{
	char path[32];

	start("0");
	for (unsigned i = 0; i < 8; i++) {
		struct open_file f;

		snprintf(path, sizeof(path), "s3/b/dir/%u", i);
		cr_assert_eq(open_file(path, O_WRONLY | O_CREAT, &f), 0);
		write_at(&f, "x", 1, 0);
		recover(WIRE_RECOVER_RETRY, left(), 0);
		close_file(&f);
	}
	stop();
}

Test(fs_publish, tried_again_it_loses_again_unless_forced)
{
	uint64_t id;

	start("0");
	id = lose_race("mine");
	recover(WIRE_RECOVER_RETRY, id, -ESTALE);
	cr_assert_eq(left(), id);
	recover(WIRE_RECOVER_OVER, id, 0);
	cr_assert_eq(left(), 0);
	cr_assert_eq(fake_find("b", "old")->size, 200000);
	cr_assert_eq(memcmp(fake_find("b", "old")->content, "mine", 4), 0);
	stop();
}

/* The daemon dies when the service has the object and the answer is still on its way. */
static void die_with_the_answer(const char *path, const char *key, unsigned flags)
{
	struct open_file f;

	cr_assert_eq(open_file(path, flags, &f), 0);
	write_at(&f, "sent", 4, 0);
	fake.lose = -ECANCELED;
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), -ECANCELED);
	fake.lose = 0;
	cr_assert_not_null(fake_find("b", key)->content);
	halt();
	start("60000");
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	cr_assert(!draft_is_dirty(f.notes));
	cr_assert_eq(memcmp(fake_find("b", key)->content, "sent", 4), 0);
	close_file(&f);
}

Test(fs_publish, the_next_daemon_knows_what_was_sent)
{
	start("60000");
	die_with_the_answer("s3/b/dir/new", "dir/new", O_WRONLY | O_CREAT);
	die_with_the_answer("s3/b/dir/x", "dir/x", O_RDWR);
	stop();
}

Test(fs_publish, the_next_daemon_knows_what_was_not)
{
	struct open_file f;

	start("60000");
	cr_assert_eq(open_file("s3/b/dir/x", O_RDWR, &f), 0);
	write_at(&f, "mine", 4, 0);
	fake.fail = -ECANCELED;
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), -ECANCELED);
	fake.fail = 0;
	fake_put("b", "dir/x", 10); /* of the same size, by somebody else */
	halt();
	start("60000");
	fake_put("b", "dir/x", 10);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), -ESTALE);
	cr_assert_null(fake_find("b", "dir/x")->content);
	close_file(&f);
	stop();
}

/* Somebody else stores it with the same attributes, as of what a program has set. */
static void replace_by_theirs(const char *key)
{
	struct fake_object *o = fake_find("b", key);
	bool is_marked = false;

	for (size_t i = 0; i < o->user.count; i++) {
		if (strcmp(o->user.pair[i].name, METADATA_MARK) != 0)
			continue;
		is_marked = true;
		memset(o->user.pair[i].value, '5', strlen(o->user.pair[i].value));
	}
	cr_assert(is_marked);
	fake_put("b", key, o->size);
}

Test(fs_publish, what_was_sent_is_told_by_its_mark)
{
	struct open_file f;

	start("60000");
	cr_assert_eq(open_file("s3/b/dir/x", O_RDWR, &f), 0);
	write_at(&f, "sent", 4, 0);
	fake.lose = -ECANCELED;
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), -ECANCELED);
	fake.lose = 0;
	replace_by_theirs("dir/x");
	halt();
	start("60000");
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), -ESTALE);
	cr_assert_null(fake_find("b", "dir/x")->content, "theirs is gone");
	close_file(&f);
	stop();
}

/* The draft's notes in the cache say what a version without marks said; and so does the object. */
static void as_of_an_earlier_version(uint64_t size, const char *key)
{
	struct notes_journal *j;
	char path[300] = "", command[128];
	struct vnode_shm vn;
	FILE *found;
	char *map;
	int fd;

	snprintf(command, sizeof(command), "ls %s/files/*.w", dir);
	found = popen(command, "r");
	cr_assert_not_null(found);
	cr_assert_eq(fscanf(found, "%299s", path), 1);
	pclose(found);
	fd = open(path, O_RDWR);
	cr_assert_eq(pread(fd, &vn, sizeof(vn), 0), (ssize_t)sizeof(vn));
	map = mmap(NULL, DRAFT_HEAD_BYTES + sizeof(*j), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   vn.magic == VNODE_MAGIC ? (off_t)vn.notes_off : 0);
	cr_assert_neq(map, MAP_FAILED);
	j = (struct notes_journal *)(map + DRAFT_HEAD_BYTES);
	cr_assert(j->flags & NOTES_SENT);
	j->flags = (j->flags & ~NOTES_SENT) | 16;
	j->sent_mark = size;
	munmap(map, DRAFT_HEAD_BYTES + sizeof(*j));
	close(fd);
	for (size_t i = 0; key && i < fake_find("b", key)->user.count; i++) {
		struct store_pair *pair = &fake_find("b", key)->user.pair[i];

		if (!strcmp(pair->name, METADATA_MARK))
			strcpy(pair->name, "x");
	}
}

/* 0: an upload by an earlier version is known again. */
static int know_earlier(const char *path, const char *key, uint64_t size, bool is_marked)
{
	struct open_file f;
	int ret;

	start("60000");
	cr_assert_eq(open_file(path, O_WRONLY | O_CREAT, &f), 0);
	write_at(&f, "sent", 4, 0);
	fake.lose = -ECANCELED;
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), -ECANCELED);
	fake.lose = 0;
	halt();
	as_of_an_earlier_version(size, is_marked ? NULL : key);
	start("60000");
	ret = by_fd(WIRE_FLUSH, f.fd, 0, 0);
	if (!ret)
		cr_assert_eq(memcmp(fake_find("b", key)->content, "sent", 4), 0);
	close_file(&f);
	stop();
	return ret;
}

Test(fs_publish, an_earlier_version_has_sent_it)
{
	cr_assert_eq(know_earlier("s3/b/dir/new", "dir/new", 4, false), 0);
}

Test(fs_publish, an_earlier_version_has_sent_it_over_another)
{
	cr_assert_eq(know_earlier("s3/b/dir/x", "dir/x", 10, false), 0);
}

Test(fs_publish, an_earlier_version_has_sent_another_size)
{
	cr_assert_eq(know_earlier("s3/b/dir/new", "dir/new", 5, false), -ESTALE);
}

/* Those had none. */
Test(fs_publish, an_earlier_version_has_sent_no_mark)
{
	cr_assert_eq(know_earlier("s3/b/dir/new", "dir/new", 4, true), -ESTALE);
}

static const char *mark_of(const char *key)
{
	return pairs_get(&fake_find("b", key)->user, METADATA_MARK);
}

/* It is of one upload: other attributes make it another's object, which an earlier daemon that died
 * does not take for what it has sent. */
Test(fs_publish, a_mark_is_of_one_upload)
{
	char first[METADATA_TEXT];
	struct open_file f;

	start("60000");
	cr_assert_eq(open_file("s3/b/dir/new", O_WRONLY | O_CREAT, &f), 0);
	write_at(&f, "one", 3, 0);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	cr_assert_not_null(mark_of("dir/new"));
	snprintf(first, sizeof(first), "%s", mark_of("dir/new"));
	write_at(&f, "two", 3, 0);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	cr_assert_not_null(mark_of("dir/new"));
	cr_assert_str_neq(mark_of("dir/new"), first);
	close_file(&f);
	sweep_until_clean();
	request = (struct wire_request){.op = WIRE_SETATTR, .flags = WIRE_SET_MODE, .mode = 0600};
	cr_assert_eq(ask("s3/b/dir/new", strlen("s3/b/dir/new")), 0);
	cr_assert_str_eq(pairs_get(&fake_find("b", "dir/new")->user, "mode"), "33152");
	cr_assert_null(mark_of("dir/new"));
	stop();
}

Test(fs_publish, removed_after_it_was_sent_it_is_not_there)
{
	struct open_file f;

	start("60000");
	cr_assert_eq(open_file("s3/b/dir/new", O_WRONLY | O_CREAT, &f), 0);
	write_at(&f, "sent", 4, 0);
	fake.lose = -ECANCELED;
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), -ECANCELED);
	fake.lose = 0;
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/dir/new", 0), 0);
	cr_assert_null(fake_find("b", "dir/new"));
	close_file(&f);
	stop();
}

static struct draft_shm *watched;
static bool still_marked;

static void watch_marks(void)
{
	if (watched)
		still_marked = draft_block_dirty(watched, 1) && !draft_block_dirty(watched, 0);
}

Test(fs_publish, marks_stay_until_it_is_in_the_bucket)
{
	struct open_file f;

	start("60000");
	fake.while_writing = watch_marks;
	cr_assert_eq(open_file("s3/b/old", O_RDWR, &f), 0);
	write_at(&f, "XY", 2, 70000);
	watched = f.notes;
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	watched = NULL;
	cr_assert(still_marked, "a daemon that died now would not know what to send");
	cr_assert(!draft_block_dirty(f.notes, 1));
	close_file(&f);
	stop();
}

/* rename, by another program and while something is being sent */
static void *rename_it(void *arg)
{
	static const struct session_env env = {.sock = "/s", .cache_dir = "/c"};
	static const char text[] = "s3/b/dir/new\0s3/b/dir/named";
	static struct session_reply other;
	char message[sizeof(struct wire_request) + sizeof(text) - 1];
	struct wire_request r = {
		.magic = WIRE_MAGIC,
		.version = WIRE_VERSION,
		.op = WIRE_RENAME,
		.text_len = sizeof(text) - 1,
	};

	other.fd[0] = other.fd[1] = other.fd[2] = -1;
	memcpy(r.ctx, ctx, sizeof(ctx));
	memcpy(message, &r, sizeof(r));
	memcpy(message + sizeof(r), text, sizeof(text) - 1);
	session_serve(&env, getpid(), message, sizeof(message), -1, &other);
	*(int *)arg = other.head.error;
	session_free(&other);
	return NULL;
}

static pthread_t renamer;
static int renamed = -1;
static bool may_rename;

static void rename_meanwhile(void)
{
	if (!may_rename)
		return;
	may_rename = false;
	cr_assert_eq(pthread_create(&renamer, NULL, rename_it, &renamed), 0);
	usleep(100000); /* it gets as far as it can */
}

Test(fs_publish, renamed_while_it_is_sent)
{
	struct open_file f;

	start("60000");
	fake.while_writing = rename_meanwhile;
	may_rename = true;
	cr_assert_eq(open_file("s3/b/dir/new", O_WRONLY | O_CREAT, &f), 0);
	write_at(&f, "hello", 5, 0);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	pthread_join(renamer, NULL);
	cr_assert_eq(renamed, 0, "%d", renamed);
	cr_assert_null(fake_find("b", "dir/new"));
	in_bucket("dir/named", "hello");
	/* and it goes on under its name */
	write_at(&f, "HELLO", 5, 0);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	in_bucket("dir/named", "HELLO");
	cr_assert_null(fake_find("b", "dir/new"));
	close_file(&f);
	stop();
}

/* A retry finds another version, which is what the first try made of other bytes. */
Test(fs_publish, its_own_version_is_nobody_elses)
{
	struct open_file f;

	start("60000");
	cr_assert_eq(open_file("s3/b/dir/x", O_RDWR, &f), 0);
	write_at(&f, "sent", 4, 0);
	fake.lose = -ESTALE;
	fake.lose_once = true;
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	cr_assert_eq(memcmp(fake_find("b", "dir/x")->content, "sent", 4), 0);
	cr_assert(!draft_is_dirty(f.notes));
	close_file(&f);
	stop();
}
