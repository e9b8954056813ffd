/* SPDX-License-Identifier: Apache-2.0 */
/* See execplan.h. All that the kernel would refuse is refused here. */
#include "intercept/execplan.h"

#include <asm/stat.h>
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/stat.h>
#include <string.h>

#include "intercept/image.h"
#include "intercept/path.h"
#include "intercept/thread.h"

#define ANY_X	    0111
#define NOTES_BYTES 256 /* of a file's notes that are looked at */

/* Would the kernel execute it with rights that are not the caller's? */
static bool gives_rights(int fd, const struct stat *st)
{
	if (!(st->st_mode & S_ISUID) &&
	    (st->st_mode & (S_ISGID | S_IXGRP)) != (S_ISGID | S_IXGRP) &&
	    sys4(__NR_fgetxattr, fd, "security.capability", 0, 0) <= 0)
		return false;
	return sys5(__NR_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
}

/* May this file be executed? 0 or a negative errno. */
static int check_permission(int fd, struct stat *st)
{
	long ret;

	if (sys2(__NR_fstat, fd, st))
		return -EACCES;
	if (!S_ISREG(st->st_mode))
		return -EACCES;
	ret = sys4(__NR_faccessat2, fd, "", 1 /* X_OK */, AT_EMPTY_PATH | AT_EACCESS);
	/* A filter of the program's may refuse that call with whatever errno, an old kernel has
	 * none: then the file's mode tells. */
	return ret == -EACCES || (ret && !(st->st_mode & ANY_X)) ? -EACCES : 0;
}

/* Does the path name the interpreter that this image runs by, unchanged, and may we still? Most
 * programs have the same. */
static bool is_our_interpreter(const char *path)
{
	const struct image_twin *i = rt.interp ? image_at(rt.interp) : NULL;
	struct stat st;

	return i && !sys2(__NR_stat, path, &st) && image_is_of(i, &st) &&
	       !sys4(__NR_faccessat2, AT_FDCWD, path, 5 /* R_OK, X_OK */, AT_EACCESS);
}

static int check_interpreter(struct exec_plan *p)
{
	char *path = p->handoff; /* not yet in use */
	struct stat st;
	long interp;
	int ret;

	if (!p->elf.interp_bytes)
		return 0;
	ret = load_interp_path(&p->head, &p->elf, path);
	if (ret || is_our_interpreter(path))
		return ret;
	interp = sys3(__NR_open, path, O_RDONLY | O_CLOEXEC, 0);
	if (interp < 0)
		return (int)interp;
	ret = check_permission((int)interp, &st);
	if (!ret && st.st_size < (long)sizeof(Elf64_Ehdr))
		ret = -EIO;
	if (!ret && (load_front((int)interp, &p->head) || load_headers(&p->head, &p->elf)))
		ret = -ELIBBAD;
	sys1(__NR_close, interp);
	return ret;
}

/* Is it a runtime, of any build? Its file has a note that says so (start.S). One that is loaded by
 * another would take that one's place in the process. */
static bool is_runtime(const struct exec_plan *p)
{
	static const char name[] = EXECPLAN_NOTE;
	char note[NOTES_BYTES];

	for (unsigned i = 0; i < p->elf.phdr_count; i++) {
		const Elf64_Phdr *h = &p->elf.phdr[i];
		size_t bytes = h->p_filesz < sizeof(note) ? h->p_filesz : sizeof(note);

		if (h->p_type != PT_NOTE || load_read(&p->head, note, bytes, h->p_offset))
			continue;
		for (size_t at = 0; at + sizeof(name) <= bytes; at += 4)
			if (!memcmp(note + at, name, sizeof(name)))
				return true;
	}
	return false;
}

/* The first line of p->head's file, or as much of it as matters, with NULs behind it. */
static void take_line(struct exec_plan *p, unsigned depth)
{
	size_t n = p->head.used < SHEBANG_BYTES ? p->head.used : SHEBANG_BYTES;

	memset(p->line[depth], 0, SHEBANG_BYTES);
	memcpy(p->line[depth], p->head.bytes, n);
}

/* Looks at what p->path names. As execplan_follow(), or *script_out is set. */
static int look(struct exec_plan *p, unsigned depth, bool *script_out)
{
	struct stat st;
	char *interp, *arg;
	bool cloud = p->is_cloud && !depth;
	long fd = cloud ? sys3(__NR_fcntl, path_number(p->fd), F_DUPFD_CLOEXEC, 0)
			: sys3(__NR_open, p->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
	int ret = 0;

	*script_out = false;
	if (fd == -EACCES && !sys2(__NR_access, p->path, 1))
		return EXECPLAN_NATIVE; /* executable, not readable */
	if (fd < 0)
		return (int)fd;
	if (!cloud)
		ret = check_permission((int)fd, &st);
	if (!cloud && !ret && gives_rights((int)fd, &st))
		ret = EXECPLAN_NATIVE;
	if (!ret && load_front((int)fd, &p->head))
		ret = -EIO;
	if (!ret && p->head.used >= SELFMAG && !memcmp(p->head.bytes, ELFMAG, SELFMAG)) {
		ret = load_headers(&p->head, &p->elf) ? EXECPLAN_NATIVE : 0;
		if (!ret)
			ret = is_runtime(p) ? EXECPLAN_RUNTIME : check_interpreter(p);
	} else if (!ret) {
		take_line(p, depth);
		ret = shebang_parse(p->line[depth], &interp, &arg);
		if (ret == 1) {
			*script_out = true;
			ret = 0;
			p->front[2 * depth] = interp;
			p->front[2 * depth + 1] = arg;
		} else if (!ret) {
			ret = EXECPLAN_NATIVE; /* binfmt_misc, or ENOEXEC */
		}
	}
	sys1(__NR_close, fd);
	return ret;
}

int execplan_follow(struct exec_plan *p, unsigned *depth_out)
{
	unsigned depth = 0;
	bool script;
	int ret = look(p, 0, &script);

	if (!ret && script)
		memcpy(p->script, p->path, strlen(p->path) + 1);
	while (!ret && script) {
		const char *interp = p->front[2 * depth];

		if (strlen(interp) >= sizeof(p->path))
			return -ENAMETOOLONG;
		memcpy(p->path, interp, strlen(interp) + 1);
		if (++depth >= SHEBANG_DEPTH_MAX)
			return -ELOOP;
		ret = look(p, depth, &script);
	}
	*depth_out = depth;
	return ret;
}
