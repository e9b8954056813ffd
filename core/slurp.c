// SPDX-License-Identifier: Apache-2.0
#include "core/slurp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/scope.h"

int slurp(const char *path, size_t bytes_max, char **out)
{
	SCOPE_FREE char *text = NULL;
	SCOPE_FD int fd = -1;
	struct stat st;
	size_t len = 0;

	*out = NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISCHR(st.st_mode))
		return 0;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((size_t)st.st_size > bytes_max)
		return -EFBIG;

	text = calloc(1, (size_t)st.st_size + 1);
	if (!text)
		return -ENOMEM;
	while (len < (size_t)st.st_size) {
		ssize_t got = read(fd, text + len, (size_t)st.st_size - len);

		if (got < 0 && errno != EINTR)
			return -errno;
		if (!got)
			break;
		len += got > 0 ? (size_t)got : 0;
	}
	*out = take_ptr(&text);
	return 0;
}
