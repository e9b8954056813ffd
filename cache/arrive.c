/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes for a part: into the data file, then the bits are set and those woken who wait for it.
 */
#include "cache/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/blocks.h"
#include "cache/clock.h"

static int write_all(int fd, const char *data, uint64_t bytes, uint64_t offset)
{
	while (bytes) {
		ssize_t n = pwrite(fd, data, bytes, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		data += n;
		offset += (uint64_t)n;
		bytes -= (uint64_t)n;
	}
	return 0;
}

/* Into the data file; the time of a draft is that of what was written to it. */
static int put_data(struct cache_file *file, const char *data, uint64_t bytes, uint64_t offset)
{
	int fd = file->active->pair.data_fd;
	struct stat st;
	struct timespec times[2];
	bool keep = __atomic_load_n(&file->active->pair.vn->flags, __ATOMIC_ACQUIRE) &
			    VNODE_DRAFT &&
		    !fstat(fd, &st);
	int ret = write_all(fd, data, bytes, offset);

	if (keep) {
		times[0] = (struct timespec){.tv_nsec = UTIME_OMIT};
		times[1] = st.st_mtim;
		futimens(fd, times);
	}
	return ret;
}

/* Does somebody wait for nothing any more? */
static bool is_served(const struct cache_active *a)
{
	for (const struct cache_waiter *w = a->waiters; w; w = w->next) {
		if (vnode_present(a->pair.vn, w->offset, w->end - w->offset))
			return true;
	}
	return false;
}

/* Into the file, and says so. */
static int settle(struct cache_part *part, const char *data, uint64_t bytes)
{
	struct cache_active *a = part->file->active;
	uint64_t size = a->pair.vn->attr.size;
	uint64_t first = part->written >> VNODE_BLOCK_SHIFT;
	uint64_t end;
	int ret = put_data(part->file, data, bytes, part->written);

	if (ret)
		return ret;
	part->written += bytes;
	end = part->written == size ? blocks_of(size) : part->written >> VNODE_BLOCK_SHIFT;

	pthread_mutex_lock(&cache.lock);
	if (end > first) {
		uint64_t settled = (end << VNODE_BLOCK_SHIFT) - part->offset;

		/* what whole blocks take is charged to the file now */
		settled = settled < part->length ? settled : part->length;
		cache.reserved -= settled - part->settled;
		part->settled = settled;
		a->missing -= blocks_set(a->pair.vn, first, end);
		if (!a->missing)
			__atomic_or_fetch(&a->pair.vn->flags, VNODE_COMPLETE, __ATOMIC_RELEASE);
		file_recharge(part->file);
		if (is_served(a))
			pthread_cond_broadcast(&a->wake);
	}
	pthread_mutex_unlock(&cache.lock);
	return 0;
}

/* Keeps the beginning of a block until the rest comes. */
static int hold(struct cache_part *part, const char *data, uint64_t bytes)
{
	if (!part->held)
		part->held = malloc(VNODE_BLOCK_BYTES);
	if (!part->held)
		return settle(part, data, bytes);
	memcpy(part->held + (part->taken - part->written), data, bytes);
	return 0;
}

/* Takes some of the bytes that follow: up to the end of a block, or many blocks. How many, or an
 * error. */
static int64_t take(struct cache_part *part, const char *data, uint64_t bytes)
{
	uint64_t part_end = part->offset + part->length;
	uint64_t room = VNODE_BLOCK_BYTES - part->taken % VNODE_BLOCK_BYTES;
	uint64_t step = bytes < room ? bytes : room;
	int ret;

	if (part->taken == part->written && part->taken + bytes == part_end) {
		step = bytes;
		ret = settle(part, data, step);
	} else if (part->taken == part->written && bytes >= room) {
		step = bytes - (part->taken + bytes) % VNODE_BLOCK_BYTES;
		ret = settle(part, data, step);
	} else {
		ret = hold(part, data, step);
	}
	if (ret)
		return ret;
	part->taken += step;
	if (part->taken > part->written &&
	    (part->taken == part_end || part->taken % VNODE_BLOCK_BYTES == 0))
		ret = settle(part, part->held, part->taken - part->written);
	return ret ? ret : (int64_t)step;
}

/* Whole blocks are written at a time: libcurl hands over 16 KiB, and a write costs the file system
 * more than its bytes. No reader waits for less than a block. */
int cache_part_data(struct cache_part *part, uint64_t offset, const void *data, uint64_t bytes)
{
	const char *from = data;

	if (offset > part->taken || offset < part->offset ||
	    offset + bytes > part->offset + part->length)
		return -EIO;
	if (offset + bytes <= part->taken)
		return 0; /* a retry that began anew: said already, and perhaps written to since */
	if (!part->first_ns)
		part->first_ns = clock_ns();
	from += part->taken - offset;
	bytes -= part->taken - offset;
	while (bytes) {
		int64_t n = take(part, from, bytes);

		if (n < 0)
			return (int)n;
		from += n;
		bytes -= (uint64_t)n;
	}
	return 0;
}
