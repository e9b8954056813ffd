/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See path.h. Names are decided lexically; the kernel is asked only where text cannot tell: ".."
 * from a local directory towards the root, and symbolic links, which are looked at only after the
 * kernel found nothing (struct thread's retry).
 */
#include "intercept/path.h"

#include <errno.h>
#include <linux/fcntl.h>
#include <string.h>

#include "intercept/enforce.h"
#include "intercept/exename.h"
#include "intercept/fdtab.h"
#include "intercept/procmaps.h"
#include "intercept/request.h"
#include "intercept/symlink.h"
#include "intercept/usercopy.h"
#include "intercept/warm.h"

int path_number(const char *text)
{
	int value = 0;

	if (!*text)
		return -1;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || value > 100000000)
			return -1;
		value = value * 10 + (*text - '0');
	}
	return value;
}

size_t path_format_wide(uint64_t value, char *out)
{
	char digits[24];
	size_t n = 0;

	do {
		digits[n++] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	for (size_t i = 0; i < n; i++)
		out[i] = digits[n - 1 - i];
	out[n] = '\0';
	return n;
}

size_t path_format_number(unsigned value, char *out)
{
	return path_format_wide(value, out);
}

const char *path_proc_self(const char *name)
{
	char pid[16] = "";
	const char *own[] = {"self/", "thread-self/", pid};
	size_t n;

	if (strncmp(name, "/proc/", 6) != 0)
		return NULL;
	name += 6;
	n = path_format_number((unsigned)sys0(__NR_getpid), pid);
	pid[n] = '/';
	pid[n + 1] = '\0';
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (!strncmp(name, own[i], strlen(own[i])))
			return name + strlen(own[i]);
	return NULL;
}

int path_named_fd(const char *name)
{
	static const char standard[][12] = {"/dev/stdin", "/dev/stdout", "/dev/stderr"};
	const char *self = path_proc_self(name);

	if (self && !strncmp(self, "fd/", 3))
		return path_number(self + 3);
	if (!strncmp(name, "/dev/fd/", 8))
		return path_number(name + 8);
	for (int i = 0; i < 3; i++)
		if (!strcmp(name, standard[i]))
			return i;
	return -1;
}

/* A relative name that might lead from a local directory into the root, down or by "..": joined to
 * where it starts. */
static int join(struct thread *t, int dirfd, const char *name, struct vpath *out)
{
	char *base = (char *)t->iov; /* free here, and large enough */
	char link[32] = "/proc/self/fd/";
	size_t len;
	long n;

	if (dirfd == AT_FDCWD) {
		n = sys2(__NR_getcwd, base, WIRE_PATH_MAX);
		n--;
	} else {
		path_format_number((unsigned)dirfd, link + strlen(link));
		n = sys3(__NR_readlink, link, base, WIRE_PATH_MAX - 1);
	}
	len = strlen(name);
	if (n <= 0 || base[0] != '/' || (size_t)n + len + 2 > WIRE_PATH_MAX)
		return 0;
	base[n] = '/';
	memcpy(base + n + 1, name, len + 1);
	return vpath_resolve(rt.handoff.root, NULL, base, out);
}

/* Is the first component of name one of the root's? */
static bool descends(const char *name)
{
	const char *at = rt.handoff.root;
	size_t len;

	while (name[0] == '.' && name[1] == '/')
		name += 2 + (name[2] == '/');
	len = strcspn(name, "/");
	while (*at == '/') {
		size_t n = strcspn(++at, "/");

		if (n == len && !strncmp(at, name, n))
			return true;
		at += n;
	}
	return false;
}

/* May a name relative to a local directory lead into the root? */
static bool may_lead_in(const char *name)
{
	const char *last = strrchr(rt.handoff.root, '/') + 1;

	return (strstr(name, "..") && strstr(name, last)) || descends(name);
}

int path_base(struct thread *t, int dirfd, char *out)
{
	struct vfile *vf;
	int ret = 1;

	if (dirfd == AT_FDCWD) {
		lock_take(&t->proc->lock);
		ret = t->proc->cwd_virtual;
		if (ret)
			memcpy(out, t->proc->cwd, strlen(t->proc->cwd) + 1);
		lock_drop(&t->proc->lock);
		return ret;
	}
	vf = fdtab_get(dirfd);
	if (!vf)
		return 0;
	if (!vf->vn)
		ret = -EIO;
	else if (vf->vn->kind != VNODE_DIR)
		ret = -ENOTDIR;
	else
		memcpy(out, vnode_path(vf->vn), vf->vn->path_len + 1);
	vfile_put(vf);
	return ret;
}

static int resolve_relative(struct sys_args *a, int dirfd, const char *name, struct vpath *out)
{
	struct thread *t = a->thread;
	char *base = (char *)t->iov;
	int ret = path_base(t, dirfd, base);

	if (ret < 0)
		return ret;
	if (ret)
		ret = vpath_resolve(rt.handoff.root, base, name, out);
	else if (may_lead_in(name))
		ret = join(t, dirfd, name, out);
	return ret;
}

/* The program's name led through a link in the clouds: another stands for it, absolute or relative
 * to the root of the clouds, which it may climb out of. */
static int resolve_redirected(struct sys_args *a, int path_arg, int slot, unsigned flags)
{
	struct thread *t = a->thread;
	struct vpath *out = &t->path[slot];
	char *name = t->redirect[slot];
	int ret = vpath_resolve(rt.handoff.root, *name == '/' ? NULL : "", name, out);

	if (ret)
		return ret;
	if (*name != '/')
		memcpy(name, out->text, strlen(out->text) + 1);
	memcpy(t->name, name, strlen(name) + 1);
	ret = symlink_leads_to_cloud(AT_FDCWD, t->name, flags & PATH_NOFOLLOW, out);
	if (ret)
		return ret;
	memcpy(t->name, name, strlen(name) + 1);
	args_replace(a, path_arg, (uint64_t)name);
	return 0;
}

static int decide(struct sys_args *a, int dirfd_arg, int path_arg, int slot, unsigned flags)
{
	struct thread *t = a->thread;
	struct vpath *out = &t->path[slot];
	int dirfd = dirfd_arg == PATH_NO_DIRFD ? AT_FDCWD : (int)a->arg[dirfd_arg];
	char *name = t->name;
	const char *self;
	int ret;

	if (t->redirected[slot])
		return resolve_redirected(a, path_arg, slot, flags);
	if (user_string(name, (const char *)a->arg[path_arg], sizeof(t->name)) < 0)
		*name = '\0'; /* EFAULT, ENAMETOOLONG: the kernel's words */
	if (!*name)
		return 0; /* and ENOENT */
	if (t->retry)
		return symlink_leads_to_cloud(dirfd, name, flags & PATH_NOFOLLOW, out);
	ret = vpath_resolve(rt.handoff.root, NULL, name, out);
	if (!ret && name[0] != '/')
		ret = resolve_relative(a, dirfd, name, out);
	if (!ret && out->len) { /* it climbs out of the root */
		memcpy(name, out->text, out->len + 1);
		args_replace(a, path_arg, (uint64_t)name);
	}
	self = ret ? NULL : path_proc_self(name);
	if (self && !strcmp(self, "exe") && !(flags & PATH_NOFOLLOW))
		args_replace(a, path_arg, (uint64_t)exename());
	else if (!ret && !self && !(flags & PATH_NOFOLLOW) && procmaps_exe(name, out->text))
		args_replace(a, path_arg, (uint64_t)out->text);
	return ret;
}

int path_is_cloud(struct sys_args *a, int dirfd_arg, int path_arg, int slot, unsigned flags)
{
	struct vpath *out = &a->thread->path[slot];
	int ret = decide(a, dirfd_arg, path_arg, slot, flags);

	if (ret != 1)
		return ret;
	/* a slash behind a link's name asks for what it leads to */
	out->nofollow = flags & PATH_NOFOLLOW && !out->must_be_dir;
	ret = rt.handoff.enforce ? enforce_way(a, dirfd_arg, slot) : 0;
	return ret ? ret : 1;
}

/* A relative name never climbs out of where it starts. */
static bool stays_below(const char *name)
{
	int depth = 0;

	while (*name && depth >= 0) {
		size_t n = strcspn(name, "/");

		if (n == 2 && name[0] == '.' && name[1] == '.')
			depth--;
		else if (n && !(n == 1 && name[0] == '.'))
			depth++;
		name += n + (name[n] == '/');
	}
	return depth >= 0;
}

bool path_beneath(struct sys_args *a, int dirfd_arg)
{
	const struct thread *t = a->thread;
	const char *name = t->redirected[0] ? t->redirect[0] : t->name;
	char *base = (char *)t->iov;
	size_t len;

	if (name[0] == '/' || path_base(a->thread, (int)a->arg[dirfd_arg], base) != 1)
		return false;
	if (!t->redirected[0])
		return stays_below(name);
	/* the link's directory, and then its text as it is; from the root of the clouds */
	len = strlen(base);
	return !strncmp(name, base, len) && (!len || name[len] == '/' || !name[len]) &&
	       stays_below(name + len);
}

unsigned path_flags(const struct vpath *path)
{
	return (path->must_be_dir ? WIRE_MUST_BE_DIR : 0) | (path->nofollow ? WIRE_NOFOLLOW : 0);
}

/* -EAGAIN: the daemon must be asked; it follows links. */
static int warm_attr(const struct vpath *path, struct wire_attr *out)
{
	int ret = warm_stat(path, out);

	return !ret && S_ISLNK(out->mode) && !path->nofollow ? -EAGAIN : ret;
}

static int ask_attr(const struct vpath *path, unsigned flags, struct wire_attr *out)
{
	struct request rq = {
		.op = WIRE_STAT,
		.text = path->text,
		.text_len = (uint32_t)path->len,
		.flags = flags | path_flags(path),
	};
	int ret = request_run(&rq);

	if (!ret)
		*out = rq.attr;
	return ret;
}

int path_stat(const struct vpath *path, struct wire_attr *out)
{
	int ret = warm_attr(path, out);

	return ret == -EAGAIN ? ask_attr(path, 0, out) : ret;
}

int path_exists(const struct vpath *path)
{
	struct wire_attr attr;

	int ret = warm_attr(path, &attr);

	return ret == -EAGAIN ? ask_attr(path, WIRE_ANY_AGE, &attr) : ret;
}
