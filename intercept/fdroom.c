/* SPDX-License-Identifier: Apache-2.0 */
/* See fdroom.h. */
#include "intercept/fdroom.h"

#include <errno.h>
#include <linux/fcntl.h>

#include "intercept/kernel.h"

unsigned fdroom_free(unsigned wanted)
{
	long fd[FDROOM_MAX];
	unsigned n = 0;

	fd[0] = sys3(__NR_open, "/", O_PATH | O_CLOEXEC, 0);
	if (sys_failed(fd[0]))
		return fd[0] == -EMFILE || fd[0] == -ENFILE ? 0 : wanted; /* it cannot be told */
	while (++n < wanted) {
		fd[n] = sys3(__NR_fcntl, fd[0], F_DUPFD_CLOEXEC, 0);
		if (sys_failed(fd[n]))
			break;
	}
	for (unsigned i = 0; i < n; i++)
		sys1(__NR_close, fd[i]);
	return n;
}
