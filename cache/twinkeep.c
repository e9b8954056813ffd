/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper of the twins: what is done at the start, and by a thread of low priority afterwards.
 *
 * A new twin is handed out before it has reached the disk, since nobody should wait for that. The
 * keeper sees to it, and writes the digest only then: after a boot, a twin without a digest may be
 * torn and goes. Twins of an earlier daemon are compared with their digests one after the other.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cache/clock.h"
#include "cache/place.h"
#include "cache/twintable.h"
#include "core/log.h"
#include "core/scope.h"

#define LOW_PERCENT  90				   /* of the cap, after it was reached */
#define SWEEP_S	     60				   /* between looks for what is not needed */
#define GONE_NS	     (600 * CLOCK_NS_PER_S)	   /* a twin of a file that is gone, unused */
#define SEEN_KEEP_NS (30 * 86400 * CLOCK_NS_PER_S) /* offsets without a twin */
#define IOPRIO_LAST  (2 << 13 | 7)		   /* best effort: idle may be never */

/* A twin as the sweep sees it. */
struct look {
	struct twin_key key;
	int64_t used_ns; /* CLOCK_REALTIME */
	uint64_t bytes;
	bool has_twin;
};

static pthread_t thread;
static bool running;

static int64_t real_ns(const struct timespec *ts)
{
	return (int64_t)ts->tv_sec * CLOCK_NS_PER_S + ts->tv_nsec;
}

/* --- the start --- */

static void adopt_twin(const struct twin_key *key, bool is_new_boot)
{
	struct twinfile_sum sum;
	struct twin_header head;
	struct twin_entry *e = NULL;
	struct stat st;
	bool is_settled = !twinfile_read_sum(twintable.dir_fd, key, &sum);
	int fd = twinfile_open(twintable.dir_fd, key, &head, &st);

	if (fd >= 0)
		close(fd);
	if (fd >= 0 && (is_settled || !is_new_boot))
		e = twintable_get(key);
	if (!e) {
		twinfile_remove(twintable.dir_fd, key, TWINFILE_SUM);
		twinfile_remove(twintable.dir_fd, key, TWINFILE_TWIN);
		twintable.stats.discarded++;
		return;
	}
	twintable_add_twin(e, &head, &st);
	e->is_settled = is_settled;
}

static void adopt_one(const char *name, bool is_new_boot)
{
	char twin[TWINFILE_NAME_BYTES];
	struct twin_key key;
	struct twin_entry *e;

	switch (twinfile_parse(name, &key)) {
	case TWINFILE_TWIN:
		adopt_twin(&key, is_new_boot);
		return;
	case TWINFILE_SUM:
		twinfile_name(&key, TWINFILE_TWIN, twin);
		if (!faccessat(twintable.dir_fd, twin, F_OK, AT_SYMLINK_NOFOLLOW))
			return;
		break;
	case TWINFILE_SEEN:
		e = twintable_get(&key);
		if (!e)
			break;
		e->has_seen = true;
		return;
	default:
		break;
	}
	unlinkat(twintable.dir_fd, name, 0);
}

static int adopt(bool is_new_boot)
{
	int fd = openat(twintable.dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return -EIO;
	}
	for (struct dirent *d = readdir(dir); d; d = readdir(dir)) {
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			adopt_one(d->d_name, is_new_boot);
	}
	closedir(dir);
	return 0;
}

/* --- digests --- */

/* Reads a twin through. Returns its entry's serial, or 0 when there is nothing to be said. */
static uint64_t digest_twin(const struct twin_key *key, bool sync, uint8_t *digest)
{
	struct twin_header head;
	struct twin_entry *e;
	struct stat st;
	SCOPE_FD int fd = -1;
	uint64_t serial = 0;

	pthread_mutex_lock(&twintable.lock);
	e = twintable_find(key);
	if (e && e->has_twin) {
		serial = e->serial;
		fd = twinfile_open(twintable.dir_fd, key, &head, &st);
	}
	pthread_mutex_unlock(&twintable.lock);
	if (fd < 0 || (sync && fdatasync(fd)) || twinfile_digest(fd, digest))
		return 0;
	return serial;
}

/* The entry, with the lock, if its twin is still the one with that serial. */
static struct twin_entry *entry_of(const struct twin_key *key, uint64_t serial)
{
	struct twin_entry *e = twintable_find(key);

	return e && e->serial == serial ? e : NULL;
}

int twintable_check(const struct twin_key *key)
{
	uint8_t digest[DIGEST_SHA256_BYTES];
	uint64_t serial = digest_twin(key, false, digest);
	struct twinfile_sum sum;
	struct twin_entry *e;
	int ret = serial ? 0 : -EIO;

	pthread_mutex_lock(&twintable.lock);
	e = serial ? entry_of(key, serial) : NULL;
	if (serial && !e)
		ret = -EAGAIN;
	else if (e && twinfile_read_sum(twintable.dir_fd, key, &sum))
		e->is_settled = false; /* no digest, or a damaged one: it is taken anew */
	else if (e && memcmp(sum.digest, digest, sizeof(digest)) != 0)
		ret = -EBADF;
	else if (e)
		e->is_checked = true;
	pthread_mutex_unlock(&twintable.lock);
	if (ret && ret != -EAGAIN)
		twintable_discard(key, ret);
	return ret;
}

static void settle(const struct twin_key *key)
{
	struct twinfile_sum sum;
	uint64_t serial = digest_twin(key, true, sum.digest);
	struct twin_entry *e;

	if (!serial) {
		twintable_discard(key, -EIO);
		return;
	}
	pthread_mutex_lock(&twintable.lock);
	e = entry_of(key, serial);
	if (e) {
		snprintf(sum.path, sizeof(sum.path), "%s", e->path ? e->path : "");
		/* without space for it, it stays without, and goes with the next boot */
		twinfile_write_sum(twintable.dir_fd, key, &sum);
		free(take_ptr(&e->path));
		e->is_settled = e->is_checked = true;
	}
	pthread_mutex_unlock(&twintable.lock);
}

/* --- room --- */

/* A copy of the table. Returns how many, or 0. */
static size_t look_at_all(struct look **out)
{
	struct look *looks;
	size_t n = 0;

	pthread_mutex_lock(&twintable.lock);
	looks = calloc(twintable.count + 1, sizeof(*looks));
	for (size_t i = 0; looks && i < sizeof(twintable.slot) / sizeof(twintable.slot[0]); i++) {
		for (const struct twin_entry *e = twintable.slot[i]; e; e = e->next)
			looks[n++] = (struct look){e->key, 0, e->bytes, e->has_twin};
	}
	pthread_mutex_unlock(&twintable.lock);
	*out = looks;
	return n;
}

/* When it was last mapped (as far as the file system notes that) or made; offsets: written. */
static void see_use(struct look *l)
{
	char name[TWINFILE_NAME_BYTES];
	struct stat st;

	twinfile_name(&l->key, l->has_twin ? TWINFILE_TWIN : TWINFILE_SEEN, name);
	if (fstatat(twintable.dir_fd, name, &st, AT_SYMLINK_NOFOLLOW))
		return;
	l->used_ns = real_ns(&st.st_mtim);
	if (l->has_twin && real_ns(&st.st_atim) > l->used_ns)
		l->used_ns = real_ns(&st.st_atim);
}

/* Is it known where the original was, and is it not there any more? */
static bool is_gone(const struct twin_key *key)
{
	struct twinfile_sum sum;
	struct twin_key now;
	struct stat st;

	if (twinfile_read_sum(twintable.dir_fd, key, &sum) || sum.path[0] != '/')
		return false;
	if (stat(sum.path, &st))
		return true;
	twinfile_key(&st, &now);
	return memcmp(&now, key, sizeof(now)) != 0;
}

static bool is_useless(const struct look *l, int64_t now_ns)
{
	if (!l->has_twin)
		return l->used_ns && l->used_ns < now_ns - SEEN_KEEP_NS;
	return l->used_ns < now_ns - GONE_NS && is_gone(&l->key);
}

static int older_first(const void *a, const void *b)
{
	const struct look *x = a, *y = b;

	return x->used_ns < y->used_ns ? -1 : x->used_ns > y->used_ns;
}

static void evict(const struct look *l, bool forget)
{
	struct twin_entry *e;

	pthread_mutex_lock(&twintable.lock);
	e = twintable_find(&l->key);
	if (e && e->has_twin == l->has_twin) {
		twintable.stats.evicted += e->has_twin;
		/* what trapped stays known: the file may be used again */
		if (forget || !e->has_seen)
			twintable_forget(e);
		else
			twintable_remove_twin(e);
	}
	pthread_mutex_unlock(&twintable.lock);
}

static bool is_full(uint64_t percent)
{
	bool full;

	pthread_mutex_lock(&twintable.lock);
	full = twintable.stats.bytes > twintable.stats.bytes_max / 100 * percent ||
	       twintable.count > TWINS_MAX / 100 * percent;
	pthread_mutex_unlock(&twintable.lock);
	return full;
}

static bool has_too_many(void)
{
	bool many;

	pthread_mutex_lock(&twintable.lock);
	many = twintable.count > TWINS_MAX / 100 * LOW_PERCENT;
	pthread_mutex_unlock(&twintable.lock);
	return many;
}

/* The least recently used go, when there is too much. Sorts looks. */
static void make_room(struct look *looks, size_t n)
{
	if (!n || !is_full(100))
		return;
	qsort(looks, n, sizeof(*looks), older_first);
	for (size_t i = 0; i + 1 < n && is_full(LOW_PERCENT); i++) {
		bool too_many = has_too_many();

		if (looks[i].has_twin || too_many)
			evict(&looks[i], too_many);
	}
}

void twintable_make_room(void)
{
	SCOPE_FREE struct look *looks = NULL;
	size_t n = is_full(100) ? look_at_all(&looks) : 0;

	for (size_t i = 0; i < n; i++)
		see_use(&looks[i]);
	make_room(looks, n);
}

static void sweep(void)
{
	SCOPE_FREE struct look *looks = NULL;
	size_t n = look_at_all(&looks);
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	for (size_t i = 0; i < n; i++) {
		see_use(&looks[i]);
		if (is_useless(&looks[i], real_ns(&now)))
			evict(&looks[i], true);
	}
	make_room(looks, n);
}

/* --- the thread --- */

enum work { WORK_NONE, WORK_SETTLE, WORK_CHECK };

/* With the lock. */
static enum work next_work(struct twin_key *key)
{
	enum work work = WORK_NONE;

	for (size_t i = 0; i < sizeof(twintable.slot) / sizeof(twintable.slot[0]); i++) {
		for (const struct twin_entry *e = twintable.slot[i]; e; e = e->next) {
			if (!e->has_twin || (e->is_settled && e->is_checked))
				continue;
			*key = e->key;
			work = e->is_settled ? WORK_CHECK : WORK_SETTLE;
			if (work == WORK_SETTLE)
				return work;
		}
	}
	return work;
}

static void *keep(void *arg)
{
	int64_t swept_ns = clock_ns() - (SWEEP_S - 5) * CLOCK_NS_PER_S;

	(void)arg;
	/* of this thread alone, as Linux has it */
	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 19);
	syscall(SYS_ioprio_set, 1 /* a thread */, 0, IOPRIO_LAST);
	pthread_mutex_lock(&twintable.lock);
	while (!twintable.stop) {
		struct timespec until;
		struct twin_key key;
		enum work work = next_work(&key);
		bool due = clock_ns() > swept_ns + SWEEP_S * CLOCK_NS_PER_S;

		if (work == WORK_NONE && !due) {
			clock_gettime(CLOCK_REALTIME, &until);
			until.tv_sec += 5;
			pthread_cond_timedwait(&twintable.wake, &twintable.lock, &until);
			continue;
		}
		pthread_mutex_unlock(&twintable.lock);
		if (due) {
			sweep();
			swept_ns = clock_ns();
		}
		if (work == WORK_SETTLE)
			settle(&key);
		else if (work == WORK_CHECK)
			twintable_check(&key);
		pthread_mutex_lock(&twintable.lock);
	}
	pthread_mutex_unlock(&twintable.lock);
	return NULL;
}

int twins_start(int dir_fd, uint64_t cache_bytes)
{
	uint64_t eighth = cache_bytes / 8;
	int ret;

	twintable.dir_fd = place_twins(dir_fd);
	if (twintable.dir_fd < 0)
		return twintable.dir_fd;
	twintable.charge_max = eighth < TWINS_BYTES_MAX ? eighth : TWINS_BYTES_MAX;
	twintable.stats = (struct twins_stats){.bytes_max = twintable.charge_max > TWINS_BYTES_MIN
								    ? twintable.charge_max
								    : TWINS_BYTES_MIN};
	twintable.stop = false;
	ret = adopt(place_is_new_boot(dir_fd));
	if (!ret)
		ret = -pthread_create(&thread, NULL, keep, NULL);
	running = !ret;
	if (ret)
		twins_stop();
	return ret;
}

static void free_all(void)
{
	for (size_t i = 0; i < sizeof(twintable.slot) / sizeof(twintable.slot[0]); i++) {
		while (twintable.slot[i]) {
			struct twin_entry *e = twintable.slot[i];

			twintable.slot[i] = e->next;
			free(e->path);
			free(e);
		}
	}
	twintable.count = 0;
}

void twins_stop(void)
{
	pthread_mutex_lock(&twintable.lock);
	twintable.stop = true;
	pthread_cond_signal(&twintable.wake);
	pthread_mutex_unlock(&twintable.lock);
	if (running)
		pthread_join(thread, NULL);
	running = false;
	free_all();
	if (twintable.dir_fd >= 0)
		close(twintable.dir_fd);
	twintable.dir_fd = -1;
}
