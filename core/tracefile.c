// SPDX-License-Identifier: Apache-2.0
#include "core/tracefile.h"

#include <errno.h>
#include <unistd.h>

ssize_t (*trace_pwrite)(int fd, const void *data, size_t bytes, off_t at) = pwrite;

int trace_write_at(int fd, const char *text, size_t len, off_t at)
{
	while (len) {
		ssize_t n = trace_pwrite(fd, text, len, at);

		if (n <= 0 && !(n < 0 && errno == EINTR))
			return n < 0 ? -errno : -ENOSPC;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
			at += n;
		}
	}
	return 0;
}

int trace_head(int fd)
{
	static const char all[] = TRACE_HEAD TRACE_TAIL;

	return trace_write_at(fd, all, sizeof(all) - 1, 0);
}
