/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See self.h. /proc/self/exe leads to the file whatever root, mounts and folders are in the way. In
 * a root without /proc nothing does: the file is then made anew, in memory, from the image that
 * runs. That is possible because all that changes in it is either not in the file (.bss) or written
 * anew by each start (what is relocated).
 */
#include "intercept/self.h"

#include <errno.h>
#include <linux/elf.h>
#include <linux/fcntl.h>
#include <linux/memfd.h>

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

/* Is it the way to the file that has failed, and not what was asked of the new image? */
static bool cannot_reach(int error)
{
	return error == -ENOENT || error == -EACCES || error == -ENOTDIR || error == -ELOOP ||
	       error == -ENOEXEC;
}

int self_exec(const uint64_t *argv, const uint64_t *envp)
{
	int ret = (int)sys3(__NR_execve, "/proc/self/exe", argv, envp), made;

	if (!cannot_reach(ret))
		return ret;
	made = exec_made(argv, envp);
	/* where memory may not be executed, or no descriptor is left */
	ret = (int)sys3(__NR_execve, rt.rt_path, argv, envp);
	return cannot_reach(ret) ? made : ret;
}
