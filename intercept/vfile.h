/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cloud file or directory that this process has open: its shared vnode, mapped.
 * All functions: on a private stack, where signals are put off (signals.h).
 */
#ifndef INTERCEPT_VFILE_H
#define INTERCEPT_VFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/draft.h"
#include "core/base/vnode.h"
#include "intercept/window.h"

struct vfile {
	uint32_t refs;		    /* atomic */
	uint64_t dev, ino;	    /* of the data file */
	const struct vnode_shm *vn; /* NULL: the daemon could not tell */
	uint64_t map_bytes;
	struct draft_shm *notes; /* atomic; NULL: not known here to be written to (notes.h) */
	uint64_t notes_bytes;
	uint32_t is_cut;    /* atomic; somebody has cut one of the two files: see vfile_fault() */
	uint32_t settles;   /* atomic; what is not published of it is, when this process ends */
	uint32_t explained; /* atomic; why it could not be published, was said */
	uint32_t round;	    /* of notes_flush_all(); under vfiles' lock */
	uint32_t opened;    /* atomic; 1 + cloudfd_forking()s when it was opened to be written */
	uint64_t hinted[VNODE_HINTS]; /* atomic; from what on a hint was sent last, each */
	uint32_t advice;	      /* atomic; WIRE_ENSURE_RANDOM or _ONWARD, or 0 */
	struct window window;
	struct vfile *next;
};

/* The vfile of a data file, with a reference, or NULL when this process does not know it. */
struct vfile *vfile_find(uint64_t dev, uint64_t ino);

/* Asks the daemon about a data file; NULL when it is none of its. */
struct vfile *vfile_identify(uint64_t dev, uint64_t ino);

/* Maps the vnode file vnode_fd (not closed here) of a data file, or finds that it is known already.
 * A reference, or NULL (-ENOMEM, a file that is no vnode). */
struct vfile *vfile_map(int vnode_fd);

void vfile_ref(struct vfile *vf);
void vfile_put(struct vfile *vf); /* NULL is allowed */

/* Makes [offset, offset + length) present, waiting for the daemon if it must. flags: WIRE_ENSURE_*.
 * 0 or a negative errno (-EIO: the object could not be fetched). Ranges beyond the end are fine. */
int vfile_ensure(struct vfile *vf, uint64_t offset, uint64_t length, unsigned flags);

/* posix_fadvise(2): flags of WIRE_ENSURE. Those that last hold for the whole file, in this process.
 */
void vfile_advise(struct vfile *vf, uint64_t offset, uint64_t length, unsigned flags);

/* pread(2) of present bytes: ensures, reads, and checks that nothing was evicted in between. fd is
 * the descriptor, buf the program's. Bytes or a negative errno. */
long vfile_pread(struct vfile *vf, int fd, void *buf, uint64_t length, uint64_t offset);

/* Is it written to, here or elsewhere? Then only the kernel knows its size and time. */
static inline bool vfile_is_draft(const struct vfile *vf)
{
	return __atomic_load_n(&vf->vn->flags, __ATOMIC_ACQUIRE) & VNODE_DRAFT;
}

/* Is it a file of which no byte will ever be missing while it is open? Then the kernel may read it
 * by itself: nothing of a draft is evicted, and nothing of what is pinned. (Who evicts looks at the
 * pin and takes COMPLETE away under one lock, under which pins are set: so both at once last.) */
static inline bool vfile_is_whole(const struct vfile *vf)
{
	uint32_t flags = __atomic_load_n(&vf->vn->flags, __ATOMIC_ACQUIRE);

	return flags & VNODE_COMPLETE && flags & (VNODE_DRAFT | VNODE_PINNED);
}

/* Its attributes as a program sees them; fd is a descriptor of it. */
void vfile_attr(const struct vfile *vf, int fd, struct wire_attr *out);

/* Gives one after another, each once in a round, with a reference: those with notes that wanted()
 * wants. NULL: no more. Rounds start with vfile_round(). */
uint32_t vfile_round(void);
struct vfile *vfile_next(uint32_t round, bool (*wanted)(const struct vfile *vf));

/* The runtime has met a fault (SIGBUS) at this address. True: it is of a vnode or notes file that
 * somebody has cut; the page is zeros from now on, for this process alone, and what is written to
 * the file fails with EIO. The access may be made again. In a signal handler, whatever lock this
 * thread has. */
bool vfile_fault(uintptr_t address);

/* Of a fork's child: it has changed nothing yet. */
void vfile_fork_child(void);
void vfile_fork_prepare(void);
void vfile_fork_done(void);

#endif
