/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading. A read() moves an offset that other processes may share, and the bytes at that offset
 * must be fetched before the kernel reads them. So the range is claimed first, by moving the offset
 * (which the kernel does atomically), then read by position, and what was not read is given back:
 * two sharers get different ranges, as from read(2) itself. Of a draft that is there as a whole,
 * the kernel does all of this.
 */
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <string.h>

#include "intercept/cloudfd.h"
#include "intercept/handlers.h"
#include "intercept/iov.h"
#include "intercept/usercopy.h"

/* Reads count iovecs at offset. Each is filled by vfile_pread(), so eviction is seen. */
static long preadv_cloud(struct thread *t, struct vfile *vf, int fd, uint64_t count,
			 uint64_t offset)
{
	struct kiov *iov = (struct kiov *)t->iov;
	uint64_t done = 0;

	for (uint64_t i = 0; i < count; i++) {
		long n;

		if (!iov[i].len)
			continue;
		n = vfile_pread(vf, fd, (void *)iov[i].base, iov[i].len, offset + done);
		if (n < 0)
			return done ? (long)done : n;
		done += (uint64_t)n;
		if ((uint64_t)n < iov[i].len)
			break;
	}
	return (long)done;
}

/* Why a directory cannot be read. */
static long directory_error(int fd)
{
	long flags = sys3(__NR_fcntl, fd, F_GETFL, 0);

	return flags < 0 || flags & O_PATH ? -EBADF : -EISDIR;
}

/* A read of the current offset: length bytes into buf, or, if buf is NULL, count iovecs. */
static long read_current(struct thread *t, struct vfile *vf, int fd, void *buf, uint64_t length,
			 uint64_t count)
{
	long end = sys3(__NR_lseek, fd, length, SEEK_CUR);
	struct wire_attr attr;
	long n;

	if (end < 0) { /* beyond what an offset can be: nothing is there to read */
		end = sys3(__NR_lseek, fd, 0, SEEK_CUR);
		vfile_attr(vf, fd, &attr);
		if (end < 0 || (uint64_t)end >= attr.size)
			return end < 0 ? end : 0;
		return -EOVERFLOW;
	}
	if (buf)
		n = vfile_pread(vf, fd, buf, length, (uint64_t)end - length);
	else
		n = preadv_cloud(t, vf, fd, count, (uint64_t)end - length);
	if (n < 0 || (uint64_t)n < length)
		sys3(__NR_lseek, fd, (n < 0 ? 0 : n) - (long)length, SEEK_CUR);
	return n;
}

long sys_read(struct sys_args *a)
{
	int fd = (int)a->arg[0];
	uint64_t length = a->arg[2] > IOV_BYTES_MAX ? IOV_BYTES_MAX : a->arg[2];
	struct vfile *vf;
	long ret = cloudfd_get(fd, &vf);

	if (ret <= 0)
		return ret ? ret : SYS_PASS;
	ret = vf->vn->kind == VNODE_DIR ? directory_error(fd) : 0;
	if (vfile_is_whole(vf))
		ret = SYS_PASS;
	else if (!ret)
		ret = a->arg[1] || !length
			      ? read_current(a->thread, vf, fd, (void *)a->arg[1], length, 0)
			      : -EFAULT;
	vfile_put(vf);
	return ret;
}

long sys_pread64(struct sys_args *a)
{
	int fd = (int)a->arg[0];
	uint64_t length = a->arg[2] > IOV_BYTES_MAX ? IOV_BYTES_MAX : a->arg[2];
	struct vfile *vf;
	long ret = cloudfd_get(fd, &vf);

	if (ret <= 0)
		return ret ? ret : SYS_PASS;
	ret = (int64_t)a->arg[3] < 0	  ? -EINVAL
	      : vf->vn->kind == VNODE_DIR ? directory_error(fd)
					  : 0;
	/* of what is no draft, small reads may need no kernel (window.h) */
	if (vfile_is_whole(vf) && vfile_is_draft(vf))
		ret = SYS_PASS;
	else if (!ret)
		ret = vfile_pread(vf, fd, (void *)a->arg[1], length, a->arg[3]);
	vfile_put(vf);
	return ret;
}

/* readv and both preadv: offset IOV_CURRENT is the descriptor's own. */
static long readv_at(struct sys_args *a, uint64_t offset)
{
	struct thread *t = a->thread;
	int fd = (int)a->arg[0];
	struct vfile *vf;
	long ret = cloudfd_get(fd, &vf);

	if (ret <= 0)
		return ret ? ret : SYS_PASS;
	if (vfile_is_whole(vf)) {
		vfile_put(vf);
		return SYS_PASS;
	}
	ret = vf->vn->kind == VNODE_DIR ? directory_error(fd) : 0;
	if (!ret)
		ret = iov_read(t, a->arg[1], a->arg[2]);
	if (ret > 0 && offset == IOV_CURRENT)
		ret = read_current(t, vf, fd, NULL, (uint64_t)ret, a->arg[2]);
	else if (ret > 0)
		ret = (int64_t)offset < 0 ? -EINVAL : preadv_cloud(t, vf, fd, a->arg[2], offset);
	vfile_put(vf);
	return ret;
}

long sys_readv(struct sys_args *a)
{
	return readv_at(a, IOV_CURRENT);
}

long sys_preadv(struct sys_args *a)
{
	if ((int64_t)a->arg[3] < 0)
		return SYS_PASS; /* EINVAL, or EBADF */
	return readv_at(a, a->arg[3]);
}

long sys_preadv2(struct sys_args *a)
{
	struct vfile *vf;
	long ret = cloudfd_get((int)a->arg[0], &vf);

	if (ret <= 0)
		return ret ? ret : SYS_PASS;
	/* RWF_NOWAIT: only what needs no waiting; the rest of the flags change nothing here */
	if (a->arg[5] & RWF_NOWAIT)
		ret = -EAGAIN;
	if (a->arg[5] & ~(uint64_t)RWF_SUPPORTED)
		ret = -EOPNOTSUPP;
	vfile_put(vf);
	return ret < 0 ? ret : readv_at(a, a->arg[3]);
}

long sys_readahead(struct sys_args *a)
{
	struct vfile *vf;
	long ret = cloudfd_get((int)a->arg[0], &vf);

	if (ret <= 0)
		return ret ? ret : SYS_PASS;
	ret = vf->vn->kind == VNODE_FILE ? 0 : -EINVAL;
	if (!ret)
		vfile_advise(vf, a->arg[1], a->arg[2], WIRE_ENSURE_WANT);
	vfile_put(vf);
	return ret;
}

/* The daemon is told how the file will be read. (madvise(2) need not tell it of a mapping: all of
 * that is there when mmap(2) returns.) */
long sys_fadvise64(struct sys_args *a)
{
	struct vfile *vf;
	long ret = cloudfd_get((int)a->arg[0], &vf);
	uint64_t length = a->arg[2] ? a->arg[2] : UINT64_MAX - a->arg[1];
	enum { NORMAL, RANDOM, SEQUENTIAL, WILLNEED, DONTNEED, NOREUSE };
	static const unsigned flags[] = {
		[RANDOM] = WIRE_ENSURE_RANDOM,
		[SEQUENTIAL] = WIRE_ENSURE_ONWARD,
		[WILLNEED] = WIRE_ENSURE_WANT,
		[DONTNEED] = WIRE_ENSURE_LEAVE,
	};

	if (ret <= 0)
		return ret ? ret : SYS_PASS;
	ret = 0;
	if (a->arg[3] > NOREUSE)
		ret = -EINVAL;
	else if (a->arg[3] != NOREUSE)
		vfile_advise(vf, a->arg[1], length, flags[a->arg[3]]);
	vfile_put(vf);
	return ret;
}
