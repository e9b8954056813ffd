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

static long map_file(int fd)
{
	struct stat st;

	if (sys2(__NR_fstat, fd, &st) || !S_ISREG(st.st_mode) || st.st_size != ATTRS_BYTES)
		return -EINVAL;
	return sys6(__NR_mmap, 0, ATTRS_BYTES, PROT_READ, MAP_SHARED, fd, 0);
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
	int64_t now_ns = vdso_coarse_ns();

	if (!now_ns || __atomic_load_n(&refused, __ATOMIC_RELAXED))
		return -EAGAIN;
	if (!lines)
		lines = map_table();
	return lines ? attrs_find(lines, user_line, &ask, now_ns, out) : -EAGAIN;
}
