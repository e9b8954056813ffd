/* SPDX-License-Identifier: Apache-2.0 */
/* The cache as a whole, with a source that the test commands. */
#include "cache/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "cache/file.h"
#include "cache/place.h"
#include "cache/readahead.h"
#include "core/base/vnode.h"

#define MIB (UINT64_C(1) << 20)

static const uint8_t ctx[WIRE_CTX_BYTES] = "a context";
static char dir[64];
static int dir_fd;
static unsigned fetched; /* parts */
static uint64_t fetched_bytes;
static uint64_t longest;
static unsigned at_once, most_at_once;
static int fail_with;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* closed: nothing comes */

static char byte_at(uint64_t offset)
{
	return (char)(offset * 2654435761u >> 13 ^ offset >> 9);
}

static int deliver(struct cache_part *part, uint64_t until)
{
	char chunk[70000];
	int ret = 0;

	for (uint64_t at = part->offset; at < until && !ret;) {
		uint64_t n = until - at < sizeof(chunk) ? until - at : sizeof(chunk);

		for (uint64_t i = 0; i < n; i++)
			chunk[i] = byte_at(at + i);
		ret = cache_part_data(part, at, chunk, n);
		at += n;
	}
	return ret;
}

static void *serve(void *arg)
{
	struct cache_part *part = arg;
	int ret;

	usleep(2000);
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	if (fail_with) {
		deliver(part, part->offset + part->length / 2);
		ret = fail_with;
	} else {
		ret = deliver(part, part->offset + part->length);
	}
	pthread_mutex_lock(&lock);
	at_once--;
	pthread_mutex_unlock(&lock);
	cache_part_done(part, ret, ret ? "it failed" : NULL);
	return NULL;
}

static int fetch(struct cache_part *part)
{
	pthread_t thread;

	pthread_mutex_lock(&lock);
	fetched++;
	fetched_bytes += part->length;
	if (part->length > longest)
		longest = part->length;
	if (++at_once > most_at_once)
		most_at_once = at_once;
	pthread_mutex_unlock(&lock);
	cr_assert_eq(part->offset % VNODE_BLOCK_BYTES, 0);
	if (pthread_create(&thread, NULL, serve, part))
		return -EAGAIN;
	pthread_detach(thread);
	return 0;
}

static const struct cache_source source = {fetch};

static void start(uint64_t size)
{
	struct cache_config config = {.size_bytes = size};

	if (!dir[0]) {
		strcpy(dir, "/tmp/skyshim-test-XXXXXX");
		cr_assert_not_null(mkdtemp(dir));
		dir_fd = place_open(dir, NULL);
		cr_assert_geq(dir_fd, 0);
	}
	config.dir_fd = dir_fd;
	cr_assert_eq(cache_start(&config, &source), 0);
}

static void idle(void)
{
	struct cache_stats stats;

	do {
		usleep(1000);
		cache_stats(&stats);
	} while (stats.parts);
}

static void stop(void)
{
	char command[128];

	idle();
	cache_stop();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	cr_assert_eq(system(command), 0);
}

static struct cache_file *make(const char *object, const char *etag, uint64_t size)
{
	struct wire_attr attr = {.ino = 7, .size = size, .mode = S_IFREG | 0644, .nlink = 1};
	struct cache_file *file;

	cr_assert_eq(cache_create(ctx, object, etag, &attr, object, &file), 0);
	return file;
}

static void check(int fd, uint64_t offset, uint64_t length)
{
	char *text = malloc(length);

	cr_assert_eq(pread(fd, text, length, (off_t)offset), (ssize_t)length);
	for (uint64_t i = 0; i < length; i++) {
		if (text[i] != byte_at(offset + i))
			cr_assert_fail("wrong byte at %llu", (unsigned long long)(offset + i));
	}
	free(text);
}

Test(cache_fill, ranges_and_completion)
{
	struct cache_file *file;
	int fd;

	start(64 * MIB);
	file = make("s3/b/k", "\"1\"", 20 * MIB + 5);
	fd = cache_open_data(file, O_RDONLY);
	cr_assert_geq(fd, 0);
	cr_assert_not(cache_complete(file));
	cr_assert_eq(cache_ensure(file, 3 * MIB + 1, 10, 0, NULL), 0);
	check(fd, 3 * MIB + 1, 10);
	cr_assert_eq(cache_ensure(file, 0, 20 * MIB + 5, 0, NULL), 0);
	check(fd, 0, 20 * MIB + 5);
	idle();
	cr_assert(cache_complete(file));
	cr_assert_eq(fetched_bytes, 20 * MIB + 5); /* nothing twice */
	cr_assert_leq(longest, READAHEAD_PART_MAX);
	cr_assert_eq(cache_ensure(file, 30 * MIB, 10, 0, NULL), 0);
	close(fd);
	cache_put(file);
	stop();
}

/* The part of an open was asked for before it was made. */
Test(cache_fill, what_an_open_fetches_is_not_measured)
{
	struct wire_attr attr = {.ino = 7, .size = 4 * MIB, .mode = S_IFREG | 0644, .nlink = 1};
	struct cache_new what = {.ctx = ctx,
				 .object = "s3/b/k",
				 .etag = "\"1\"",
				 .path = "k",
				 .attr = &attr,
				 .first_bytes = MIB};
	struct cache_file *file;
	struct cache_part *part;

	start(64 * MIB);
	cr_assert_eq(cache_create_with(&what, &file, &part), 0);
	cr_assert_eq(deliver(part, MIB), 0);
	cache_part_done(part, 0, NULL);
	cr_assert_eq(file->active->readahead.bytes_per_s, 0);
	cr_assert_eq(cache_ensure(file, MIB, 2 * MIB, 0, NULL), 0);
	idle();
	cr_assert_gt(file->active->readahead.bytes_per_s, 0);
	cr_assert_geq(file->active->readahead.first_ns, 2000000, "the source takes 2 ms");
	cache_put(file);
	stop();
}

static void *reader(void *arg)
{
	struct cache_file *file = arg;

	cr_assert_eq(cache_ensure(file, 4 * MIB, MIB, 0, NULL), 0);
	return NULL;
}

static bool nobody_wants(const struct cache_file *file)
{
	bool none = true;

	pthread_mutex_lock(&cache.lock);
	for (const struct cache_part *p = file->active->parts; p; p = p->next)
		none &= !__atomic_load_n(&p->is_wanted, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&cache.lock);
	return none;
}

/* Of the parts that are fetched ahead, the one that a reader comes to wait for is told so. */
Test(cache_fill, who_waits_is_known, .timeout = 60)
{
	struct cache_file *file;
	pthread_t thread;

	start(64 * MIB);
	file = make("s3/b/k", "\"1\"", 8 * MIB);
	pthread_mutex_lock(&gate);
	cr_assert_eq(cache_ensure(file, 0, 8 * MIB, WIRE_ENSURE_NOWAIT | WIRE_ENSURE_WANT, NULL),
		     0);
	cr_assert(nobody_wants(file));
	cr_assert_eq(pthread_create(&thread, NULL, reader, file), 0);
	while (nobody_wants(file))
		usleep(1000);
	for (const struct cache_part *p = file->active->parts; p; p = p->next)
		cr_assert_eq(p->is_wanted, p->offset < 5 * MIB && p->offset + p->length > 4 * MIB);
	pthread_mutex_unlock(&gate);
	pthread_join(thread, NULL);
	cache_put(file);
	stop();
}

static void *first_reader(void *arg)
{
	struct cache_file *file = arg;

	cr_assert_eq(cache_ensure(file, 0, MIB, 0, NULL), 0);
	return NULL;
}

/* Also of a part that somebody else fetches. */
Test(cache_fill, who_waits_is_told_to_who_fetches, .timeout = 60)
{
	struct wire_attr attr = {.ino = 7, .size = 4 * MIB, .mode = S_IFREG | 0644, .nlink = 1};
	bool is_wanted = false;
	struct cache_new what = {.ctx = ctx,
				 .object = "s3/b/k",
				 .etag = "\"1\"",
				 .path = "k",
				 .attr = &attr,
				 .first_bytes = MIB,
				 .is_wanted = &is_wanted};
	struct cache_file *file;
	struct cache_part *part;
	pthread_t thread;

	start(64 * MIB);
	cr_assert_eq(cache_create_with(&what, &file, &part), 0);
	cr_assert_eq(cache_ensure(file, 0, MIB, WIRE_ENSURE_NOWAIT, NULL), 0);
	cr_assert_not(is_wanted, "nobody waits");
	cr_assert_eq(pthread_create(&thread, NULL, first_reader, file), 0);
	while (!__atomic_load_n(&is_wanted, __ATOMIC_RELAXED))
		usleep(1000);
	cr_assert_eq(deliver(part, MIB), 0);
	cache_part_done(part, 0, NULL);
	pthread_join(thread, NULL);
	cache_put(file);
	stop();
}

Test(cache_fill, limits_on_parts)
{
	struct cache_file *file;

	start(2048 * MIB);
	file = make("s3/b/k", "\"1\"", 400 * MIB);
	cr_assert_eq(cache_ensure(file, 0, 400 * MIB, 0, NULL), 0);
	cr_assert_leq(most_at_once, CACHE_PARTS_FILE);
	cr_assert_gt(most_at_once, 8);
	cache_put(file);
	stop();
}

Test(cache_fill, errors_reach_those_who_wait)
{
	struct cache_file *file;
	char message[CACHE_MESSAGE_MAX];

	start(64 * MIB);
	file = make("s3/b/k", "\"1\"", 10 * MIB);
	fail_with = -EIO;
	cr_assert_eq(cache_ensure(file, 0, 10 * MIB, 0, message), -EIO);
	cr_assert_str_eq(message, "it failed");
	idle();
	fail_with = 0;
	cr_assert_eq(cache_ensure(file, 0, 10 * MIB, 0, message), 0);
	cr_assert_str_eq(message, "");
	cache_put(file);
	stop();
}

Test(cache_fill, many_readers_one_fetch)
{
	pthread_t threads[20];
	struct cache_file *file;

	start(64 * MIB);
	file = make("s3/b/k", "\"1\"", 5 * MIB);
	for (int i = 0; i < 20; i++)
		pthread_create(&threads[i], NULL, reader, file);
	for (int i = 0; i < 20; i++)
		pthread_join(threads[i], NULL);
	idle();
	cr_assert_leq(fetched_bytes, 2 * MIB);
	cache_put(file);
	stop();
}

Test(cache_fill, versions_and_contexts_apart)
{
	static const uint8_t other[WIRE_CTX_BYTES] = "another context";
	struct cache_file *one, *two, *found;

	start(64 * MIB);
	one = make("s3/b/k", "\"1\"", MIB);
	two = make("s3/b/k", "\"2\"", MIB);
	cr_assert_neq(one, two);
	found = cache_find(ctx, "s3/b/k", NULL);
	cr_assert_eq(found, two);
	cache_put(found);
	found = cache_find(ctx, "s3/b/k", "\"1\"");
	cr_assert_eq(found, one);
	cache_put(found);
	cr_assert_null(cache_find(other, "s3/b/k", NULL));
	found = cache_find_inode(0, 0);
	cr_assert_null(found);
	cache_put(one);
	cache_put(two);
	stop();
}

/* A reader who follows the protocol of vnode.h sees right bytes while everything is evicted. */
Test(cache_fill, more_than_fits, .timeout = 120)
{
	struct cache_file *file;
	struct vnode_shm *vn;
	struct cache_stats stats;
	struct stat st;
	char *text = malloc(MIB);
	int fd, vfd;

	start(16 * MIB);
	file = make("s3/b/k", "\"1\"", 100 * MIB);
	fd = cache_open_data(file, O_RDONLY);
	vfd = cache_open_vnode(file);
	fstat(vfd, &st);
	vn = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, vfd, 0);
	for (uint64_t at = 0; at < 100 * MIB; at += MIB) {
		uint32_t seq;

		do {
			seq = __atomic_load_n(&vn->evict_seq, __ATOMIC_SEQ_CST);
			if (!vnode_present(vn, at, MIB)) {
				cr_assert_eq(cache_ensure(file, at, MIB, 0, NULL), 0);
				seq--;
			}
			cr_assert_eq(pread(fd, text, MIB, (off_t)at), (ssize_t)MIB);
		} while (seq != __atomic_load_n(&vn->evict_seq, __ATOMIC_SEQ_CST));
		for (uint64_t i = 0; i < MIB; i++) {
			if (text[i] != byte_at(at + i))
				cr_assert_fail("wrong byte at %llu", (unsigned long long)(at + i));
		}
		cache_stats(&stats);
		cr_assert_leq(stats.bytes, 16 * MIB);
	}
	cr_assert_gt(stats.evicted_bytes, 80 * MIB);
	fstat(fd, &st);
	cr_assert_leq((uint64_t)st.st_blocks * 512, 17 * MIB);
	free(text);
	cache_put(file);
	stop();
}

Test(cache_fill, closed_files_go_first)
{
	struct cache_stats stats;
	struct cache_file *kept, *file;
	int fd;

	start(16 * MIB);
	kept = make("s3/b/kept", "\"1\"", 4 * MIB);
	fd = cache_open_data(kept, O_RDONLY);
	cr_assert_eq(cache_ensure(kept, 0, 4 * MIB, WIRE_ENSURE_PIN, NULL), 0);
	cache_put(kept);
	for (int i = 0; i < 20; i++) {
		char name[32];

		snprintf(name, sizeof(name), "s3/b/%d", i);
		file = make(name, "\"1\"", 2 * MIB);
		cr_assert_eq(cache_ensure(file, 0, 2 * MIB, 0, NULL), 0);
		cache_put(file);
	}
	idle();
	cache_stats(&stats);
	cr_assert_leq(stats.bytes, 16 * MIB);
	cr_assert_lt(stats.files, 9);
	cr_assert_null(cache_find(ctx, "s3/b/0", NULL));
	/* open and pinned: every byte still there */
	file = cache_find(ctx, "s3/b/kept", NULL);
	cr_assert_not_null(file);
	cr_assert(cache_complete(file));
	check(fd, 0, 4 * MIB);
	cache_put(file);
	close(fd);
	stop();
}

Test(cache_fill, pinned_beyond_the_cap_is_refused)
{
	struct cache_file *file;
	char message[CACHE_MESSAGE_MAX];
	int fd;

	start(16 * MIB);
	file = make("s3/b/k", "\"1\"", 40 * MIB);
	fd = cache_open_data(file, O_RDONLY);
	cr_assert_eq(cache_ensure(file, 0, 40 * MIB, WIRE_ENSURE_PIN, message), -ENOSPC);
	cr_assert_neq(message[0], 0);
	close(fd);
	cache_put(file);
	stop();
}

/* A write that met a full disk: all that is clean goes, also what is open, but nothing pinned. */
Test(cache_fill, room_for_a_write)
{
	struct cache_file *pinned, *open_file;
	struct cache_stats stats;
	unsigned made = 0;
	int fd;

	start(64 * MIB);
	pinned = make("s3/b/pinned", "\"1\"", 2 * MIB);
	fd = cache_open_data(pinned, O_RDONLY);
	cr_assert_eq(cache_ensure(pinned, 0, 2 * MIB, WIRE_ENSURE_PIN, NULL), 0);
	open_file = make("s3/b/open", "\"1\"", 4 * MIB);
	cr_assert_eq(cache_ensure(open_file, 0, 4 * MIB, 0, NULL), 0);
	for (int i = 0; i < 3; i++) {
		struct cache_file *file =
			make(i ? i > 1 ? "s3/b/2" : "s3/b/1" : "s3/b/0", "\"1\"", 4 * MIB);

		cr_assert_eq(cache_ensure(file, 0, 4 * MIB, 0, NULL), 0);
		cache_put(file);
	}
	idle();
	cache_stats(&stats);
	cr_assert_geq(stats.bytes, 18 * MIB);
	cr_assert_not(cache_make_room(-EIO, 1));
	while (cache_make_room(-ENOSPC, 1))
		cr_assert_lt(++made, 8);
	cr_assert_gt(made, 0);
	cr_assert_not(cache_make_room(-EDQUOT, 1), "nothing is left to go");
	cache_stats(&stats);
	cr_assert_lt(stats.bytes, 4 * MIB);
	cr_assert_geq(stats.evicted_bytes, 16 * MIB);
	cr_assert_null(cache_find(ctx, "s3/b/0", NULL));
	cr_assert(cache_complete(pinned));
	check(fd, 0, 2 * MIB);
	cr_assert_not(cache_complete(open_file));
	cr_assert_eq(cache_ensure(open_file, 0, 4 * MIB, 0, NULL), 0);
	close(fd);
	cache_put(pinned);
	cache_put(open_file);
	stop();
}

/* Another daemon goes on with the files, and drops them after a boot. */
Test(cache_fill, taken_over)
{
	char object[CACHE_OBJECT_MAX];
	struct store_object version;
	struct cache_file *file;
	struct stat st;
	int fd;

	start(64 * MIB);
	file = make("s3/b/k", "\"1\"", 8 * MIB);
	cr_assert_eq(cache_ensure(file, 0, 2 * MIB, WIRE_ENSURE_RANDOM, NULL), 0);
	fd = cache_open_data(file, O_RDONLY);
	cache_put(file);
	idle();
	cache_stop();

	fetched_bytes = 0;
	start(64 * MIB);
	fstat(fd, &st);
	file = cache_find_inode(st.st_dev, st.st_ino);
	cr_assert_not_null(file);
	cache_object(file, object);
	cr_assert_str_eq(object, "s3/b/k");
	cache_version(file, &version);
	cr_assert_str_eq(version.etag, "\"1\"");
	cr_assert(cache_begun(file));
	cr_assert_eq(cache_ensure(file, 0, 8 * MIB, 0, NULL), 0);
	check(fd, 0, 8 * MIB);
	idle();
	cr_assert_eq(fetched_bytes, 6 * MIB);
	cache_put(file);
	cache_stop();

	cr_assert_eq(unlinkat(dir_fd, "boot", 0), 0);
	start(64 * MIB);
	cr_assert_null(cache_find(ctx, "s3/b/k", NULL));
	close(fd);
	stop();
}

Test(cache_fill, damaged_pairs_are_dropped)
{
	struct cache_file *file;
	char command[200];

	start(64 * MIB);
	file = make("s3/b/k", "\"1\"", MIB);
	cache_put(file);
	cache_stop();
	snprintf(command, sizeof(command),
		 "cd %s/files && truncate -s 100 *.v && touch leftover x.v", dir);
	cr_assert_eq(system(command), 0);
	start(64 * MIB);
	cr_assert_null(cache_find(ctx, "s3/b/k", NULL));
	snprintf(command, sizeof(command), "test -z \"$(ls %s/files)\"", dir);
	cr_assert_eq(system(command), 0);
	stop();
}
