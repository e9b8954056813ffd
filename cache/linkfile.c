/* SPDX-License-Identifier: Apache-2.0 */
/* See linkfile.h. */
#include "cache/linkfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/pair.h"
#include "core/scope.h"

static int open_file(int files_fd, const char *name, int flags)
{
	char text[PAIR_NAME_BYTES + 2];
	int fd;

	snprintf(text, sizeof(text), "%s.l", name);
	fd = openat(files_fd, text, O_RDWR | O_NOFOLLOW | O_CLOEXEC | flags, 0600);
	return fd < 0 ? -errno : fd;
}

static int map_slots(int fd, size_t count, struct linkfile *out)
{
	void *map =
		mmap(NULL, count * sizeof(*out->slots), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return -errno;
	*out = (struct linkfile){map, count};
	return 0;
}

/* A slot is empty, or holds a whole name. */
static bool makes_sense(const struct linkfile_slot *slot)
{
	return !slot->is_used ||
	       (linkfile_is_used(slot) && memchr(slot->etag, 0, sizeof(slot->etag)) &&
		memchr(slot->object, 0, sizeof(slot->object)));
}

int linkfile_open(int files_fd, const char *name, struct linkfile *out)
{
	SCOPE_FD int fd = open_file(files_fd, name, 0);
	struct stat st;
	size_t count;
	int ret;

	*out = (struct linkfile){0};
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (fstat(fd, &st))
		return -errno;
	/* a daemon that died while it made room has left a part of a slot, or nothing */
	count = (size_t)st.st_size / sizeof(*out->slots);
	if (!count)
		return 0;
	ret = pair_fill_holes(fd, &st, count * sizeof(*out->slots));
	if (!ret)
		ret = map_slots(fd, count, out);
	for (size_t i = 0; !ret && i < count; i++) {
		if (!makes_sense(&out->slots[i]))
			ret = -EBADF;
	}
	if (ret)
		linkfile_close(out);
	return ret;
}

long linkfile_room(int files_fd, const char *name, struct linkfile *lf)
{
	size_t count = lf->count ? 2 * lf->count : 1;
	struct linkfile grown;
	int ret;

	for (size_t i = 0; i < lf->count; i++) {
		if (!lf->slots[i].is_used)
			return (long)i;
	}
	if (count > LINKFILE_MAX)
		return -EMLINK;
	SCOPE_FD int fd = open_file(files_fd, name, O_CREAT);

	if (fd < 0)
		return fd;
	ret = posix_fallocate(fd, 0, (off_t)(count * sizeof(*lf->slots)));
	if (ret)
		return -ret;
	ret = map_slots(fd, count, &grown);
	if (ret)
		return ret;
	count = lf->count;
	linkfile_close(lf);
	*lf = grown;
	return (long)count;
}

void linkfile_use(struct linkfile_slot *slot, bool is_used)
{
	__atomic_store_n(&slot->is_used, is_used ? LINKFILE_USED : 0, __ATOMIC_SEQ_CST);
}

bool linkfile_is_used(const struct linkfile_slot *slot)
{
	return slot->is_used == LINKFILE_USED;
}

void linkfile_set_version(struct linkfile_slot *slot, const struct store_object *version)
{
	memcpy(slot->etag, version->etag, sizeof(slot->etag));
	slot->size = version->size;
	slot->mtime_ns = version->mtime_ns;
	__atomic_store_n(&slot->flags, LINKFILE_KNOWN, __ATOMIC_SEQ_CST);
}

void linkfile_close(struct linkfile *lf)
{
	if (lf->slots)
		munmap(lf->slots, lf->count * sizeof(*lf->slots));
	*lf = (struct linkfile){0};
}

void linkfile_remove(int files_fd, const char *name)
{
	char text[PAIR_NAME_BYTES + 2];

	snprintf(text, sizeof(text), "%s.l", name);
	unlinkat(files_fd, text, 0);
}
