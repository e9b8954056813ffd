/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io_submit (libaio): the kernel reads and writes a data file for many requests at once, before the
 * call returns, since the file is not open with O_DIRECT. So what it will read is fetched before,
 * and kept, and what it writes is counted before and after. What cannot be fetched or counted ends
 * the batch before it, as a bad request does.
 */
#include <errno.h>
#include <linux/aio_abi.h>

#include "intercept/cloudfd.h"
#include "intercept/handlers.h"
#include "intercept/notes.h"
#include "intercept/usercopy.h"

#define REQUESTS_MAX 65536ul /* of one call: more is answered short */

struct kiov {
	uint64_t base, len;
};

static bool is_read(const struct iocb *io)
{
	return io->aio_lio_opcode == IOCB_CMD_PREAD || io->aio_lio_opcode == IOCB_CMD_PREADV;
}

static bool is_write(const struct iocb *io)
{
	return io->aio_lio_opcode == IOCB_CMD_PWRITE || io->aio_lio_opcode == IOCB_CMD_PWRITEV;
}

static bool is_sync(const struct iocb *io)
{
	return io->aio_lio_opcode == IOCB_CMD_FSYNC || io->aio_lio_opcode == IOCB_CMD_FDSYNC;
}

static bool is_vector(const struct iocb *io)
{
	return io->aio_lio_opcode == IOCB_CMD_PWRITEV || io->aio_lio_opcode == IOCB_CMD_PREADV;
}

/* Request number i, if it is about a cloud file: 1 with a reference, 0, or an errno. */
static int request_at(uint64_t list, uint64_t i, struct iocb *io, struct vfile **out)
{
	uint64_t at;

	if (user_read(&at, (void *)(list + i * sizeof(at)), sizeof(at)) ||
	    user_read(io, (void *)at, sizeof(*io)))
		return 0; /* the kernel's words */
	return cloudfd_get((int)io->aio_fildes, out);
}

/* The bytes that a request is about; whatever is wrong with its vectors the kernel finds as well.
 */
static uint64_t bytes_of(struct thread *t, const struct iocb *io)
{
	struct kiov *iov = (struct kiov *)t->iov;
	uint64_t total = 0;

	if (!is_vector(io))
		return io->aio_nbytes;
	if (io->aio_nbytes > THREAD_IOV_MAX ||
	    user_read(iov, (void *)io->aio_buf, io->aio_nbytes * sizeof(*iov)))
		return 0;
	for (uint64_t i = 0; i < io->aio_nbytes; i++)
		total = iov[i].len > UINT32_MAX - total ? UINT32_MAX : total + iov[i].len;
	return total;
}

static void count(struct vfile *vf, const struct iocb *io, uint64_t bytes)
{
	if (!vf->notes)
		return; /* not open for writing: the kernel says so */
	draft_place(vf->notes);
	notes_begin(vf, (uint64_t)io->aio_offset, bytes);
	draft_unsure(vf->notes); /* this ends before the kernel begins */
	notes_end(vf);
}

static int prepare(struct thread *t, struct vfile *vf, const struct iocb *io)
{
	uint64_t bytes;
	int ret = 0;

	if (is_sync(io))
		return notes_flush(vf);
	if (vf->vn->kind == VNODE_DIR || io->aio_offset < 0 || (!is_read(io) && !is_write(io)))
		return 0;
	bytes = bytes_of(t, io);
	if (bytes)
		ret = vfile_ensure(vf, (uint64_t)io->aio_offset, bytes, WIRE_ENSURE_PIN);
	if (!ret && is_write(io) && vfile_is_draft(vf))
		ret = notes_have(vf);
	if (!ret && is_write(io))
		count(vf, io, bytes);
	return ret;
}

long sys_io_submit(struct sys_args *a)
{
	uint64_t list = a->arg[2], total = a->arg[1] > REQUESTS_MAX ? REQUESTS_MAX : a->arg[1];
	struct vfile *vf;
	struct iocb io;
	bool ours = false;
	long ret = 0;

	if ((int64_t)a->arg[1] <= 0)
		return SYS_PASS;
	for (uint64_t i = 0; i < total; i++) {
		ret = request_at(list, i, &io, &vf);
		if (ret == 1) {
			ours = true;
			ret = prepare(a->thread, vf, &io);
			vfile_put(vf);
		}
		if (ret < 0 && !i)
			return ret;
		if (ret < 0)
			total = i;
	}
	if (!ours && total == a->arg[1])
		return SYS_PASS;
	ret = sys3(__NR_io_submit, a->arg[0], total, list);
	for (long i = 0; i < ret; i++) {
		if (request_at(list, (uint64_t)i, &io, &vf) != 1)
			continue;
		if (is_write(&io))
			count(vf, &io, bytes_of(a->thread, &io));
		vfile_put(vf);
	}
	return ret;
}
