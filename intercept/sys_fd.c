/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors as such: close, dup, lseek, ioctl. What they refer to is in their inode, so the
 * kernel does the work and the table only forgets. */
#include <asm/ioctls.h>
#include <errno.h>
#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/fiemap.h>

#include "intercept/cloudfd.h"
#include "intercept/fdtab.h"
#include "intercept/handlers.h"
#include "intercept/notes.h"
#include "intercept/uring.h"
#include "intercept/usercopy.h"

/* Forgotten before, for whoever gets the number next, and after (dispatch_answered), since another
 * thread may have looked at it meanwhile. */
long sys_close(struct sys_args *a)
{
	int fd = (int)a->arg[0];
	int failed;

	if (fd == NOTES_STDERR)
		notes_settle(false);
	failed = cloudfd_closing(fd);
	uring_closing((unsigned)fd, (unsigned)fd);
	fdtab_forget(fd);
	if (!failed)
		return SYS_PASS_AFTER;
	sys1(__NR_close, fd); /* it is closed all the same, and the answer is ours */
	fdtab_forget(fd);
	return failed;
}

/* fd is a duplicate of source, made just now. */
static long duplicated(long fd, int source)
{
	struct vfile *vf;
	bool writer;

	if (fd < 0)
		return fd;
	uring_duplicated(source);
	fdtab_forget((int)fd);
	vf = fdtab_get_for(source, &writer);
	if (vf && vf->vn)
		fdtab_note((int)fd, vf, writer);
	vfile_put(vf);
	return fd;
}

/* Made here, not in a gate: what is known of the new number must not come apart from it. */
long sys_dup(struct sys_args *a)
{
	return duplicated(sys1(__NR_dup, a->arg[0]), (int)a->arg[0]);
}

long sys_dup2(struct sys_args *a)
{
	if ((int)a->arg[0] == (int)a->arg[1])
		return SYS_PASS;
	if (sys3(__NR_fcntl, a->arg[0], F_GETFD, 0) >= 0) {
		cloudfd_replacing((int)a->arg[1]);
		uring_closing((unsigned)a->arg[1], (unsigned)a->arg[1]);
	}
	return duplicated(sys3(a->nr, a->arg[0], a->arg[1], a->arg[2]), (int)a->arg[0]);
}

/* The number may be one that was the kernel's. */
long sys_pidfd_getfd(struct sys_args *a)
{
	long fd = sys3(__NR_pidfd_getfd, a->arg[0], a->arg[1], a->arg[2]);

	if (fd >= 0)
		fdtab_arrived((int)fd);
	return fd;
}

long sys_close_range(struct sys_args *a)
{
	if (a->arg[2] & CLOSE_RANGE_UNSHARE)
		thread_fds_private(a->thread);
	else if (a->arg[2] & CLOSE_RANGE_CLOEXEC)
		return SYS_PASS;
	else if ((unsigned)a->arg[0] <= (unsigned)a->arg[1]) {
		cloudfd_closing_range((unsigned)a->arg[0], (unsigned)a->arg[1]);
		uring_closing((unsigned)a->arg[0], (unsigned)a->arg[1]);
		fdtab_forget_range((unsigned)a->arg[0], (unsigned)a->arg[1]);
	}
	return SYS_PASS_AFTER;
}

/* F_GETFL without the flags of the daemon's own open(2), and with what opendir(3) sets. No leases,
 * as where others have it open: the daemon's own opens would have to wait until the program gives
 * its lease up. */
long sys_fcntl(struct sys_args *a)
{
	int command = (int)a->arg[1];
	struct vfile *vf;
	long ret;

	if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
		return duplicated(sys3(__NR_fcntl, a->arg[0], a->arg[1], a->arg[2]),
				  (int)a->arg[0]);
	if (command != F_GETFL && command != F_SETFL &&
	    (command != F_SETLEASE || (int)a->arg[2] == F_UNLCK))
		return SYS_PASS;
	ret = cloudfd_get((int)a->arg[0], &vf);
	if (ret <= 0)
		return ret ? ret : SYS_PASS;
	if (command == F_SETLEASE) {
		vfile_put(vf);
		return -EAGAIN;
	}
	if (command == F_SETFL) { /* the cache's disk might want aligned buffers */
		vfile_put(vf);
		return sys3(__NR_fcntl, a->arg[0], F_SETFL, a->arg[2] & ~(uint64_t)O_DIRECT);
	}
	ret = sys3(__NR_fcntl, a->arg[0], F_GETFL, 0);
	if (ret >= 0) {
		ret &= ~(long)O_NOFOLLOW;
		if (vf->vn->kind == VNODE_DIR)
			ret |= O_DIRECTORY;
	}
	vfile_put(vf);
	return ret;
}

/* Will the offset be where it is already? */
static bool stays_there(int fd, uint64_t offset, uint64_t whence, const struct vfile *vf)
{
	long now = sys3(__NR_lseek, fd, 0, SEEK_CUR);
	struct wire_attr attr;

	if (now < 0 || whence == SEEK_CUR)
		return !offset;
	vfile_attr(vf, fd, &attr);
	return (uint64_t)now == offset + (whence == SEEK_END ? attr.size : 0);
}

/* A file that was written from start to end is not any more (core/base/draft.h). */
static void moves(int fd, uint64_t offset, uint64_t whence)
{
	struct vfile *vf;

	if ((whence == SEEK_CUR && !offset) || cloudfd_get_writer(fd, &vf) != 1)
		return;
	if (!draft_is_placed(vf->notes) && !stays_there(fd, offset, whence, vf))
		draft_place(vf->notes);
	vfile_put(vf);
}

/* A cached file has holes where nothing was fetched yet; the object has none. One that is written
 * to is all data as well: its holes are not sent as such. */
long sys_lseek(struct sys_args *a)
{
	int fd = (int)a->arg[0];
	int64_t offset = (int64_t)a->arg[1];
	struct wire_attr attr;
	struct vfile *vf;
	long ret;

	if (a->arg[2] != SEEK_DATA && a->arg[2] != SEEK_HOLE) {
		moves(fd, a->arg[1], a->arg[2]);
		return SYS_PASS;
	}
	ret = cloudfd_get(fd, &vf);
	if (ret <= 0)
		return ret ? ret : SYS_PASS;
	vfile_attr(vf, fd, &attr);
	if (vf->vn->kind == VNODE_DIR)
		ret = -EINVAL;
	else if (offset < 0 || (uint64_t)offset >= attr.size)
		ret = -ENXIO;
	else
		ret = sys3(__NR_lseek, fd, a->arg[2] == SEEK_DATA ? (uint64_t)offset : attr.size,
			   SEEK_SET);
	vfile_put(vf);
	return ret;
}

/* Both in the clouds: the service copies. */
static long clone(int fd, int source)
{
	struct vfile *vf;
	long ret = cloudfd_get(source, &vf);

	if (ret <= 0)
		return ret ? ret : -EXDEV;
	ret = vf->vn->kind == VNODE_FILE ? cloudfd_clone(fd, vf) : -EISDIR;
	vfile_put(vf);
	return ret;
}

/* What would look at, or change, the cache file instead of the object. */
long sys_ioctl(struct sys_args *a)
{
	unsigned request = (unsigned)a->arg[1];
	struct vfile *vf;
	long ret;

	if (request == FICLONE || request == FICLONERANGE) {
		/* a clone would share blocks that are not fetched yet */
		int64_t source = (int)a->arg[2];

		ret = cloudfd_get((int)a->arg[0], &vf);
		if (ret > 0)
			vfile_put(vf);
		if (ret)
			return ret < 0		    ? ret
			       : request == FICLONE ? clone((int)a->arg[0], (int)source)
						    : -EOPNOTSUPP;
		if (request == FICLONERANGE &&
		    user_read(&source, (void *)a->arg[2], sizeof(source)))
			return SYS_PASS;
		ret = cloudfd_get((int)source, &vf);
		if (ret <= 0)
			return ret ? ret : SYS_PASS;
		vfile_put(vf);
		return -EXDEV;
	}
	if (request != FS_IOC_FIEMAP && request != FS_IOC_SETFLAGS && request != FS_IOC_GETFLAGS &&
	    request != FS_IOC_FSSETXATTR && request != FIBMAP)
		return SYS_PASS;
	ret = cloudfd_get((int)a->arg[0], &vf);
	if (ret <= 0)
		return ret ? ret : SYS_PASS;
	vfile_put(vf);
	if (request == FS_IOC_FIEMAP)
		return -EOPNOTSUPP;
	return request == FS_IOC_GETFLAGS || request == FIBMAP ? -ENOTTY : -EOPNOTSUPP;
}
