/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See window.h. A file of up to WINDOW_BYTES is mapped whole and for good, so that its readers need
 * no lock. Of a larger one a part is, which moves when reads dwell elsewhere: a program that reads
 * here and there is better served by the kernel than by one new mapping for each read.
 *
 * Nothing is populated ahead: a fault maps 16 pages that are in the page cache, and touching blocks
 * that are not present would make pages for holes.
 */
#include "intercept/window.h"

#include <errno.h>
#include <linux/mman.h>
#include <linux/resource.h>

#include "intercept/lock.h"
#include "intercept/usercopy.h"
#include "intercept/vfile.h"

#define WINDOW_BYTES (UINT64_C(64) << 20)
#define WINDOWS_MAX  256 /* mappings of a process: a file beyond these is the kernel's */
#define ASKED_MIN    8	 /* reads of one window before it is mapped: most files are read once */

static struct lock windows_lock; /* guards what struct window says, and: */
static unsigned windows;

static bool address_space_is_limited(void)
{
	struct {
		uint64_t soft, hard;
	} limit;

	return sys4(__NR_prlimit64, 0, RLIMIT_AS, 0, &limit) || limit.soft != UINT64_MAX;
}

static void unmap_locked(struct window *w)
{
	if (!w->at)
		return;
	sys2(__NR_munmap, w->at, w->bytes);
	w->at = NULL;
	w->bytes = 0;
	windows--;
}

/* Maps the window that starts at offset. */
static void map_locked(struct vfile *vf, int fd, uint64_t offset)
{
	struct window *w = &vf->window;
	uint64_t size = vf->vn->attr.size;
	uint64_t bytes = size - offset < WINDOW_BYTES ? size - offset : WINDOW_BYTES;
	long at;

	unmap_locked(w);
	if (windows >= WINDOWS_MAX || address_space_is_limited())
		at = -ENOMEM;
	else
		at = sys6(__NR_mmap, 0, bytes, PROT_READ, MAP_SHARED, fd, (long)offset);
	if (sys_failed(at)) {
		__atomic_store_n(&w->off, true, __ATOMIC_RELAXED);
		return;
	}
	windows++;
	w->at = (const char *)at;
	w->offset = offset;
	w->bytes = bytes;
	if (bytes == size)
		__atomic_store_n(&w->whole, w->at, __ATOMIC_RELEASE);
}

/* (A fork's child may find a reader who is not there: its part stays where it is, and the kernel
 * reads the rest.)
 * Where the byte at offset is mapped, with length bytes behind it and w->readers raised; or NULL.
 */
static const char *enter(struct vfile *vf, int fd, uint64_t offset, uint64_t length)
{
	struct window *w = &vf->window;
	uint64_t first = offset & ~(WINDOW_BYTES - 1);
	const char *at = NULL;

	lock_take(&windows_lock);
	if (!w->at || w->offset != first) {
		w->asked = w->wanted == first ? w->asked + 1 : 1;
		w->wanted = first;
		if (w->asked >= ASKED_MIN && !__atomic_load_n(&w->readers, __ATOMIC_ACQUIRE))
			map_locked(vf, fd, first);
	}
	if (w->at && w->offset == first && offset + length <= first + w->bytes) {
		at = w->at + (offset - first);
		__atomic_fetch_add(&w->readers, 1, __ATOMIC_RELAXED);
	}
	lock_drop(&windows_lock);
	return at;
}

long window_read(struct vfile *vf, int fd, void *buf, uint64_t length, uint64_t offset)
{
	struct window *w = &vf->window;
	uint64_t size = vf->vn->attr.size;
	const char *whole = __atomic_load_n(&w->whole, __ATOMIC_ACQUIRE);
	const char *at;
	int ret;

	if (!length || length > WINDOW_READ_MAX || vf->vn->kind != VNODE_FILE ||
	    vfile_is_draft(vf) || __atomic_load_n(&w->off, __ATOMIC_RELAXED))
		return -EAGAIN;
	if (offset >= size)
		return whole ? 0 : -EAGAIN;
	if (length > size - offset)
		length = size - offset;
	at = whole ? whole + offset : enter(vf, fd, offset, length);
	if (!at)
		return -EAGAIN;
	/* a fault may be the program's (EFAULT) or the disk's (EIO): the kernel knows which */
	ret = user_write(buf, at, length);
	if (!whole)
		__atomic_sub_fetch(&w->readers, 1, __ATOMIC_RELEASE);
	/* one that has become a draft meanwhile may be shorter: then this was not read from it */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return ret || vfile_is_draft(vf) ? -EAGAIN : (long)length;
}

void window_off(struct vfile *vf)
{
	__atomic_store_n(&vf->window.off, true, __ATOMIC_RELAXED);
}

void window_unmap(struct vfile *vf)
{
	lock_take(&windows_lock);
	unmap_locked(&vf->window);
	lock_drop(&windows_lock);
}

void window_fork_prepare(void)
{
	lock_take(&windows_lock);
}

void window_fork_done(void)
{
	lock_drop(&windows_lock);
}
