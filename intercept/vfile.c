/* SPDX-License-Identifier: Apache-2.0 */
/* See vfile.h: the table of mapped vnodes, and the reader's side of the protocol in
 * core/base/vnode.h. */
#include "intercept/vfile.h"

#include <asm/stat.h>
#include <errno.h>
#include <linux/mman.h>

#include "intercept/lock.h"
#include "intercept/notes.h"
#include "intercept/request.h"
#include "intercept/thread.h"

#define BUCKETS	    256u
#define READ_CHUNK  (8u << 20) /* bytes: a huge read() streams in such steps */
#define NS_PER_S    INT64_C(1000000000)
#define EVICT_TRIES 100 /* a reader that loses this often against eviction gives up: EIO */

static struct lock vfiles_lock; /* guards buckets and spare */
LARGE_ZEROES static struct vfile *buckets[BUCKETS];
static struct vfile *spare;
static struct vfile broken; /* never let go of, whatever is counted */

static struct vfile *find_locked(uint64_t dev, uint64_t ino)
{
	struct vfile *vf;

	for (vf = buckets[ino % BUCKETS]; vf; vf = vf->next)
		if (vf->ino == ino && vf->dev == dev)
			return vf;
	return NULL;
}

struct vfile *vfile_find(uint64_t dev, uint64_t ino)
{
	struct vfile *vf;

	lock_take(&vfiles_lock);
	vf = find_locked(dev, ino);
	if (vf)
		vfile_ref(vf);
	lock_drop(&vfiles_lock);
	return vf;
}

static struct vfile *slab_get(void)
{
	struct vfile *vf;
	long at;

	if (!spare) {
		at = sys6(__NR_mmap, 0, PAGE_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (sys_failed(at))
			return NULL;
		for (size_t i = 0; i < PAGE_BYTES / sizeof(*vf); i++) {
			vf = (struct vfile *)at + i;
			vf->next = spare;
			spare = vf;
		}
	}
	vf = spare;
	spare = vf->next;
	return vf;
}

static bool plausible(const struct vnode_shm *vn, uint64_t bytes)
{
	return vn->magic == VNODE_MAGIC && vn->version == VNODE_VERSION &&
	       (uint64_t)vn->path_off + vn->path_len < bytes && vn->bitmap_off <= bytes &&
	       vn->bitmap_words <= (bytes - vn->bitmap_off) / 8 &&
	       vnode_path(vn)[vn->path_len] == '\0' && vn->path_len < WIRE_PATH_MAX;
}

struct vfile *vfile_map(int vnode_fd)
{
	const struct vnode_shm *vn;
	struct vfile *vf;
	struct stat st;
	long at;

	if (sys2(__NR_fstat, vnode_fd, &st) || (size_t)st.st_size < sizeof(*vn))
		return NULL;
	at = sys6(__NR_mmap, 0, st.st_size, PROT_READ, MAP_SHARED, vnode_fd, 0);
	if (sys_failed(at))
		return NULL;
	vn = (const struct vnode_shm *)at;
	if (!plausible(vn, (uint64_t)st.st_size)) {
		sys2(__NR_munmap, at, st.st_size);
		return NULL;
	}

	lock_take(&vfiles_lock);
	vf = find_locked(vn->data_dev, vn->data_ino);
	if (vf) {
		vfile_ref(vf);
	} else {
		vf = slab_get();
		if (vf) {
			struct vfile **head = &buckets[vn->data_ino % BUCKETS];

			*vf = (struct vfile){
				.refs = 1,
				.dev = vn->data_dev,
				.ino = vn->data_ino,
				.vn = vn,
				.map_bytes = (uint64_t)st.st_size,
				.next = *head,
			};
			*head = vf;
			at = 0;
		}
	}
	lock_drop(&vfiles_lock);
	if (at)
		sys2(__NR_munmap, at, st.st_size);
	return vf;
}

struct vfile *vfile_identify(uint64_t dev, uint64_t ino)
{
	struct request rq = {.op = WIRE_IDENTIFY, .data_dev = dev, .data_ino = ino};
	struct vfile *vf;
	int ret;

	if (!rt.handoff.sock[0])
		return NULL; /* as in a daemon that runs by a runtime: its own files are plain */
	ret = request_run(&rq);
	if (ret == -ENOENT)
		return NULL;
	if (!ret && (rq.fds == 1 || rq.fds == 2)) {
		vf = vfile_map(rq.fd[0]);
		if (vf && rq.fds == 2)
			notes_attach(vf, rq.fd[1]);
		request_close_fds(&rq);
		if (vf)
			return vf;
	}
	request_close_fds(&rq);
	return &broken;
}

void vfile_ref(struct vfile *vf)
{
	__atomic_fetch_add(&vf->refs, 1, __ATOMIC_RELAXED);
}

void vfile_put(struct vfile *vf)
{
	struct vfile **at;

	if (!vf || vf == &broken || __atomic_load_n(&vf->refs, __ATOMIC_ACQUIRE) == 0)
		return;
	/* The last reference is dropped under the lock, or vfile_find() could revive a dead one. */
	lock_take(&vfiles_lock);
	if (__atomic_sub_fetch(&vf->refs, 1, __ATOMIC_ACQ_REL) == 0) {
		for (at = &buckets[vf->ino % BUCKETS]; *at != vf; at = &(*at)->next)
			;
		*at = vf->next;
		window_unmap(vf);
		sys2(__NR_munmap, vf->vn, vf->map_bytes);
		if (vf->notes)
			sys2(__NR_munmap, vf->notes, vf->notes_bytes);
		vf->next = spare;
		spare = vf;
	}
	lock_drop(&vfiles_lock);
}

static void tell(struct vfile *vf, uint64_t offset, uint64_t length, unsigned flags)
{
	struct request rq = {
		.op = WIRE_ENSURE,
		.data_dev = vf->dev,
		.data_ino = vf->ino,
		.offset = offset,
		.length = length,
		.flags = WIRE_ENSURE_NOWAIT | flags,
	};

	request_run(&rq);
}

/* Lets read-ahead go on before a reader has to wait for it. */
static void hint(struct vfile *vf, uint64_t offset, uint64_t length)
{
	const struct vnode_hint *hints = vf->vn->hint;
	uint32_t used = __atomic_load_n(&vf->vn->hints, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < used && i < VNODE_HINTS; i++) {
		uint64_t from = __atomic_load_n(&hints[i].from, __ATOMIC_RELAXED);

		if (offset + length <= from ||
		    offset >= __atomic_load_n(&hints[i].to, __ATOMIC_RELAXED) ||
		    __atomic_exchange_n(&vf->hinted[i], from + 1, __ATOMIC_RELAXED) == from + 1)
			continue;
		tell(vf, offset, length, __atomic_load_n(&vf->advice, __ATOMIC_RELAXED));
		return;
	}
}

void vfile_advise(struct vfile *vf, uint64_t offset, uint64_t length, unsigned flags)
{
	const unsigned lasting = WIRE_ENSURE_RANDOM | WIRE_ENSURE_ONWARD;

	if (vf->vn->kind != VNODE_FILE)
		return;
	if (!(flags & ~lasting))
		__atomic_store_n(&vf->advice, flags, __ATOMIC_RELAXED);
	else if (flags & WIRE_ENSURE_LEAVE || !vnode_present(vf->vn, offset, length))
		tell(vf, offset, length, flags);
}

int vfile_ensure(struct vfile *vf, uint64_t offset, uint64_t length, unsigned flags)
{
	struct request rq = {
		.op = WIRE_ENSURE,
		.data_dev = vf->dev,
		.data_ino = vf->ino,
		.offset = offset,
		.length = length,
		.flags = flags | __atomic_load_n(&vf->advice, __ATOMIC_RELAXED),
	};
	bool pinned = __atomic_load_n(&vf->vn->flags, __ATOMIC_ACQUIRE) & VNODE_PINNED;

	if (vf->vn->kind == VNODE_FILE && (pinned || !(flags & WIRE_ENSURE_PIN)) &&
	    vnode_present(vf->vn, offset, length)) {
		hint(vf, offset, length);
		return 0;
	}
	return request_run(&rq);
}

/* One step of vfile_pread(): at most READ_CHUNK bytes. */
static long pread_chunk(struct vfile *vf, int fd, char *buf, uint64_t length, uint64_t offset)
{
	for (int i = 0; i < EVICT_TRIES; i++) {
		uint32_t seq = __atomic_load_n(&vf->vn->evict_seq, __ATOMIC_ACQUIRE);
		int ret = vfile_ensure(vf, offset, length, 0);
		long n;

		if (ret)
			return ret;
		if (!vnode_present(vf->vn, offset, length))
			continue;
		n = window_read(vf, fd, buf, length, offset);
		if (n == -EAGAIN)
			n = sys4(__NR_pread64, fd, buf, length, offset);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&vf->vn->evict_seq, __ATOMIC_ACQUIRE) == seq)
			return n;
		if (vnode_present(vf->vn, offset, length) && n < 0)
			return n;
	}
	return -EIO;
}

long vfile_pread(struct vfile *vf, int fd, void *buf, uint64_t length, uint64_t offset)
{
	uint64_t done = 0;

	do {
		uint64_t step = length - done < READ_CHUNK ? length - done : READ_CHUNK;
		long n = pread_chunk(vf, fd, (char *)buf + done, step, offset + done);

		if (n < 0)
			return done ? (long)done : n;
		done += (uint64_t)n;
		if ((uint64_t)n < step)
			break;
	} while (done < length);
	return (long)done;
}

void vfile_attr(const struct vfile *vf, int fd, struct wire_attr *out)
{
	struct stat st;

	*out = vf->vn->attr;
	if (!vfile_is_draft(vf) || sys2(__NR_fstat, fd, &st))
		return;
	out->size = (uint64_t)st.st_size;
	out->mtime_ns = (int64_t)st.st_mtime * NS_PER_S + (int64_t)st.st_mtime_nsec;
}

uint32_t vfile_round(void)
{
	static uint32_t rounds;

	return __atomic_add_fetch(&rounds, 1, __ATOMIC_RELAXED);
}

struct vfile *vfile_next(uint32_t round, bool (*wanted)(const struct vfile *vf))
{
	struct vfile *vf = NULL;

	lock_take(&vfiles_lock);
	for (unsigned i = 0; i < BUCKETS && !vf; i++)
		for (vf = buckets[i]; vf; vf = vf->next)
			if (vf->round != round && __atomic_load_n(&vf->notes, __ATOMIC_ACQUIRE) &&
			    wanted(vf))
				break;
	if (vf) {
		vf->round = round;
		vfile_ref(vf);
	}
	lock_drop(&vfiles_lock);
	return vf;
}

static bool holds(const void *map, uint64_t bytes, uintptr_t address)
{
	return map && address >= (uintptr_t)map && address - (uintptr_t)map < bytes;
}

/* Without the lock, which this thread may have: what is let go of meanwhile stays in the slabs, and
 * has no map that this thread could have met. */
bool vfile_fault(uintptr_t address)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		for (struct vfile *vf = buckets[i]; vf; vf = vf->next) {
			if (!holds(vf->vn, vf->map_bytes, address) &&
			    !holds(vf->notes, vf->notes_bytes, address))
				continue;
			__atomic_store_n(&vf->is_cut, 1, __ATOMIC_RELEASE);
			return !sys_failed(sys6(__NR_mmap, address & ~(uintptr_t)(PAGE_BYTES - 1),
						PAGE_BYTES, PROT_READ | PROT_WRITE,
						MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
		}
	}
	return false;
}

void vfile_fork_child(void)
{
	for (unsigned i = 0; i < BUCKETS; i++)
		for (struct vfile *vf = buckets[i]; vf; vf = vf->next)
			vf->settles = 0;
	notes_fork_child();
}

void vfile_fork_prepare(void)
{
	lock_take(&vfiles_lock);
	window_fork_prepare();
}

void vfile_fork_done(void)
{
	window_fork_done();
	lock_drop(&vfiles_lock);
}
