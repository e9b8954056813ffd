/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that programs open by themselves: which they find, what becomes of one that is opened at
 * the same time as something is done to it, and what the daemon hears of it. open_self() is the
 * program, as intercept/warmopen.c does it.
 */
#include "tests/unit/writing_rig.h"

#include <linux/fs.h>
#include <pthread.h>
#include <signal.h>

#include "cache/clock.h"
#include "cache/opentable.h"
#include "core/tally.h"
#include "fs/opened.h"

enum step { FOUND, VNODE_OPENED, DATA_OPENED };

static const union attrs_line *shown;
static int files_fd = -1;

/* What happens at one of a program's steps. */
static void (*interfere)(void);
static enum step interfere_at;

static void begin_as(const char *ttl_ms)
{
	char path[128];
	int fd;

	signal(SIGIO, SIG_IGN); /* as the daemon does */
	start(ttl_ms);
	opentable_start(place_open(dir, NULL));
	snprintf(path, sizeof(path), "%s/" OPENS_NAME, dir);
	fd = open(path, O_RDWR);
	shown = mmap(NULL, OPENS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_assert_neq(shown, MAP_FAILED);
	close(fd);
	snprintf(path, sizeof(path), "%s/" OPENS_FILES, dir);
	files_fd = open(path, O_PATH);
	cr_assert_geq(files_fd, 0);
	interfere = NULL;
}

static void begin(void)
{
	begin_as("60000");
}

static void end(void)
{
	opentable_stop();
	stop();
}

TestSuite(fs_opened, .init = begin, .fini = end, .timeout = 120);

static void at(enum step step)
{
	if (interfere && interfere_at == step)
		interfere();
}

static int open_pair(const struct opens_found *found, char kind)
{
	char name[OPENS_PAIR_BYTES + 3];

	snprintf(name, sizeof(name), "%s.%c", found->pair, kind);
	return openat(files_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

/* The data file, if vnode_fd is a whole file's that it belongs to. */
static int open_data(int vnode_fd, const struct opens_found *found)
{
	struct vnode_shm vn;
	struct stat st;
	int fd;

	if (pread(vnode_fd, &vn, sizeof(vn), 0) != (ssize_t)sizeof(vn) ||
	    (vn.flags & (VNODE_COMPLETE | VNODE_DRAFT)) != VNODE_COMPLETE ||
	    vn.data_ino != found->ino)
		return -EAGAIN;
	at(VNODE_OPENED);
	fd = open_pair(found, 'd');
	if (fd < 0)
		return -EAGAIN;
	at(DATA_OPENED);
	if (!fstat(fd, &st) && st.st_ino == vn.data_ino && st.st_dev == vn.data_dev &&
	    opens_still(shown, attrs_read_plain, found))
		return fd;
	close(fd);
	return -EAGAIN;
}

static int open_as(const uint8_t *as, const char *path)
{
	const struct attrs_ask q = {.ctx = as, .path = path, .len = strlen(path)};
	struct opens_found found;
	int vnode_fd, fd;

	if (opens_find(shown, attrs_read_plain, &q, clock_ns(), &found))
		return -EAGAIN;
	at(FOUND);
	vnode_fd = open_pair(&found, 'v');
	if (vnode_fd < 0)
		return -EAGAIN;
	fd = open_data(vnode_fd, &found);
	close(vnode_fd);
	return fd;
}

static int open_self(const char *path)
{
	return open_as(ctx, path);
}

/* Opened by the daemon, and whole; nobody fetches anything any more. */
static void opened(const char *path)
{
	struct cache_stats stats;
	struct open_file f;

	cr_assert_eq(open_file(path, O_RDONLY, &f), 0);
	cr_assert_eq(by_fd(WIRE_ENSURE, f.fd, 0, UINT64_MAX / 2), 0);
	close_file(&f);
	do {
		usleep(1000);
		cache_stats(&stats);
	} while (stats.parts);
}

static void is_asked(const char *path)
{
	int fd = open_self(path);

	cr_assert_eq(fd, -EAGAIN, "%s was opened: %d", path, fd);
}

/* It can be opened, and has so many bytes. */
static void is_open(const char *path, off_t size)
{
	int fd = open_self(path);
	struct stat st;

	cr_assert_geq(fd, 0, "%s is asked for", path);
	cr_assert_eq(fstat(fd, &st), 0);
	cr_assert_eq(st.st_size, size, "%lld", (long long)st.st_size);
	close(fd);
}

Test(fs_opened, what_was_opened_is_not_asked_for)
{
	struct open_file f;
	struct stat of_daemon, own;
	int fd;

	is_asked("s3/b/old");
	opened("s3/b/old");
	is_open("s3/b/old", 200000);
	cr_assert_eq(open_file("s3/b/old", O_RDONLY, &f), 0);
	fd = open_self("s3/b/old");
	cr_assert(!fstat(f.fd, &of_daemon) && !fstat(fd, &own));
	cr_assert_eq(of_daemon.st_ino, own.st_ino);
	close(fd);
	close_file(&f);
	is_asked("s3/b/old/");
	is_asked("s3/b/none");
	is_asked("s3/b");
}

Test(fs_opened, others_find_nothing)
{
	const uint8_t other[WIRE_CTX_BYTES] = {1, 2, 3};

	opened("s3/b/old");
	cr_assert_eq(open_as(other, "s3/b/old"), -EAGAIN);
	is_open("s3/b/old", 200000);
}

/* What was written or renamed is an ordinary file again. */
static void settled(void)
{
	sweep_until_clean();
	publish_sweep();
}

Test(fs_opened, not_what_is_written_to)
{
	struct open_file f;

	opened("s3/b/dir/x");
	is_open("s3/b/dir/x", 10);
	cr_assert_eq(open_file("s3/b/dir/x", O_RDWR, &f), 0);
	is_asked("s3/b/dir/x");
	opened("s3/b/dir/x");
	is_asked("s3/b/dir/x");
	write_at(&f, "new, and longer", 15, 0);
	opened("s3/b/dir/x");
	is_asked("s3/b/dir/x");
	cr_assert_eq(by_fd(WIRE_FLUSH, f.fd, 0, 0), 0);
	close_file(&f);
	is_asked("s3/b/dir/x");
	settled();
	opened("s3/b/dir/x");
	is_open("s3/b/dir/x", 15);
}

Test(fs_opened, not_what_is_emptied)
{
	struct open_file f;

	opened("s3/b/dir/x");
	cr_assert_eq(open_file("s3/b/dir/x", O_WRONLY | O_TRUNC, &f), 0);
	is_asked("s3/b/dir/x");
	opened("s3/b/dir/x");
	is_asked("s3/b/dir/x");
	close_file(&f);
	sweep_until_clean();
}

Test(fs_opened, not_what_is_removed)
{
	opened("s3/b/old");
	cr_assert_eq(op(WIRE_UNLINK, "s3/b/old", 0), 0);
	is_asked("s3/b/old");
	cr_assert_eq(op(WIRE_OPEN, "s3/b/old", O_RDONLY), -ENOENT);
	is_asked("s3/b/old");
}

static void rename_names(const char *names, size_t bytes, unsigned flags)
{
	request = (struct wire_request){.op = WIRE_RENAME, .flags = flags};
	cr_assert_eq(ask(names, bytes), 0, "%d", reply.head.error);
}

Test(fs_opened, not_what_has_another_name)
{
	static const char names[] = "s3/b/old\0s3/b/new";

	opened("s3/b/old");
	rename_names(names, sizeof(names) - 1, 0);
	is_asked("s3/b/old");
	is_asked("s3/b/new");
	settled();
	opened("s3/b/new");
	is_open("s3/b/new", 200000);
	is_asked("s3/b/old");
}

Test(fs_opened, not_what_another_took_the_place_of)
{
	static const char names[] = "s3/b/old\0s3/b/dir/x";

	opened("s3/b/old");
	opened("s3/b/dir/x");
	is_open("s3/b/dir/x", 10);
	rename_names(names, sizeof(names) - 1, 0);
	is_asked("s3/b/dir/x");
	settled();
	opened("s3/b/dir/x");
	is_open("s3/b/dir/x", 200000);
}

Test(fs_opened, not_what_is_in_a_directory_that_moved)
{
	static const char names[] = "s3/b/dir\0s3/b/elsewhere";

	opened("s3/b/dir/x");
	is_open("s3/b/dir/x", 10);
	rename_names(names, sizeof(names) - 1, 0);
	is_asked("s3/b/dir/x");
	is_asked("s3/b/elsewhere/x");
}

Test(fs_opened, not_what_has_two_names)
{
	static const char names[] = "s3/b/old\0s3/b/second";

	opened("s3/b/old");
	request = (struct wire_request){.op = WIRE_LINK};
	cr_assert_eq(ask(names, sizeof(names) - 1), 0);
	is_asked("s3/b/old");
	is_asked("s3/b/second");
}

static void begin_unbelieving(void)
{
	begin_as("0");
}

Test(fs_opened_ttl, not_what_is_believed_no_longer, .init = begin_unbelieving, .fini = end)
{
	opened("s3/b/old");
	is_asked("s3/b/old");
}

/* All files that no process has open. */
static void evict(void)
{
	cache_make_room(-ENOSPC, UINT64_C(1) << 40);
}

static bool is_cached(void)
{
	struct cache_file *file = cache_find(ctx, "s3/b/old", NULL);

	if (file)
		cache_put(file);
	return file;
}

Test(fs_opened, evicted_before_it_was_open)
{
	static const enum step steps[] = {FOUND, VNODE_OPENED};

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		opened("s3/b/old");
		is_open("s3/b/old", 200000);
		interfere = evict;
		interfere_at = steps[i];
		is_asked("s3/b/old");
		interfere = NULL;
		cr_assert_not(is_cached());
	}
}

Test(fs_opened, evicted_when_it_was_open)
{
	opened("s3/b/old");
	interfere = evict;
	interfere_at = DATA_OPENED;
	is_asked("s3/b/old");
	interfere = NULL;
	cr_assert(is_cached(), "its file was open when the lease was asked for");
	opened("s3/b/old");
	is_open("s3/b/old", 200000);
}

static void evict_and_make(void)
{
	evict();
	opened("s3/b/old");
}

/* The names are the same, and the inode's number may be. */
Test(fs_opened, another_of_its_name_was_made_meanwhile)
{
	opened("s3/b/old");
	interfere = evict_and_make;
	interfere_at = FOUND;
	is_asked("s3/b/old");
	interfere_at = VNODE_OPENED;
	is_asked("s3/b/old");
	interfere = NULL;
	is_open("s3/b/old", 200000);
}

static void next_daemon(void)
{
	opentable_stop();
	opentable_start(place_open(dir, NULL));
}

Test(fs_opened, another_daemon_came_meanwhile)
{
	opened("s3/b/old");
	interfere = next_daemon;
	interfere_at = DATA_OPENED;
	is_asked("s3/b/old");
	interfere = NULL;
	is_asked("s3/b/old");
	opened("s3/b/old");
	is_open("s3/b/old", 200000);
}

Test(fs_opened, what_is_asked_whether_it_is_open_stays_closed)
{
	struct cache_file *file;
	int fd;

	opened("s3/b/old");
	file = cache_find(ctx, "s3/b/old", NULL);
	fd = open_self("s3/b/old");
	cr_assert(cache_is_open(file));
	close(fd);
	opened("s3/b/old");
	cr_assert_not(cache_is_open(file));
	is_asked("s3/b/old");
	cache_put(file);
}

/* As intercept/warmopen.c tells of an open. */
static void tell(const char *path, uint32_t job)
{
	const struct attrs_ask q = {.ctx = ctx, .path = path, .len = strlen(path)};
	struct opens_told *told = opens_told((union attrs_line *)shown);
	struct opens_record *record;
	struct opens_found found;

	cr_assert_eq(opens_find(shown, attrs_read_plain, &q, clock_ns(), &found), 0);
	told->mark[found.line] = 1;
	record = &told->ring[__atomic_fetch_add(&told->count, 1, __ATOMIC_SEQ_CST) % OPENS_RING];
	__atomic_store_n(&record->who, (uint64_t)job << 32, __ATOMIC_RELEASE);
	__atomic_store_n(&record->what, (uint64_t)found.line << 32 | found.seq, __ATOMIC_RELEASE);
}

Test(fs_opened, it_is_counted)
{
	struct job *job = job_find(77, getpid(), "x", 1);
	uint64_t all = tally_all.opened;

	opened("s3/b/old");
	opened_look();
	cr_assert_eq(tally_all.opened, all);
	for (int i = 0; i < 1000; i++)
		tell("s3/b/old", i % 2 ? 77 : 78);
	opened_look();
	cr_assert_eq(tally_all.opened, all + 1000);
	cr_assert_eq(job->tally.opened, 500);
	opened_look();
	cr_assert_eq(tally_all.opened, all + 1000);
	for (unsigned i = 0; i < OPENS_RING + 100; i++)
		tell("s3/b/old", 77);
	opened_look();
	cr_assert_eq(tally_all.opened, all + 1000 + OPENS_RING + 100, "those that were lost, too");
	cr_assert_eq(job->tally.opened, 500 + OPENS_RING);
	job_put(job);
}

Test(fs_opened, a_record_that_is_never_written)
{
	struct opens_told *told = opens_told((union attrs_line *)shown);
	uint64_t all = tally_all.opened;

	opened("s3/b/old");
	__atomic_fetch_add(&told->count, 1, __ATOMIC_SEQ_CST); /* and it was killed */
	tell("s3/b/old", 0);
	opened_look();
	cr_assert_eq(tally_all.opened, all, "it may come yet");
	usleep(1100000);
	opened_look();
	cr_assert_eq(tally_all.opened, all + 2);
}

Test(fs_opened, what_programs_write_is_no_more_than_a_hint)
{
	struct opens_told *told = opens_told((union attrs_line *)shown);

	opened("s3/b/old");
	for (unsigned i = 0; i < OPENS_RING; i++)
		told->ring[i] = (struct opens_record){UINT64_MAX - i, UINT64_MAX - i * 7919ull};
	told->count += OPENS_RING;
	opened_look();
	told->count = UINT64_MAX / 2;
	opened_look();
	told->count = 3;
	opened_look();
	memset(told->mark, 0xff, sizeof(told->mark));
	is_open("s3/b/old", 200000);
}

Test(fs_opened, what_is_in_use_goes_last)
{
	struct cache_stats before, now;

	opened("s3/b/old");
	opened("s3/b/dir/x");
	tell("s3/b/old", 0);
	cache_stats(&before);
	cache_make_room(-ENOSPC, 1);
	cache_stats(&now);
	cr_assert_lt(now.files, before.files);
	evict();
	evict();
	cache_stats(&now);
	cr_assert_eq(now.files, 0, "but it goes");
}

#define RACE_FILES 4
#define RACE_WON   1500u

static uint32_t race_is_over;

static void race_name(unsigned i, char out[32])
{
	snprintf(out, 32, "s3/b/race%u", i % RACE_FILES);
}

/* Makes files and shows them, as an open does. */
static void *make_files(void *none)
{
	const struct wire_attr attr = {.mode = S_IFREG | 0644, .nlink = 1};
	char name[32];

	for (unsigned i = 0; !__atomic_load_n(&race_is_over, __ATOMIC_RELAXED); i++) {
		struct opentable_about about = {.ctx = ctx, .path = name, .object = name};
		struct opens_ticket ticket;
		struct cache_file *file;

		race_name(i, name);
		if (cache_create(ctx, name, "etag", &attr, name, &file))
			continue;
		about.until_ns = clock_ns() + 60 * CLOCK_NS_PER_S;
		ticket = opentable_reserve(&about);
		if (!cache_show(file, ticket))
			opentable_drop(&ticket);
		cache_put(file);
		opentable_alive();
	}
	return none;
}

static void *evict_files(void *none)
{
	while (!__atomic_load_n(&race_is_over, __ATOMIC_RELAXED))
		evict();
	return none;
}

/* Whoever has opened one has it until he closes it: nobody has removed it. */
static void *open_files(void *won)
{
	char name[32];

	/* on a busy machine the others may get no turn for long */
	for (unsigned i = 0; *(unsigned *)won < RACE_WON && i < 100000000; i++) {
		struct stat st = {0};
		int fd;

		race_name(i, name);
		fd = open_self(name);
		if (fd < 0)
			continue;
		for (int n = 0; n < 20; n++) {
			sched_yield();
			if (fstat(fd, &st) || st.st_nlink != 1)
				return won;
		}
		++*(unsigned *)won;
		close(fd);
	}
	return NULL;
}

Test(fs_opened, nobody_evicts_what_was_opened)
{
	pthread_t maker, evictor, opener[2];
	unsigned won[2] = {0, 0};
	void *wrong;

	__atomic_store_n(&race_is_over, 0, __ATOMIC_RELAXED);
	pthread_create(&maker, NULL, make_files, NULL);
	pthread_create(&evictor, NULL, evict_files, NULL);
	for (int i = 0; i < 2; i++)
		pthread_create(&opener[i], NULL, open_files, &won[i]);
	for (int i = 0; i < 2; i++) {
		pthread_join(opener[i], &wrong);
		cr_assert_null(wrong, "a file that was open was removed");
		cr_assert_eq(won[i], RACE_WON);
	}
	__atomic_store_n(&race_is_over, 1, __ATOMIC_RELAXED);
	pthread_join(maker, NULL);
	pthread_join(evictor, NULL);
}
