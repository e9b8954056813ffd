/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io_submit: the kernel reads and writes a data file for many requests at once, before the call
 * returns, since the file is not open with O_DIRECT. So what it will read is fetched before, and
 * what it writes is counted before and after; requests of vectors count for the whole file.
 */
#include <errno.h>
#include <linux/aio_abi.h>

#include "intercept/cloudfd.h"
#include "intercept/handlers.h"
#include "intercept/notes.h"
#include "intercept/usercopy.h"

#define REQUESTS_MAX 65536ul /* of one call: more is answered short */

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

static void range_of(const struct vfile *vf, const struct iocb *io, uint64_t *offset,
		     uint64_t *bytes)
{
	*offset = is_vector(io) ? 0 : (uint64_t)io->aio_offset;
	*bytes = is_vector(io) ? vf->vn->attr.size : io->aio_nbytes;
}

static void count(struct vfile *vf, const struct iocb *io)
{
	uint64_t offset, bytes;

	if (!vf->notes)
		return; /* not open for writing: the kernel says so */
	range_of(vf, io, &offset, &bytes);
	notes_begin(vf, offset, bytes);
	notes_end(vf);
}

static int prepare(struct vfile *vf, const struct iocb *io)
{
	uint64_t offset, bytes;
	int ret;

	if (vf->vn->kind == VNODE_DIR || io->aio_offset < 0)
		return 0;
	if (is_sync(io))
		return notes_flush(vf);
	range_of(vf, io, &offset, &bytes);
	ret = vfile_ensure(vf, offset, bytes, WIRE_ENSURE_PIN);
	if (!ret && is_write(io) && vfile_is_draft(vf))
		ret = notes_have(vf);
	if (!ret && is_write(io))
		count(vf, io);
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
	for (uint64_t i = 0; i < total && ret >= 0; i++) {
		ret = request_at(list, i, &io, &vf);
		if (ret != 1)
			continue;
		ours = true;
		ret = prepare(vf, &io);
		vfile_put(vf);
	}
	if (ret < 0 || !ours)
		return ret < 0 ? ret : SYS_PASS;
	ret = sys3(__NR_io_submit, a->arg[0], total, list);
	for (long i = 0; i < ret; i++) {
		if (request_at(list, (uint64_t)i, &io, &vf) != 1)
			continue;
		if (is_write(&io))
			count(vf, &io);
		vfile_put(vf);
	}
	return ret;
}
