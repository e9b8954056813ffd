/* SPDX-License-Identifier: Apache-2.0 */
/* Two names change places: all of it or nothing, wherever it is cut short. */
#include "tests/unit/writing_rig.h"

#include <linux/fs.h>

#include "fs/movegate.h"
#include "fs/told.h"

#define NUMBER 0x1234u

static int exchange_as(const char *from, const char *to, uint64_t number)
{
	char text[256];
	int len = snprintf(text, sizeof(text), "%s%c%s", from, 0, to);

	request = (struct wire_request){
		.op = WIRE_RENAME, .flags = RENAME_EXCHANGE, .offset = number};
	return ask(text, (size_t)len);
}

/* A request's own. */
static uint64_t fresh(void)
{
	static uint64_t number = NUMBER;

	return ++number;
}

/* What each kind of exchange is about. Sizes tell whose an object is. */
static const struct kind {
	const char *from, *to;
	const char *before, *after;
} kinds[] = {
	{"s3/b/p/d", "s3/b/q/e",
	 "p/d/same=101 p/d/sub/one=102 p/d/x=103 q/e/=0 q/e/only/y=202 q/e/same=201",
	 "p/d/=0 p/d/only/y=202 p/d/same=201 q/e/same=101 q/e/sub/one=102 q/e/x=103"},
	{"s3/b/p/f", "s3/b/q/g", "p/f=101 q/g=201", "p/f=201 q/g=101"},
	{"s3/b/p/f", "s3/b/q/e", "p/f=101 q/e/=0 q/e/same=201 q/e/sub/y=202",
	 "p/f/=0 p/f/same=201 p/f/sub/y=202 q/e=101"},
	{"s3/b/p/d", "s3/b/q/g", "p/d/same=101 p/d/sub/y=102 q/g=201",
	 "p/d=201 q/g/same=101 q/g/sub/y=102"},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* The bucket below "p/" and "q/", as kinds[] has it. */
static const char *bucket_now(void)
{
	static char text[2048];
	const char *names[64];
	size_t n = 0, len = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < fake.count; i++) {
		if (!strncmp(fake.objects[i].key, "p/", 2) ||
		    !strncmp(fake.objects[i].key, "q/", 2))
			names[n++] = fake.objects[i].key;
	}
	qsort(names, n, sizeof(names[0]), fake_by_name);
	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s=%d", i ? " " : "",
					names[i], (int)fake_find("b", names[i])->size);
	return text;
}

static void fill(const char *what)
{
	char text[1024], *save, *one, *size;

	while (strcmp(bucket_now(), "") != 0) {
		for (unsigned i = 0; i < fake.count; i++) {
			if (fake.objects[i].key[1] == '/') {
				fake_delete_key("b", fake.objects[i].key);
				break;
			}
		}
	}
	snprintf(text, sizeof(text), "%s", what);
	for (one = strtok_r(text, " ", &save); one; one = strtok_r(NULL, " ", &save)) {
		size = strchr(one, '=');
		*size++ = '\0';
		fake_put("b", one, (uint64_t)atoi(size));
	}
}

/* The same, to a daemon that knows of nothing. */
static void fill_anew(const char *what)
{
	halt();
	told_forget_all();
	fill(what);
	start("60000");
}

/* The daemon that comes next, with all that it goes on with by itself. */
static void next_daemon(void)
{
	halt();
	fake.is_mortal = fake.loses_last = false;
	fake.fail_copy = fake.fail_delete = 0;
	start("60000");
	for (int i = 0; i < 500 && movelog_any(); i++) {
		movedir_sweep();
		usleep(2000);
	}
	cr_assert_not(movelog_any(), "it is not gone on with");
}

Test(fs_exchange, each_kind_there_and_back)
{
	start("60000");
	for (size_t i = 0; i < KINDS; i++) {
		fill_anew(kinds[i].before);
		cr_assert_eq(exchange_as(kinds[i].from, kinds[i].to, 0), 0, "kind %zu", i);
		cr_assert_str_eq(bucket_now(), kinds[i].after);
		cr_assert_eq(exchange_as(kinds[i].from, kinds[i].to, 0), 0, "kind %zu, back", i);
		cr_assert_str_eq(bucket_now(), kinds[i].before);
		cr_assert_eq(op(WIRE_STAT, kinds[i].from, 0), 0);
		cr_assert_eq(op(WIRE_STAT, kinds[i].to, 0), 0);
	}
	stop();
}

/* A daemon dies after each change it makes, having heard of the last or not: the next ends it. */
static void die_everywhere(const struct kind *k, bool loses_last)
{
	for (unsigned at = 0;; at++) {
		uint64_t number = fresh();
		int ret;

		fill_anew(k->before);
		fake.is_mortal = true;
		fake.loses_last = loses_last;
		fake.changes_left = at + loses_last;
		ret = exchange_as(k->from, k->to, number);
		if (!ret) {
			cr_assert_geq(at, 4, "it never died");
			fake.is_mortal = false;
			return;
		}
		cr_assert_eq(ret, -ECANCELED, "%s, after %u: %d, %s", k->before, at, ret,
			     bucket_now());
		next_daemon();
		cr_assert_str_eq(bucket_now(), k->after, "after %u: %s", at, bucket_now());
		/* whoever asked asks again */
		cr_assert_eq(exchange_as(k->from, k->to, number), 0);
		cr_assert_str_eq(bucket_now(), k->after, "after %u it is changed back", at);
	}
}

Test(fs_exchange, whenever_a_daemon_dies_the_next_ends_it)
{
	start("60000");
	for (size_t i = 0; i < KINDS; i++) {
		die_everywhere(&kinds[i], false);
		die_everywhere(&kinds[i], true);
	}
	stop();
}

/* A copy that is refused, whichever it is: all is as before, and he is told why; if that cannot be
 * done either, it is done later. */
static void refuse_everywhere(const struct kind *k)
{
	for (unsigned at = 0;; at++) {
		uint64_t number = fresh();
		int ret;

		fill_anew(k->before);
		fake.copies_first = at;
		fake.fail_copy = -EACCES;
		ret = exchange_as(k->from, k->to, number);
		if (!ret) {
			cr_assert_geq(at, 2);
			fake.fail_copy = 0;
			fake.copies_first = 0;
			return;
		}
		cr_assert_eq(ret, -EACCES, "%s, after %u: %d, %s", k->before, at, ret,
			     bucket_now());
		next_daemon();
		cr_assert_str_eq(bucket_now(), k->before, "after %u: %s", at, bucket_now());
		cr_assert_eq(exchange_as(k->from, k->to, number), -EACCES);
	}
}

Test(fs_exchange, what_is_refused_is_as_before)
{
	start("60000");
	for (size_t i = 0; i < KINDS; i++)
		refuse_everywhere(&kinds[i]);
	stop();
}

/* A request that comes again is answered, not carried out; another one is. */
Test(fs_exchange, the_same_request_twice)
{
	start("60000");
	fill(kinds[0].before);
	cr_assert_eq(exchange_as(kinds[0].from, kinds[0].to, 7), 0);
	cr_assert_eq(exchange_as(kinds[0].from, kinds[0].to, 7), 0);
	cr_assert_str_eq(bucket_now(), kinds[0].after);
	halt();
	start("60000");
	cr_assert_eq(exchange_as(kinds[0].from, kinds[0].to, 7), 0);
	cr_assert_str_eq(bucket_now(), kinds[0].after, "by the next daemon");
	cr_assert_eq(exchange_as(kinds[0].from, kinds[0].to, 8), 0);
	cr_assert_str_eq(bucket_now(), kinds[0].before);
	stop();
}

Test(fs_exchange, what_may_not)
{
	start("60000");
	fill("p/d/sub/x=1 p/f=2 q/e/y=3 q/f=4 q/f/twin=5");
	cr_assert_eq(exchange_as("s3/b/p/d", "s3/b/p/none", 0), -ENOENT);
	cr_assert_eq(exchange_as("s3/b/p/none", "s3/b/p/d", 0), -ENOENT);
	cr_assert_eq(exchange_as("s3/b/p/d", "s3/b/p/d/sub", 0), -EINVAL);
	cr_assert_eq(exchange_as("s3/b/p/d/sub/x", "s3/b/p/d", 0), -EINVAL);
	cr_assert_eq(exchange_as("s3/b/p/d", "s3/b", 0), -EBUSY);
	cr_assert_eq(exchange_as("s3/b/p/d", "s3/b/p/d", 0), 0);
	cr_assert_eq(exchange_as("s3/b/p/f", "s3/b/p/f", 0), 0);
	/* the file has a directory beside it that has the same name */
	cr_assert_eq(exchange_as("s3/b/q/f", "s3/b/q/e", 0), -ENOTEMPTY);
	cr_assert_eq(exchange_as("s3/b/p/f", "s3/b/q/f%~d", 0), -EEXIST);
	cr_assert_eq(exchange_as("s3/b/q/f", "s3/b/q/f%~d", 0), -EINVAL);
	cr_assert_str_eq(bucket_now(), "p/d/sub/x=1 p/f=2 q/e/y=3 q/f=4 q/f/twin=5");
	cr_assert_not(movelog_any());
	stop();
}

/* Names that are too long on the way: nothing is moved, or it is moved back. */
Test(fs_exchange, names_too_long)
{
	char key[1100] = "q/e/", before[2500];

	start("60000");
	memset(key + 4, 'n', 1016);
	for (size_t i = 204; i < 1020; i += 200)
		key[i] = '/';
	fill("p/longer/x=1");
	fake_put("b", key, 2);
	snprintf(before, sizeof(before), "%s", bucket_now());
	cr_assert_eq(exchange_as("s3/b/p/longer", "s3/b/q/e", 0), -ENAMETOOLONG);
	cr_assert_str_eq(bucket_now(), before);
	cr_assert_eq(exchange_as("s3/b/q/e", "s3/b/p/longer", 0), -ENAMETOOLONG,
		     "the second of three");
	cr_assert_str_eq(bucket_now(), before);
	stop();
}

/* Open files, written to before and after, below both. */
Test(fs_exchange, open_files_go_along)
{
	struct open_file a, b, fresh, reader;
	char text[8] = "";

	start("60000");
	fill(kinds[0].before);
	fake_put("b", "p/d/large", 40 * MIB);
	cr_assert_eq(open_file("s3/b/p/d/same", O_RDWR | O_TRUNC, &a), 0);
	cr_assert_eq(open_file("s3/b/q/e/same", O_RDWR | O_TRUNC, &b), 0);
	cr_assert_eq(open_file("s3/b/q/e/only/fresh", O_RDWR | O_CREAT, &fresh), 0);
	cr_assert_eq(open_file("s3/b/p/d/large", O_RDONLY, &reader), 0);
	write_at(&a, "of a", 4, 0);
	write_at(&b, "of b", 4, 0);
	write_at(&fresh, "new", 3, 0);
	cr_assert_eq(exchange_as("s3/b/p/d", "s3/b/q/e", 0), 0);
	in_bucket("q/e/same", "of a");
	in_bucket("p/d/same", "of b");
	write_at(&a, " on", 3, 4);
	write_at(&b, " on", 3, 4);
	write_at(&fresh, "er", 2, 3);
	cr_assert_eq(by_fd(WIRE_FLUSH, a.fd, 0, 0), 0);
	cr_assert_eq(by_fd(WIRE_FLUSH, b.fd, 0, 0), 0);
	cr_assert_eq(by_fd(WIRE_FLUSH, fresh.fd, 0, 0), 0);
	in_bucket("q/e/same", "of a on");
	in_bucket("p/d/same", "of b on");
	in_bucket("p/d/only/fresh", "newer");
	cr_assert_eq(by_fd(WIRE_ENSURE, reader.fd, 39 * MIB, 4), 0, "who only reads it");
	cr_assert_eq(pread(reader.fd, text, 4, 39 * MIB), 4);
	cr_assert_eq(text[0], fake_byte(fake_find("b", "q/e/large")->version, 39 * MIB));
	close_file(&a);
	close_file(&b);
	close_file(&fresh);
	close_file(&reader);
	stop();
}

/* Changes that nobody has flushed when the daemon dies in the middle go to the new names. */
Test(fs_exchange, dirty_files_when_the_daemon_dies)
{
	for (unsigned at = 0; at < 24; at++) {
		struct open_file a, b;

		start("60000");
		fill(kinds[0].before);
		cr_assert_eq(open_file("s3/b/p/d/same", O_RDWR | O_TRUNC, &a), 0);
		cr_assert_eq(open_file("s3/b/q/e/same", O_RDWR | O_TRUNC, &b), 0);
		write_at(&a, "of a", 4, 0);
		write_at(&b, "of b", 4, 0);
		fake.is_mortal = true;
		fake.changes_left = at;
		if (!exchange_as("s3/b/p/d", "s3/b/q/e", 0))
			cr_assert_geq(at, 9);
		write_at(&a, " on", 3, 4);
		write_at(&b, " on", 3, 4);
		close_file(&a);
		close_file(&b);
		next_daemon();
		sweep_until_clean();
		in_bucket("q/e/same", "of a on");
		in_bucket("p/d/same", "of b on");
		stop();
	}
}

/* The third place is in no listing of ours while it is there. */
Test(fs_exchange, the_third_place_is_hidden)
{
	start("60000");
	fill(kinds[0].before);
	fake.copies_first = 3;
	fake.fail_copy = -ECANCELED;
	cr_assert_eq(exchange_as("s3/b/p/d", "s3/b/q/e", NUMBER), -ECANCELED);
	cr_assert(fake_find("b", "q/.exchange-0000000000001234/same"));
	cr_assert(movelog_hides("s3/b/q/.exchange-0000000000001234/"));
	cr_assert_not(movelog_hides("s3/b/q/.exchange-0000000000001235/"));
	fake.fail_copy = 0;
	next_daemon();
	cr_assert_not(movelog_hides("s3/b/q/.exchange-0000000000001234/"));
	stop();
}

/* --- who waits --- */

static void *exchange_slowly(void *arg)
{
	const struct kind *k = arg;
	static const struct session_env env = {.sock = "/s", .cache_dir = "/c"};
	static char message[sizeof(struct wire_request) + 256];
	struct session_reply out = {.fd = {-1, -1, -1}};
	struct wire_request rq = {.magic = WIRE_MAGIC,
				  .version = WIRE_VERSION,
				  .op = WIRE_RENAME,
				  .flags = RENAME_EXCHANGE};
	int len = snprintf(message + sizeof(rq), 256, "%s%c%s", k->from, 0, k->to);

	rq.text_len = (uint32_t)len;
	memcpy(rq.ctx, ctx, sizeof(ctx));
	memcpy(message, &rq, sizeof(rq));
	session_serve(&env, getpid(), message, sizeof(rq) + (size_t)len, -1, &out);
	session_free(&out);
	return NULL;
}

/* Whoever looks at one of the names, or into the directory of one, while they change places sees
 * one state or the other; what he writes is in the one that is there then. */
Test(fs_exchange, nobody_sees_it_half_done)
{
	pthread_t thread;

	start("0");
	fill(kinds[0].before);
	for (int i = 0; i < 6; i++) {
		const char *now = i % 2 ? "s3/b/p/d/only/y" : "s3/b/q/e/only/y";
		const char *then = i % 2 ? "s3/b/q/e/only/y" : "s3/b/p/d/only/y";
		int before;

		fake.delay_us = 3000;
		pthread_create(&thread, NULL, exchange_slowly, (void *)&kinds[0]);
		while (!movelog_any())
			usleep(100);
		usleep((useconds_t)i * 7000);
		before = op(WIRE_STAT, now, 0);
		cr_assert(!before || !op(WIRE_STAT, then, 0), "round %d: it is nowhere", i);
		cr_assert_eq(op(WIRE_STAT, "s3/b/old", 0), 0, "others need not wait");
		pthread_join(thread, NULL);
		fake.delay_us = 0;
		cr_assert_eq(op(WIRE_STAT, now, 0), -ENOENT);
		cr_assert_eq(op(WIRE_STAT, then, 0), 0);
	}
	stop();
}

static void use(const char *object, bool r, bool l, bool w, bool x)
{
	cr_assert_eq(movelog_state(object, MOVELOG_READS) != MOVELOG_FREE, r, "%s: reads", object);
	cr_assert_eq(movelog_state(object, MOVELOG_LISTS) != MOVELOG_FREE, l, "%s: lists", object);
	cr_assert_eq(movelog_state(object, MOVELOG_WRITES) != MOVELOG_FREE, w, "%s: writes",
		     object);
	cr_assert_eq(movelog_state(object, MOVELOG_REMOVES) != MOVELOG_FREE, x, "%s: removes",
		     object);
}

static void *use_of_an_exchange(void *arg)
{
	(void)arg;
	use("s3/b/p/d", true, true, true, true);
	use("s3/b/p/d/", true, true, true, true);
	use("s3/b/p/d/sub/x", true, true, true, true);
	use("s3/b/q/e/sub", true, true, true, true);
	use("s3/b/p/dd", false, false, false, false);
	use("s3/b/p", false, true, false, true);
	use("s3/b/q/", false, true, false, true);
	use("s3/b/", false, false, false, true);
	use("s3/b/r/e", false, false, false, false);
	return NULL;
}

static void *use_of_a_move(void *arg)
{
	(void)arg;
	use("s3/b/p/d", false, false, true, true);
	use("s3/b/q/e/x", false, false, true, true);
	use("s3/b/p", false, false, false, true);
	use("s3/b/p/dd", false, false, false, false);
	return NULL;
}

Test(fs_exchange, for_whom_it_matters)
{
	static const char *const object[2] = {"s3/b/p/d/", "s3/b/q/e/"};
	static const bool is_dir[2] = {true, true};
	struct movelog *log;
	pthread_t thread;

	start("60000");
	cr_assert_eq(movelog_begin_exchange(ctx, object, is_dir, 1, &log), 0);
	use("s3/b/p/d", false, false, false, false); /* it is this thread that moves it */
	pthread_create(&thread, NULL, use_of_an_exchange, NULL);
	pthread_join(thread, NULL);
	movelog_over(log, 0);
	cr_assert_not(movelog_any());
	cr_assert_eq(movelog_begin(ctx, object[0], object[1], &log), 0);
	pthread_create(&thread, NULL, use_of_a_move, NULL);
	pthread_join(thread, NULL);
	movelog_end(log);
	stop();
}

/* Neither name is without a file in between. */
Test(fs_exchange, of_two_files_three_copies_and_one_deletion)
{
	start("60000");
	fill(kinds[1].before);
	fake_requests();
	cr_assert_eq(exchange_as(kinds[1].from, kinds[1].to, 0), 0);
	cr_assert_eq(fake.counters.requests[STORE_COPY], 3);
	cr_assert_eq(fake.counters.requests[STORE_DELETE] +
			     fake.counters.requests[STORE_DELETE_MANY],
		     1);
	cr_assert_eq(fake.counters.requests[STORE_PUT], 0);
	stop();
}

/* --- what cannot be finished --- */

static int recover(unsigned flags, uint64_t id)
{
	request = (struct wire_request){.op = WIRE_RECOVER, .flags = flags, .offset = id};
	return ask("", 0);
}

/* Of the one that is left, or 0. */
static uint64_t left(void)
{
	const char *at;

	cr_assert_eq(recover(0, 0), 0);
	at = strstr(reply.text, "\"id\":");
	return at ? strtoull(at + strlen("\"id\":"), NULL, 10) : 0;
}

/* Two files' exchange, by a daemon that dies before the third copy; then somebody deletes what is
 * to be copied. */
static void lose_the_source(void)
{
	fill(kinds[1].before);
	fake.is_mortal = true;
	fake.changes_left = 2;
	cr_assert_eq(exchange_as(kinds[1].from, kinds[1].to, NUMBER), -ECANCELED);
	cr_assert_str_eq(bucket_now(), "p/f=101 q/.exchange-0000000000001234=201 q/g=101");
	halt();
	fake.is_mortal = false;
	cr_assert_eq(fake_delete_key("b", "q/.exchange-0000000000001234"), 0);
	start("60000");
}

Test(fs_exchange, a_source_that_is_gone_is_told_and_not_asked_for_again)
{
	uint64_t id;

	start("60000");
	lose_the_source();
	next_daemon(); /* nothing is under way any more */
	id = left();
	cr_assert_eq(id, NUMBER, "%s %s", reply.text, bucket_now());
	cr_assert_not_null(strstr(reply.text, "\"parked\":true"), "%s", reply.text);
	cr_assert_not_null(strstr(reply.text, "s3/b/p/f"), "%s", reply.text);
	cr_assert_not_null(strstr(reply.text, "not there any more"), "%s", reply.text);
	cr_assert_str_eq(bucket_now(), "p/f=101 q/g=101");
	cr_assert_eq(op(WIRE_STAT, "s3/b/p/f", 0), 0);
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/p/f", 0), 0);
	next_daemon();
	cr_assert_eq(left(), NUMBER, "it is forgotten");
	fake_requests();
	movedir_sweep();
	movedir_sweep();
	cr_assert_eq(fake.counters.requests[STORE_HEAD], 0, "it is tried again by itself");
	cr_assert_eq(recover(WIRE_RECOVER_RETRY, NUMBER), -ENOENT);
	cr_assert_eq(left(), NUMBER);
	/* somebody has put it back */
	fake_put("b", "q/.exchange-0000000000001234", 201);
	cr_assert_eq(recover(WIRE_RECOVER_RETRY, NUMBER), 0);
	cr_assert_str_eq(bucket_now(), kinds[1].after);
	cr_assert_eq(left(), 0);
	cr_assert_not(movelog_any());
	stop();
}

Test(fs_exchange, a_source_that_is_gone_may_be_forgotten)
{
	start("60000");
	lose_the_source();
	next_daemon();
	cr_assert_eq(recover(WIRE_RECOVER_EXPORT, NUMBER), -EINVAL);
	cr_assert_eq(recover(WIRE_RECOVER_DISCARD, NUMBER), 0);
	cr_assert_eq(left(), 0);
	cr_assert_eq(recover(WIRE_RECOVER_DISCARD, NUMBER), -ENOENT);
	cr_assert_str_eq(bucket_now(), "p/f=101 q/g=101");
	halt();
	start("60000");
	cr_assert_eq(left(), 0);
	stop();
}

/* --- what others store meanwhile --- */

/* Two files' exchange, by a daemon that dies after so many copies; then somebody else stores
 * another version of that. */
static void replaced_since(unsigned copies, bool loses_last, const char *key, unsigned bytes,
			   uint64_t number)
{
	fill_anew(kinds[1].before);
	fake.is_mortal = true;
	fake.loses_last = loses_last;
	fake.changes_left = copies;
	cr_assert_eq(exchange_as(kinds[1].from, kinds[1].to, number), -ECANCELED);
	halt();
	fake_put("b", key, bytes);
	start("60000");
	next_daemon();
}

/* The bucket with the third place. */
static void is_now(unsigned p, unsigned q, uint64_t number)
{
	char wanted[128];

	snprintf(wanted, sizeof(wanted), "p/f=%u q/.exchange-%016llx=201 q/g=%u", p,
		 (unsigned long long)number, q);
	cr_assert_str_eq(bucket_now(), wanted, "%s", bucket_now());
}

/* It is told, and all stays as it is until the user has looked. */
static void is_told(unsigned p, unsigned q, uint64_t number, int retried)
{
	cr_assert_eq(left(), number, "%s", bucket_now());
	cr_assert_not_null(strstr(reply.text, "\"parked\":true"), "%s", reply.text);
	cr_assert_not_null(strstr(reply.text, "not replaced"), "%s", reply.text);
	is_now(p, q, number);
	next_daemon();
	cr_assert_eq(recover(WIRE_RECOVER_RETRY, number), retried);
	is_now(p, q, number);
	cr_assert_eq(left(), number);
}

Test(fs_exchange, what_was_stored_since_is_not_replaced)
{
	uint64_t number = fresh();

	start("60000");
	replaced_since(1, false, "q/g", 999, number);
	is_told(101, 999, number, -EEXIST);
	cr_assert_eq(recover(WIRE_RECOVER_DISCARD, number), 0);
	is_now(101, 999, number);

	/* as long as what was to get there */
	number = fresh();
	replaced_since(1, false, "q/g", 101, number);
	is_told(101, 101, number, -EEXIST);
	cr_assert_eq(recover(WIRE_RECOVER_DISCARD, number), 0);

	number = fresh();
	replaced_since(2, false, "p/f", 999, number);
	is_told(999, 101, number, -EEXIST);
	/* he takes that away: it goes on */
	cr_assert_eq(fake_delete_key("b", "p/f"), 0);
	cr_assert_eq(recover(WIRE_RECOVER_RETRY, number), 0);
	cr_assert_str_eq(bucket_now(), kinds[1].after);
	cr_assert_eq(left(), 0);

	/* what is replaced already may be: the last copy is made, only its answer was lost */
	replaced_since(3, true, "q/g", 999, fresh());
	cr_assert_str_eq(bucket_now(), "p/f=201 q/g=999");
	cr_assert_eq(left(), 0);
	stop();
}

/* One that is refused and cannot be taken back at once; then somebody stores something. */
Test(fs_exchange, what_was_stored_since_is_not_taken_back)
{
	start("60000");
	for (int i = 0; i < 2; i++) {
		uint64_t number = fresh();

		fill_anew(kinds[1].before);
		fake.copies_first = 2;
		fake.fail_copy = -EACCES;
		cr_assert_eq(exchange_as(kinds[1].from, kinds[1].to, number), -EACCES);
		is_now(101, 101, number);
		fake_put("b", "q/g", 999);
		if (i)
			next_daemon();
		fake.fail_copy = 0;
		cr_assert_eq(recover(WIRE_RECOVER_RETRY, number), -EACCES);
		is_told(101, 999, number, -EACCES);
		cr_assert_eq(recover(WIRE_RECOVER_DISCARD, number), 0);
	}
	stop();
}

/* Nothing has been replaced yet: nothing needs to be copied back. */
Test(fs_exchange, what_is_as_before_is_not_copied)
{
	start("60000");
	fill(kinds[1].before);
	fake.copies_first = 1;
	fake.fail_copy = -EACCES;
	cr_assert_eq(exchange_as(kinds[1].from, kinds[1].to, fresh()), -EACCES);
	cr_assert_str_eq(bucket_now(), kinds[1].before);
	cr_assert_not(movelog_any());
	stop();
}

/* The same below directories: on, and back. */
Test(fs_exchange, what_was_stored_below_since_is_not_replaced)
{
	uint64_t number = fresh();
	char key[64];

	start("60000");
	fill(kinds[0].before);
	fake.is_mortal = true;
	fake.changes_left = 7; /* three there, three deleted, one of three here */
	cr_assert_eq(exchange_as(kinds[0].from, kinds[0].to, number), -ECANCELED);
	cr_assert_null(fake_find("b", "q/e/x"), "%s", bucket_now());
	halt();
	fake_put("b", "q/e/x", 999);
	start("60000");
	next_daemon();
	cr_assert_eq(left(), number, "%s", bucket_now());
	cr_assert_eq(fake_find("b", "q/e/x")->size, 999);
	cr_assert_eq(fake_find("b", "p/d/x")->size, 103);
	cr_assert_eq(recover(WIRE_RECOVER_DISCARD, number), 0);

	number = fresh();
	fill_anew(kinds[0].before);
	fake.copies_first = 4;
	fake.fail_copy = -EACCES;
	cr_assert_eq(exchange_as(kinds[0].from, kinds[0].to, number), -EACCES);
	fake_put("b", "q/e/same", 999);
	next_daemon();
	cr_assert_eq(left(), number, "%s", bucket_now());
	cr_assert_eq(fake_find("b", "q/e/same")->size, 999);
	snprintf(key, sizeof(key), "q/.exchange-%016llx/same", (unsigned long long)number);
	cr_assert_eq(fake_find("b", key)->size, 201);
	stop();
}
