/* SPDX-License-Identifier: Apache-2.0 */
/* What makes changes durable: they are in the bucket when such a call returns 0. */
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/mman.h>

#include "intercept/cloudfd.h"
#include "intercept/handlers.h"
#include "intercept/mapped.h"
#include "intercept/notes.h"

/* fsync, fdatasync */
long sys_fsync(struct sys_args *a)
{
	struct vfile *vf;
	int ret = cloudfd_get_writer((int)a->arg[0], &vf);

	if (ret == -EBADF) { /* open for reading: what this process knows of */
		ret = cloudfd_get((int)a->arg[0], &vf);
		if (ret == 1 && sys3(__NR_fcntl, a->arg[0], F_GETFL, 0) & O_PATH) {
			vfile_put(vf);
			return -EBADF;
		}
	}
	if (ret <= 0)
		return ret ? ret : SYS_PASS;
	mapped_count(vf);
	ret = notes_flush(vf);
	vfile_put(vf);
	return ret;
}

/* Only what waits for the data promises anything. */
long sys_sync_file_range(struct sys_args *a)
{
	struct vfile *vf;
	int ret = cloudfd_get((int)a->arg[0], &vf);

	if (ret <= 0)
		return ret ? ret : SYS_PASS;
	vfile_put(vf);
	if ((int64_t)a->arg[1] < 0 || (int64_t)a->arg[2] < 0 || a->arg[3] & ~7ul)
		return -EINVAL;
	return a->arg[3] & SYNC_FILE_RANGE_WAIT_AFTER ? sys_fsync(a) : 0;
}

long sys_syncfs(struct sys_args *a)
{
	struct vfile *vf;
	int ret = cloudfd_get((int)a->arg[0], &vf);

	if (ret <= 0)
		return ret ? ret : SYS_PASS;
	vfile_put(vf);
	mapped_count_all();
	return notes_flush_all(false);
}

long sys_sync(struct sys_args *a)
{
	(void)a;
	mapped_count_all();
	notes_flush_all(false); /* sync(2) has no error to give; stderr has the lines */
	return SYS_PASS;
}

long sys_msync(struct sys_args *a)
{
	uint64_t bytes = (a->arg[1] + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
	long ret;

	if (!mapped_any(a->arg[0], bytes))
		return SYS_PASS;
	ret = sys3(__NR_msync, a->arg[0], a->arg[1], a->arg[2]);
	return ret ? ret : mapped_sync(a->arg[0], bytes, a->arg[2] & MS_SYNC);
}
