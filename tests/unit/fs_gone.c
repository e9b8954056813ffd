/* SPDX-License-Identifier: Apache-2.0 */
/* Deletions that nobody waits for: together, in order with all else, and never unheard of. */
#include "tests/unit/writing_rig.h"

#include "fs/gone.h"
#include "fs/gonelog.h"
#include "fs/gonerefused.h"

static int removed; /* that were only started, as the process counts */

static int remove_later(const char *path)
{
	int ret = op(WIRE_UNLINK, path, WIRE_UNLINK_LATER);

	if (!ret && reply.head.attr.size)
		removed++;
	return ret;
}

static int settle(void)
{
	request = (struct wire_request){.op = WIRE_SETTLE, .length = (uint64_t)removed};
	return ask("", 0);
}

static void begin(unsigned files)
{
	char key[32];

	start("60000");
	removed = 0;
	for (unsigned i = 0; i < files; i++) {
		snprintf(key, sizeof(key), "many/%u", i);
		fake_put("b", key, 10);
	}
	/* what the program has listed is known */
	cr_assert_eq(op(WIRE_OPEN, "s3/b/many", O_RDONLY | O_DIRECTORY), 0);
	fake_requests();
}

static void end(void)
{
	cr_assert_eq(gone_stop(5000), 0);
	stop();
}

Test(fs_gone, gone_at_once)
{
	char path[32];

	begin(500);
	for (unsigned i = 0; i < 500; i++) {
		snprintf(path, sizeof(path), "s3/b/many/%u", i);
		cr_assert_eq(remove_later(path), 0);
		cr_assert_eq(remove_later(path), -ENOENT, "twice");
	}
	cr_assert_eq(removed, 500);
	cr_assert_eq(settle(), 0);
	cr_assert_null(fake_find("b", "many/0"));
	cr_assert_null(fake_find("b", "many/499"));
	cr_assert_leq(fake.counters.requests[STORE_DELETE_MANY] +
			      fake.counters.requests[STORE_DELETE],
		      500);
	cr_assert_eq(fake.counters.requests[STORE_HEAD], 0);
	end();
}

/* Of those that wait together. */
Test(fs_gone, together)
{
	char path[32];

	begin(500);
	fake.delay_us = 300000;
	for (unsigned i = 0; i < 500; i++) {
		snprintf(path, sizeof(path), "s3/b/many/%u", i);
		cr_assert_eq(remove_later(path), 0);
	}
	cr_assert_eq(settle(), 0);
	cr_assert_leq(fake.counters.requests[STORE_DELETE_MANY] +
			      fake.counters.requests[STORE_DELETE],
		      4);
	end();
}

Test(fs_gone, whoever_asks_waits)
{
	struct open_file f;

	begin(4);
	fake.delay_us = 50000;
	cr_assert_eq(remove_later("s3/b/many/1"), 0);
	cr_assert_eq(op(WIRE_STAT, "s3/b/many/1", 0), -ENOENT);
	cr_assert_null(fake_find("b", "many/1"));
	cr_assert_eq(remove_later("s3/b/many/2"), 0);
	cr_assert_eq(op(WIRE_STAT, "s3/b/many", 0), 0);
	cr_assert_null(fake_find("b", "many/2"));
	/* who makes it anew has it */
	cr_assert_eq(remove_later("s3/b/many/3"), 0);
	cr_assert_eq(open_file("s3/b/many/3", O_WRONLY | O_CREAT | O_EXCL, &f), 0);
	write_at(&f, "new", 3, 0);
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	cr_assert_eq(settle(), 0);
	in_bucket("many/3", "new");
	close_file(&f);
	/* and who removes the directory finds it empty */
	cr_assert_eq(remove_later("s3/b/many/3"), 0);
	cr_assert_eq(remove_later("s3/b/many/0"), 0);
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/many", AT_REMOVEDIR), 0);
	cr_assert_eq(settle(), 0);
	/* elsewhere nobody waits */
	cr_assert_eq(remove_later("s3/b/old"), 0);
	cr_assert_eq(op(WIRE_STAT, "s3/b/dir/x", 0), 0);
	end();
}

Test(fs_gone, what_is_refused_is_there_and_told)
{
	begin(3);
	fake.fail_delete = -EACCES;
	cr_assert_eq(remove_later("s3/b/many/1"), 0);
	cr_assert_eq(remove_later("s3/b/many/2"), 0);
	cr_assert_eq(settle(), -EACCES);
	cr_assert_not_null(strstr(reply.line, "2 files could not be removed"), "%s", reply.line);
	cr_assert_eq(settle(), 0, "told twice");
	cr_assert_eq(op(WIRE_STAT, "s3/b/many/1", 0), 0);
	/* who waits is told at once */
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/many/1", 0), -EACCES);
	fake.fail_delete = 0;
	end();
}

/* A daemon is asked to remove two, and dies before the store has heard of it. */
static void die_in_between(void)
{
	begin(4);
	fake.fail = -ECANCELED;
	cr_assert_eq(remove_later("s3/b/many/1"), 0);
	cr_assert_eq(remove_later("s3/b/many/2"), 0);
	cr_assert_eq(gone_stop(5000), 0);
	halt();
	fake.fail = 0;
	cr_assert_not_null(fake_find("b", "many/1"));
}

/* The next does it, before it answers anybody. */
Test(fs_gone, a_daemon_that_died)
{
	die_in_between();
	start("60000");
	cr_assert_eq(op(WIRE_STAT, "s3/b/many/1", 0), -ENOENT);
	cr_assert_null(fake_find("b", "many/1"));
	cr_assert_eq(settle(), 0, "%s", reply.line);
	cr_assert_null(fake_find("b", "many/2"));
	cr_assert_not_null(fake_find("b", "many/3"));
	end();
}

/* Nor what has been stored again since, though its bytes and so its ETag are the same: the journal
 * may be one that was set back, or that a power cut has kept from telling the end. */
Test(fs_gone, stored_again_with_the_same_bytes)
{
	die_in_between();
	fake_find("b", "many/1")->made_s = time(NULL) + 1000;
	start("60000");
	cr_assert_eq(op(WIRE_STAT, "s3/b/many/1", 0), 0);
	cr_assert_not_null(fake_find("b", "many/1"));
	cr_assert_eq(settle(), 0, "%s", reply.line);
	cr_assert_null(fake_find("b", "many/2"));
	end();
}

static int count_refused(void *arg, const struct gonelog_left *l)
{
	cr_assert_eq(l->error, -EACCES);
	cr_assert_not_null(strstr(l->object, "b/many/"));
	++*(unsigned *)arg;
	return 0;
}

static unsigned refused(void)
{
	unsigned n = 0;

	gonerefused_each(count_refused, &n);
	return n;
}

static int first_serial(void *arg, const struct gonelog_left *l)
{
	*(uint64_t *)arg = l->serial;
	return 1;
}

/* What is refused to one that nobody waits for is kept, over daemons too, and not tried again. */
Test(fs_gone, refused_untold)
{
	char message[STORE_MESSAGE_BYTES];
	uint64_t serial = 0;

	die_in_between();
	fake.fail_delete = -EACCES;
	start("60000");
	cr_assert_eq(op(WIRE_STAT, "s3/b/many/1", 0), 0, "it is there again");
	cr_assert_eq(op(WIRE_STAT, "s3/b/many/2", 0), 0);
	cr_assert_eq(refused(), 2);
	cr_assert_eq(gone_stop(5000), 0);
	halt();
	fake.fail_delete = 0;
	start("60000");
	cr_assert_eq(op(WIRE_STAT, "s3/b/many/1", 0), 0, "it stays");
	cr_assert_eq(refused(), 2);
	cr_assert_eq(gonerefused_each(first_serial, &serial), 1);
	cr_assert_eq(gonerefused_retry(serial, message), 0, "%s", message);
	cr_assert_eq(gonerefused_retry(serial, message), -ENOENT);
	cr_assert_eq(refused(), 1);
	cr_assert_eq(!fake_find("b", "many/1") + !fake_find("b", "many/2"), 1);
	cr_assert_eq(gonerefused_each(first_serial, &serial), 1);
	cr_assert_eq(gonerefused_discard(serial), 0);
	cr_assert_eq(gone_stop(5000), 0);
	halt();
	start("60000");
	cr_assert_eq(refused(), 0);
	cr_assert_eq(!fake_find("b", "many/1") + !fake_find("b", "many/2"), 1);
	end();
}

Test(fs_gone, refused_is_over_when_told)
{
	begin(3);
	fake.fail_delete = -EACCES;
	cr_assert_eq(remove_later("s3/b/many/1"), 0);
	cr_assert_eq(remove_later("s3/b/many/2"), 0);
	gone_wait("s3/b/many/1", false);
	cr_assert_eq(refused(), 2);
	cr_assert_eq(settle(), -EACCES);
	cr_assert_eq(refused(), 0);
	fake.fail_delete = 0;
	end();
}

/* A retry leaves what somebody else has stored there. */
Test(fs_gone, refused_and_replaced)
{
	char message[STORE_MESSAGE_BYTES];
	uint64_t serial = 0;

	die_in_between();
	fake.fail_delete = -EACCES;
	start("60000");
	cr_assert_eq(op(WIRE_STAT, "s3/b/many/1", 0), 0);
	cr_assert_eq(op(WIRE_STAT, "s3/b/many/2", 0), 0);
	fake.fail_delete = 0;
	fake_put("b", "many/1", 20);
	fake_put("b", "many/2", 20);
	while (gonerefused_each(first_serial, &serial))
		cr_assert_eq(gonerefused_retry(serial, message), 0);
	cr_assert_not_null(fake_find("b", "many/1"));
	cr_assert_not_null(fake_find("b", "many/2"));
	end();
}

Test(fs_gone, is_done_once)
{
	die_in_between();
	start("60000");
	cr_assert_eq(settle(), 0);
	cr_assert_eq(gone_stop(5000), 0);
	halt();
	fake_put("b", "many/1", 10);
	start("60000");
	cr_assert_eq(op(WIRE_STAT, "s3/b/many/1", 0), 0);
	cr_assert_not_null(fake_find("b", "many/1"));
	end();
}

/* What somebody else has stored in its place meanwhile stays. */
Test(fs_gone, not_what_is_there_instead)
{
	die_in_between();
	fake_put("b", "many/1", 20);
	start("60000");
	cr_assert_eq(op(WIRE_STAT, "s3/b/many/1", 0), 0);
	cr_assert_eq(reply.head.attr.size, 20);
	cr_assert_eq(op(WIRE_STAT, "s3/b/many/2", 0), -ENOENT);
	cr_assert_eq(settle(), 0);
	end();
}

/* A process that waits for its own makes its credentials known first. */
Test(fs_gone, who_waits_is_asked_for_credentials)
{
	die_in_between();
	start_silent("60000");
	cr_assert_eq(settle(), -WIRE_EUNKNOWN_CTX);
	hello();
	cr_assert_eq(settle(), 0);
	cr_assert_null(fake_find("b", "many/1"));
	end();
}

/* A journal that a death has cut short is read as far as it goes. */
Test(fs_gone, half_a_record)
{
	char path[80];
	FILE *log;

	die_in_between();
	snprintf(path, sizeof(path), "%s/gone", dir);
	log = fopen(path, "a");
	cr_assert_not_null(log);
	fwrite("A\09", 1, 3, log);
	fclose(log);
	start("60000");
	cr_assert_eq(op(WIRE_STAT, "s3/b/many/1", 0), -ENOENT);
	cr_assert_eq(settle(), 0);
	end();
}

Test(fs_gone, who_has_it_open_goes_on)
{
	struct open_file f;
	char byte;

	begin(3);
	cr_assert_eq(open_file("s3/b/old", O_RDONLY, &f), 0);
	cr_assert_eq(remove_later("s3/b/old"), 0);
	cr_assert_eq(removed, 0, "then it is done at once");
	cr_assert_null(fake_find("b", "old"));
	cr_assert_eq(pread(f.fd, &byte, 1, 199999), 1);
	close_file(&f);
	end();
}

/* What the service has answered is not sent once more with what it could not be asked. */
Test(fs_gone, only_what_was_not_answered_is_sent_again)
{
	char path[32];

	begin(200);
	fake.cannot_name = 3;
	for (unsigned i = 0; i < 200; i++) {
		snprintf(path, sizeof(path), "s3/b/many/%u", i);
		cr_assert_eq(remove_later(path), 0);
	}
	cr_assert_eq(settle(), 0);
	cr_assert_null(fake_find("b", "many/0"));
	cr_assert_null(fake_find("b", "many/199"));
	cr_assert_gt(fake.counters.requests[STORE_DELETE_MANY], 0);
	cr_assert_eq(fake.deleted_in_vain, 0);
	end();
}

static FILE *open_log(const char *how)
{
	char path[80];
	FILE *log;

	snprintf(path, sizeof(path), "%s/gone", dir);
	log = fopen(path, how);
	cr_assert_not_null(log);
	return log;
}

static long log_bytes(void)
{
	FILE *log = open_log("r");
	long bytes;

	fseek(log, 0, SEEK_END);
	bytes = ftell(log);
	fclose(log);
	return bytes;
}

/* As daemons leave it: one of credentials that nobody has, one that was refused, and very many
 * between them that have ended. */
static void leave_long(unsigned ended)
{
	char object[1000] = "s3/b/";
	FILE *log;

	begin(4);
	cr_assert_eq(gone_stop(5000), 0);
	halt();
	memset(object + 5, 'k', sizeof(object) - 6);
	object[sizeof(object) - 1] = '\0';
	log = open_log("w");
	fprintf(log, "A%c1 7%c%032d%c%cs3/b/many/1%c", 0, 0, 5, 0, 0, 0);
	fprintf(log, "A%c2 7%c%032d%c%cs3/b/many/2%cR%c2%c13%cno%c", 0, 0, 5, 0, 0, 0, 0, 0, 0, 0);
	for (unsigned i = 0; i < ended; i++)
		fprintf(log, "A%c%u 7%c%032d%c%c%s%cD%c%u%c", 0, i + 3, 0, 5, 0, 0, object, 0, 0,
			i + 3, 0);
	fclose(log);
}

static int first_left(void *arg, const struct gonelog_left *l)
{
	cr_assert_str_eq(l->object, "s3/b/many/1");
	cr_assert_eq(l->pid, 7);
	cr_assert_eq(l->error, 0);
	++*(unsigned *)arg;
	return 0;
}

static unsigned left_over(void)
{
	unsigned n = 0;

	gone_each_left(first_left, &n);
	return n;
}

/* Both are there, whoever reads it. */
static void both_are_left(long bytes)
{
	cr_assert_eq(left_over(), 1);
	cr_assert_eq(refused(), 1);
	cr_assert_leq(log_bytes(), bytes, "%ld bytes", log_bytes());
	cr_assert_eq(gone_stop(5000), 0);
	halt();
	start("60000");
	cr_assert_eq(left_over(), 1);
	cr_assert_eq(refused(), 1);
}

/* What has ended goes from the journal, also while something else is left. */
Test(fs_gone, the_journal_shrinks_at_the_start)
{
	leave_long(2000);
	cr_assert_gt(log_bytes(), 2000000);
	start("60000");
	both_are_left(500);
	end();
}

Test(fs_gone, however_long_it_is)
{
	leave_long(255000);
	cr_assert_gt(log_bytes(), 1 << 28);
	start("60000");
	both_are_left(500);
	end();
}

Test(fs_gone, the_journal_shrinks)
{
	char key[1024], path[1100];

	leave_long(1);
	start("0"); /* what is put there meanwhile is seen */
	for (unsigned round = 0; round < 8; round++) {
		for (unsigned i = 0; i < 200; i++) {
			snprintf(key, sizeof(key), "many/%0150u/%0150u/%0150u/%0150u/%0150u/%u", 1,
				 2, 3, 4, 5, round * 200 + i);
			snprintf(path, sizeof(path), "s3/b/%s", key);
			fake_put("b", key, 10);
			cr_assert_eq(remove_later(path), 0);
		}
		cr_assert_eq(settle(), 0);
	}
	cr_assert_eq(removed, 1600);
	both_are_left(900000);
	end();
}

/* Who wants it to stay need not have its credentials; who wants it to go does. */
Test(fs_gone, what_is_left_is_listed)
{
	leave_long(1);
	start("60000");
	request = (struct wire_request){.op = WIRE_RECOVER};
	cr_assert_eq(ask("", 0), 0);
	cr_assert_not_null(strstr(reply.text, "s3/b/many/1"), "%s", reply.text);
	cr_assert_not_null(strstr(reply.text, "credentials"), "%s", reply.text);
	request =
		(struct wire_request){.op = WIRE_RECOVER, .flags = WIRE_RECOVER_RETRY, .offset = 1};
	cr_assert_eq(ask("", 0), -EKEYREJECTED);
	request.flags = WIRE_RECOVER_DISCARD;
	cr_assert_eq(ask("", 0), 0);
	cr_assert_eq(ask("", 0), -ENOENT);
	cr_assert_eq(left_over(), 0);
	halt();
	start("60000");
	cr_assert_eq(left_over(), 0);
	cr_assert_not_null(fake_find("b", "many/1"));
	end();
}
