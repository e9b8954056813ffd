/* SPDX-License-Identifier: Apache-2.0 */
/* The stat family, access, statfs and extended attributes. */
#include "tests/apps/probe/probe.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif
#ifndef AT_STATX_DONT_SYNC
#define AT_STATX_DONT_SYNC 0x4000
#endif

/* The head of struct statx, which musl 1.2.3 does not have. */
struct statx_head {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, pad;
	uint64_t ino, size, blocks, attributes_mask;
	struct {
		int64_t sec;
		uint32_t nsec, pad;
	} atime, btime, ctime, mtime;
	uint64_t rest[16];
};
#define STATX_BASIC 0x7ffu

static void say_stat(const char *name, const struct stat *st)
{
	char label[64];

	snprintf(label, sizeof(label), "%s-size", name);
	say(label, S_ISDIR(st->st_mode) ? 0 : (long)st->st_size);
	snprintf(label, sizeof(label), "%s-mode", name);
	say(label, (long)st->st_mode);
	snprintf(label, sizeof(label), "%s-mine", name);
	say(label, st->st_uid == geteuid() && st->st_gid == getegid());
	snprintf(label, sizeof(label), "%s-nlink", name);
	say(label, S_ISDIR(st->st_mode) ? st->st_nlink >= 1 : (long)st->st_nlink);
	snprintf(label, sizeof(label), "%s-has-blocks", name);
	say(label, st->st_size == 0 || S_ISDIR(st->st_mode) || st->st_blocks > 0);
	snprintf(label, sizeof(label), "%s-blksize", name);
	say(label, st->st_blksize >= 512);
}

static void stat_family(void)
{
	struct stat a, b;
	int file = open("big.bin", O_RDONLY), path = open("big.bin", O_PATH),
	    dir = open("sub", O_RDONLY);

	say("stat", res(stat("big.bin", &a)));
	say_stat("file", &a);
	say("lstat", res(lstat("big.bin", &b)));
	say("lstat-same", a.st_ino == b.st_ino && a.st_dev == b.st_dev && a.st_size == b.st_size &&
				  a.st_mtime == b.st_mtime);
	say("fstat", res(fstat(file, &b)));
	say("fstat-same", a.st_ino == b.st_ino && a.st_dev == b.st_dev && a.st_mode == b.st_mode &&
				  a.st_size == b.st_size && a.st_mtime == b.st_mtime);
	say("fstat-path-descriptor", res(fstat(path, &b)));
	say("fstat-path-same", a.st_ino == b.st_ino && a.st_size == b.st_size);
	say("fstatat-empty", res(fstatat(file, "", &b, AT_EMPTY_PATH)));
	say("fstatat-empty-same", a.st_ino == b.st_ino && a.st_mode == b.st_mode);
	say("fstatat-no-empty", res(fstatat(file, "", &b, 0)));
	say("fstatat-cwd-empty",
	    res(fstatat(AT_FDCWD, "", &b, AT_EMPTY_PATH)) ?: S_ISDIR(b.st_mode));
	say("fstatat-dir", res(fstatat(dir, "deeper/x", &b, 0)) ?: (long)b.st_size);
	say("fstatat-nofollow", res(fstatat(dir, "deeper/x", &b, AT_SYMLINK_NOFOLLOW)));
	say("fstatat-flags", res(fstatat(dir, "deeper/x", &b, 0x40000000)));
	say("stat-dir", res(stat("sub", &a)));
	say_stat("dir", &a);
	say("stat-dir-slash", res(stat("sub/", &b)) ?: a.st_ino == b.st_ino);
	say("stat-dot", res(stat(".", &b)) ?: S_ISDIR(b.st_mode));
	say("fstat-dir", res(fstat(dir, &b)) ?: a.st_ino == b.st_ino && a.st_mode == b.st_mode);
	say("stat-empty-file", res(stat("empty", &a)));
	say_stat("empty", &a);
	say("stat-parent", res(stat("sub/..", &a)) ?: res(stat(".", &b)) ?: a.st_ino == b.st_ino);
	close(file);
	close(path);
	close(dir);
}

static void stat_extended(void)
{
	struct statx_head x;
	struct stat st;
	int file = open("small.txt", O_RDONLY);

	stat("small.txt", &st);
	memset(&x, 0, sizeof(x));
	say("statx", res(syscall(SYS_statx, AT_FDCWD, "small.txt", 0, STATX_BASIC, &x)));
	say("statx-mask", (x.mask & STATX_BASIC) == STATX_BASIC);
	say("statx-size", (long)x.size);
	say("statx-same", x.ino == st.st_ino && x.mode == st.st_mode && x.uid == st.st_uid &&
				  x.gid == st.st_gid && x.mtime.sec == st.st_mtime &&
				  x.nlink == st.st_nlink);
	say("statx-descriptor", res(syscall(SYS_statx, file, "", AT_EMPTY_PATH, STATX_BASIC, &x)));
	say("statx-descriptor-same", x.ino == st.st_ino && x.size == (uint64_t)st.st_size);
	say("statx-null-path", res(syscall(SYS_statx, file, "", 0, STATX_BASIC, &x)));
	say("statx-dont-sync",
	    res(syscall(SYS_statx, AT_FDCWD, "small.txt", AT_STATX_DONT_SYNC, STATX_BASIC, &x)));
	say("statx-missing", res(syscall(SYS_statx, AT_FDCWD, "none", 0, STATX_BASIC, &x)));
	say("statx-bad-flags", res(syscall(SYS_statx, AT_FDCWD, "small.txt", 0x40000000, 0, &x)));
	say("statx-bad-mask", res(syscall(SYS_statx, AT_FDCWD, "small.txt", 0, 1u << 31, &x)));
	say("statx-bad-buffer", res(syscall(SYS_statx, AT_FDCWD, "small.txt", 0, STATX_BASIC, 8)));
	close(file);
}

static void stat_access(void)
{
	int dir = open("sub", O_RDONLY);

	say("access-exists", res(access("small.txt", F_OK)));
	say("access-read", res(access("small.txt", R_OK)));
	say("access-execute", res(access("small.txt", X_OK)));
	say("access-dir", res(access("sub", R_OK | X_OK)));
	say("access-mode", res(access("small.txt", 99)));
	say("faccessat", res(faccessat(dir, "deeper/x", R_OK, 0)));
	say("faccessat-eaccess", res(faccessat(dir, "deeper/x", R_OK, AT_EACCESS)));
	say("faccessat-missing", res(faccessat(dir, "none", F_OK, 0)));
	say("faccessat2", res(syscall(439 /* faccessat2 */, dir, "deeper", X_OK, AT_EACCESS)));
	close(dir);
}

static void stat_attributes(void)
{
	struct statfs fs;
	char value[64];
	int file = open("small.txt", O_RDONLY);

	say("statfs", res(statfs("small.txt", &fs)));
	say("statfs-namelen", (long)fs.f_namelen);
	say("statfs-bsize", fs.f_bsize > 0);
	say("fstatfs", res(fstatfs(file, &fs)));
	say("statfs-missing", res(statfs("none", &fs)));
	say("getxattr", res(getxattr("small.txt", "user.none", value, sizeof(value))));
	say("lgetxattr", res(lgetxattr("small.txt", "user.none", value, sizeof(value))));
	say("fgetxattr", res(fgetxattr(file, "user.none", value, sizeof(value))));
	say("getxattr-acl",
	    res(getxattr("small.txt", "system.posix_acl_access", value, sizeof(value))) <= 0);
	say("getxattr-missing", res(getxattr("none", "user.none", value, sizeof(value))));
	say("getxattr-capability", res(getxattr("small.txt", "security.capability", value, 64)));
	say("listxattr", res(listxattr("small.txt", NULL, 0)) >= 0);
	say("flistxattr", res(flistxattr(file, value, sizeof(value))) >= 0);
	say("listxattr-missing", res(listxattr("none", NULL, 0)));
	say("pathconf-name", fpathconf(file, _PC_NAME_MAX));
	close(file);
}

void probe_stat(void)
{
	stat_family();
	stat_extended();
	stat_access();
	stat_attributes();
}
