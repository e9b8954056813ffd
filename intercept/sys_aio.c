/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io_submit (libaio): the kernel reads cloud files by itself, later, so what it will read is
 * fetched first, and kept. What cannot be fetched ends the batch before it, as a bad block does.
 */
#include <errno.h>
#include <linux/aio_abi.h>

#include "intercept/cloudfd.h"
#include "intercept/handlers.h"
#include "intercept/usercopy.h"

struct kiov {
	uint64_t base, len;
};

/* The bytes that an array of vectors takes; whatever is wrong with it the kernel finds as well. */
static uint64_t vector_bytes(struct thread *t, uint64_t user, uint64_t count)
{
	struct kiov *iov = (struct kiov *)t->iov;
	uint64_t total = 0;

	if (count > THREAD_IOV_MAX || user_read(iov, (void *)user, count * sizeof(*iov)))
		return 0;
	for (uint64_t i = 0; i < count; i++)
		total = iov[i].len > UINT32_MAX - total ? UINT32_MAX : total + iov[i].len;
	return total;
}

/* 0, or a negative errno. */
static long prepare(struct thread *t, const struct iocb *block)
{
	uint64_t bytes = block->aio_nbytes;
	struct vfile *vf;
	long ret;

	if (block->aio_lio_opcode != IOCB_CMD_PREAD && block->aio_lio_opcode != IOCB_CMD_PREADV)
		return 0;
	ret = cloudfd_get((int)block->aio_fildes, &vf);
	if (ret <= 0)
		return ret;
	if (block->aio_lio_opcode == IOCB_CMD_PREADV)
		bytes = vector_bytes(t, block->aio_buf, bytes);
	ret = vf->vn->kind == VNODE_FILE && block->aio_offset >= 0 && bytes
		      ? vfile_ensure(vf, (uint64_t)block->aio_offset, bytes, WIRE_ENSURE_PIN)
		      : 0;
	vfile_put(vf);
	return ret;
}

long sys_io_submit(struct sys_args *a)
{
	struct iocb block;
	uint64_t at;

	for (int64_t i = 0; i < (int64_t)a->arg[1]; i++) {
		long ret;

		if (user_read(&at, (void *)(a->arg[2] + 8ul * (uint64_t)i), sizeof(at)) ||
		    user_read(&block, (void *)at, sizeof(block)))
			break; /* the kernel comes no farther */
		ret = prepare(a->thread, &block);
		if (ret && !i)
			return ret;
		if (ret) {
			args_replace(a, 1, (uint64_t)i);
			break;
		}
	}
	return SYS_PASS;
}
