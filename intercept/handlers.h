/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of all families, for the table (table.c). */
#ifndef INTERCEPT_HANDLERS_H
#define INTERCEPT_HANDLERS_H

#include "intercept/dispatch.h"

/* ROOT/path with its NUL at out. Its length with NUL. */
size_t dir_absolute(const char *path, char *out);

sys_handler sys_open, sys_openat, sys_openat2, sys_creat;
sys_handler sys_stat, sys_lstat, sys_fstat, sys_newfstatat, sys_statx, sys_access, sys_faccessat,
	sys_faccessat2, sys_statfs, sys_fstatfs, sys_getxattr, sys_lgetxattr, sys_fgetxattr,
	sys_listxattr, sys_llistxattr, sys_flistxattr;
sys_handler sys_read, sys_pread64, sys_readv, sys_preadv, sys_preadv2, sys_readahead, sys_fadvise64;
sys_handler sys_getdents, sys_getdents64, sys_chdir, sys_fchdir, sys_getcwd;
sys_handler sys_close, sys_dup, sys_dup2, sys_pidfd_getfd, sys_recvmsg, sys_recvmmsg,
	sys_close_range, sys_fcntl, sys_lseek, sys_ioctl;
sys_handler sys_mmap, sys_munmap, sys_mprotect, sys_mremap, sys_shmat, sys_personality,
	sys_arch_prctl;
sys_handler sys_sendfile, sys_splice, sys_copy_file_range, sys_io_submit;
sys_handler sys_change_path, sys_change_lpath, sys_change_at, sys_change_fd, sys_create_path,
	sys_create_at, sys_symlink, sys_symlinkat, sys_remove_path, sys_remove_at, sys_rename,
	sys_renameat;
sys_handler sys_rt_sigaction, sys_rt_sigprocmask, sys_rt_sigreturn, sys_rt_sigsuspend,
	sys_sigaltstack, sys_ppoll, sys_pselect6, sys_epoll_pwait;
sys_handler sys_clone, sys_clone3, sys_fork, sys_vfork, sys_exit, sys_exit_group, sys_execve,
	sys_execveat;
sys_handler sys_readlink, sys_readlinkat, sys_refused, sys_prctl, sys_seccomp, sys_ptrace,
	sys_set_ids;

#endif
