/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/journals.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/cache.h"
#include "core/scope.h"

int journals_open(int dir_fd, const char *folder, void (*adopt)(int folder_fd, const char *name))
{
	SCOPE_FD int fd = -1;
	DIR *dir;
	int list_fd;

	if (mkdirat(dir_fd, folder, 0700) && errno != EEXIST)
		return -errno;
	fd = openat(dir_fd, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	list_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = list_fd < 0 ? NULL : fdopendir(list_fd);
	if (!dir) {
		if (list_fd >= 0)
			close(list_fd);
		return -EIO;
	}
	for (struct dirent *d = readdir(dir); d; d = readdir(dir)) {
		if (d->d_name[0] == '.' && strlen(d->d_name) > 2)
			unlinkat(fd, d->d_name, 0); /* half made */
		else if (d->d_name[0] != '.' && strlen(d->d_name) < JOURNALS_NAME_BYTES)
			adopt(fd, d->d_name);
	}
	closedir(dir);
	return take_fd(&fd);
}

void journals_name(char out[JOURNALS_NAME_BYTES])
{
	uint64_t number;

	while (getrandom(&number, sizeof(number), 0) != sizeof(number))
		;
	snprintf(out, JOURNALS_NAME_BYTES, "%016llx", (unsigned long long)number);
}

int journals_create(int folder_fd, const char *name, int flags)
{
	int tries = 0, fd;

	do
		fd = openat(folder_fd, name,
			    O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC | flags, 0600);
	while (fd < 0 && tries++ < CACHE_ROOM_TRIES && cache_make_room(-errno, 0));
	return fd < 0 ? -errno : fd;
}

/* Once. What a full disk has cut short is cut off: whoever is killed before leaves what the next
 * daemon takes for none, since it has no end. */
static int append(int fd, const void *record, size_t bytes)
{
	off_t end = lseek(fd, 0, SEEK_END);
	ssize_t n = end < 0 ? -1 : write(fd, record, bytes);
	int ret = n < 0 ? -errno : -ENOSPC;

	if (n == (ssize_t)bytes)
		return 0;
	return n > 0 && ftruncate(fd, end) ? -EUCLEAN : ret;
}

int journals_append(int fd, const void *record, size_t bytes)
{
	int tries = 0, ret;

	do
		ret = append(fd, record, bytes);
	while (tries++ < CACHE_ROOM_TRIES && cache_make_room(ret, bytes));
	return ret;
}

void journals_write_ctx(const uint8_t ctx[WIRE_CTX_BYTES], char out[JOURNALS_HEX_BYTES])
{
	for (size_t i = 0; i < WIRE_CTX_BYTES; i++)
		snprintf(out + 2 * i, 3, "%02x", ctx[i]);
}

int journals_read_ctx(const char *hex, uint8_t out[WIRE_CTX_BYTES])
{
	if (strlen(hex) != JOURNALS_HEX_BYTES - 1)
		return -EBADMSG;
	for (size_t i = 0; i < WIRE_CTX_BYTES; i++) {
		if (sscanf(hex + 2 * i, "%2hhx", &out[i]) != 1)
			return -EBADMSG;
	}
	return 0;
}
