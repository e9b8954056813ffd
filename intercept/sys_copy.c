/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the kernel itself reads a cloud file: sendfile, splice, copy_file_range. The range is
 * fetched first and the file pinned, since nobody can look at the bits again afterwards.
 */
#include <errno.h>
#include <linux/fs.h>

#include "intercept/cloudfd.h"
#include "intercept/handlers.h"
#include "intercept/usercopy.h"

#define COPY_STEP \
	(16ul << 20) /* bytes: a longer request is answered short, and its caller goes on */

/* Fetches what the kernel is about to read from fd: at *offset_user, or at its own offset. */
static long ensure_source(int fd, uint64_t offset_user, uint64_t bytes, int directory_error)
{
	struct vfile *vf;
	long ret = cloudfd_get(fd, &vf);
	int64_t offset = 0;

	if (ret <= 0)
		return ret;
	if (vf->vn->kind == VNODE_DIR)
		ret = directory_error;
	else if (offset_user)
		ret = user_read(&offset, (void *)offset_user, sizeof(offset));
	else
		ret = offset = sys3(__NR_lseek, fd, 0, SEEK_CUR);
	if (ret >= 0)
		ret = offset < 0 ? -EINVAL
				 : vfile_ensure(vf, (uint64_t)offset, bytes, WIRE_ENSURE_PIN);
	vfile_put(vf);
	return ret ? ret : 1;
}

/* The source is descriptor argument in, its offset pointer argument off, the length argument len.
 */
static long copy_from(struct sys_args *a, int in, int off, int len)
{
	uint64_t bytes = a->arg[len] > COPY_STEP ? COPY_STEP : a->arg[len];
	long ret = ensure_source((int)a->arg[in], a->arg[off], bytes,
				 a->nr == __NR_copy_file_range ? -EISDIR : -EINVAL);

	if (ret < 0)
		return ret;
	if (ret && bytes != a->arg[len])
		args_replace(a, len, bytes);
	return SYS_PASS;
}

long sys_sendfile(struct sys_args *a)
{
	return copy_from(a, 1, 2, 3);
}

long sys_splice(struct sys_args *a)
{
	return copy_from(a, 0, 1, 4);
}

long sys_copy_file_range(struct sys_args *a)
{
	return copy_from(a, 0, 1, 4);
}
