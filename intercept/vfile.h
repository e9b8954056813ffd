/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cloud file or directory that this process has open: its shared vnode, mapped.
 * All functions: on a private stack, where signals are put off (signals.h).
 */
#ifndef INTERCEPT_VFILE_H
#define INTERCEPT_VFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/vnode.h"
#include "intercept/window.h"

struct vfile {
	uint32_t refs;		    /* atomic */
	uint64_t dev, ino;	    /* of the data file */
	const struct vnode_shm *vn; /* NULL: the daemon could not tell */
	uint64_t map_bytes;
	uint64_t mark_sent; /* atomic; the last ahead_mark a hint was sent for */
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

/* pread(2) of present bytes: ensures, reads, and checks that nothing was evicted in between. fd is
 * the descriptor, buf the program's. Bytes or a negative errno. */
long vfile_pread(struct vfile *vf, int fd, void *buf, uint64_t length, uint64_t offset);

void vfile_fork_prepare(void);
void vfile_fork_done(void);

#endif
