/* SPDX-License-Identifier: Apache-2.0 */
/* truncate, ftruncate, fallocate. What cuts a file is the daemon's, which keeps account of the
 * blocks that are not fetched yet. */
#include <errno.h>
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/resource.h>

#include "intercept/cloudfd.h"
#include "intercept/enforce.h"
#include "intercept/handlers.h"
#include "intercept/notes.h"
#include "intercept/path.h"
#include "intercept/room.h"

/* May a file be made so long? As the kernel has it: a signal and EFBIG. */
static int within_limit(uint64_t size)
{
	struct {
		uint64_t soft, hard;
	} limit;

	if (sys4(__NR_prlimit64, 0, RLIMIT_FSIZE, 0, &limit) || size <= limit.soft)
		return 0;
	sys3(__NR_tgkill, sys0(__NR_getpid), sys0(__NR_gettid), K_SIGXFSZ);
	return -EFBIG;
}

static int set_size(struct vfile *vf, int fd, uint64_t size)
{
	struct request rq = {
		.op = WIRE_TRUNCATE, .data_dev = vf->dev, .data_ino = vf->ino, .length = size};
	struct wire_attr attr;
	int ret = 0;

	vfile_attr(vf, fd, &attr);
	if (size > attr.size)
		ret = within_limit(size);
	return ret ? ret : request_run(&rq);
}

long sys_ftruncate(struct sys_args *a)
{
	struct vfile *vf;
	int ret = cloudfd_get_writer((int)a->arg[0], &vf);

	if (ret == -EBADF)
		return sys3(__NR_fcntl, a->arg[0], F_GETFL, 0) & O_PATH ? -EBADF : -EINVAL;
	if (ret <= 0)
		return ret ? ret : SYS_PASS;
	ret = (int64_t)a->arg[1] < 0 ? -EINVAL : set_size(vf, (int)a->arg[0], a->arg[1]);
	vfile_put(vf);
	return ret;
}

/* path, opened, cut and published. */
static int truncate_path(const struct vpath *path, uint64_t size)
{
	struct request rq = {.op = WIRE_OPEN};
	struct vfile *vf;
	int ret = cloudfd_ask(path, O_WRONLY, 0, &rq);

	if (ret)
		return ret;
	vf = vfile_map(rq.fd[1]);
	ret = vf ? notes_attach(vf, rq.fd[2]) : -ENOMEM;
	if (!ret)
		ret = set_size(vf, rq.fd[0], size);
	if (!ret)
		ret = notes_flush(vf);
	request_close_fds(&rq);
	vfile_put(vf);
	return ret;
}

long sys_truncate(struct sys_args *a)
{
	int ret = path_is_cloud(a, PATH_NO_DIRFD, 0, 0, 0);

	if (ret <= 0)
		return ret ? ret : SYS_PASS_PATH;
	if ((int64_t)a->arg[1] < 0)
		return -EINVAL;
	ret = enforce_use(&a->thread->path[0], WHO_W);
	if (ret)
		return ret;
	return truncate_path(&a->thread->path[0], a->arg[1]);
}

/* The kernel's. */
static long do_allocate(const struct vfile *vf, int fd, unsigned mode, uint64_t offset,
			uint64_t length)
{
	unsigned tries = 0;
	long ret;

	do {
		ret = sys4(__NR_fallocate, fd, mode, offset, length);
	} while (room_made(vf, ret, length, tries++));
	return ret;
}

static long allocate(struct vfile *vf, int fd, unsigned mode, uint64_t offset, uint64_t length)
{
	bool zeros = mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE) ||
		     (mode & ~(unsigned)FALLOC_FL_KEEP_SIZE) == FALLOC_FL_ZERO_RANGE;
	long ret = 0;

	if ((int64_t)offset < 0 || (int64_t)length <= 0)
		return -EINVAL;
	if (mode & ~(unsigned)FALLOC_FL_KEEP_SIZE && !zeros)
		return -EOPNOTSUPP;
	if (mode == FALLOC_FL_KEEP_SIZE) /* room alone: no byte changes */
		return do_allocate(vf, fd, mode, offset, length);
	if (zeros)
		ret = vfile_ensure(vf, offset, length, 0);
	if (ret)
		return ret;
	draft_place(vf->notes);
	notes_begin(vf, offset, zeros ? length : 0);
	ret = do_allocate(vf, fd, mode, offset, length);
	if (zeros)
		draft_late(vf->notes, offset, length);
	notes_end(vf);
	return ret;
}

long sys_fallocate(struct sys_args *a)
{
	struct vfile *vf;
	long ret = cloudfd_get_writer((int)a->arg[0], &vf);

	if (ret <= 0)
		return ret ? ret : SYS_PASS;
	ret = allocate(vf, (int)a->arg[0], (unsigned)a->arg[1], a->arg[2], a->arg[3]);
	vfile_put(vf);
	return ret;
}
