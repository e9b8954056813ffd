/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See self.h. The file is executed by its path, since to go by /proc is dear: each process that
 * does makes entries there, which its end has to take away. Only by /proc is it the same for sure:
 * /proc/self/exe leads to the file whatever root, mounts and folders are in the way. In a root
 * without /proc nothing does: the file is then made anew, in memory, from the image that runs. That
 * is possible because nothing of the file changes in memory: what is written is zeroes at first.
 */
#include "intercept/self.h"

#include <asm/stat.h>
#include <errno.h>
#include <linux/elf.h>
#include <linux/fcntl.h>
#include <linux/memfd.h>
#include <string.h>

#include "intercept/path.h"
#include "intercept/thread.h"

extern const char __ehdr_start[];

/* A descriptor of the file as it was, or a negative errno. */
static long make_file(void)
{
	const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)__ehdr_start;
	const Elf64_Phdr *p = (const Elf64_Phdr *)(__ehdr_start + ehdr->e_phoff);
	long fd = sys2(__NR_memfd_create, "skyshim-rt", MFD_CLOEXEC);

	for (unsigned i = 0; fd >= 0 && i < ehdr->e_phnum; i++) {
		long bytes = (long)p[i].p_filesz;

		if (p[i].p_type == PT_LOAD && sys4(__NR_pwrite64, fd, __ehdr_start + p[i].p_vaddr,
						   bytes, p[i].p_offset) != bytes) {
			sys1(__NR_close, fd);
			fd = -ENOSPC;
		}
	}
	return fd;
}

static int exec_made(const uint64_t *argv, const uint64_t *envp)
{
	long fd = make_file();
	int ret;

	if (fd < 0)
		return (int)fd;
	ret = (int)sys5(__NR_execveat, fd, "", argv, envp, AT_EMPTY_PATH);
	sys1(__NR_close, fd);
	return ret;
}

/* Is the runtime's path still the file that runs here? It may be another version by now, or not be
 * seen from here. */
static bool runtime_is_there(void)
{
	char id[96];
	struct stat st;
	size_t n;

	if (sys2(__NR_stat, rt.handoff.rt, &st))
		return false;
	n = path_format_wide(st.st_dev, id);
	id[n++] = '-';
	n += path_format_wide(st.st_ino, id + n);
	id[n++] = '-';
	n += path_format_wide(st.st_ctime, id + n);
	id[n++] = '-';
	path_format_wide(st.st_ctime_nsec, id + n);
	return !strcmp(id, rt.handoff.rtid);
}

/* Is it the way to the file that has failed, and not what was asked of the new image? */
static bool cannot_reach(int error)
{
	return error == -ENOENT || error == -EACCES || error == -ENOTDIR || error == -ELOOP ||
	       error == -ENOEXEC;
}

int self_exec(const uint64_t *argv, const uint64_t *envp)
{
	int ret = -ENOENT, made;

	if (runtime_is_there())
		ret = (int)sys3(__NR_execve, rt.handoff.rt, argv, envp);
	if (cannot_reach(ret))
		ret = (int)sys3(__NR_execve, "/proc/self/exe", argv, envp);
	if (!cannot_reach(ret))
		return ret;
	made = exec_made(argv, envp);
	/* where memory may not be executed, or no descriptor is left */
	ret = (int)sys3(__NR_execve, rt.handoff.rt, argv, envp);
	return cannot_reach(ret) ? made : ret;
}
