/* SPDX-License-Identifier: Apache-2.0 */
/* See notes.h. */
#include "intercept/notes.h"

#include <asm/stat.h>
#include <errno.h>
#include <linux/mman.h>

#include "core/base/durability.h"
#include "intercept/fdtab.h"
#include "intercept/handlers.h"
#include "intercept/request.h"
#include "intercept/thread.h"

static uint32_t untold;	 /* atomic; see notes_failed() */
static uint32_t started; /* atomic; notes_settle() has something to wait for */
static uint64_t removed; /* atomic; files, that the daemon had only begun to remove */

/* Has somebody cut its notes, so that the daemon does not learn what this process changes? Looks
 * at the head, which is a fault once it is missing. */
static bool is_cut(const struct vfile *vf)
{
	return __atomic_load_n(&vf->notes->magic, __ATOMIC_RELAXED) != DRAFT_MAGIC ||
	       __atomic_load_n(&vf->is_cut, __ATOMIC_ACQUIRE);
}

static bool plausible(const struct draft_shm *notes, uint64_t bytes, const struct vfile *vf)
{
	return notes->magic == DRAFT_MAGIC && notes->version == DRAFT_VERSION &&
	       notes->data_dev == vf->dev && notes->data_ino == vf->ino &&
	       notes->dirty_off >= DRAFT_HEAD_BYTES && notes->dirty_off % 8 == 0 &&
	       notes->dirty_off <= bytes && notes->dirty_words <= (bytes - notes->dirty_off) / 8;
}

int notes_attach(struct vfile *vf, int notes_fd)
{
	uint64_t offset = vf->vn->notes_off, bytes;
	struct draft_shm *none = NULL;
	struct stat st;
	long at;

	__atomic_store_n(&vf->settles, 1, __ATOMIC_RELEASE);
	if (__atomic_load_n(&vf->notes, __ATOMIC_ACQUIRE))
		return 0;
	if (sys2(__NR_fstat, notes_fd, &st) || offset % PAGE_BYTES || st.st_size < 0 ||
	    (uint64_t)st.st_size < offset || (uint64_t)st.st_size - offset < DRAFT_HEAD_BYTES)
		return -EIO;
	bytes = (uint64_t)st.st_size - offset;
	at = sys6(__NR_mmap, 0, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, notes_fd, offset);
	if (sys_failed(at))
		return -ENOMEM;
	if (!plausible((struct draft_shm *)at, bytes, vf)) {
		sys2(__NR_munmap, at, bytes);
		return -EIO;
	}
	/* of the same file, so of the same size, whoever is first */
	__atomic_store_n(&vf->notes_bytes, bytes, __ATOMIC_RELEASE);
	if (!__atomic_compare_exchange_n(&vf->notes, &none, (struct draft_shm *)at, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		sys2(__NR_munmap, at, bytes);
	return 0;
}

int notes_have(struct vfile *vf)
{
	struct request rq = {.op = WIRE_IDENTIFY, .data_dev = vf->dev, .data_ino = vf->ino};
	int ret;

	if (__atomic_load_n(&vf->notes, __ATOMIC_ACQUIRE))
		return is_cut(vf) ? -EIO : 0;
	ret = request_run(&rq);
	if (!ret)
		ret = rq.fds == 2 ? notes_attach(vf, rq.fd[1]) : -EIO;
	request_close_fds(&rq);
	return ret ? -EIO : 0;
}

bool notes_have_base(const struct vfile *vf)
{
	return vf->notes->dirty_words;
}

void notes_begin(struct vfile *vf, uint64_t offset, uint64_t length)
{
	uint64_t base = vf->vn->attr.size;

	if (!__atomic_load_n(&vf->settles, __ATOMIC_RELAXED))
		__atomic_store_n(&vf->settles, 1, __ATOMIC_RELAXED);
	draft_begin(vf->notes, offset, length);
	if (base % VNODE_BLOCK_BYTES) /* it may be an append */
		draft_mark(vf->notes, base - 1, 1);
}

void notes_end(struct vfile *vf)
{
	draft_end(vf->notes);
}

/* What a program that is confined may be killed for is left out: it all goes at the close. */
static void hint(struct vfile *vf)
{
	struct request rq = {.op = WIRE_STREAM, .data_dev = vf->dev, .data_ino = vf->ino};

	if (!__atomic_load_n(&rt.sandboxed, __ATOMIC_RELAXED))
		request_run(&rq);
}

void notes_wrote(struct vfile *vf, uint64_t offset, uint64_t length, long ret)
{
	if (ret <= 0) /* perhaps some of it, all the same */
		draft_late(vf->notes, offset, length);
	if (draft_wrote(vf->notes, offset, ret > 0 ? (uint64_t)ret : 0))
		hint(vf);
}

void notes_wrote_on(struct vfile *vf, long ret)
{
	if (draft_wrote_on(vf->notes, ret > 0 ? (uint64_t)ret : 0))
		hint(vf);
}

bool notes_dirty(const struct vfile *vf)
{
	const struct draft_shm *notes = __atomic_load_n(&vf->notes, __ATOMIC_ACQUIRE);

	return notes && (draft_is_dirty(notes) || is_cut(vf));
}

static int flush(struct vfile *vf, unsigned flags)
{
	struct request rq = {
		.op = WIRE_FLUSH,
		.data_dev = vf->dev,
		.data_ino = vf->ino,
		.flags = flags,
	};
	int ret;

	if (!notes_dirty(vf))
		return 0;
	ret = request_run(&rq);
	__atomic_store_n(&vf->explained, rq.said, __ATOMIC_RELAXED);
	return !ret && is_cut(vf) ? -EIO : ret;
}

int notes_flush(struct vfile *vf)
{
	return flush(vf, 0);
}

/* There is something to settle, before standard error goes, on which it is told how that went: so
 * its close must come by here. */
static void begin(void)
{
	if (!__atomic_exchange_n(&started, 1, __ATOMIC_ACQ_REL))
		fdtab_unsure(NOTES_STDERR);
}

int notes_close(struct vfile *vf)
{
	enum durability mode = durability_of(rt.handoff.late, vnode_path(vf->vn));

	if (mode == DURABILITY_CLOSE)
		return flush(vf, 0);
	if (mode == DURABILITY_EXIT && notes_dirty(vf))
		begin();
	return flush(vf, WIRE_FLUSH_LATER);
}

bool notes_may_remove_later(const struct thread *t, const char *path)
{
	return durability_of(rt.handoff.late, path) == DURABILITY_EXIT && !t->borrowed;
}

void notes_removed_later(void)
{
	__atomic_add_fetch(&removed, 1, __ATOMIC_ACQ_REL);
	begin();
}

void notes_settle(bool ends)
{
	struct request rq = {.op = WIRE_SETTLE, .ends = ends};

	rq.length = __atomic_load_n(&removed, __ATOMIC_ACQUIRE);
	if (!__atomic_exchange_n(&started, 0, __ATOMIC_ACQ_REL))
		return;
	if (request_run(&rq))
		__atomic_store_n(&untold, 1, __ATOMIC_RELEASE);
}

int notes_close_untold(struct vfile *vf)
{
	int ret = notes_close(vf);

	if (!ret)
		return 0;
	__atomic_store_n(&untold, 1, __ATOMIC_RELEASE);
	if (!__atomic_load_n(&vf->explained, __ATOMIC_RELAXED)) {
		char *name = (char *)thread_current()->iov; /* free here, and large enough */

		dir_absolute(vnode_path(vf->vn), name);
		say("what was written is kept here, but could not be stored: ", name);
	}
	return ret;
}

bool notes_failed(void)
{
	return __atomic_load_n(&untold, __ATOMIC_ACQUIRE);
}

void notes_fork_child(void)
{
	untold = started = 0;
	removed = 0;
}

bool notes_dirty_here(const struct vfile *vf)
{
	return __atomic_load_n(&vf->settles, __ATOMIC_RELAXED) && notes_dirty(vf);
}

int notes_flush_all(bool ending)
{
	uint32_t round = vfile_round();
	struct vfile *vf;
	int first = 0;

	while ((vf = vfile_next(round, ending ? notes_dirty_here : notes_dirty))) {
		int ret = ending ? notes_close_untold(vf) : notes_flush(vf);

		if (!first)
			first = ret;
		vfile_put(vf);
	}
	return first;
}
