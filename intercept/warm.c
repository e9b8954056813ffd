/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See warm.h. The table is mapped at the first question and stays. Somebody else may cut the file
 * while it is mapped, so it is read by copies that survive a fault.
 */
#include "intercept/warm.h"

#include <asm/stat.h>
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <string.h>

#include "core/base/attrs.h"
#include "intercept/lock.h"
#include "intercept/thread.h"
#include "intercept/usercopy.h"
#include "intercept/vdso.h"

static const union attrs_line *table; /* atomic; NULL: not mapped */
static uint32_t refused;	      /* atomic; it cannot be had: nothing is tried again */

/* The lines cannot be changed by an error of the program's, the marks may. Where nothing can be
 * written, neither can the marks: such answers are asked for. */
static long map_file(int fd)
{
	struct stat st;
	long at;

	if (sys2(__NR_fstat, fd, &st) || !S_ISREG(st.st_mode) || st.st_size != ATTRS_BYTES)
		return -EINVAL;
	at = sys6(__NR_mmap, 0, ATTRS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (sys_failed(at))
		return sys6(__NR_mmap, 0, ATTRS_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	sys3(__NR_mprotect, at, ATTRS_MARKS, PROT_READ);
	return at;
}

/* Programs find the mark set, mostly: writing would take the line away from other processors. */
static int set_mark(uint32_t line)
{
	uint8_t *mark = (uint8_t *)table + ATTRS_MARKS + line;
	const uint8_t taken = 1;
	uint8_t now;

	if (user_read(&now, mark, 1))
		return -EFAULT;
	return now ? 0 : user_write(mark, &taken, 1);
}

/* Two threads may come here at once: the one that is late lets go of its mapping. */
static const union attrs_line *map_table(void)
{
	char path[WIRE_PATH_MAX + sizeof(ATTRS_NAME) + 1];
	size_t len = strlen(rt.handoff.cache);
	const union attrs_line *none = NULL;
	long fd, at;

	if (len >= WIRE_PATH_MAX)
		return NULL;
	memcpy(path, rt.handoff.cache, len);
	path[len] = '/';
	memcpy(path + len + 1, ATTRS_NAME, sizeof(ATTRS_NAME));
	fd = sys3(__NR_open, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd == -EACCES || fd == -EROFS)
		fd = sys3(__NR_open, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
	at = fd < 0 ? fd : map_file((int)fd);
	if (fd >= 0)
		sys1(__NR_close, fd);
	if (fd == -EMFILE || fd == -ENFILE)
		return NULL; /* once there are descriptors again */
	if (sys_failed(at)) {
		__atomic_store_n(&refused, 1, __ATOMIC_RELAXED);
		return NULL;
	}
	if (!__atomic_compare_exchange_n(&table, &none, (const union attrs_line *)at, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		sys2(__NR_munmap, at, ATTRS_BYTES);
		return none;
	}
	return (const union attrs_line *)at;
}

int warm_stat(const struct vpath *path, struct wire_attr *out)
{
	const union attrs_line *lines = __atomic_load_n(&table, __ATOMIC_ACQUIRE);
	struct attrs_ask ask = {
		.ctx = rt.handoff.ctx,
		.path = path->text,
		.len = path->len,
		.must_be_dir = path->must_be_dir,
	};
	const struct attrs_reader reader = {user_line, set_mark};
	int64_t now_ns = vdso_coarse_ns();

	if (!now_ns || __atomic_load_n(&refused, __ATOMIC_RELAXED))
		return -EAGAIN;
	if (!lines)
		lines = map_table();
	return lines ? attrs_find(lines, &reader, &ask, now_ns, out) : -EAGAIN;
}
