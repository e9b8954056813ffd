/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing, in the order of core/base/draft.h. A file without a base that is written from start to
 * end needs no offset, so the kernel does all by itself. Otherwise a write() at the current offset
 * claims its range as a read() does (sys_read.c), or two sharers of the offset might note one range
 * and write another. An append is the kernel's in any case.
 */
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>

#include "intercept/cloudfd.h"
#include "intercept/handlers.h"
#include "intercept/iov.h"
#include "intercept/notes.h"
#include "intercept/room.h"

/* One write, with the arguments that the kernel is to be given. */
struct writing {
	struct vfile *vf;
	int fd;
	uint64_t data, count; /* a buffer and its bytes, or iovecs and their number */
	uint64_t flags;	      /* RWF_* */
	bool vector;
};

/* The kernel's write at offset, or at the current one. */
static long write_once(const struct writing *w, uint64_t offset)
{
	if (!w->vector && offset == IOV_CURRENT)
		return sys3(__NR_write, w->fd, w->data, w->count);
	if (!w->vector)
		return sys4(__NR_pwrite64, w->fd, w->data, w->count, offset);
	if (w->flags)
		return sys6(__NR_pwritev2, w->fd, SYS_ARG(w->data), SYS_ARG(w->count),
			    SYS_ARG(offset), offset == IOV_CURRENT ? -1 : 0, SYS_ARG(w->flags));
	if (offset == IOV_CURRENT)
		return sys3(__NR_writev, w->fd, w->data, w->count);
	return sys5(__NR_pwritev, w->fd, w->data, w->count, offset, 0);
}

/* The same, with what room can be made on a full disk. A short answer is gone on with, since there
 * are programs that take it for the end; but for vectors, whose caller has to in any case. */
static long do_write(const struct writing *w, uint64_t offset)
{
	struct writing rest = *w;
	unsigned tries = 0;
	uint64_t done = 0;
	long n;

	do {
		n = write_once(&rest, offset);
		if (n <= 0 || w->vector)
			continue;
		done += (uint64_t)n;
		if ((uint64_t)n >= rest.count || !room_is_short(w->fd, rest.count - (uint64_t)n))
			break;
		rest.data += (uint64_t)n;
		rest.count -= (uint64_t)n;
		if (offset != IOV_CURRENT)
			offset += (uint64_t)n;
		n = -ENOSPC;
	} while (room_made(w->vf, n, w->vector ? 0 : rest.count, tries++));
	return done ? (long)done : n;
}

/* Writes at offset (the kernel is told at), which touches length bytes there. */
static long noted_write(const struct writing *w, uint64_t offset, uint64_t length, uint64_t at)
{
	long ret = 0;

	if (!vnode_present(w->vf->vn, offset, length))
		ret = vfile_ensure(w->vf, offset, length, 0);
	if (ret)
		return ret;
	draft_place(w->vf->notes);
	notes_begin(w->vf, offset, length);
	ret = do_write(w, at);
	notes_wrote(w->vf, offset, length, ret);
	return ret;
}

/* Where the file ends, whatever the kernel makes of it then: nobody has sent that ahead. */
static long append(const struct writing *w, uint64_t at)
{
	long ret;

	draft_place(w->vf->notes);
	notes_begin(w->vf, 0, 0);
	ret = do_write(w, at);
	notes_end(w->vf);
	return ret;
}

/* The next bytes of a file that is written from start to end. Returns false, with nothing done,
 * when it is not. */
static bool write_on(const struct writing *w, long *ret_out)
{
	if (draft_is_placed(w->vf->notes))
		return false;
	notes_begin(w->vf, 0, 0);
	if (draft_is_placed(w->vf->notes)) {
		notes_end(w->vf);
		return false;
	}
	*ret_out = do_write(w, IOV_CURRENT);
	notes_wrote_on(w->vf, *ret_out);
	return true;
}

static bool appends(const struct writing *w)
{
	long flags;

	if (w->flags & RWF_APPEND)
		return true;
	flags = sys3(__NR_fcntl, w->fd, F_GETFL, 0);
	return flags < 0 || flags & O_APPEND;
}

/* At the current offset. */
static long write_claimed(const struct writing *w, uint64_t length)
{
	long end, n;

	if (!length || appends(w))
		return append(w, IOV_CURRENT);
	end = sys3(__NR_lseek, w->fd, length, SEEK_CUR);
	if (end < 0) /* beyond what an offset can be: the kernel knows what to say */
		return noted_write(w, (uint64_t)sys3(__NR_lseek, w->fd, 0, SEEK_CUR), length,
				   IOV_CURRENT);
	n = noted_write(w, (uint64_t)end - length, length, (uint64_t)end - length);
	if (n < 0 || (uint64_t)n < length)
		sys3(__NR_lseek, w->fd, (n < 0 ? 0 : n) - (long)length, SEEK_CUR);
	return n;
}

static long write_file(struct sys_args *a, struct writing *w, uint64_t offset)
{
	uint64_t length = w->count > IOV_BYTES_MAX ? IOV_BYTES_MAX : w->count;
	long ret;

	if (offset != IOV_CURRENT && (int64_t)offset < 0)
		return -EINVAL;
	if (offset == IOV_CURRENT && !notes_have_base(w->vf) && write_on(w, &ret))
		return ret;
	if (w->vector) {
		long total = iov_read(a->thread, w->data, w->count);

		if (total < 0)
			return total;
		w->data = (uint64_t)a->thread->iov;
		length = (uint64_t)total;
	}
	if (offset == IOV_CURRENT)
		return write_claimed(w, length);
	return w->flags & RWF_APPEND ? append(w, offset) : noted_write(w, offset, length, offset);
}

static long write_fd(struct sys_args *a, struct writing *w, uint64_t offset)
{
	long ret = cloudfd_get_writer((int)a->arg[0], &w->vf);

	if (ret <= 0)
		return ret ? ret : SYS_PASS;
	w->fd = (int)a->arg[0];
	w->data = a->arg[1];
	w->count = a->arg[2];
	ret = write_file(a, w, offset);
	vfile_put(w->vf);
	return ret;
}

long sys_write(struct sys_args *a)
{
	struct writing w = {.vector = false};

	return write_fd(a, &w, IOV_CURRENT);
}

long sys_pwrite64(struct sys_args *a)
{
	struct writing w = {.vector = false};

	if ((int64_t)a->arg[3] < 0)
		return SYS_PASS; /* EINVAL, or EBADF */
	return write_fd(a, &w, a->arg[3]);
}

long sys_writev(struct sys_args *a)
{
	struct writing w = {.vector = true};

	return write_fd(a, &w, IOV_CURRENT);
}

long sys_pwritev(struct sys_args *a)
{
	struct writing w = {.vector = true};

	if ((int64_t)a->arg[3] < 0)
		return SYS_PASS; /* EINVAL, or EBADF */
	return write_fd(a, &w, a->arg[3]);
}

long sys_pwritev2(struct sys_args *a)
{
	struct writing w = {.vector = true, .flags = a->arg[5]};

	if ((int64_t)a->arg[3] < 0 && a->arg[3] != IOV_CURRENT)
		return SYS_PASS; /* EINVAL, or EBADF */
	return write_fd(a, &w, a->arg[3]);
}
