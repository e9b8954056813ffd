/* SPDX-License-Identifier: Apache-2.0 */
/* See shared.h. */
#include "intercept/shared.h"

#include <asm/stat.h>
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <string.h>

#include "intercept/thread.h"

/* The lines cannot be changed by an error of the program's, what follows may. Where nothing can be
 * written, neither can that. */
static long map_file(const struct shared_file *file, int fd)
{
	struct stat st;
	long at;

	if (sys2(__NR_fstat, fd, &st) || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size != file->bytes)
		return -EINVAL;
	at = sys6(__NR_mmap, 0, file->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (sys_failed(at))
		return sys6(__NR_mmap, 0, file->bytes, PROT_READ, MAP_SHARED, fd, 0);
	sys3(__NR_mprotect, at, file->read_bytes, PROT_READ);
	return at;
}

static long open_file(const struct shared_file *file)
{
	char path[WIRE_PATH_MAX + 32];
	size_t len = strlen(rt.handoff.cache), name_len = strlen(file->name) + 1;
	long fd;

	if (len >= WIRE_PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(path, rt.handoff.cache, len);
	path[len] = '/';
	memcpy(path + len + 1, file->name, name_len);
	fd = sys3(__NR_open, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd == -EACCES || fd == -EROFS)
		fd = sys3(__NR_open, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
	return fd;
}

/* Two threads may come here at once: the one that is late lets go of its mapping. */
const union attrs_line *shared_map(struct shared *s, const struct shared_file *file)
{
	const union attrs_line *lines = __atomic_load_n(&s->lines, __ATOMIC_ACQUIRE);
	long fd, at;

	if (lines || __atomic_load_n(&s->refused, __ATOMIC_RELAXED))
		return lines;
	fd = open_file(file);
	if (fd == -EMFILE || fd == -ENFILE)
		return NULL; /* once there are descriptors again */
	at = fd < 0 ? fd : map_file(file, (int)fd);
	if (fd >= 0)
		sys1(__NR_close, fd);
	if (sys_failed(at)) {
		__atomic_store_n(&s->refused, 1, __ATOMIC_RELAXED);
		return NULL;
	}
	if (!__atomic_compare_exchange_n(&s->lines, &lines, (const union attrs_line *)at, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		sys2(__NR_munmap, at, file->bytes);
		return lines;
	}
	return (const union attrs_line *)at;
}
