/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See warmopen.h. The vnode file is opened first and closed again: so the data file gets the lowest
 * free number, as open(2) promises.
 *
 * The cache directory is gone to by its path, which may lead elsewhere by now (chroot(2), a mount):
 * the data file must be the one that the table tells of, and that its vnode belongs to.
 */
#include "intercept/warmopen.h"

#include <asm/stat.h>
#include <errno.h>
#include <linux/fcntl.h>
#include <string.h>

#include "core/base/opens.h"
#include "intercept/fdtab.h"
#include "intercept/request.h"
#include "intercept/shared.h"
#include "intercept/thread.h"
#include "intercept/usercopy.h"
#include "intercept/vdso.h"
#include "intercept/vfile.h"

#define FLAGS	    (O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK | O_LARGEFILE)
#define SUFFIX_ROOM (sizeof("/" OPENS_FILES "/") + OPENS_PAIR_BYTES + sizeof(".d"))

static struct shared table;
static const struct shared_file file = {OPENS_NAME, OPENS_BYTES, OPENS_TOLD};

/* The name of a pair's file without its last letter. Returns its length, 0: too long. */
static size_t pair_path(const struct opens_found *found, char out[WIRE_PATH_MAX])
{
	size_t len = strlen(rt.handoff.cache);

	if (len + SUFFIX_ROOM > WIRE_PATH_MAX)
		return 0;
	memcpy(out, rt.handoff.cache, len);
	memcpy(out + len, "/" OPENS_FILES "/", sizeof(OPENS_FILES) + 1);
	len += sizeof(OPENS_FILES) + 1;
	memcpy(out + len, found->pair, OPENS_PAIR_BYTES);
	len += OPENS_PAIR_BYTES;
	memcpy(out + len, ".d", 3);
	return len + 1;
}

static bool is_whole(const struct vnode_shm *vn)
{
	uint32_t flags = __atomic_load_n(&vn->flags, __ATOMIC_ACQUIRE);

	return vn->kind == VNODE_FILE && flags & VNODE_COMPLETE && !(flags & VNODE_DRAFT);
}

static struct vfile *open_vnode(const char *path, const struct opens_found *found)
{
	long fd = sys3(__NR_open, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
	struct vfile *vf;

	if (fd < 0)
		return NULL;
	vf = vfile_map((int)fd);
	sys1(__NR_close, fd);
	if (!vf || (vf->vn && vf->ino == found->ino && is_whole(vf->vn)))
		return vf;
	vfile_put(vf);
	return NULL;
}

static long open_data(const char *path, unsigned flags, const struct vfile *vf)
{
	long fd = sys3(__NR_open, path, flags, 0);
	struct stat st;

	if (fd < 0)
		return -EAGAIN;
	if (!sys2(__NR_fstat, fd, &st) && st.st_dev == vf->dev && st.st_ino == vf->ino)
		return fd;
	sys1(__NR_close, fd);
	return -EAGAIN;
}

/* For the daemon, when it has time. Nobody waits for it, and nothing depends on it. */
static void tell(const struct opens_found *found, int64_t now_ns)
{
	struct opens_told *told = opens_told((union attrs_line *)table.lines);
	const struct opens_head *head = (const struct opens_head *)table.lines;
	uint64_t who = (uint64_t)rt.handoff.job << 32 | (uint32_t)(now_ns / 1000);
	uint64_t what = (uint64_t)found->line << 32 | found->seq;
	const uint8_t used = 1;
	uint64_t count, looked;
	struct opens_record *record;
	uint8_t mark;

	if (user_read(&mark, &told->mark[found->line], 1) ||
	    (!mark && user_write(&told->mark[found->line], &used, 1)) ||
	    user_add64(&told->count, 1, &count))
		return;
	record = &told->ring[count % OPENS_RING];
	if (user_set64(&record->who, who) || user_set64(&record->what, what) ||
	    user_read(&looked, &head->looked, sizeof(looked)))
		return;
	if (count - looked == OPENS_MANY) {
		struct request rq = {.op = WIRE_OPENED};

		request_run(&rq);
	}
}

long warmopen(const struct vpath *path, unsigned flags)
{
	const union attrs_line *lines = NULL;
	struct attrs_ask ask = {.ctx = rt.handoff.ctx, .path = path->text, .len = path->len};
	int64_t now_ns = vdso_coarse_ns();
	char name[WIRE_PATH_MAX];
	struct opens_found found;
	struct vfile *vf;
	size_t last;
	long fd;

	if (flags & ~(unsigned)FLAGS || path->must_be_dir || !now_ns ||
	    __atomic_load_n(&rt.sandboxed, __ATOMIC_RELAXED))
		return -EAGAIN;
	lines = shared_map(&table, &file);
	if (!lines || opens_find(lines, user_line, &ask, now_ns, &found))
		return -EAGAIN;
	last = pair_path(&found, name);
	if (!last)
		return -EAGAIN;
	name[last] = 'v';
	vf = open_vnode(name, &found);
	if (!vf)
		return -EAGAIN;
	name[last] = 'd';
	fd = open_data(name, flags, vf);
	if (fd >= 0 && !opens_still(lines, user_line, &found)) {
		sys1(__NR_close, fd);
		fd = -EAGAIN;
	}
	if (fd >= 0) {
		fdtab_note((int)fd, vf, false);
		tell(&found, now_ns);
	}
	vfile_put(vf);
	return fd;
}
