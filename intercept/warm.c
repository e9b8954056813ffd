/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See warm.h. Somebody else may cut the file while it is mapped, so it is read by copies that
 * survive a fault.
 */
#include "intercept/warm.h"

#include <errno.h>

#include "core/base/attrs.h"
#include "intercept/shared.h"
#include "intercept/thread.h"
#include "intercept/usercopy.h"
#include "intercept/vdso.h"

static struct shared table;
static const struct shared_file file = {ATTRS_NAME, ATTRS_BYTES, ATTRS_MARKS};

/* Programs find the mark set, mostly: writing would take the line away from other processors. */
static int set_mark(uint32_t line)
{
	uint8_t *mark = (uint8_t *)table.lines + ATTRS_MARKS + line;
	const uint8_t taken = 1;
	uint8_t now;

	if (user_read(&now, mark, 1))
		return -EFAULT;
	return now ? 0 : user_write(mark, &taken, 1);
}

int warm_stat(const struct vpath *path, struct wire_attr *out)
{
	const union attrs_line *lines = shared_map(&table, &file);
	struct attrs_ask ask = {
		.ctx = rt.handoff.ctx,
		.path = path->text,
		.len = path->len,
		.must_be_dir = path->must_be_dir,
	};
	const struct attrs_reader reader = {user_line, set_mark};
	int64_t now_ns = vdso_coarse_ns();

	return lines && now_ns ? attrs_find(lines, &reader, &ask, now_ns, out) : -EAGAIN;
}
