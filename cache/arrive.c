/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes for a part: into the data file, then the bits are set and those woken who wait for it.
 *
 * ext4 (Linux 6.18) spends 0.21 s of a processor on 1 GiB that is written to a hole by 64 KiB, 0.32
 * by the 16 KiB that libcurl hands over, and 0.13 by 64 KiB if room was made for all of a part
 * before. So whole blocks are written, and no reader waits for less than one; larger pieces have
 * cost more on a virtual machine (docs/profiles.md). What a part is given room for without ever
 * filling it is taken back when the file is opened next, see arrive_trim().
 */
#include "cache/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cache/blocks.h"
#include "cache/clock.h"

#define ROOM_MIN_BYTES READAHEAD_PART_MIN /* a part that room is made for */

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

void arrive_start(void)
{
	struct statfs fs;

	/* tmpfs clears what it makes room for, and then it is written; others are not known */
	cache.makes_room = !fstatfs(cache.files_fd, &fs) && fs.f_type == EXT4_SUPER_MAGIC;
}

void arrive_trim(const struct pair *pair)
{
	const struct vnode_shm *vn = pair->vn;
	uint64_t blocks = blocks_of(vn->attr.size), at = 0, end;
	struct stat st;

	if (!cache.makes_room || fstat(pair->data_fd, &st) ||
	    (uint64_t)st.st_blocks * 512 <
		    file_cost(vn->attr.size, blocks_count(vn)) + ROOM_MIN_BYTES / 2)
		return;
	while ((at = blocks_next_missing(vn, at, blocks)) < blocks) {
		end = blocks_next_present(vn, at, blocks);
		if (fallocate(pair->data_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      (off_t)(at << VNODE_BLOCK_SHIFT),
			      (off_t)((end - at) << VNODE_BLOCK_SHIFT)))
			return;
		at = end;
	}
}

/* For what is missing of a large part. It only saves time: if it cannot be had, nobody needs to
 * know. */
static void make_room(struct cache_part *part)
{
	int fd = part->file->active->pair.data_fd;

	part->has_room = true;
	if (cache.makes_room && part->length >= ROOM_MIN_BYTES)
		fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)part->written,
			  (off_t)(part->offset + part->length - part->written));
}

static bool is_draft_now(const struct cache_part *part)
{
	return __atomic_load_n(&part->file->active->pair.vn->flags, __ATOMIC_ACQUIRE) & VNODE_DRAFT;
}

/* Into the data file; the time of a draft is that of what was written to it. */
static int put_data(struct cache_part *part, const char *data, uint64_t bytes, bool is_draft)
{
	int fd = part->file->active->pair.data_fd;
	struct stat st;
	struct timespec times[2];
	bool keep = is_draft && !fstat(fd, &st);
	int ret;

	if (!part->has_room && !is_draft)
		make_room(part);
	ret = write_all(fd, data, bytes, part->written);
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

/* It has become a draft while this was being written, and got its time perhaps before the end of
 * that. Whoever changes one says so first. With the lock. */
static void keep_time(const struct cache_file *file)
{
	if (!__atomic_load_n(&file->draft->notes.shm->begun, __ATOMIC_SEQ_CST))
		file_set_mtime(file, file->active->pair.vn->attr.mtime_ns);
}

/* Into the file, and says so. */
static int settle(struct cache_part *part, const char *data, uint64_t bytes)
{
	struct cache_active *a = part->file->active;
	uint64_t size = a->pair.vn->attr.size;
	uint64_t first = part->written >> VNODE_BLOCK_SHIFT;
	uint64_t end;
	bool was_draft = is_draft_now(part);
	int ret = put_data(part, data, bytes, was_draft);

	if (ret)
		return ret;
	part->written += bytes;
	end = part->written == size ? blocks_of(size) : part->written >> VNODE_BLOCK_SHIFT;

	pthread_mutex_lock(&cache.lock);
	if (!was_draft && part->file->draft)
		keep_time(part->file);
	if (end > first) {
		uint64_t settled = (end << VNODE_BLOCK_SHIFT) - part->offset;

		/* what whole blocks take is charged to the file now */
		settled = settled < part->length ? settled : part->length;
		cache.reserved -= settled - part->settled;
		part->settled = settled;
		a->missing -= blocks_set(a->pair.vn, first, end);
		if (!a->missing) {
			__atomic_or_fetch(&a->pair.vn->flags, VNODE_COMPLETE, __ATOMIC_RELEASE);
			opentable_whole(part->file->shown);
		}
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
