/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is left to the kernel of the entries about cloud files: those with buffers that only it
 * knows, and those that wait behind others. When it will be done with them nobody tells, so what
 * they write is treated as if the file were mapped (mapped.h).
 */
#include <errno.h>
#include <linux/fs.h>

#include "intercept/mapped.h"
#include "intercept/notes.h"
#include "intercept/uring_abi.h"
#include "intercept/uring_entry.h"

static int fetch(struct vfile *vf, uint64_t offset, uint64_t bytes)
{
	return bytes ? vfile_ensure(vf, offset, bytes, WIRE_ENSURE_PIN) : 0;
}

long uring_keep(struct thread *t, struct vfile *vf, bool writer, bool append,
		const struct io_uring_sqe *e)
{
	uint64_t bytes = uring_transfer_bytes(t, e), offset = e->off;
	int ret;

	if (!vf->vn)
		return -EIO;
	if (vf->vn->kind == VNODE_DIR)
		return uring_reads(e) ? -EISDIR : -EBADF;
	if (e->off == UINT64_MAX || bytes == UINT64_MAX) { /* anywhere */
		offset = 0;
		bytes = vf->vn->attr.size;
	} else if ((int64_t)e->off < 0) {
		return -EINVAL;
	}
	if (uring_writes(e) && !writer)
		return -EBADF;
	if (uring_writes(e) && (append || e->rw_flags & RWF_APPEND))
		offset = bytes = 0;
	ret = fetch(vf, offset, bytes);
	if (!ret && uring_writes(e))
		ret = notes_have(vf);
	if (!ret && uring_writes(e))
		ret = mapped_unseen(vf, offset, bytes);
	return ret;
}
