/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of all families, for the table (table.c). */
#ifndef INTERCEPT_HANDLERS_H
#define INTERCEPT_HANDLERS_H

#include "intercept/dispatch.h"

/* ROOT/path with its NUL at out. Its length with NUL. */
size_t dir_absolute(const char *path, char *out);

/* A splice into fd is over, if fd is a cloud file. */
void copy_spliced(int fd);

sys_handler sys_open, sys_openat, sys_openat2, sys_creat;
sys_handler sys_stat, sys_lstat, sys_fstat, sys_newfstatat, sys_statx, sys_access, sys_faccessat,
	sys_faccessat2, sys_statfs, sys_fstatfs;
sys_handler sys_getxattr, sys_lgetxattr, sys_fgetxattr, sys_listxattr, sys_llistxattr,
	sys_flistxattr, sys_setxattr, sys_lsetxattr, sys_fsetxattr;
sys_handler sys_read, sys_pread64, sys_readv, sys_preadv, sys_preadv2, sys_readahead, sys_fadvise64;
sys_handler sys_getdents, sys_getdents64, sys_chdir, sys_fchdir, sys_getcwd;
sys_handler sys_close, sys_dup, sys_dup2, sys_pidfd_getfd, sys_recvmsg, sys_recvmmsg,
	sys_close_range, sys_fcntl, sys_lseek, sys_ioctl;
sys_handler sys_mmap, sys_munmap, sys_mprotect, sys_mremap, sys_shmat, sys_personality,
	sys_arch_prctl;
sys_handler sys_sendfile, sys_splice, sys_copy_file_range;
sys_handler sys_write, sys_pwrite64, sys_writev, sys_pwritev, sys_pwritev2;
sys_handler sys_bind, sys_connect, sys_sendto, sys_sendmsg;
sys_handler sys_inotify, sys_fanotify, sys_handle_of, sys_no_attr, sys_open_tree, sys_chroot;
sys_handler sys_mount, sys_umount, sys_mount_at, sys_fsconfig, sys_pivot_root;
sys_handler sys_io_submit, sys_io_uring_setup, sys_io_uring_enter, sys_io_uring_register;
sys_handler sys_fsync, sys_sync_file_range, sys_syncfs, sys_sync, sys_msync;
sys_handler sys_truncate, sys_ftruncate, sys_fallocate;
sys_handler sys_mkdir, sys_mkdirat, sys_mknod, sys_mknodat, sys_symlink, sys_symlinkat, sys_unlink,
	sys_rmdir, sys_unlinkat, sys_rename, sys_renameat, sys_link, sys_linkat;
sys_handler sys_chmod, sys_fchmod, sys_fchmodat, sys_fchmodat2, sys_chown, sys_lchown, sys_fchown,
	sys_fchownat, sys_utime, sys_utimes, sys_futimesat, sys_utimensat;
sys_handler sys_rt_sigaction, sys_rt_sigprocmask, sys_rt_sigreturn, sys_rt_sigsuspend,
	sys_sigaltstack, sys_ppoll, sys_pselect6, sys_epoll_pwait;
sys_handler sys_clone, sys_clone3, sys_fork, sys_vfork, sys_exit, sys_exit_group, sys_execve,
	sys_execveat;
sys_handler sys_readlink, sys_readlinkat, sys_prctl, sys_seccomp, sys_ptrace, sys_set_ids;

#endif
