/* SPDX-License-Identifier: Apache-2.0 */
/* See fdtab.h. A slot is 0 (not known), KERNELS, UNSURE, or a struct vfile with a reference, maybe
 * plus WRITER. */
#include "intercept/fdtab.h"

#include <asm/stat.h>
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/resource.h>
#include <linux/stat.h>
#include <stdbool.h>
#include <string.h>

#include "intercept/mapped.h"
#include "intercept/thread.h"
#include "intercept/uring.h"

#define KERNELS	    ((uintptr_t)1)
#define UNSURE	    ((uintptr_t)2) /* asked about each time */
#define WRITER	    ((uintptr_t)2) /* the descriptor is open for writing */
#define FDTAB_MAX   (1u << 20)	   /* entries: 8 MiB of address space, touched where used */
#define FDTAB_LEAST 1024u
#define FD_BYTES    65536u

static uintptr_t *slots; /* atomic; vfile slots are read and changed under table_lock */
static unsigned slot_count;
static unsigned cloud_end; /* atomic; no cloud file has had a slot from here on */
static struct lock table_lock;
static uint8_t *kernels;    /* [FD_BYTES], of slots that are KERNELS; atomic */
static bool high;	    /* see end_shortcut() */
static uint32_t seen_cloud; /* atomic */
static uint64_t changes;    /* numbers that have come to mean something else; atomic */
LARGE_TABLE static const uint8_t unknown[FD_BYTES]; /* never touched: no memory */

int fdtab_init(void)
{
	struct rlimit64 {
		uint64_t cur, max;
	} limit = {FDTAB_LEAST, FDTAB_LEAST};

	sys4(__NR_prlimit64, 0, RLIMIT_NOFILE, 0, &limit);
	slot_count = limit.max > FDTAB_MAX ? FDTAB_MAX : (unsigned)limit.max;
	if (slot_count < FDTAB_LEAST)
		slot_count = FDTAB_LEAST;
	kernels = thread_first_region(FD_BYTES + slot_count * sizeof(*slots));
	if (!kernels)
		return -ENOMEM;
	slots = (uintptr_t *)(kernels + FD_BYTES);
	__atomic_store_n(&slots[0], 0, __ATOMIC_RELAXED); /* a write: one fault, not two */
	high = rt.handoff.high != NULL;
	return 0;
}

const uint8_t *fdtab_bytes(bool private_fds)
{
	return private_fds ? unknown : kernels;
}

/* With the lock. */
static void set_byte(int fd, bool is_kernels)
{
	if ((unsigned)fd < FD_BYTES)
		__atomic_store_n(&kernels[fd], is_kernels && !high, __ATOMIC_RELEASE);
}

/* A trampoline looks at the low 16 bits only. So a number above that may be a cloud file's, which
 * is rare, ends the shortcut: for this process, or, when it is a vfork child's own, for what that
 * executes. */
static void end_shortcut(void)
{
	if (thread_current()->fds_private) {
		thread_current()->fds_high = true;
		return;
	}
	lock_take(&table_lock);
	if (!high) {
		high = true;
		memset(kernels, 0, FD_BYTES);
	}
	lock_drop(&table_lock);
}

bool fdtab_high(void)
{
	return high || thread_current()->fds_high;
}

static bool cached(int fd)
{
	return (unsigned)fd < slot_count && !thread_current()->fds_private;
}

bool fdtab_seen_cloud(void)
{
	return __atomic_load_n(&seen_cloud, __ATOMIC_RELAXED);
}

static struct vfile *vfile_of(uintptr_t value)
{
	return value > UNSURE ? (struct vfile *)(value & ~WRITER) : NULL;
}

/* Puts value into fd's slot and lets go of what was there. With a value that has been looked up:
 * since `changes` was seen, and not if there has been another. */
static void slot_set(int fd, uintptr_t value, const uint64_t *seen)
{
	uintptr_t old;

	if (value > UNSURE)
		__atomic_store_n(&seen_cloud, 1, __ATOMIC_RELAXED);
	lock_take(&table_lock);
	if (seen && changes != *seen) {
		lock_drop(&table_lock);
		if (value > UNSURE)
			vfile_put(vfile_of(value));
		return;
	}
	if (!seen)
		__atomic_store_n(&changes, changes + 1, __ATOMIC_RELEASE);
	if (value != KERNELS)
		set_byte(fd, false);
	if (value > UNSURE && (unsigned)fd >= cloud_end)
		__atomic_store_n(&cloud_end, (unsigned)fd + 1, __ATOMIC_RELEASE);
	old = __atomic_exchange_n(&slots[fd], value, __ATOMIC_ACQ_REL);
	if (value == KERNELS)
		set_byte(fd, true);
	lock_drop(&table_lock);
	vfile_put(vfile_of(old));
}

static void count_change(void)
{
	lock_take(&table_lock);
	__atomic_store_n(&changes, changes + 1, __ATOMIC_RELEASE);
	lock_drop(&table_lock);
}

static bool may_write(int fd)
{
	long flags = sys3(__NR_fcntl, fd, F_GETFL, 0);

	return flags >= 0 && ((flags & O_ACCMODE) == O_WRONLY || (flags & O_ACCMODE) == O_RDWR);
}

/* Asks the kernel what fd is. Returns what its slot shall be, with a reference. writers: nobody
 * wants to know of one that is not open for writing; it may be 0 then. */
static uintptr_t probe(int fd, bool writers)
{
	struct stat st;
	struct vfile *vf;

	if (sys2(__NR_fstat, fd, &st))
		return 0;
	if (!S_ISREG(st.st_mode) || (st.st_mode & 07777) != VNODE_DATA_MODE)
		return uring_is(st.st_dev, st.st_ino) ? 0 : KERNELS; /* its close is looked at */
	vf = vfile_find(st.st_dev, st.st_ino);
	if (!vf && writers && !may_write(fd))
		return 0;
	if (!vf)
		vf = vfile_identify(st.st_dev, st.st_ino);
	if (!vf)
		return KERNELS;
	return (uintptr_t)vf | (may_write(fd) ? WRITER : 0);
}

/* What the slot of fd says, or would say if it had one; with a reference. */
static uintptr_t look_up(int fd, bool writers)
{
	uint64_t seen = __atomic_load_n(&changes, __ATOMIC_ACQUIRE);
	uintptr_t value = 0;

	if (cached(fd))
		value = __atomic_load_n(&slots[fd], __ATOMIC_ACQUIRE);
	if (!cached(fd) || value == UNSURE)
		return probe(fd, writers);
	if (value == KERNELS)
		return KERNELS;
	lock_take(&table_lock);
	value = slots[fd];
	if (value > UNSURE)
		vfile_ref(vfile_of(value));
	lock_drop(&table_lock);

	if (!value || value == UNSURE) {
		value = probe(fd, writers);
		if (value > UNSURE && vfile_of(value)->vn)
			vfile_ref(vfile_of(value));
		if (value == KERNELS || (value > UNSURE && vfile_of(value)->vn))
			slot_set(fd, value, &seen);
	}
	return value;
}

struct vfile *fdtab_get(int fd)
{
	return fd < 0 ? NULL : vfile_of(look_up(fd, false));
}

struct vfile *fdtab_get_for(int fd, bool *writer_out)
{
	uintptr_t value = fd < 0 ? 0 : look_up(fd, false);

	*writer_out = value > UNSURE && value & WRITER;
	return vfile_of(value);
}

bool fdtab_known(int fd)
{
	uintptr_t value = fd >= 0 && cached(fd) ? __atomic_load_n(&slots[fd], __ATOMIC_ACQUIRE) : 0;

	return value && value != UNSURE;
}

struct vfile *fdtab_get_writer(int fd)
{
	uintptr_t value = fd < 0 ? 0 : look_up(fd, true);

	if (value <= UNSURE || (value & WRITER && vfile_of(value)->vn))
		return vfile_of(value);
	vfile_put(vfile_of(value));
	return NULL;
}

int fdtab_next_writer(int after, struct vfile **out)
{
	unsigned end = __atomic_load_n(&cloud_end, __ATOMIC_ACQUIRE);
	int found = -1;

	if (thread_current()->fds_private)
		return -1;
	lock_take(&table_lock);
	for (unsigned fd = (unsigned)(after + 1); fd < end && found < 0; fd++) {
		if (slots[fd] <= UNSURE || !(slots[fd] & WRITER))
			continue;
		*out = vfile_of(slots[fd]);
		vfile_ref(*out);
		found = (int)fd;
	}
	lock_drop(&table_lock);
	return found;
}

void fdtab_note(int fd, struct vfile *vf, bool writer)
{
	if ((unsigned)fd >= FD_BYTES)
		end_shortcut();
	if (!cached(fd))
		return;
	vfile_ref(vf);
	slot_set(fd, (uintptr_t)vf | (writer ? WRITER : 0), NULL);
}

void fdtab_forget(int fd)
{
	if (fd < 0 || !cached(fd))
		return;
	if (__atomic_load_n(&slots[fd], __ATOMIC_ACQUIRE))
		slot_set(fd, 0, NULL);
	else
		count_change(); /* it may be being looked up */
}

void fdtab_unsure(int fd)
{
	if (fd >= 0 && cached(fd))
		slot_set(fd, UNSURE, NULL);
}

void fdtab_arrived(int fd)
{
	if (fd >= (int)FD_BYTES)
		end_shortcut();
	fdtab_forget(fd);
}

void fdtab_forget_range(unsigned first, unsigned last)
{
	if (thread_current()->fds_private)
		return;
	count_change();
	for (unsigned fd = first; fd <= last && fd < slot_count; fd++)
		if (__atomic_load_n(&slots[fd], __ATOMIC_ACQUIRE))
			fdtab_forget((int)fd);
}

void fdtab_forget_all(void)
{
	high |= thread_current()->fds_high;
	for (unsigned fd = 0; fd < slot_count; fd++) {
		if (!slots[fd])
			continue;
		set_byte((int)fd, false);
		__atomic_store_n(&slots[fd], 0, __ATOMIC_RELEASE);
	}
}

void fdtab_fork_prepare(void)
{
	lock_take(&table_lock);
	mapped_fork_prepare();
	vfile_fork_prepare();
}

void fdtab_fork_done(void)
{
	vfile_fork_done();
	mapped_fork_done();
	lock_drop(&table_lock);
}
