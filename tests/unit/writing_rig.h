/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing as the daemon sees it, over a store in memory: requests as a runtime makes them. Include
 * it once in a test.
 */
#ifndef TESTS_UNIT_WRITING_RIG_H
#define TESTS_UNIT_WRITING_RIG_H

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
#include "fs/gone.h"
#include "fs/listing.h"
#include "fs/meta.h"
#include "fs/movedir.h"
#include "fs/movelog.h"
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

static inline int ask(const char *text, size_t bytes)
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

static inline int op(enum wire_op what, const char *path, unsigned flags)
{
	request = (struct wire_request){.op = (uint16_t)what, .flags = flags, .mode = 0640};
	return ask(path, strlen(path));
}

static inline int by_fd(enum wire_op what, int fd, uint64_t offset, uint64_t length)
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

static inline int open_file(const char *path, unsigned flags, struct open_file *out)
{
	int ret = op(WIRE_OPEN, path, flags);
	struct stat st;

	if (ret)
		return ret;
	cr_assert_eq(reply.head.fds, (flags & O_ACCMODE) == O_RDONLY ? 2 : 3);
	*out = (struct open_file){.fd = dup(reply.fd[0])};
	if (reply.head.fds == 3) {
		struct vnode_shm vn;

		cr_assert_eq(pread(reply.fd[1], &vn, sizeof(vn), 0), (ssize_t)sizeof(vn));
		cr_assert_eq(fstat(reply.fd[2], &st), 0);
		out->notes_bytes = (size_t)st.st_size - vn.notes_off;
		out->notes = mmap(NULL, out->notes_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
				  reply.fd[2], (off_t)vn.notes_off);
		cr_assert_neq(out->notes, MAP_FAILED);
	}
	session_free(&reply);
	return 0;
}

static inline void write_at(struct open_file *f, const char *text, size_t bytes, uint64_t offset)
{
	cr_assert_eq(by_fd(WIRE_ENSURE, f->fd, offset, bytes), 0);
	draft_begin(f->notes, offset, bytes);
	cr_assert_eq(pwrite(f->fd, text, bytes, (off_t)offset), (ssize_t)bytes);
	draft_end(f->notes);
}

static inline void close_file(struct open_file *f)
{
	if (f->notes)
		munmap(f->notes, f->notes_bytes);
	close(f->fd);
	*f = (struct open_file){.fd = -1};
}

/* The credentials of the process, which a daemon that was just started does not know. */
static inline void hello(void)
{
	static const char env[] = "AWS_PROFILE=one";

	request = (struct wire_request){.op = WIRE_HELLO};
	cr_assert_eq(ask(env, sizeof(env)), 0);
	memcpy(ctx, reply.head.ctx, sizeof(ctx));
}

static inline void start_silent(const char *ttl_ms)
{
	static const struct cache_source source = {.fetch = fetch_part};
	struct cache_config config = {.size_bytes = 256 * MIB};

	setenv("SKYSHIM_META_TTL_MS", ttl_ms, 1);
	if (!*dir) {
		strcpy(dir, "/tmp/skyshim-test-XXXXXX");
		cr_assert_not_null(mkdtemp(dir));
	}
	config.dir_fd = place_open(dir, NULL);
	reply.fd[0] = reply.fd[1] = reply.fd[2] = -1;
	meta_start();
	cr_assert_eq(movelog_start(config.dir_fd), 0);
	cr_assert_eq(gone_start(config.dir_fd), 0);
	listing_start(place_dirs(config.dir_fd));
	cr_assert_eq(cache_start(&config, &source), 0);
	fake_put("b", "old", 200000);
	fake_put("b", "dir/x", 10);
}

static inline void start(const char *ttl_ms)
{
	start_silent(ttl_ms);
	hello();
	fake_requests();
}

static inline void halt(void)
{
	session_free(&reply);
	publish_stop(5000);
	store_stop();
	movedir_stop();
	gone_forget();
	cache_stop();
	listing_stop();
	meta_stop();
	context_free_all();
}

static inline void stop(void)
{
	char command[128];

	halt();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	cr_assert_eq(system(command), 0);
	*dir = '\0';
}

static inline void cost(const char *requests, unsigned puts)
{
	unsigned long long n = fake.counters.requests[STORE_PUT];

	cr_assert_eq(n, puts, "%llu PUTs instead of %u", n, puts);
	cr_assert_str_eq(fake_requests(), requests);
}

static inline void in_bucket(const char *key, const char *text)
{
	struct fake_object *o = fake_find("b", key);

	cr_assert_not_null(o);
	cr_assert_not_null(o->content);
	cr_assert_eq(o->size, strlen(text));
	cr_assert_eq(memcmp(o->content, text, o->size), 0);
}

/* What stat(2) says of it. */
static inline uint64_t size_of(const char *path)
{
	cr_assert_eq(op(WIRE_STAT, path, 0), 0);
	return reply.head.attr.size;
}

/* Until the daemon has published what was left, or two seconds. */
static inline void sweep_until_clean(void)
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

#endif
