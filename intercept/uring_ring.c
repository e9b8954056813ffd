/* SPDX-License-Identifier: Apache-2.0 */
/* See uring.h: rings, from io_uring_setup to the last close. */
#include <asm/stat.h>
#include <errno.h>
#include <linux/mman.h>
#include <string.h>

#include "intercept/fdtab.h"
#include "intercept/report.h"
#include "intercept/uring.h"
#include "intercept/uring_abi.h"

#define RINGS_MAX   256u
#define ENTRIES_MAX 32768u /* IORING_MAX_ENTRIES */
#define CPUS_MAX    8192u
#define PAGE_UP(x)  (((x) + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1))
#define POLLED	    (IORING_SETUP_SQPOLL | IORING_SETUP_SQ_AFF)
#define SERVED                                                                          \
	(IORING_SETUP_IOPOLL | POLLED | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP |      \
	 IORING_SETUP_ATTACH_WQ | IORING_SETUP_R_DISABLED | IORING_SETUP_SUBMIT_ALL |   \
	 IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SQE128 |  \
	 IORING_SETUP_CQE32 | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | \
	 K_SETUP_NO_MMAP | K_SETUP_NO_SQARRAY | K_SETUP_HYBRID_IOPOLL | K_SETUP_CQE_MIXED)

static struct lock rings_lock; /* guards used, and that nobody takes the place of another */
LARGE_ZEROES static struct uring rings[RINGS_MAX];
static uint32_t used; /* atomic; so many places have ever been taken */
static uint32_t live; /* atomic; rings */

bool uring_any(void)
{
	return __atomic_load_n(&live, __ATOMIC_ACQUIRE);
}

static bool same(const struct uring *r, uint64_t dev, uint64_t ino)
{
	return __atomic_load_n(&r->live, __ATOMIC_ACQUIRE) && r->ino == ino && r->dev == dev;
}

static struct uring *find(uint64_t dev, uint64_t ino)
{
	uint32_t n = __atomic_load_n(&used, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < n; i++)
		if (same(&rings[i], dev, ino))
			return &rings[i];
	return NULL;
}

bool uring_is(uint64_t dev, uint64_t ino)
{
	return uring_any() && find(dev, ino);
}

bool uring_is_fd(int fd)
{
	struct stat st;

	return !sys2(__NR_fstat, fd, &st) && uring_is(st.st_dev, st.st_ino);
}

/* The number says it, as long as nobody has closed that. */
static struct uring *find_number(int fd)
{
	uint32_t n = __atomic_load_n(&used, __ATOMIC_ACQUIRE);

	if (thread_current()->fds_private)
		return NULL;
	for (uint32_t i = 0; i < n; i++)
		if (__atomic_load_n(&rings[i].live, __ATOMIC_ACQUIRE) &&
		    __atomic_load_n(&rings[i].fd, __ATOMIC_ACQUIRE) == fd)
			return &rings[i];
	return NULL;
}

struct uring *uring_take(int fd)
{
	struct uring *r;
	struct stat st;

	if (!uring_any() || fd < 0)
		return NULL;
	r = find_number(fd);
	if (r) {
		lock_take(&r->lock);
		if (__atomic_load_n(&r->live, __ATOMIC_ACQUIRE) && r->fd == fd && r->ino) {
			r->fd_now = fd;
			return r;
		}
		lock_drop(&r->lock);
	}
	if (sys2(__NR_fstat, fd, &st))
		return NULL;
	r = find(st.st_dev, st.st_ino);
	if (!r)
		return NULL;
	lock_take(&r->lock);
	if (same(r, st.st_dev, st.st_ino)) {
		r->fd_now = fd;
		return r;
	}
	lock_drop(&r->lock);
	return NULL;
}

bool uring_has_completed(const struct uring *r, uint32_t count)
{
	const uint32_t more = IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN;

	return !r->defers && !(__atomic_load_n(r->sq_flags, __ATOMIC_ACQUIRE) & more) &&
	       __atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE) -
			       __atomic_load_n(r->cq_head, __ATOMIC_ACQUIRE) >=
		       count;
}

static void *shared_memory(uint64_t bytes)
{
	long at = sys6(__NR_mmap, 0, SYS_ARG(bytes), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return sys_failed(at) ? NULL : (void *)at;
}

static void *ring_memory(int fd, uint64_t bytes, uint64_t what)
{
	long at = sys6(__NR_mmap, 0, SYS_ARG(bytes), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_POPULATE, fd, SYS_ARG(what));

	return sys_failed(at) ? NULL : (void *)at;
}

static void unmap(void *at, uint64_t bytes)
{
	if (at)
		sys2(__NR_munmap, at, bytes);
}

/* With its lock. */
static void release(struct uring *r)
{
	__atomic_store_n(&r->live, 0, __ATOMIC_RELEASE);
	__atomic_sub_fetch(&live, 1, __ATOMIC_ACQ_REL);
	uring_files_forget(r);
	unmap(r->rings, r->rings_bytes);
	unmap(r->kernels, r->entries_bytes);
	if (!r->programs_own)
		unmap(r->programs, r->entries_bytes);
	r->rings = r->kernels = r->programs = NULL;
}

void uring_closing(unsigned first, unsigned last)
{
	uint32_t n = __atomic_load_n(&used, __ATOMIC_ACQUIRE);

	if (!uring_any() || thread_current()->fds_private)
		return;
	for (uint32_t i = 0; i < n; i++) {
		struct uring *r = &rings[i];

		int fd = __atomic_load_n(&r->fd, __ATOMIC_ACQUIRE);

		if (!__atomic_load_n(&r->live, __ATOMIC_ACQUIRE) || fd < 0 ||
		    (unsigned)fd < first || (unsigned)fd > last)
			continue;
		lock_take(&r->lock);
		if (__atomic_load_n(&r->live, __ATOMIC_ACQUIRE) && r->fd == fd) {
			__atomic_store_n(&r->fd, -1, __ATOMIC_RELEASE);
			if (!r->duplicated)
				release(r);
		}
		lock_drop(&r->lock);
	}
}

void uring_duplicated(int fd)
{
	struct uring *r = uring_any() ? uring_take(fd) : NULL;

	if (!r)
		return;
	r->duplicated = true;
	uring_drop(r);
}

/* Another thread may have held a lock, and is not here. */
void uring_fork_child(void)
{
	rings_lock.word = 0;
	for (uint32_t i = 0; i < used; i++)
		rings[i].lock.word = 0;
}

/* A place in the table, its lock held. */
static struct uring *place(void)
{
	struct uring *r = NULL;
	uint32_t i;

	lock_take(&rings_lock);
	for (i = 0; i < used && __atomic_load_n(&rings[i].live, __ATOMIC_ACQUIRE); i++)
		;
	if (i < RINGS_MAX) {
		r = &rings[i];
		lock_take(&r->lock);
		memset((char *)r + sizeof(r->lock), 0, sizeof(*r) - sizeof(r->lock));
		r->fd = -1;
		if (i == used)
			__atomic_store_n(&used, i + 1, __ATOMIC_RELEASE);
		__atomic_store_n(&r->live, 1, __ATOMIC_RELEASE); /* with no identity yet */
		__atomic_add_fetch(&live, 1, __ATOMIC_ACQ_REL);
	}
	lock_drop(&rings_lock);
	return r;
}

static int map_rings(struct uring *r, struct io_uring_params *p)
{
	uint64_t sq = p->sq_off.array + (uint64_t)p->sq_entries * sizeof(uint32_t);
	uint64_t cqe = sizeof(struct io_uring_cqe) << (p->flags & IORING_SETUP_CQE32 ? 1 : 0);
	uint64_t cq = p->cq_off.cqes + p->cq_entries * cqe;
	char *at;

	if (p->flags & K_SETUP_NO_MMAP) {
		at = (char *)*cq_memory(p);
	} else {
		r->rings_bytes = sq > cq ? sq : cq;
		r->kernels = ring_memory(r->fd_now, r->entries_bytes, IORING_OFF_SQES);
		r->programs = shared_memory(r->entries_bytes);
		at = r->rings = ring_memory(r->fd_now, r->rings_bytes, IORING_OFF_SQ_RING);
		if (!r->kernels || !r->programs || !r->rings)
			return -ENOMEM;
	}
	r->sq_head = (uint32_t *)(at + p->sq_off.head);
	r->sq_tail = (uint32_t *)(at + p->sq_off.tail);
	r->sq_flags = (uint32_t *)(at + p->sq_off.flags);
	r->cq_head = (uint32_t *)(at + p->cq_off.head);
	r->cq_tail = (uint32_t *)(at + p->cq_off.tail);
	if (!(p->flags & K_SETUP_NO_SQARRAY))
		r->array = (uint32_t *)(at + p->sq_off.array);
	return 0;
}

/* The entries that the kernel takes are ours, too, where the program brings memory for them. */
static int bring_memory(struct uring *r, unsigned entries, struct io_uring_params *p)
{
	uint64_t n = 1;

	while (n < entries && n < ENTRIES_MAX)
		n *= 2;
	r->entries_bytes = PAGE_UP(n << r->entry_shift);
	r->programs = (char *)*sq_memory(p);
	r->programs_own = true;
	r->kernels = shared_memory(r->entries_bytes);
	*sq_memory(p) = (uint64_t)r->kernels;
	return r->kernels ? 0 : -ENOMEM;
}

static long make(struct uring *r, unsigned entries, struct io_uring_params *p)
{
	uint32_t wanted = p->flags;
	uint64_t own = *sq_memory(p);
	struct stat st;
	int ret = 0;
	long fd;

	r->entry_shift = wanted & IORING_SETUP_SQE128 ? 7 : 6;
	r->sqpoll = wanted & IORING_SETUP_SQPOLL;
	r->defers = wanted & (IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_IOPOLL);
	if (r->sqpoll) /* then, anybody may submit */
		p->flags &= ~(POLLED | IORING_SETUP_SINGLE_ISSUER);
	if (wanted & K_SETUP_NO_MMAP)
		ret = bring_memory(r, entries, p);
	fd = ret ? ret : sys2(__NR_io_uring_setup, entries, p);
	if (fd < 0)
		return fd;
	r->fd_now = (int)fd;
	r->entries = p->sq_entries;
	r->cq_entries = p->cq_entries;
	if (!r->programs_own)
		r->entries_bytes = PAGE_UP((uint64_t)r->entries << r->entry_shift);
	ret = map_rings(r, p);
	if (!ret)
		ret = (int)sys2(__NR_fstat, fd, &st);
	if (ret) {
		sys1(__NR_close, fd);
		return ret;
	}
	if (r->sqpoll)
		__atomic_or_fetch(r->sq_flags, IORING_SQ_NEED_WAKEUP, __ATOMIC_SEQ_CST);
	p->flags = wanted;
	if (r->programs_own)
		*sq_memory(p) = own;
	r->dev = st.st_dev;
	__atomic_store_n(&r->ino, st.st_ino, __ATOMIC_RELEASE);
	__atomic_store_n(&r->fd, (int)fd, __ATOMIC_RELEASE);
	fdtab_forget((int)fd); /* of a number that it had before, nothing is known */
	return fd;
}

/* The thread that there is none of would have run there. */
static bool may_run_on(uint32_t cpu)
{
	uint64_t cpus[CPUS_MAX / 64] = {0};

	return cpu < CPUS_MAX && sys3(__NR_sched_getaffinity, 0, sizeof(cpus), cpus) > 0 &&
	       cpus[cpu / 64] >> cpu % 64 & 1;
}

static long refuse(const char *why, long error)
{
	report_reason(why, REPORT_REFUSED);
	return error;
}

long uring_make(unsigned entries, struct io_uring_params *p)
{
	enum uring_answer answer = uring_answer();
	struct uring *r;
	long ret;

	if (answer == URING_ANSWER_NONE)
		return refuse("an io_uring, by a kernel in which no result can be told", -ENOSYS);
	if (p->flags & ~(uint32_t)SERVED)
		return refuse("an io_uring of a kind that is not served", -EINVAL);
	if (p->flags & IORING_SETUP_SQPOLL &&
	    p->flags & (IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
			IORING_SETUP_DEFER_TASKRUN))
		return -EINVAL;
	if (p->flags & IORING_SETUP_SQPOLL && p->flags & IORING_SETUP_SQ_AFF &&
	    !may_run_on(p->sq_thread_cpu))
		return -EINVAL;
	r = place();
	if (!r)
		return refuse("an io_uring, of which there are too many", -ENFILE);
	r->answer = answer;
	ret = make(r, entries, p);
	if (ret < 0)
		release(r);
	lock_drop(&r->lock);
	return ret;
}

/* The room is found as the kernel would, then the program's entries are mapped there once more. */
long uring_map(const struct sys_args *a)
{
	uint64_t bytes = PAGE_UP(a->arg[1]);
	struct uring *r = uring_take((int)a->arg[4]);
	long at;

	if (!r)
		return -ENOSYS;
	if (!bytes || bytes > r->entries_bytes || r->programs_own) {
		uring_drop(r);
		return -EINVAL;
	}
	at = sys6(__NR_mmap, SYS_ARG(a->arg[0]), SYS_ARG(bytes), PROT_NONE,
		  MAP_PRIVATE | MAP_ANONYMOUS |
			  SYS_ARG(a->arg[3] & (MAP_FIXED | MAP_FIXED_NOREPLACE)),
		  -1, 0);
	if (!sys_failed(at))
		at = sys5(__NR_mremap, r->programs, 0, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, at);
	uring_drop(r);
	return at;
}
