/* SPDX-License-Identifier: Apache-2.0 */
/* The records of moves and exchanges: what was written is what is read, and what a death has cut
 * short is none. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/moverecord.h"

#define NAME "00000000000000ab"
#define CTX  "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5"

static char dir[] = "/tmp/skyshim-test-XXXXXX";
static int dir_fd;

static struct movelog *blank(void)
{
	struct movelog *log = calloc(1, sizeof(*log));

	cr_assert_not_null(log);
	strcpy(log->name, NAME);
	log->fd = -1;
	return log;
}

/* One that is begun, open for more. */
static struct movelog *begin(const char *from, const char *to, const char *kinds)
{
	struct movelog *log = blank();

	if (!dir_fd) {
		cr_assert_not_null(mkdtemp(dir));
		dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
	}
	memset(log->ctx, 0xa5, sizeof(log->ctx));
	strcpy(log->from, from);
	strcpy(log->to, to);
	log->is_exchange = *kinds;
	log->is_dir[0] = kinds[0] == 'd';
	log->is_dir[1] = *kinds && kinds[1] == 'd';
	log->fd = openat(dir_fd, NAME, O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
	cr_assert_eq(moverecord_begin(log), 0);
	return log;
}

static int read_anew(struct movelog **out)
{
	*out = blank();
	return moverecord_read(dir_fd, *out);
}

static off_t size(void)
{
	struct stat st;

	cr_assert_eq(fstatat(dir_fd, NAME, &st, 0), 0);
	return st.st_size;
}

static void end(void)
{
	unlinkat(dir_fd, NAME, 0);
	rmdir(dir);
}

Test(fs_moverecord, a_move)
{
	struct movelog *log = begin("s3/b/d/", "s3/b/e/", ""), *found;

	moverecord_copied(log, "d/x", "\"1\"", "\"2\"");
	moverecord_deletes(log);
	moverecord_free(log);
	cr_assert_eq(read_anew(&found), 0);
	cr_assert_str_eq(found->from, "s3/b/d/");
	cr_assert_str_eq(found->to, "s3/b/e/");
	cr_assert(found->deletes && !found->undoes && !found->is_exchange && !found->scratch[0]);
	cr_assert_eq(found->ctx[15], 0xa5);
	cr_assert_str_eq(moverecord_find(found, "d/x", "\"1\"")->now, "\"2\"");
	cr_assert_null(moverecord_find(found, "d/x", "\"3\""), "another version");
	cr_assert_null(moverecord_find(found, "d/y", "\"1\""));
	moverecord_free(found);
	end();
}

Test(fs_moverecord, an_exchange_and_its_third_place)
{
	static const struct {
		const char *kinds, *from, *to, *scratch;
	} cases[] = {
		{"dd", "s3/b/p/d/", "s3/b/q/e/", "s3/b/q/.exchange-" NAME "/"},
		{"dd", "s3/b/d/", "s3/b/e/", "s3/b/.exchange-" NAME "/"},
		{"ff", "s3/b/d", "s3/b/q/e", "s3/b/q/.exchange-" NAME},
		{"ff", "s3/b/d", "s3/b/q/e/", "s3/b/q/e/.exchange-" NAME}, /* a key with a slash */
		{"fd", "s3/b/f", "s3/b/e/", ""},
		{"df", "s3/b/d/", "s3/b/f", ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct movelog *found;

		moverecord_free(begin(cases[i].from, cases[i].to, cases[i].kinds));
		cr_assert_eq(read_anew(&found), 0);
		cr_assert(found->is_exchange);
		cr_assert_eq(found->is_dir[0], cases[i].kinds[0] == 'd');
		cr_assert_eq(found->is_dir[1], cases[i].kinds[1] == 'd');
		cr_assert_str_eq(found->from, cases[i].from);
		cr_assert_str_eq(found->to, cases[i].to);
		cr_assert_str_eq(found->scratch, cases[i].scratch);
		cr_assert(!found->leg && !found->is_back && !found->is_over && !found->result);
		moverecord_free(found);
	}
	end();
}

/* What was copied and deleted for one of the chain says nothing of the next. */
Test(fs_moverecord, each_of_the_chain_begins_anew)
{
	struct movelog *log = begin("s3/b/d/", "s3/b/e/", "dd"), *found;

	moverecord_copied(log, "e/x", "\"1\"", "\"2\"");
	moverecord_deletes(log);
	cr_assert_eq(moverecord_checked(log), 0);
	cr_assert_eq(moverecord_leg(log, 1, false, 0), 0);
	cr_assert(log->leg == 1 && !log->deletes && !log->is_resumed && !log->is_checked);
	moverecord_copied(log, "d/x", "\"1\"", "\"3\"");
	moverecord_undoes(log);
	cr_assert_eq(read_anew(&found), 0);
	cr_assert(found->leg == 1 && !found->deletes && found->undoes && !found->is_back);
	cr_assert_not(found->is_checked);
	cr_assert_null(moverecord_find(found, "e/x", "\"1\""));
	cr_assert_str_eq(moverecord_find(found, "d/x", "\"1\"")->now, "\"3\"");
	moverecord_free(found);

	cr_assert_eq(moverecord_leg(log, 0, true, -EACCES), 0);
	cr_assert_eq(read_anew(&found), 0);
	cr_assert(!found->leg && found->is_back && !found->undoes && !found->is_over);
	cr_assert_eq(found->result, -EACCES);
	moverecord_free(found);

	cr_assert_eq(moverecord_over(log, log->result), 0);
	cr_assert_eq(read_anew(&found), 0);
	cr_assert(found->is_over);
	cr_assert_eq(found->result, -EACCES);
	moverecord_free(found);
	moverecord_free(log);
	end();
}

Test(fs_moverecord, parked_until_it_gets_on_or_is_somebody_elses)
{
	struct movelog *log = begin("s3/b/f", "s3/b/g", "ff"), *found;

	cr_assert_eq(moverecord_leg(log, 1, false, 0), 0);
	moverecord_parked(log, -ENOENT, "gone");
	cr_assert_eq(read_anew(&found), 0);
	cr_assert(found->is_parked && found->leg == 1);
	cr_assert_eq(found->error, -ENOENT);
	cr_assert_str_eq(found->why, "gone");
	memset(found->ctx, 0x5a, sizeof(found->ctx));
	cr_assert_eq(moverecord_begin(found), 0);
	moverecord_free(found);
	cr_assert_eq(read_anew(&found), 0);
	cr_assert(!found->is_parked && found->leg == 1);
	cr_assert_eq(found->ctx[0], 0x5a);
	moverecord_parked(found, -ENOENT, "gone again");
	cr_assert_eq(moverecord_leg(found, 2, false, 0), 0);
	moverecord_free(found);
	cr_assert_eq(read_anew(&found), 0);
	cr_assert(!found->is_parked && found->leg == 2);
	moverecord_free(found);
	moverecord_free(log);
	end();
}

/* At each byte: what is whole counts, and what is noted then is not taken for its rest. */
Test(fs_moverecord, cut_short_anywhere)
{
	struct movelog *log = begin("s3/b/d/", "s3/b/e/", "dd"), *found;
	off_t head = size(), whole;

	cr_assert_eq(moverecord_leg(log, 1, false, 0), 0);
	whole = size();
	moverecord_free(log);
	for (off_t at = whole; at >= 0; at--) {
		log = begin("s3/b/d/", "s3/b/e/", "dd");
		cr_assert_eq(moverecord_leg(log, 1, false, 0), 0);
		cr_assert_eq(ftruncate(log->fd, at), 0);
		moverecord_free(log);
		if (at < head) {
			cr_assert_eq(read_anew(&found), -ENODATA, "of %d bytes", (int)at);
			moverecord_free(found);
			continue;
		}
		cr_assert_eq(read_anew(&found), 0);
		cr_assert_eq(found->leg, at == whole);
		cr_assert_eq(moverecord_leg(found, 2, false, 0), 0);
		moverecord_free(found);
		cr_assert_eq(read_anew(&found), 0, "of %d bytes, and more", (int)at);
		cr_assert_eq(found->leg, 2);
		moverecord_free(found);
	}
	end();
}

/* Both outlive the room that is made for what must be noted. */
Test(fs_moverecord, where_it_is_and_what_was_there)
{
	struct movelog *log = begin("s3/b/d/", "s3/b/e/", ""), *found;

	moverecord_where(log, "http://127.0.0.1:9000");
	cr_assert_eq(moverecord_mark(log), 0);
	cr_assert_eq(read_anew(&found), 0);
	cr_assert_not(found->is_checked);
	moverecord_free(found);
	cr_assert_eq(moverecord_checked(log), 0);
	cr_assert(log->is_checked);
	moverecord_copied(log, "d/f", "one", "two");
	cr_assert_eq(ftruncate(log->fd, log->base), 0);
	moverecord_free(log);
	cr_assert_eq(read_anew(&found), 0);
	cr_assert_str_eq(found->where, "http://127.0.0.1:9000");
	cr_assert(found->has_mark && found->is_checked && !found->count);
	moverecord_free(found);
	end();
}

Test(fs_moverecord, what_it_is_not)
{
#define TEXT(text)                     \
	{                              \
		text, sizeof(text) - 1 \
	}
	static const struct {
		const char *bytes;
		size_t len;
	} texts[] = {
		TEXT("X\0\0\0"),
		TEXT("H" CTX "\0s3/b/d/\0s3/b/e/\0X\0\0\0"), /* of a later version */
		TEXT("L1\0on\0"
		     "0\0"),
		TEXT("O0\0\0\0"),
		TEXT("E" CTX "dx\0s3/b/d/\0s3/b/e/\0"), /* no kind */
		TEXT("E" CTX "d\0s3/b/d/\0s3/b/e/\0"),
		TEXT("H" CTX "dd\0s3/b/d/\0s3/b/e/\0"),
		TEXT("E" CTX "dd\0s3/b/d/\0s3/b/e/\0L4\0on\0"
		     "0\0"),
		TEXT("E" CTX "dd\0s3/b/d/\0s3/b/e/\0L-1\0on\0"
		     "0\0"),
		TEXT("E" CTX "dd\0s3/b/d/\0s3/b/e/\0L1\0up\0"
		     "0\0"),
		TEXT("H" CTX "\0s3/b/d/\0s3/b/e/\0L1\0on\0"
		     "0\0"),
	};
	struct movelog *found;

	moverecord_free(begin("s3/b/d/", "s3/b/e/", ""));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int fd = openat(dir_fd, NAME, O_WRONLY | O_TRUNC);

		cr_assert_eq(write(fd, texts[i].bytes, texts[i].len), (ssize_t)texts[i].len);
		close(fd);
		cr_assert_eq(read_anew(&found), -EBADMSG, "number %zu", i);
		moverecord_free(found);
	}
	end();
}

/* Of two files' exchange each of the chain tells the next which versions it has left. */
Test(fs_moverecord, what_the_one_before_has_left)
{
	struct movelog *log = begin("s3/b/f", "s3/b/g", "ff"), *found;

	moverecord_copied(log, "g", "\"1\"", "\"2\"");
	cr_assert_eq(moverecord_leg(log, 1, false, 0), 0);
	moverecord_copied(log, "f", "\"3\"", "\"4\"");
	cr_assert_eq(moverecord_leg(log, 2, false, 0), 0);
	cr_assert_eq(moverecord_leg(log, 1, true, -EACCES), 0);
	moverecord_copied(log, "g", "\"5\"", "\"6\"");
	cr_assert_eq(read_anew(&found), 0);
	cr_assert_str_eq(found->passed[0].was, "\"1\"");
	cr_assert_str_eq(found->passed[0].now, "\"2\"");
	cr_assert_str_eq(found->passed[1].was, "\"3\"");
	cr_assert_str_eq(found->passed[1].now, "\"4\"");
	cr_assert_str_eq(found->passed[2].was, "");
	cr_assert_eq(memcmp(found->passed, log->passed, sizeof(log->passed)), 0);
	moverecord_free(found);
	moverecord_free(log);
	end();
}

Test(fs_moverecord, each_copy_of_a_key)
{
	struct movelog *log = begin("s3/b/d/", "s3/b/e/", ""), *found;

	moverecord_copied(log, "d/x", "\"1\"", "\"2\"");
	moverecord_copied(log, "d/y", "\"5\"", "\"6\"");
	moverecord_copied(log, "d/x", "\"3\"", "\"4\"");
	moverecord_free(log);
	cr_assert_eq(read_anew(&found), 0);
	cr_assert(moverecord_is_copy(found, "d/x", "\"2\""));
	cr_assert(moverecord_is_copy(found, "d/x", "\"4\""));
	cr_assert_not(moverecord_is_copy(found, "d/x", "\"6\""));
	cr_assert_not(moverecord_is_copy(found, "d/x", "\"1\""));
	cr_assert_not(moverecord_is_copy(found, "d/x", ""));
	cr_assert_not(moverecord_is_copy(found, "d/z", "\"2\""));
	moverecord_free(found);
	end();
}

/* What was copied is believed no more when there is no room to say that it goes again. */
Test(fs_moverecord, the_undo_that_finds_no_room)
{
	struct movelog *log = begin("s3/b/d/", "s3/b/e/", ""), *found;
	const off_t head = size();
	struct rlimit little = {(rlim_t)head + 30, RLIM_INFINITY};
	const struct rlimit enough = {RLIM_INFINITY, RLIM_INFINITY};
	int ret;

	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &little), 0);
	moverecord_copied(log, "d/a", "\"1\"", "\"2\"");
	moverecord_copied(log, "d/b", "\"1\"", "\"2\"");
	moverecord_copied(log, "d/c", "\"1\"", "\"2\"");
	ret = moverecord_undoes(log);
	cr_assert_eq(ret, 0);
	little.rlim_cur = (rlim_t)head;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &little), 0);
	cr_assert_eq(moverecord_undoes(log), 0, "it is noted already");
	log->undoes = false;
	cr_assert_neq(moverecord_undoes(log), 0, "that there is no room at all is told");
	cr_assert_not(log->undoes);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &enough), 0);
	cr_assert_eq(moverecord_undoes(log), 0);
	moverecord_free(log);
	cr_assert_eq(read_anew(&found), 0);
	cr_assert(found->undoes);
	cr_assert_null(moverecord_find(found, "d/a", "\"1\""));
	moverecord_free(found);
	end();
}

/* What a full disk has cut short is taken away at once: what comes when there is room is read. */
Test(fs_moverecord, room_comes_back)
{
	struct movelog *log = begin("s3/b/d/", "s3/b/e/", ""), *found;
	struct rlimit little = {(rlim_t)size() + 10, RLIM_INFINITY};
	const struct rlimit enough = {RLIM_INFINITY, RLIM_INFINITY};
	const off_t head = size();

	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &little), 0);
	moverecord_copied(log, "d/a", "\"1\"", "\"2\"");
	cr_assert_eq(size(), head, "half a record stands there");
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &enough), 0);
	moverecord_copied(log, "d/b", "\"1\"", "\"2\"");
	cr_assert_eq(moverecord_deletes(log), -ENOSPC, "nobody would know of one that was copied");
	cr_assert_eq(moverecord_undoes(log), 0);
	moverecord_free(log);
	cr_assert_eq(read_anew(&found), 0);
	cr_assert(found->undoes && !found->deletes);
	cr_assert_null(moverecord_find(found, "d/a", "\"1\""));
	cr_assert_not_null(moverecord_find(found, "d/b", "\"1\""));
	moverecord_free(found);
	end();
}
