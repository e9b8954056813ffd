/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which system calls may concern the runtime: known to the rewriter, which puts the test into the
 * trampolines, and to the runtime, which answers. A number that is not here is the kernel's.
 * A change here is a change of TWIN_VERSION.
 */
#ifndef CORE_BASE_SYSCLASS_H
#define CORE_BASE_SYSCLASS_H

#include <asm/unistd.h>
#include <stdint.h>

#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452 /* Linux 6.6 */
#endif
#ifndef __NR_setxattrat /* Linux 6.13 */
#define __NR_setxattrat	   463
#define __NR_getxattrat	   464
#define __NR_listxattrat   465
#define __NR_removexattrat 466
#endif
#ifndef __NR_file_getattr /* Linux 6.17 */
#define __NR_file_getattr 468
#define __NR_file_setattr 469
#endif

enum sysclass {
	SYSCLASS_PASS,	/* the kernel's, whatever its arguments */
	SYSCLASS_FD,	/* ours only if the descriptor in the first argument is, or is not known */
	SYSCLASS_ENTER, /* the runtime decides */
};

/* SYSCLASS_FD */
/* clang-format off */
#define SYSCLASS_FD_CALLS(X) \
	X(read) X(write) X(pread64) X(pwrite64) X(readv) X(writev) X(preadv) X(pwritev) \
	X(preadv2) X(pwritev2) X(close) X(fstat) X(lseek) X(ioctl) X(fcntl) X(dup) X(flock) \
	X(fsync) X(fdatasync) X(ftruncate) X(fallocate) X(fadvise64) X(readahead) X(getdents) \
	X(getdents64) X(fchmod) X(fchown) X(fsetxattr) X(fgetxattr) X(flistxattr) \
	X(fremovexattr) X(fstatfs) X(sync_file_range) X(syncfs)
/* clang-format on */

/* SYSCLASS_ENTER: names, descriptors that come into being or are the second argument, memory that
 * may hold code, signals, processes, and what reads descriptors behind our back. */
/* clang-format off */
#define SYSCLASS_ENTER_CALLS(X) \
	X(open) X(openat) X(openat2) X(creat) X(stat) X(lstat) X(newfstatat) X(statx) \
	X(access) X(faccessat) X(faccessat2) X(statfs) X(getxattr) X(lgetxattr) X(listxattr) \
	X(llistxattr) X(setxattr) X(lsetxattr) X(removexattr) X(lremovexattr) X(setxattrat) \
	X(getxattrat) X(listxattrat) X(removexattrat) X(file_getattr) X(file_setattr) X(chdir) \
	X(fchdir) X(getcwd) X(chroot) X(pivot_root) X(truncate) X(chmod) X(chown) X(lchown) \
	X(utime) X(utimes) X(fchmodat) X(fchmodat2) X(fchownat) X(futimesat) X(utimensat) X(mkdir) \
	X(mkdirat) X(mknod) X(mknodat) X(symlink) X(symlinkat) X(unlink) X(unlinkat) X(rmdir) \
	X(rename) X(renameat) X(renameat2) X(link) X(linkat) X(readlink) X(readlinkat) \
	X(name_to_handle_at) X(open_by_handle_at) X(inotify_add_watch) X(fanotify_mark) \
	X(mount) X(umount2) X(open_tree) X(move_mount) X(mount_setattr) X(fspick) X(fsconfig) \
	X(swapon) X(swapoff) X(quotactl) X(acct) X(uselib) X(dup2) X(dup3) X(close_range) \
	X(pidfd_getfd) X(bind) X(connect) X(sendto) X(sendmsg) X(recvmsg) X(recvmmsg) \
	X(sendfile) X(splice) \
	X(tee) X(copy_file_range) X(mmap) X(munmap) X(mprotect) X(pkey_mprotect) X(mremap) \
	X(msync) X(sync) X(shmat) X(personality) X(arch_prctl) X(prctl) X(ptrace) X(seccomp) \
	X(rt_sigaction) X(rt_sigprocmask) X(rt_sigreturn) X(rt_sigsuspend) X(sigaltstack) X(ppoll) \
	X(pselect6) X(epoll_pwait) X(epoll_pwait2) X(signalfd) X(signalfd4) \
	X(rt_sigtimedwait) X(clone) X(clone3) X(fork) X(vfork) X(exit) X(exit_group) \
	X(execve) X(execveat) X(unshare) X(setns) X(setrlimit) X(prlimit64) X(io_uring_setup) \
	X(io_uring_enter) X(io_uring_register) X(io_setup) X(io_submit) X(setuid) X(setgid) \
	X(setreuid) X(setregid) X(setresuid) X(setresgid) X(setfsuid) X(setfsgid)
/* clang-format on */

static inline enum sysclass sysclass_of(long nr)
{
	switch (nr) {
#define SYSCLASS_CASE(name) case __NR_##name:
		SYSCLASS_FD_CALLS(SYSCLASS_CASE)
		return SYSCLASS_FD;
		SYSCLASS_ENTER_CALLS(SYSCLASS_CASE)
		return SYSCLASS_ENTER;
#undef SYSCLASS_CASE
	default:
		return SYSCLASS_PASS;
	}
}

#endif
