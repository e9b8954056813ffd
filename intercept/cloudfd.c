/* SPDX-License-Identifier: Apache-2.0 */
/* See cloudfd.h. */
#include "intercept/cloudfd.h"

#include <errno.h>
#include <linux/fcntl.h>

#include "intercept/fdtab.h"

#define CLOUDFD_STATUS (O_NONBLOCK | O_APPEND | O_NOATIME) /* kept, on the descriptor we got */

long cloudfd_install(struct request *rq, unsigned flags)
{
	struct vfile *vf = vfile_map(rq->fd[1]);
	long fd;

	if (!vf) {
		request_close_fds(rq);
		return -ENOMEM;
	}
	sys1(__NR_close, rq->fd[1]);
	/* The connection held the lowest number while the answer came: take it now. */
	fd = sys3(__NR_fcntl, rq->fd[0], flags & O_CLOEXEC ? F_DUPFD_CLOEXEC : F_DUPFD, 0);
	sys1(__NR_close, rq->fd[0]);
	rq->fds = 0;
	if (fd >= 0) {
		if (flags & O_PATH)
			window_off(vf);
		else if (flags & CLOUDFD_STATUS)
			sys3(__NR_fcntl, fd, F_SETFL, flags & CLOUDFD_STATUS);
		fdtab_note((int)fd, vf);
	}
	vfile_put(vf);
	return fd;
}

int cloudfd_get(int fd, struct vfile **out)
{
	struct vfile *vf = fdtab_get(fd);

	if (!vf)
		return 0;
	if (!vf->vn) {
		vfile_put(vf);
		return -EIO;
	}
	*out = vf;
	return 1;
}
