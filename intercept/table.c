/* SPDX-License-Identifier: Apache-2.0 */
/* Which handler answers which system call. What is not here is the kernel's. */
#include <errno.h>
#include <linux/prctl.h>

#include "core/base/sysclass.h"
#include "intercept/handlers.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif

#define TABLE_SIZE 512

/* io_uring reads descriptors behind our back: libraries fall back when it is missing. */
long sys_refused(struct sys_args *a)
{
	(void)a;
	return -ENOSYS;
}

long sys_prctl(struct sys_args *a)
{
	return (int)a->arg[0] == PR_SET_SYSCALL_USER_DISPATCH ? -EINVAL : SYS_PASS;
}

static sys_handler *const table[TABLE_SIZE] = {
	[__NR_open] = sys_open,
	[__NR_openat] = sys_openat,
	[__NR_openat2] = sys_openat2,
	[__NR_creat] = sys_creat,
	[__NR_stat] = sys_stat,
	[__NR_lstat] = sys_lstat,
	[__NR_fstat] = sys_fstat,
	[__NR_newfstatat] = sys_newfstatat,
	[__NR_statx] = sys_statx,
	[__NR_access] = sys_access,
	[__NR_faccessat] = sys_faccessat,
	[__NR_faccessat2] = sys_faccessat2,
	[__NR_statfs] = sys_statfs,
	[__NR_fstatfs] = sys_fstatfs,
	[__NR_getxattr] = sys_getxattr,
	[__NR_lgetxattr] = sys_lgetxattr,
	[__NR_fgetxattr] = sys_fgetxattr,
	[__NR_listxattr] = sys_listxattr,
	[__NR_llistxattr] = sys_llistxattr,
	[__NR_flistxattr] = sys_flistxattr,
	[__NR_read] = sys_read,
	[__NR_pread64] = sys_pread64,
	[__NR_readv] = sys_readv,
	[__NR_preadv] = sys_preadv,
	[__NR_preadv2] = sys_preadv2,
	[__NR_readahead] = sys_readahead,
	[__NR_fadvise64] = sys_fadvise64,
	[__NR_getdents] = sys_getdents,
	[__NR_getdents64] = sys_getdents64,
	[__NR_chdir] = sys_chdir,
	[__NR_fchdir] = sys_fchdir,
	[__NR_getcwd] = sys_getcwd,
	[__NR_close] = sys_close,
	[__NR_dup] = sys_dup,
	[__NR_dup2] = sys_dup2,
	[__NR_dup3] = sys_dup2,
	[__NR_close_range] = sys_close_range,
	[__NR_fcntl] = sys_fcntl,
	[__NR_lseek] = sys_lseek,
	[__NR_ioctl] = sys_ioctl,
	[__NR_pidfd_getfd] = sys_pidfd_getfd,
	[__NR_recvmsg] = sys_recvmsg,
	[__NR_recvmmsg] = sys_recvmmsg,
	[__NR_mmap] = sys_mmap,
	[__NR_munmap] = sys_munmap,
	[__NR_mprotect] = sys_mprotect,
	[__NR_pkey_mprotect] = sys_mprotect,
	[__NR_mremap] = sys_mremap,
	[__NR_shmat] = sys_shmat,
	[__NR_personality] = sys_personality,
	[__NR_arch_prctl] = sys_arch_prctl,
	[__NR_sendfile] = sys_sendfile,
	[__NR_splice] = sys_splice,
	[__NR_copy_file_range] = sys_copy_file_range,
	[__NR_io_submit] = sys_io_submit,
	[__NR_truncate] = sys_change_path,
	[__NR_chmod] = sys_change_path,
	[__NR_chown] = sys_change_path,
	[__NR_lchown] = sys_change_lpath,
	[__NR_utime] = sys_change_path,
	[__NR_utimes] = sys_change_path,
	[__NR_setxattr] = sys_change_path,
	[__NR_lsetxattr] = sys_change_lpath,
	[__NR_removexattr] = sys_change_path,
	[__NR_lremovexattr] = sys_change_lpath,
	[__NR_fchmodat] = sys_change_at,
	[__NR_fchownat] = sys_change_at,
	[__NR_futimesat] = sys_change_at,
	[__NR_utimensat] = sys_change_at,
	[__NR_fchmod] = sys_change_fd,
	[__NR_fchown] = sys_change_fd,
	[__NR_fsetxattr] = sys_change_fd,
	[__NR_fremovexattr] = sys_change_fd,
	[__NR_mkdir] = sys_create_path,
	[__NR_mknod] = sys_create_path,
	[__NR_mkdirat] = sys_create_at,
	[__NR_mknodat] = sys_create_at,
	[__NR_symlink] = sys_symlink,
	[__NR_symlinkat] = sys_symlinkat,
	[__NR_unlink] = sys_remove_path,
	[__NR_rmdir] = sys_remove_path,
	[__NR_unlinkat] = sys_remove_at,
	[__NR_rename] = sys_rename,
	[__NR_link] = sys_rename,
	[__NR_renameat] = sys_renameat,
	[__NR_renameat2] = sys_renameat,
	[__NR_linkat] = sys_renameat,
	[__NR_readlink] = sys_readlink,
	[__NR_readlinkat] = sys_readlinkat,
	[__NR_rt_sigaction] = sys_rt_sigaction,
	[__NR_rt_sigprocmask] = sys_rt_sigprocmask,
	[__NR_rt_sigreturn] = sys_rt_sigreturn,
	[__NR_rt_sigsuspend] = sys_rt_sigsuspend,
	[__NR_sigaltstack] = sys_sigaltstack,
	[__NR_ppoll] = sys_ppoll,
	[__NR_pselect6] = sys_pselect6,
	[__NR_epoll_pwait] = sys_epoll_pwait,
	[__NR_epoll_pwait2] = sys_epoll_pwait,
	[__NR_clone] = sys_clone,
	[__NR_clone3] = sys_clone3,
	[__NR_fork] = sys_fork,
	[__NR_vfork] = sys_vfork,
	[__NR_exit] = sys_exit,
	[__NR_exit_group] = sys_exit_group,
	[__NR_execve] = sys_execve,
	[__NR_execveat] = sys_execveat,
	[__NR_prctl] = sys_prctl,
	[__NR_ptrace] = sys_ptrace,
	[__NR_setuid] = sys_set_ids,
	[__NR_setgid] = sys_set_ids,
	[__NR_setreuid] = sys_set_ids,
	[__NR_setregid] = sys_set_ids,
	[__NR_setresuid] = sys_set_ids,
	[__NR_setresgid] = sys_set_ids,
	[__NR_unshare] = sys_set_ids,
	[__NR_setns] = sys_set_ids,
	[__NR_io_uring_setup] = sys_refused,
};

#define CLASS_FD(name)	  [__NR_##name] = SYSCLASS_FD,
#define CLASS_ENTER(name) [__NR_##name] = SYSCLASS_ENTER,
const uint8_t dispatch_classes[65536] = {SYSCLASS_FD_CALLS(CLASS_FD)
						 SYSCLASS_ENTER_CALLS(CLASS_ENTER)};

sys_handler *dispatch_handler(long nr)
{
	return nr >= 0 && nr < TABLE_SIZE ? table[nr] : NULL;
}
