/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon without its socket: requests in, replies out, and what they cost at the (fake) store.
 */
#include "fs/session.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <criterion/criterion.h>

#include "cache/cache.h"
#include "cache/place.h"
#include "core/base/vnode.h"
#include "core/context.h"
#include "fs/fetch.h"
#include "fs/listing.h"
#include "fs/meta.h"
#include "tests/unit/fake_store.h"

#define MIB (UINT64_C(1) << 20)

static const struct session_env env = {"/sock", "/cache"};
static const struct cache_source source = {fetch_part};
static char dir[64];
static uint8_t ctx[WIRE_CTX_BYTES];
static struct session_reply reply;

static int ask(struct wire_request *req, const char *text, size_t len)
{
	char message[sizeof(*req) + 8192];

	req->magic = WIRE_MAGIC;
	req->version = WIRE_VERSION;
	req->text_len = (uint32_t)len;
	memcpy(req->ctx, ctx, sizeof(ctx));
	memcpy(message, req, sizeof(*req));
	memcpy(message + sizeof(*req), text, len);
	session_free(&reply);
	session_serve(&env, getpid(), message, sizeof(*req) + len, -1, &reply);
	return reply.head.error;
}

static int op(enum wire_op code, const char *path, uint32_t flags)
{
	struct wire_request req = {.op = (uint16_t)code, .flags = flags};

	return ask(&req, path, strlen(path));
}

static int do_stat(const char *path)
{
	return op(WIRE_STAT, path, 0);
}

static int do_open(const char *path)
{
	return op(WIRE_OPEN, path, O_RDONLY);
}

static int ensure(int data_fd, uint64_t offset, uint64_t length, uint32_t flags)
{
	struct wire_request req = {.op = WIRE_ENSURE, .flags = flags};
	struct stat st;

	cr_assert_eq(fstat(data_fd, &st), 0);
	req.data_dev = st.st_dev;
	req.data_ino = st.st_ino;
	req.offset = offset;
	req.length = length;
	return ask(&req, "", 0);
}

static void hello(const char *name)
{
	struct wire_request req = {.op = WIRE_HELLO};
	char text[64];
	int n = snprintf(text, sizeof(text), "AWS_PROFILE=%s", name) + 1;

	cr_assert_eq(ask(&req, text, (size_t)n), 0);
	memcpy(ctx, reply.head.ctx, sizeof(ctx));
}

static void start(const char *ttl_ms)
{
	struct cache_config config = {.size_bytes = 256 * MIB};

	setenv("SKYSHIM_META_TTL_MS", ttl_ms, 1);
	strcpy(dir, "/tmp/skyshim-test-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	config.dir_fd = place_open(dir, NULL);
	reply.fd[0] = reply.fd[1] = reply.fd[2] = -1;
	meta_start();
	listing_start(place_dirs(config.dir_fd));
	cr_assert_eq(cache_start(&config, &source), 0);
	fake_put("b", "a", 6);
	fake_put("b", "big", 40 * MIB);
	fake_put("b", "dir/x", 10);
	fake_put("b", "dir/y/z", 11);
	fake_put("b", "empty", 0);
	hello("one");
	fake_requests();
}

static void stop(void)
{
	char command[128];

	session_free(&reply);
	store_stop();
	cache_stop();
	listing_stop();
	meta_stop();
	context_free_all();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	cr_assert_eq(system(command), 0);
}

static void cost(const char *requests)
{
	cr_assert_str_eq(fake_requests(), requests);
}

/* The object's bytes [offset, offset + length) read through the descriptor just opened. */
static void check_bytes(unsigned version, uint64_t offset, uint64_t length)
{
	int fd = dup(reply.fd[0]);
	char *text = malloc(length);

	cr_assert_eq(ensure(fd, offset, length, 0), 0);
	cr_assert_eq(pread(fd, text, length, (off_t)offset), (ssize_t)length);
	for (uint64_t i = 0; i < length; i++) {
		if (text[i] != fake_byte(version, offset + i))
			cr_assert_fail("wrong byte at %llu", (unsigned long long)(offset + i));
	}
	free(text);
	close(fd);
}

/* All names of the directory just opened, as "name/ name ". */
static const char *names(void)
{
	static char out[1 << 20];
	int fd = dup(reply.fd[0]), vfd = dup(reply.fd[1]);
	struct vnode_shm *vn = mmap(NULL, 4096, PROT_READ, MAP_SHARED, vfd, 0);
	char *data = malloc(1 << 22), *at = out;
	uint64_t offset = 0, end;

	while (!(__atomic_load_n(&vn->flags, __ATOMIC_ACQUIRE) & VNODE_COMPLETE)) {
		cr_assert_eq(ensure(fd, __atomic_load_n(&vn->list_bytes, __ATOMIC_ACQUIRE), 1, 0),
			     0);
	}
	end = vn->list_bytes;
	cr_assert_eq(pread(fd, data, end, 0), (ssize_t)end);
	while (offset < end) {
		struct vnode_dirent *d = (struct vnode_dirent *)(data + offset);

		cr_assert(d->reclen % 8 == 0 && d->ino && strlen(d->name) == d->name_len);
		at += sprintf(at, "%s%s ", d->name, S_ISDIR(d->mode) ? "/" : "");
		offset += d->reclen;
	}
	*at = '\0';
	munmap(vn, 4096);
	free(data);
	close(fd);
	close(vfd);
	return out;
}

Test(fs_session, request_budget_of_files)
{
	start("60000");
	cr_assert_eq(do_open("s3/b/a"), 0);
	cr_assert_eq(reply.head.attr.size, 6);
	cr_assert_eq(reply.head.attr.mode, S_IFREG | 0644);
	check_bytes(1, 0, 6);
	cost("0 1 0 0");
	cr_assert_eq(do_stat("s3/b/a"), 0);
	cr_assert_eq(do_open("s3/b/a"), 0);
	check_bytes(1, 0, 6);
	cost("0 0 0 0");
	cr_assert_eq(do_stat("s3/b/big"), 0);
	cost("1 0 0 0");
	cr_assert_eq(do_open("s3/b/big"), 0);
	cost("0 1 0 0");
	cr_assert_eq(do_stat("s3/b/empty"), 0);
	cost("1 0 1 0"); /* the third in a row: a listing besides tells of those that come next */
	cr_assert_eq(do_stat("s3/b/none"), -ENOENT);
	cr_assert_eq(do_open("s3/b/none"), -ENOENT);
	cost("1 0 0 0"); /* the first that is missing, which that listing does not deny */
	cr_assert_eq(do_open("s3/b/other"), -ENOENT);
	cost("0 0 0 0");
	cr_assert_eq(do_open("s3/b/empty"), 0);
	cr_assert_eq(reply.head.attr.size, 0);
	cost("0 0 0 0"); /* no bytes are wanted */
	cr_assert_eq(op(WIRE_OPEN, "s3/b/a", O_PATH), 0);
	cost("0 0 0 0");
	stop();
}

/* What a reader of the directory was told does once for a stat, but never for an open. */
Test(fs_session, o_path_is_an_open)
{
	start("0");
	cr_assert_eq(do_open("s3/b"), 0);
	cr_assert_str_eq(names(), "./ ../ a big dir/ empty ");
	fake_put("b", "a", 77);
	cr_assert_eq(op(WIRE_OPEN, "s3/b/a", O_PATH), 0);
	cr_assert_eq(reply.head.attr.size, 77);
	stop();
}

Test(fs_session, request_budget_of_directories)
{
	start("60000");
	cr_assert_eq(do_stat(""), 0);
	cr_assert_eq(do_stat("s3"), 0);
	cr_assert_eq(do_stat("gs"), 0);
	cr_assert_eq(do_stat("ftp"), -ENOENT);
	cost("0 0 0 0");
	cr_assert_eq(do_open("s3"), 0);
	cr_assert_str_eq(names(), "./ ../ b/ ");
	cost("0 0 0 1");
	cr_assert_eq(do_open("s3/b"), 0);
	cr_assert_str_eq(names(), "./ ../ a big dir/ empty ");
	cost("0 0 1 0");
	/* what was listed needs no request, and a complete listing knows what is not there */
	cr_assert_eq(do_stat("s3/b/a"), 0);
	cr_assert_eq(do_stat("s3/b/dir"), 0);
	cr_assert(S_ISDIR(reply.head.attr.mode));
	cr_assert_eq(do_stat("s3/b/none"), -ENOENT);
	cr_assert_eq(do_open("s3/b/none"), -ENOENT);
	cost("0 0 0 0");
	cr_assert_eq(do_open("s3/b/dir"), 0);
	cr_assert_str_eq(names(), "./ ../ x y/ ");
	cost("0 0 1 0");
	cr_assert_eq(op(WIRE_OPEN, "s3/b/dir", O_DIRECTORY), 0);
	cost("0 0 0 0");
	cr_assert_eq(do_open("s3/nobucket"), -ENOENT);
	cost("0 0 1 0");
	cr_assert_eq(op(WIRE_OPEN, "s3/b/a", O_DIRECTORY), -ENOTDIR);
	cr_assert_eq(op(WIRE_STAT, "s3/b/a", WIRE_MUST_BE_DIR), -ENOTDIR);
	stop();
}

Test(fs_session, a_directory_found_by_open_costs_one_list)
{
	start("0");
	cr_assert_eq(do_open("s3/b/dir"), 0);
	cost("0 1 1 0");
	cr_assert_str_eq(names(), "./ ../ x y/ ");
	cr_assert_eq(do_stat("s3/b/dir"), 0);
	cost("1 0 1 0");
	cr_assert_eq(op(WIRE_OPEN, "s3/b/dir", O_DIRECTORY), 0);
	cost("0 0 1 0");
	stop();
}

Test(fs_session, after_the_ttl)
{
	start("0");
	cr_assert_eq(do_open("s3/b/a"), 0);
	check_bytes(1, 0, 6);
	cost("0 1 0 0");
	cr_assert_eq(do_open("s3/b/a"), 0); /* conditional: the same file */
	check_bytes(1, 0, 6);
	cost("0 1 0 0");
	cr_assert_eq(fake.counters.bytes_in, 6);
	cr_assert_eq(do_stat("s3/b/a"), 0);
	cost("1 0 0 0");
	fake_put("b", "a", 7);
	cr_assert_eq(do_open("s3/b/a"), 0);
	cr_assert_eq(reply.head.attr.size, 7);
	check_bytes(2, 0, 7);
	cost("0 1 0 0");
	/* a listed name is believed once more, then asked for */
	cr_assert_eq(do_open("s3/b"), 0);
	names();
	fake_requests();
	cr_assert_eq(do_stat("s3/b/a"), 0);
	cost("0 0 0 0");
	cr_assert_eq(do_stat("s3/b/a"), 0);
	cost("1 0 0 0");
	stop();
}

Test(fs_session, listed_version_needs_no_request)
{
	start("60000");
	cr_assert_eq(do_open("s3/b/a"), 0);
	check_bytes(1, 0, 6);
	cr_assert_eq(do_open("s3/b"), 0);
	fake_requests();
	cr_assert_eq(do_open("s3/b/a"), 0);
	check_bytes(1, 0, 6);
	cost("0 0 0 0");
	stop();
}

Test(fs_session, ten_thousand_names)
{
	char name[32];
	unsigned count = 0;

	start("0");
	for (int i = 0; i < 3500; i++) {
		snprintf(name, sizeof(name), "many/%05d", i);
		fake_put("b", name, (uint64_t)i);
	}
	cr_assert_eq(op(WIRE_OPEN, "s3/b/many", O_DIRECTORY), 0);
	cost("0 0 1 0");
	for (const char *at = names(); *at; at = strchr(at, ' ') + 1)
		count++;
	cr_assert_eq(count, 3502);
	cost("0 0 3 0");
	for (int i = 0; i < 3500; i++) {
		snprintf(name, sizeof(name), "s3/b/many/%05d", i);
		cr_assert_eq(do_stat(name), 0);
		cr_assert_eq(reply.head.attr.size, (uint64_t)i);
	}
	cost("0 0 0 0");
	stop();
}

Test(fs_session, odd_names)
{
	start("60000");
	fake_put("b", "dir", 3);
	fake_put("b", "dir/", 4);
	fake_put("b", "dir//w", 5);
	fake_put("b", "mark/", 0);
	cr_assert_eq(do_open("s3/b"), 0);
	cr_assert_str_eq(names(), "./ ../ a big dir dir%~d/ empty mark/ ");
	cr_assert_eq(do_stat("s3/b/dir"), 0);
	cr_assert(S_ISREG(reply.head.attr.mode) && reply.head.attr.size == 3);
	cr_assert_eq(op(WIRE_STAT, "s3/b/dir", WIRE_MUST_BE_DIR), 0);
	cr_assert(S_ISDIR(reply.head.attr.mode));
	cr_assert_eq(do_stat("s3/b/dir%~d"), 0);
	cr_assert(S_ISDIR(reply.head.attr.mode));
	fake_requests();
	cr_assert_eq(do_open("s3/b/dir%~d"), 0);
	cost("0 0 1 0");
	cr_assert_str_eq(names(), "./ ../ %~0 %~0%~d/ x y/ ");
	cr_assert_eq(do_stat("s3/b/dir/%~0"), 0);
	cr_assert_eq(reply.head.attr.size, 4);
	cr_assert_eq(do_stat("s3/b/dir/%~0/w"), 0);
	cr_assert_eq(reply.head.attr.size, 5);
	cr_assert_eq(do_open("s3/b/mark"), 0);
	cr_assert_str_eq(names(), "./ ../ ");
	cr_assert_eq(do_stat("s3/b/mark/%~0"), -ENOENT);
	cr_assert_eq(do_stat("s3/b/%~x"), -ENOENT);
	stop();
}

Test(fs_session, a_long_component)
{
	char key[400], path[600], long_name[301];

	start("60000");
	memset(long_name, 'q', 300);
	long_name[300] = '\0';
	fake_put("b", long_name, 9);
	snprintf(key, sizeof(key), "%s/in", long_name);
	fake_put("b", key, 8);
	cr_assert_eq(do_open("s3/b"), 0);
	snprintf(path, sizeof(path), "%.252s%%~+/ ", long_name);
	cr_assert_not_null(strstr(names(), path));
	snprintf(path, sizeof(path), "s3/b/%.252s%%~+", long_name);
	cr_assert_eq(do_open(path), 0);
	snprintf(key, sizeof(key), "./ ../ %s %s%%~d/ ", long_name + 252, long_name + 252);
	cr_assert_str_eq(names(), key);
	snprintf(path, sizeof(path), "s3/b/%.252s%%~+/%s", long_name, long_name + 252);
	cr_assert_eq(do_stat(path), 0);
	cr_assert_eq(reply.head.attr.size, 9);
	strcat(path, "/in");
	cr_assert_eq(do_stat(path), 0);
	cr_assert_eq(reply.head.attr.size, 8);
	stop();
}

Test(fs_session, big_file_in_any_order)
{
	start("60000");
	cr_assert_eq(do_open("s3/b/big"), 0);
	int fd = dup(reply.fd[0]);

	for (uint64_t at = 39 * MIB; at > 10 * MIB; at -= 7 * MIB) {
		cr_assert_eq(do_open("s3/b/big"), 0);
		check_bytes(1, at + 3, 100000);
	}
	cr_assert_eq(ensure(fd, 0, 40 * MIB, WIRE_ENSURE_PIN), 0);
	cr_assert_eq(do_open("s3/b/big"), 0);
	check_bytes(1, 0, 40 * MIB);
	pthread_mutex_lock(&fake.lock);
	cr_assert_leq(fake.longest_get, 8 * MIB);
	pthread_mutex_unlock(&fake.lock);
	cr_assert_eq(__atomic_load_n(&fake.counters.bytes_in, __ATOMIC_RELAXED), 40 * MIB);
	close(fd);
	stop();
}

Test(fs_session, changed_while_open)
{
	start("60000");
	cr_assert_eq(do_open("s3/b/big"), 0);
	int fd = dup(reply.fd[0]);

	check_bytes(1, 0, 10);
	fake_put("b", "big", 40 * MIB);
	cr_assert_eq(ensure(fd, 30 * MIB, 10, 0), -ESTALE);
	cr_assert_eq(do_open("s3/b/big"), 0);
	check_bytes(2, 30 * MIB, 10);
	close(fd);
	stop();
}

Test(fs_session, contexts_share_nothing)
{
	start("60000");
	cr_assert_eq(do_open("s3/b/a"), 0);
	cr_assert_eq(do_open("s3/b"), 0);
	fake_requests();
	hello("two");
	cr_assert_eq(do_stat("s3/b/a"), 0);
	cost("1 0 0 0");
	cr_assert_eq(do_open("s3/b/a"), 0);
	cost("0 1 0 0");
	cr_assert_eq(do_open("s3/b"), 0);
	cost("0 0 1 0");
	memset(ctx, 9, sizeof(ctx));
	cr_assert_eq(do_stat("s3/b/a"), -WIRE_EUNKNOWN_CTX);
	stop();
}

Test(fs_session, an_error_is_said_once)
{
	start("60000");
	fake.fail = -EACCES;
	cr_assert_eq(do_stat("s3/b/a"), -EACCES);
	cr_assert_str_eq(reply.line, "the fake store fails");
	cr_assert_eq(reply.head.text_len, strlen(reply.line));
	cr_assert_eq(do_stat("s3/b/big"), -EACCES);
	cr_assert_eq(reply.head.text_len, 0);
	cr_assert_eq(do_open("s3/c"), -EACCES);
	cr_assert_neq(reply.head.text_len, 0);
	fake.fail = 0;
	cr_assert_eq(do_stat("s3/b/a"), 0); /* an error is not remembered */
	stop();
}

Test(fs_session, a_broken_body_is_an_error)
{
	start("60000");
	fake.fail_after_begin = -EIO;
	cr_assert_eq(do_open("s3/b/big"), 0);
	int fd = dup(reply.fd[0]);

	cr_assert_eq(ensure(fd, 0, 1 * MIB, 0), -EIO);
	fake.fail_after_begin = 0;
	cr_assert_eq(do_open("s3/b/big"), 0);
	check_bytes(1, 0, 2 * MIB);
	close(fd);
	stop();
}

struct racer {
	const char *path;
	int op;
};

static void *race(void *arg)
{
	const struct racer *r = arg;
	char message[sizeof(struct wire_request) + 64];
	struct wire_request req = {.magic = WIRE_MAGIC,
				   .version = WIRE_VERSION,
				   .op = (uint16_t)r->op,
				   .text_len = (uint32_t)strlen(r->path)};
	struct session_reply mine;

	memcpy(req.ctx, ctx, sizeof(ctx));
	memcpy(message, &req, sizeof(req));
	memcpy(message + sizeof(req), r->path, req.text_len);
	session_serve(&env, getpid(), message, sizeof(req) + req.text_len, -1, &mine);
	cr_assert_eq(mine.head.error, 0);
	session_free(&mine);
	return NULL;
}

static void race_all(const char *path, int code)
{
	struct racer r = {path, code};
	pthread_t threads[30];

	for (int i = 0; i < 30; i++)
		pthread_create(&threads[i], NULL, race, &r);
	for (int i = 0; i < 30; i++)
		pthread_join(threads[i], NULL);
}

Test(fs_session, single_flight)
{
	start("60000");
	fake.delay_us = 100000;
	race_all("s3/b/a", WIRE_STAT);
	cost("1 0 0 0");
	race_all("s3/b/big", WIRE_OPEN);
	cost("0 1 0 0");
	race_all("s3/b/dir", WIRE_OPEN);
	cost("0 1 1 0");
	race_all("s3/b", WIRE_OPEN);
	cost("0 0 1 0");
	stop();
}

Test(fs_session, credentials_are_told_without_secrets)
{
	start("60000");
	cr_assert_eq(op(WIRE_CREDS, "s3/b/a", 0), 0);
	cr_assert_not_null(strstr(reply.text, "\"bucket\":\"b\",\"key\":\"a\""), "%s", reply.text);
	cr_assert_not_null(strstr(reply.text, "\"endpoint\":\"https://b\""), "%s", reply.text);
	cr_assert_not_null(strstr(reply.text, "\"credentials\":\"fake (key AK...)\""));
	cr_assert_not_null(strstr(reply.text, "{\"source\":\"two\",\"result\":\"used\"}"));
	cr_assert_null(strstr(reply.text, "never-told"));
	cr_assert_null(strstr(reply.text, "\"test\""));
	cr_assert_str_eq(fake_requests(), "0 0 0 0");

	cr_assert_eq(op(WIRE_CREDS, "s3/b/a", WIRE_CREDS_TEST), 0);
	cr_assert_not_null(strstr(reply.text, "\"means\":\"access is good\""), "%s", reply.text);
	cr_assert_null(strstr(reply.text, "never-told"));
	cr_assert_str_eq(fake_requests(), "0 1 0 0");
	cr_assert_eq(op(WIRE_CREDS, "s3/b/none", WIRE_CREDS_TEST), 0);
	cr_assert_not_null(strstr(reply.text, "\"good\":false"), "%s", reply.text);
	cr_assert_eq(op(WIRE_CREDS, "s3/b", WIRE_CREDS_TEST), 0);
	cr_assert_str_eq(fake_requests(), "0 1 1 0");
	cr_assert_eq(op(WIRE_CREDS, "ftp/b", 0), -EINVAL);
	stop();
}

Test(fs_session, identify)
{
	struct wire_request req = {.op = WIRE_IDENTIFY};
	struct stat st;

	start("60000");
	cr_assert_eq(do_open("s3/b/a"), 0);
	fstat(reply.fd[0], &st);
	cr_assert_eq(st.st_mode & 07777, VNODE_DATA_MODE);
	cr_assert_eq(st.st_size, 6);
	req.data_dev = st.st_dev;
	req.data_ino = st.st_ino;
	cr_assert_eq(ask(&req, "", 0), 0);
	cr_assert_eq(reply.head.fds, 1);
	cr_assert_eq(reply.head.attr.size, 6);
	cr_assert_eq(do_open("s3/b/dir"), 0);
	fstat(reply.fd[0], &st);
	req.data_ino = st.st_ino;
	cr_assert_eq(ask(&req, "", 0), 0);
	cr_assert(S_ISDIR(reply.head.attr.mode));
	req.data_ino = 1;
	cr_assert_eq(ask(&req, "", 0), -ENOENT);
	stop();
}

Test(fs_session, a_listing_lives_as_long_as_it_is_open)
{
	start("0");
	fake.page = 2;
	cr_assert_eq(op(WIRE_OPEN, "s3/b", O_DIRECTORY), 0);
	int fd = dup(reply.fd[0]), vfd = dup(reply.fd[1]);

	session_free(&reply);
	listing_sweep(true);
	cr_assert_eq(listing_count(), 1);
	reply.fd[0] = fd; /* names() gives both away */
	reply.fd[1] = vfd;
	cr_assert_str_eq(names(), "./ ../ a big dir/ empty ");
	/* The last page is published before the thread that fetched it lets go of the listing. */
	for (int i = 0; i < 500 && listing_count(); i++) {
		usleep(10000);
		listing_sweep(true);
	}
	cr_assert_eq(listing_count(), 0);
	stop();
}

Test(fs_session, nonsense)
{
	struct wire_request req = {.op = 99};
	char bytes[200] = {1, 2, 3};

	start("60000");
	for (size_t n = 0; n < sizeof(bytes); n++) {
		session_free(&reply);
		session_serve(&env, 1, bytes, n, -1, &reply);
		cr_assert_eq(reply.head.error, -EPROTO);
	}
	cr_assert_eq(ask(&req, "", 0), -EPROTONOSUPPORT);
	cr_assert_not_null(strstr(reply.line, "`skyshim stop`"));
	req.op = WIRE_STAT;
	cr_assert_eq(ask(&req, "s3/b\0x", 6), -ENOENT);
	req.op = WIRE_ENSURE;
	cr_assert_eq(ask(&req, "", 0), -ESTALE);
	req.flags = WIRE_ENSURE_NOWAIT;
	ask(&req, "", 0);
	cr_assert(reply.is_silent);
	req = (struct wire_request){.op = WIRE_STATS};
	cr_assert_eq(ask(&req, "", 0), 0);
	cr_assert_not_null(strstr(reply.text, "\"store_requests\""));
	cr_assert_not(reply.stop);
	session_free(&reply);
	session_serve(&env, 1, "skyshim: stop\n", 14, -1, &reply); /* for ever */
	cr_assert_eq(reply.head.error, 0);
	cr_assert(reply.stop);
	stop();
}

/* Hints that are not sent as such. */
Test(fs_session, what_nobody_can_wait_for_is_refused)
{
	int fd;

	start("60000");
	cr_assert_eq(do_open("s3/b/big"), 0);
	fd = dup(reply.fd[0]);
	cr_assert_eq(ensure(fd, 20 * MIB, 10, WIRE_ENSURE_WANT), -EINVAL);
	cr_assert_eq(ensure(fd, 30 * MIB, 10, WIRE_ENSURE_LEAVE | WIRE_ENSURE_PIN), -EINVAL);
	cr_assert_not(reply.is_silent);
	cr_assert_eq(ensure(fd, 20 * MIB, 10, WIRE_ENSURE_WANT | WIRE_ENSURE_NOWAIT), 0);
	cr_assert_eq(ensure(fd, 20 * MIB, 10, 0), 0);
	close(fd);
	stop();
}

/* Nothing but its time tells the new version from the old one. */
Test(fs_session, an_open_that_begins_anew_keeps_to_its_version)
{
	int fd;

	start("60000");
	fake.has_no_etags = fake.changes_midway = true;
	cr_assert_eq(do_open("s3/b/big"), 0);
	fd = dup(reply.fd[0]);
	cr_assert_eq(ensure(fd, 0, 2 * FAKE_CHUNK, 0), -ESTALE);
	cr_assert_not(fake.changes_midway);
	close(fd);
	stop();
}
