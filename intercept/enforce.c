/* SPDX-License-Identifier: Apache-2.0 */
/* See enforce.h. What it asks of the daemon is asked for each call: it is for those who want it. */
#include "intercept/enforce.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>
#include <string.h>

#include "core/base/rules.h"
#include "intercept/path.h"
#include "intercept/request.h"
#include "intercept/thread.h"
#include "intercept/who.h"

#define O_TMPFILE_BIT 020000000u
#define K_ISVTX	      01000

static bool is_switch(const char *value)
{
	return rules_is(value, "0") || rules_is(value, "1");
}

bool enforce_at(const char *path)
{
	const char *value = rules_find(rt.handoff.enforce, path, is_switch);

	return value && rules_is(value, "1");
}

/* Of what the name leads to; the answer of a call may be another name. */
static int ask(const struct vpath *path, struct wire_attr *out)
{
	struct request rq = {
		.op = WIRE_STAT,
		.text = path->text,
		.text_len = (uint32_t)path->len,
		.flags = WIRE_TOLD | path_flags(path),
		.is_aside = path->nofollow,
	};
	int ret = request_run(&rq);

	if (!ret)
		*out = rq.attr;
	return ret;
}

/* Of the name itself. */
static int ask_name(const struct vpath *path, struct wire_attr *out)
{
	struct request rq = {
		.op = WIRE_STAT,
		.text = path->text,
		.text_len = (uint32_t)path->len,
		.flags = WIRE_TOLD | WIRE_NOFOLLOW,
		.is_aside = true,
	};
	int ret = request_run(&rq);

	if (!ret)
		*out = rq.attr;
	return ret;
}

/* Of the directory that the first len bytes of path name. */
static int ask_dir(const char *path, size_t len, struct wire_attr *out)
{
	struct request rq = {
		.op = WIRE_STAT,
		.text = path,
		.text_len = (uint32_t)len,
		.flags = WIRE_TOLD | WIRE_NOFOLLOW | WIRE_MUST_BE_DIR,
		.is_aside = true,
	};
	int ret = request_run(&rq);

	if (!ret)
		*out = rq.attr;
	return ret;
}

/* How much of path is a bucket and what it lies in, which everybody may do everything in. */
static size_t free_bytes(const char *path)
{
	int components = strncmp(path, "az/", 3) ? 2 : 3;
	size_t at = 0;

	while (components-- && path[at]) {
		at += strcspn(path + at, "/");
		at += components && path[at];
	}
	return at;
}

static bool searchable(const struct who *who, const char *path, size_t len)
{
	struct wire_attr attr;

	return len <= free_bytes(path) || ask_dir(path, len, &attr) || !S_ISDIR(attr.mode) ||
	       who_may(who, &attr, WHO_X);
}

/* How many directories a relative name climbs above the one that it starts from. */
static unsigned climbs(const char *name)
{
	unsigned down = 0, up = 0;

	while (*name) {
		size_t n = strcspn(name, "/");

		if (n == 2 && name[0] == '.' && name[1] == '.') {
			if (down)
				down--;
			else
				up++;
		} else if (n && !(n == 1 && name[0] == '.')) {
			down++;
		}
		name += n + (name[n] == '/');
	}
	return up;
}

/* Of the way that a relative name goes: the directory it starts from, and those it climbs out of.
 * *at_out: bytes of base that are left then. The kernel asks nothing of those above. */
static bool may_leave(const struct who *who, const char *base, const char *name, size_t *at_out)
{
	unsigned up = climbs(name);
	size_t len = strlen(base);

	if (!up && !searchable(who, base, len))
		return false;
	for (; up && len; up--) {
		if (!searchable(who, base, len))
			return false;
		while (len && base[--len] != '/')
			;
	}
	*at_out = len;
	return true;
}

int enforce_way(struct sys_args *a, int dirfd_arg, int slot)
{
	struct thread *t = a->thread;
	const char *path = t->path[slot].text;
	int dirfd = dirfd_arg == PATH_NO_DIRFD ? AT_FDCWD : (int)a->arg[dirfd_arg];
	char *base = (char *)t->iov;
	struct who who;
	size_t from = 0;

	if (!enforce_at(path))
		return 0;
	who = who_effective();
	if (t->name[0] != '/' && !t->redirected[slot] && !t->retry &&
	    path_base(t, dirfd, base) == 1) {
		if (!may_leave(&who, base, t->name, &from))
			return -EACCES;
		if (strncmp(base, path, from) != 0)
			from = 0; /* s3://... */
	}
	for (size_t at = from; path[at]; at++) {
		at += strcspn(path + at, "/");
		if (!path[at])
			break;
		if (!searchable(&who, path, at))
			return -EACCES;
	}
	return 0;
}

/* The directory that the name lies in. 1 with *out, 0: nobody is asked. */
static int ask_parent(const struct vpath *path, struct wire_attr *out)
{
	size_t len = path->len;

	while (len && path->text[len - 1] != '/')
		len--;
	len -= len > 0;
	return len > free_bytes(path->text) && !ask_dir(path->text, len, out);
}

static int may_make(const struct vpath *path)
{
	const struct who who = who_effective();
	struct wire_attr dir;

	return ask_parent(path, &dir) && !who_may(&who, &dir, WHO_W | WHO_X) ? -EACCES : 0;
}

static int may_remove(const struct vpath *path, const struct wire_attr *attr)
{
	const struct who who = who_effective();
	struct wire_attr dir;

	if (!ask_parent(path, &dir))
		return 0;
	if (!who_may(&who, &dir, WHO_W | WHO_X))
		return -EACCES;
	if (dir.mode & K_ISVTX && who.uid != who_owner(attr) && who.uid != who_owner(&dir) &&
	    !who_can(&who, CAP_FOWNER))
		return -EPERM;
	return 0;
}

static unsigned wanted(unsigned flags)
{
	static const unsigned by_mode[] = {WHO_R, WHO_W, WHO_R | WHO_W, 0};
	unsigned want = by_mode[flags & O_ACCMODE];

	return flags & O_TRUNC ? want | WHO_W : want;
}

int enforce_open(const struct vpath *path, unsigned flags)
{
	const struct who who = who_effective();
	unsigned want = wanted(flags);
	struct wire_attr attr;
	int ret;

	if (!enforce_at(path->text) || flags & O_PATH)
		return 0;
	ret = ask(path, &attr);
	if (ret == -ENOENT && flags & O_CREAT)
		return may_make(path);
	if (ret)
		return ret == -WIRE_ELINK ? ret : 0;
	if (flags & O_TMPFILE_BIT)
		return who_may(&who, &attr, WHO_W | WHO_X) ? 0 : -EACCES;
	if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL) || S_ISLNK(attr.mode) ||
	    (S_ISDIR(attr.mode) && (want & WHO_W || flags & O_CREAT)))
		return 0; /* another error */
	if (!who_may(&who, &attr, want))
		return -EACCES;
	return flags & O_NOATIME && !who_owns(&who, &attr) ? -EPERM : 0;
}

int enforce_attr(const struct vpath *path, const struct wire_attr *attr, unsigned want,
		 bool real_ids)
{
	const struct who who = real_ids ? who_real() : who_effective();
	struct wire_attr told;

	if (!enforce_at(path->text) || path->len <= free_bytes(path->text))
		return 0;
	return who_may(&who, ask_name(path, &told) ? attr : &told, want) ? 0 : -EACCES;
}

int enforce_use(const struct vpath *path, unsigned want)
{
	struct wire_attr attr;
	struct who who;
	int ret;

	if (!enforce_at(path->text) || path->len <= free_bytes(path->text))
		return 0;
	who = who_effective();
	ret = ask(path, &attr);
	if (ret)
		return ret == -WIRE_ELINK ? ret : 0;
	if (S_ISDIR(attr.mode) && want == WHO_W)
		return 0; /* EISDIR */
	return who_may(&who, &attr, want) ? 0 : -EACCES;
}

int enforce_make(const struct vpath *path)
{
	struct wire_attr attr;

	if (!enforce_at(path->text))
		return 0;
	return ask_name(path, &attr) == -ENOENT ? may_make(path) : 0;
}

int enforce_remove(const struct vpath *path)
{
	struct wire_attr attr;

	if (!enforce_at(path->text) || ask_name(path, &attr))
		return 0;
	return may_remove(path, &attr);
}

static size_t parent_len(const struct vpath *path)
{
	const char *slash = strrchr(path->text, '/');

	return slash ? (size_t)(slash - path->text) : 0;
}

/* A directory that goes elsewhere has another "..": that is written to. */
static int may_move(const struct vpath *from, const struct vpath *to, const struct wire_attr *attr)
{
	const struct who who = who_effective();
	size_t len = parent_len(from);

	if (!S_ISDIR(attr->mode) || (len == parent_len(to) && !memcmp(from->text, to->text, len)))
		return 0;
	return who_may(&who, attr, WHO_W) ? 0 : -EACCES;
}

/* Is to the same as from, or below it? */
static bool is_below(const struct vpath *from, const struct vpath *to)
{
	return !strncmp(from->text, to->text, from->len) &&
	       (!to->text[from->len] || to->text[from->len] == '/');
}

int enforce_rename(const struct vpath *from, const struct vpath *to, unsigned flags)
{
	struct wire_attr source, target;
	bool exists;
	int ret;

	if ((!enforce_at(from->text) && !enforce_at(to->text)) || is_below(from, to) ||
	    ask_name(from, &source))
		return 0;
	exists = !ask_name(to, &target);
	if (exists ? flags & RENAME_NOREPLACE : flags & RENAME_EXCHANGE)
		return 0;
	ret = may_remove(from, &source);
	if (!ret)
		ret = exists ? may_remove(to, &target) : may_make(to);
	if (!ret)
		ret = may_move(from, to, &source);
	if (!ret && flags & RENAME_EXCHANGE)
		ret = may_move(to, from, &target);
	return ret;
}

int enforce_change(const struct vpath *path, const struct wire_attr *attr,
		   const struct enforce_change *change)
{
	struct wire_attr told;
	struct who who;
	int ret = 0;

	if (!enforce_at(path->text) || path->len <= free_bytes(path->text))
		return 0;
	if (!attr)
		ret = ask(path, &told);
	if (ret)
		return ret == -WIRE_ELINK ? ret : 0;
	attr = attr ? attr : &told;
	who = who_effective();
	if (change->set & WIRE_SET_MODE && !who_owns(&who, attr))
		return -EPERM;
	if (change->set & WIRE_SET_UID && !(who.uid == who_owner(attr) && change->uid == who.uid) &&
	    !who_can(&who, CAP_CHOWN))
		return -EPERM;
	if (change->set & WIRE_SET_GID &&
	    !(who.uid == who_owner(attr) &&
	      (change->gid == who_group(attr) || who_in_group(&who, change->gid))) &&
	    !who_can(&who, CAP_CHOWN))
		return -EPERM;
	if (!(change->set & WIRE_SET_MTIME) || who_owns(&who, attr))
		return 0;
	if (!change->touch)
		return -EPERM;
	return who_may(&who, attr, WHO_W) ? 0 : -EACCES;
}

int enforce_set_xattr(const struct vpath *path, const struct wire_attr *attr)
{
	struct wire_attr told;
	struct who who;
	int ret = 0;

	if (!enforce_at(path->text) || path->len <= free_bytes(path->text))
		return 0;
	if (!attr)
		ret = ask(path, &told);
	if (ret)
		return ret == -WIRE_ELINK ? ret : 0;
	attr = attr ? attr : &told;
	who = who_effective();
	if (S_ISDIR(attr->mode) && attr->mode & K_ISVTX && !who_owns(&who, attr))
		return -EPERM;
	return who_may(&who, attr, WHO_W) ? 0 : -EACCES;
}
