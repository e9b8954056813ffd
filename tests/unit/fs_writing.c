/* SPDX-License-Identifier: Apache-2.0 */
/* Writing as the daemon sees it, over a store in memory: requests as a runtime makes them. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/cache.h"
#include "cache/draft.h"
#include "cache/place.h"
#include "core/base/draft.h"
#include "core/base/vnode.h"
#include "core/context.h"
#include "fs/fetch.h"
#include "fs/listing.h"
#include "fs/meta.h"
#include "fs/publish.h"
#include "fs/session.h"
#include "tests/unit/fake_store.h"

#define MIB (UINT64_C(1) << 20)

static char dir[64];
static struct session_reply reply;
static uint8_t ctx[WIRE_CTX_BYTES];
static struct wire_request request;

/* A file open for writing, as a runtime has it. */
struct open_file {
	int fd;
	struct draft_shm *notes;
	size_t notes_bytes;
};

static int ask(const char *text, size_t bytes)
{
	static const struct session_env env = {.sock = "/s", .cache_dir = "/c"};
	static char message[sizeof(struct wire_request) + WIRE_MSG_MAX];

	session_free(&reply);
	request.magic = WIRE_MAGIC;
	request.version = WIRE_VERSION;
	request.text_len = (uint32_t)bytes;
	memcpy(request.ctx, ctx, sizeof(ctx));
	memcpy(message, &request, sizeof(request));
	memcpy(message + sizeof(request), text, bytes);
	session_serve(&env, getpid(), message, sizeof(request) + bytes, -1, &reply);
	return reply.head.error;
}

static int op(enum wire_op what, const char *path, unsigned flags)
{
	request = (struct wire_request){.op = (uint16_t)what, .flags = flags, .mode = 0640};
	return ask(path, strlen(path));
}

static int by_fd(enum wire_op what, int fd, uint64_t offset, uint64_t length)
{
	struct stat st;

	cr_assert_eq(fstat(fd, &st), 0);
	request = (struct wire_request){.op = (uint16_t)what,
					.data_dev = st.st_dev,
					.data_ino = st.st_ino,
					.offset = offset,
					.length = length};
	return ask("", 0);
}

static int open_file(const char *path, unsigned flags, struct open_file *out)
{
	int ret = op(WIRE_OPEN, path, flags);
	struct stat st;

	if (ret)
		return ret;
	cr_assert_eq(reply.head.fds, (flags & O_ACCMODE) == O_RDONLY ? 2 : 3);
	*out = (struct open_file){.fd = dup(reply.fd[0])};
	if (reply.head.fds == 3) {
		cr_assert_eq(fstat(reply.fd[2], &st), 0);
		out->notes_bytes = (size_t)st.st_size;
		out->notes = mmap(NULL, out->notes_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
				  reply.fd[2], 0);
		cr_assert_neq(out->notes, MAP_FAILED);
	}
	session_free(&reply);
	return 0;
}

static void write_at(struct open_file *f, const char *text, size_t bytes, uint64_t offset)
{
	cr_assert_eq(by_fd(WIRE_ENSURE, f->fd, offset, bytes), 0);
	draft_begin(f->notes, offset, bytes);
	cr_assert_eq(pwrite(f->fd, text, bytes, (off_t)offset), (ssize_t)bytes);
	draft_end(f->notes);
}

static void close_file(struct open_file *f)
{
	if (f->notes)
		munmap(f->notes, f->notes_bytes);
	close(f->fd);
	*f = (struct open_file){.fd = -1};
}

static void start(const char *ttl_ms)
{
	static const struct cache_source source = {.fetch = fetch_part};
	struct cache_config config = {.size_bytes = 256 * MIB};
	static const char env[] = "AWS_PROFILE=one";

	setenv("SKYSHIM_META_TTL_MS", ttl_ms, 1);
	if (!*dir) {
		strcpy(dir, "/tmp/skyshim-test-XXXXXX");
		cr_assert_not_null(mkdtemp(dir));
	}
	config.dir_fd = place_open(dir, NULL);
	reply.fd[0] = reply.fd[1] = reply.fd[2] = -1;
	meta_start();
	listing_start(place_dirs(config.dir_fd));
	cr_assert_eq(cache_start(&config, &source), 0);
	fake_put("b", "old", 200000);
	fake_put("b", "dir/x", 10);
	request = (struct wire_request){.op = WIRE_HELLO};
	cr_assert_eq(ask(env, sizeof(env)), 0);
	memcpy(ctx, reply.head.ctx, sizeof(ctx));
	fake_requests();
}

static void halt(void)
{
	session_free(&reply);
	publish_stop(5000);
	store_stop();
	cache_stop();
	listing_stop();
	meta_stop();
	context_free_all();
}

static void stop(void)
{
	char command[128];

	halt();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	cr_assert_eq(system(command), 0);
	*dir = '\0';
}

static void cost(const char *requests, unsigned puts)
{
	unsigned long long n = fake.counters.requests[STORE_PUT];

	cr_assert_eq(n, puts, "%llu PUTs instead of %u", n, puts);
	cr_assert_str_eq(fake_requests(), requests);
}

static void in_bucket(const char *key, const char *text)
{
	struct fake_object *o = fake_find("b", key);

	cr_assert_not_null(o);
	cr_assert_not_null(o->content);
	cr_assert_eq(o->size, strlen(text));
	cr_assert_eq(memcmp(o->content, text, o->size), 0);
}

/* What stat(2) says of it. */
static uint64_t size_of(const char *path)
{
	cr_assert_eq(op(WIRE_STAT, path, 0), 0);
	return reply.head.attr.size;
}

/* Until the daemon has published what was left, or two seconds. */
static void sweep_until_clean(void)
{
	struct draft_stats stats;

	for (int i = 0; i < 200; i++) {
		publish_sweep();
		draft_stats(&stats);
		if (!stats.dirty && !publish_active())
			return;
		usleep(10000);
	}
	cr_assert_fail("it stays dirty");
}

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
