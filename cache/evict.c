/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room: a thread that keeps the cache under its cap and the disk over its floor.
 *
 * First go whole files, least recently opened first, that no process has open: the kernel knows, by
 * a write lease (cache/pair.h). Then blocks of open files that lie behind their readers, by the
 * protocol of core/base/vnode.h: clear the bits, bump evict_seq, punch the hole.
 */
#include "cache/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "cache/blocks.h"
#include "cache/clock.h"
#include "cache/twins.h"
#include "core/log.h"

#define HIGH_PERCENT   95 /* of the cap: start to evict */
#define LOW_PERCENT    90 /* ... and stop */
#define FLOOR_PERCENT  5
#define FLOOR_BYTES    (UINT64_C(1) << 30)
#define TESTS_MAX      256		     /* files looked at in one pass */
#define PUNCH_BYTES    (UINT64_C(8) << 20)   /* freed at a time from an open file */
#define KEEP_BYTES     (UINT64_C(1) << 20)   /* kept behind a reader */
#define STREAM_REST_NS (10 * CLOCK_NS_PER_S) /* a reader at rest does not protect its file */
#define TICK_NS	       CLOCK_NS_PER_S
#define RETRY_BYTES    (2 * READAHEAD_PART_MAX) /* to free at least when a write found no space */

const char cache_full_line[] = "the cache is full and all of it is in use: free space on its disk, "
			       "or set SKYSHIM_CACHE_SIZE or SKYSHIM_CACHE_DIR";

/* Of whoever evicts, taken before the cache's lock: who finds nothing to evict, because another is
 * about to free it, must not call that a full disk. */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static pthread_t thread;
static bool running;

static bool disk_is_low(void)
{
	struct statvfs vfs;
	uint64_t total, floor;

	if (fstatvfs(cache.files_fd, &vfs))
		return false;
	total = (uint64_t)vfs.f_blocks * vfs.f_frsize;
	floor = total / 100 * FLOOR_PERCENT;
	if (floor > FLOOR_BYTES)
		floor = FLOOR_BYTES;
	return (uint64_t)vfs.f_bavail * vfs.f_frsize < floor;
}

/* Bytes to free. */
static uint64_t goal(void)
{
	uint64_t high = cache.size_max / 100 * HIGH_PERCENT;
	uint64_t low = cache.size_max / 100 * LOW_PERCENT;
	uint64_t used = cache.used + cache.reserved + twins_charge();
	uint64_t bytes = 0;

	if (used > high || cache.want_space)
		bytes = used > low ? used - low : 0;
	if (cache.is_low && bytes < RETRY_BYTES)
		bytes = RETRY_BYTES;
	return bytes;
}

static bool too_many_files(void)
{
	return cache.files > file_max() / 100 * HIGH_PERCENT;
}

/* Returns bytes freed: what it takes, if no process has it open. With the lock. */
static uint64_t evict_one(struct cache_file *file)
{
	uint64_t bytes = file->disk_bytes;
	char name[PAIR_NAME_BYTES];

	if (file->refs || file->draft)
		return 0;
	file_deactivate(file);
	file_pair_name(file, name);
	file_hide(file); /* before it is asked who has it open */
	if (pair_unused(cache.files_fd, name)) {
		file_drop(file);
		return bytes;
	}
	file_used(file);
	return 0;
}

/* Returns bytes freed. tests: files looked at, beside those that programs have opened by themselves
 * since this was last asked: they go to the end. With the lock. */
static uint64_t evict_closed(uint64_t bytes, uint64_t tests)
{
	uint64_t freed = 0, used = 0;
	struct cache_file *file = cache.lru_first, *next;

	for (uint64_t i = 0; file && i < tests && (freed < bytes || too_many_files());) {
		next = file->lru_next;
		if (used < OPENS_LINES && opentable_is_used(file->shown)) {
			file_used(file);
			used++;
		} else {
			freed += evict_one(file);
			i++;
		}
		file = next;
	}
	return freed;
}

/* Is some part or waiter concerned with blocks [*first, *end)? Then *end is lowered to before it,
 * or *first moved behind it. */
static void avoid(const struct cache_active *a, uint64_t *first, uint64_t *end)
{
	for (const struct cache_part *p = a->parts; p; p = p->next) {
		uint64_t from = p->offset >> VNODE_BLOCK_SHIFT;
		uint64_t to = blocks_of(p->offset + p->length);

		if (from <= *first && to > *first)
			*first = to;
		else if (from > *first && from < *end)
			*end = from;
	}
	for (const struct cache_waiter *w = a->waiters; w; w = w->next) {
		uint64_t from = w->offset >> VNODE_BLOCK_SHIFT;
		uint64_t to = blocks_of(w->end);

		if (from <= *first && to > *first)
			*first = to;
		else if (from > *first && from < *end)
			*end = from;
	}
}

/* The same until nobody is concerned. */
static void keep_off(const struct cache_active *a, uint64_t *first, uint64_t *end)
{
	uint64_t before;

	do {
		before = *first;
		avoid(a, first, end);
	} while (*first != before && *first < *end);
}

/* The blocks of an open file that may go first. False: none. pressed: somebody waits for room and
 * there is nothing better, so blocks before a reader go as well; it fetches them again. */
static bool choose(const struct cache_active *a, bool pressed, uint64_t *first, uint64_t *end)
{
	const struct vnode_shm *vn = a->pair.vn;
	uint64_t low = readahead_low(&a->readahead, clock_ns() - STREAM_REST_NS);
	uint64_t at = 0, limit;

	if (low < vn->attr.size)
		low = low > KEEP_BYTES ? low - KEEP_BYTES : 0;
	if (pressed)
		low = vn->attr.size;
	limit = low < vn->attr.size ? low >> VNODE_BLOCK_SHIFT : blocks_of(vn->attr.size);
	do {
		*end = limit;
		*first = blocks_next_present(vn, at, limit);
		keep_off(a, first, end);
		at = *first > *end ? *first : *end;
		*first = blocks_next_present(vn, *first, *end);
	} while (*first >= *end && at < limit);
	if (*first >= *end)
		return false;
	if (*end - *first > PUNCH_BYTES >> VNODE_BLOCK_SHIFT)
		*end = *first + (PUNCH_BYTES >> VNODE_BLOCK_SHIFT);
	return true;
}

/* Frees some blocks of one file. Gives the lock away meanwhile. Returns bytes freed. */
static uint64_t punch(struct cache_file *file, bool pressed)
{
	struct cache_active *a;
	uint64_t first, end, cleared;

	if (file->draft || file_activate(file))
		return 0;
	a = file->active;
	if (a->punch_to || (__atomic_load_n(&a->pair.vn->flags, __ATOMIC_ACQUIRE) & VNODE_PINNED) ||
	    !choose(a, pressed, &first, &end))
		return 0;
	file_hide(file);
	__atomic_and_fetch(&a->pair.vn->flags, ~VNODE_COMPLETE, __ATOMIC_SEQ_CST);
	cleared = blocks_clear(a->pair.vn, first, end);
	__atomic_add_fetch(&a->pair.vn->evict_seq, 1, __ATOMIC_SEQ_CST);
	a->missing += cleared;
	a->punch_from = first;
	a->punch_to = end;
	file_recharge(file);
	file_ref_locked(file);
	pthread_mutex_unlock(&cache.lock);

	if (fallocate(a->pair.data_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      (off_t)(first << VNODE_BLOCK_SHIFT),
		      (off_t)((end - first) << VNODE_BLOCK_SHIFT)))
		log_warn("cache: cannot punch holes: %s", strerror(errno));

	pthread_mutex_lock(&cache.lock);
	a->punch_from = a->punch_to = 0;
	pthread_cond_broadcast(&a->wake);
	file_put_locked(file);
	return cleared << VNODE_BLOCK_SHIFT;
}

/* Returns bytes freed. With the lock, which it gives away. */
static uint64_t evict_open(uint64_t bytes, bool pressed)
{
	uint64_t freed = 0;

	for (unsigned i = 0; i < TESTS_MAX && freed < bytes; i++) {
		struct cache_file *file = cache.lru_first;
		uint64_t got = 0;

		/* the list may change in punch(): begin anew each time */
		for (unsigned n = 0; file && n < TESTS_MAX && !got; n++) {
			struct cache_file *next = file->lru_next;

			if (file->disk_bytes > CACHE_VNODE_COST) {
				got = punch(file, pressed);
				if (got)
					break;
				file_used(file);
			}
			file = next;
		}
		if (!got)
			break;
		freed += got;
	}
	return freed;
}

/* One look at the state. With the lock, which it gives away. */
static void pass(struct fill_list *list)
{
	bool wanted = cache.want_space;
	uint64_t bytes, freed = 0;
	bool was_low = cache.is_low;
	bool low;

	pthread_mutex_unlock(&cache.lock);
	pthread_mutex_lock(&turn);
	low = disk_is_low();
	pthread_mutex_lock(&cache.lock);
	cache.is_low = low || (was_low && wanted); /* a write has just met a full disk */

	bytes = goal();
	if (bytes || too_many_files()) {
		freed = evict_closed(bytes, TESTS_MAX);
		if (freed < bytes)
			freed += evict_open(bytes - freed, false);
		if (!freed && wanted && !cache.parts)
			freed = evict_open(PUNCH_BYTES, true);
		cache.evicted += freed;
		log_debug("cache: evicted %llu of %llu bytes", (unsigned long long)freed,
			  (unsigned long long)bytes);
	}
	pthread_mutex_unlock(&turn);
	if (freed)
		cache.is_low = disk_is_low();
	cache.want_space = false;
	if (cache.blocked)
		fill_pump_blocked(list);
	if (cache.want_space && !freed && !cache.parts) {
		cache.want_space = false;
		fill_fail_blocked(-ENOSPC, cache_full_line);
	}
}

bool cache_make_room(int error, uint64_t bytes)
{
	uint64_t before, freed;
	bool made;

	if (error != -ENOSPC && error != -EDQUOT)
		return false;
	if (bytes < RETRY_BYTES)
		bytes = RETRY_BYTES;
	before = __atomic_load_n(&cache.evicted, __ATOMIC_RELAXED);
	pthread_mutex_lock(&turn);
	pthread_mutex_lock(&cache.lock);
	made = cache.evicted != before; /* by another, meanwhile */
	if (!made) {
		freed = draft_retire_clean();
		freed += evict_closed(bytes, cache.files);
		if (freed < bytes)
			freed += evict_open(bytes - freed, false);
		if (!freed)
			freed = evict_open(bytes, true);
		cache.evicted += freed;
		made = freed;
		log_debug("cache: a full disk: evicted %llu bytes", (unsigned long long)freed);
	}
	pthread_mutex_unlock(&cache.lock);
	pthread_mutex_unlock(&turn);
	return made;
}

static void *evictor(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&cache.lock);
	while (!cache.stop) {
		struct fill_list list = {0};
		struct timespec until;

		pass(&list);
		if (list.count) {
			pthread_mutex_unlock(&cache.lock);
			fill_start(&list);
			pthread_mutex_lock(&cache.lock);
		}
		if (cache.stop)
			break;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += cache.want_space ? TICK_NS / 100 : TICK_NS - 1;
		until.tv_sec += until.tv_nsec / CLOCK_NS_PER_S;
		until.tv_nsec %= CLOCK_NS_PER_S;
		pthread_cond_timedwait(&cache.evict, &cache.lock, &until);
	}
	pthread_mutex_unlock(&cache.lock);
	return NULL;
}

int evict_start(void)
{
	pthread_condattr_t attr;
	int ret;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&cache.evict, &attr);
	pthread_condattr_destroy(&attr);
	cache.stop = false;
	ret = pthread_create(&thread, NULL, evictor, NULL);
	running = !ret;
	return -ret;
}

void evict_stop(void)
{
	if (!running)
		return;
	pthread_mutex_lock(&cache.lock);
	cache.stop = true;
	pthread_cond_signal(&cache.evict);
	pthread_mutex_unlock(&cache.lock);
	pthread_join(thread, NULL);
	running = false;
}
