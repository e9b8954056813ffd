/* SPDX-License-Identifier: Apache-2.0 */
/* Which handler answers which system call. What is not here is the kernel's. */
#include "core/base/sysclass.h"
#include "intercept/handlers.h"

#define HANDLERS(X)                             \
	X(open, sys_open)                       \
	X(openat, sys_openat)                   \
	X(openat2, sys_openat2)                 \
	X(creat, sys_creat)                     \
	X(stat, sys_stat)                       \
	X(lstat, sys_lstat)                     \
	X(fstat, sys_fstat)                     \
	X(newfstatat, sys_newfstatat)           \
	X(statx, sys_statx)                     \
	X(access, sys_access)                   \
	X(faccessat, sys_faccessat)             \
	X(faccessat2, sys_faccessat2)           \
	X(statfs, sys_statfs)                   \
	X(fstatfs, sys_fstatfs)                 \
	X(getxattr, sys_getxattr)               \
	X(lgetxattr, sys_lgetxattr)             \
	X(fgetxattr, sys_fgetxattr)             \
	X(listxattr, sys_listxattr)             \
	X(llistxattr, sys_llistxattr)           \
	X(flistxattr, sys_flistxattr)           \
	X(read, sys_read)                       \
	X(pread64, sys_pread64)                 \
	X(readv, sys_readv)                     \
	X(preadv, sys_preadv)                   \
	X(preadv2, sys_preadv2)                 \
	X(readahead, sys_readahead)             \
	X(fadvise64, sys_fadvise64)             \
	X(getdents, sys_getdents)               \
	X(getdents64, sys_getdents64)           \
	X(chdir, sys_chdir)                     \
	X(fchdir, sys_fchdir)                   \
	X(getcwd, sys_getcwd)                   \
	X(close, sys_close)                     \
	X(dup, sys_dup)                         \
	X(dup2, sys_dup2)                       \
	X(dup3, sys_dup2)                       \
	X(close_range, sys_close_range)         \
	X(fcntl, sys_fcntl)                     \
	X(lseek, sys_lseek)                     \
	X(ioctl, sys_ioctl)                     \
	X(pidfd_getfd, sys_pidfd_getfd)         \
	X(bind, sys_bind)                       \
	X(connect, sys_connect)                 \
	X(sendto, sys_sendto)                   \
	X(sendmsg, sys_sendmsg)                 \
	X(inotify_add_watch, sys_inotify)       \
	X(fanotify_mark, sys_fanotify)          \
	X(name_to_handle_at, sys_handle_of)     \
	X(setxattrat, sys_no_attr)              \
	X(getxattrat, sys_no_attr)              \
	X(listxattrat, sys_no_attr)             \
	X(removexattrat, sys_no_attr)           \
	X(file_getattr, sys_no_attr)            \
	X(file_setattr, sys_no_attr)            \
	X(open_tree, sys_open_tree)             \
	X(chroot, sys_chroot)                   \
	X(mount, sys_mount)                     \
	X(umount2, sys_umount)                  \
	X(swapon, sys_umount)                   \
	X(swapoff, sys_umount)                  \
	X(quotactl, sys_mount)                  \
	X(mount_setattr, sys_mount_at)          \
	X(fspick, sys_mount_at)                 \
	X(fsconfig, sys_fsconfig)               \
	X(acct, sys_umount)                     \
	X(pivot_root, sys_pivot_root)           \
	X(recvmsg, sys_recvmsg)                 \
	X(recvmmsg, sys_recvmmsg)               \
	X(mmap, sys_mmap)                       \
	X(munmap, sys_munmap)                   \
	X(mprotect, sys_mprotect)               \
	X(pkey_mprotect, sys_mprotect)          \
	X(mremap, sys_mremap)                   \
	X(shmat, sys_shmat)                     \
	X(personality, sys_personality)         \
	X(arch_prctl, sys_arch_prctl)           \
	X(sendfile, sys_sendfile)               \
	X(splice, sys_splice)                   \
	X(copy_file_range, sys_copy_file_range) \
	X(write, sys_write)                     \
	X(pwrite64, sys_pwrite64)               \
	X(writev, sys_writev)                   \
	X(pwritev, sys_pwritev)                 \
	X(pwritev2, sys_pwritev2)               \
	X(fsync, sys_fsync)                     \
	X(fdatasync, sys_fsync)                 \
	X(sync_file_range, sys_sync_file_range) \
	X(syncfs, sys_syncfs)                   \
	X(sync, sys_sync)                       \
	X(msync, sys_msync)                     \
	X(truncate, sys_truncate)               \
	X(ftruncate, sys_ftruncate)             \
	X(fallocate, sys_fallocate)             \
	X(chmod, sys_chmod)                     \
	X(fchmod, sys_fchmod)                   \
	X(fchmodat, sys_fchmodat)               \
	X(fchmodat2, sys_fchmodat2)             \
	X(chown, sys_chown)                     \
	X(lchown, sys_lchown)                   \
	X(fchown, sys_fchown)                   \
	X(fchownat, sys_fchownat)               \
	X(utime, sys_utime)                     \
	X(utimes, sys_utimes)                   \
	X(futimesat, sys_futimesat)             \
	X(utimensat, sys_utimensat)             \
	X(setxattr, sys_setxattr)               \
	X(lsetxattr, sys_lsetxattr)             \
	X(fsetxattr, sys_fsetxattr)             \
	X(removexattr, sys_setxattr)            \
	X(lremovexattr, sys_lsetxattr)          \
	X(fremovexattr, sys_fsetxattr)          \
	X(mkdir, sys_mkdir)                     \
	X(mkdirat, sys_mkdirat)                 \
	X(mknod, sys_mknod)                     \
	X(mknodat, sys_mknodat)                 \
	X(symlink, sys_symlink)                 \
	X(symlinkat, sys_symlinkat)             \
	X(unlink, sys_unlink)                   \
	X(rmdir, sys_rmdir)                     \
	X(unlinkat, sys_unlinkat)               \
	X(rename, sys_rename)                   \
	X(renameat, sys_renameat)               \
	X(renameat2, sys_renameat)              \
	X(link, sys_link)                       \
	X(linkat, sys_linkat)                   \
	X(readlink, sys_readlink)               \
	X(readlinkat, sys_readlinkat)           \
	X(rt_sigaction, sys_rt_sigaction)       \
	X(rt_sigprocmask, sys_rt_sigprocmask)   \
	X(rt_sigreturn, sys_rt_sigreturn)       \
	X(rt_sigsuspend, sys_rt_sigsuspend)     \
	X(sigaltstack, sys_sigaltstack)         \
	X(ppoll, sys_ppoll)                     \
	X(pselect6, sys_pselect6)               \
	X(epoll_pwait, sys_epoll_pwait)         \
	X(epoll_pwait2, sys_epoll_pwait)        \
	X(clone, sys_clone)                     \
	X(clone3, sys_clone3)                   \
	X(fork, sys_fork)                       \
	X(vfork, sys_vfork)                     \
	X(exit, sys_exit)                       \
	X(exit_group, sys_exit_group)           \
	X(execve, sys_execve)                   \
	X(execveat, sys_execveat)               \
	X(prctl, sys_prctl)                     \
	X(seccomp, sys_seccomp)                 \
	X(ptrace, sys_ptrace)                   \
	X(setuid, sys_set_ids)                  \
	X(setgid, sys_set_ids)                  \
	X(setreuid, sys_set_ids)                \
	X(setregid, sys_set_ids)                \
	X(setresuid, sys_set_ids)               \
	X(setresgid, sys_set_ids)               \
	X(unshare, sys_set_ids)                 \
	X(setns, sys_set_ids)                   \
	X(io_submit, sys_io_submit)             \
	X(io_uring_setup, sys_io_uring_setup)   \
	X(io_uring_enter, sys_io_uring_enter)   \
	X(io_uring_register, sys_io_uring_register)

#define CLASS_FD(name)	  [__NR_##name] = SYSCLASS_FD,
#define CLASS_ENTER(name) [__NR_##name] = SYSCLASS_ENTER,
LARGE_TABLE const uint8_t dispatch_classes[65536] = {SYSCLASS_FD_CALLS(CLASS_FD)
							     SYSCLASS_ENTER_CALLS(CLASS_ENTER)};

/* No table of pointers: each would have to be relocated at every start. */
long dispatch_handle(struct sys_args *a)
{
#define HANDLE(name, handler) \
	case __NR_##name:     \
		return handler(a);
	switch (a->nr) {
		HANDLERS(HANDLE) /* NOLINT(bugprone-branch-clone): some share a handler */
	default:
		return SYS_PASS;
	}
}
