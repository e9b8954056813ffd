/* SPDX-License-Identifier: Apache-2.0 */
/* The stat family, access, statfs. */
#include <asm/stat.h>
#include <asm/statfs.h>
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>
#include <string.h>

#include "intercept/cloudfd.h"
#include "intercept/enforce.h"
#include "intercept/handlers.h"
#include "intercept/ids.h"
#include "intercept/path.h"
#include "intercept/usercopy.h"

#define CLOUD_DEV_MINOR	  0x5ca1u     /* st_dev of everything in the clouds: major 0 */
#define CLOUD_BLOCK_BYTES 131072u     /* st_blksize: the first read of read-ahead */
#define CLOUD_FS_MAGIC	  0x534b5953u /* "SKYS": no program takes it for a local disk */
#define CLOUD_FS_BLOCKS	  (UINT64_C(1) << 40)
#define CLOUD_FS_FILES	  (UINT64_C(1) << 40) /* a store has no end of names */
#define K_ST_NOSUID	  2
#define K_ST_VALID	  0x20
#define K_X_OK		  1
#define K_W_OK		  2
#define NS_PER_S	  1000000000
#define STAT_FLAGS	  (AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH)

/* dev_t with a minor above 255: the kernel's new_encode_dev */
static uint64_t cloud_dev(void)
{
	return (CLOUD_DEV_MINOR & 0xff) | (CLOUD_DEV_MINOR & ~0xffu) << 12;
}

static void split_time(int64_t ns, int64_t *sec_out, uint32_t *nsec_out)
{
	int64_t sec = ns / NS_PER_S, rest = ns % NS_PER_S;

	if (rest < 0) {
		rest += NS_PER_S;
		sec--;
	}
	*sec_out = sec;
	*nsec_out = (uint32_t)rest;
}

static long put_stat(const struct wire_attr *attr, uint64_t user)
{
	struct stat st = {
		.st_dev = cloud_dev(),
		.st_ino = attr->ino,
		.st_nlink = attr->nlink,
		.st_mode = attr->mode,
		.st_uid = attr->uid == WIRE_CALLER ? ids_user() : attr->uid,
		.st_gid = attr->gid == WIRE_CALLER ? ids_group() : attr->gid,
		.st_size = (long)attr->size,
		.st_blksize = CLOUD_BLOCK_BYTES,
		.st_blocks = (long)((attr->size + 511) / 512),
	};
	int64_t sec;
	uint32_t nsec;

	split_time(attr->mtime_ns, &sec, &nsec);
	st.st_atime = st.st_mtime = st.st_ctime = (unsigned long)sec;
	st.st_atime_nsec = st.st_mtime_nsec = st.st_ctime_nsec = nsec;
	return user_write((void *)user, &st, sizeof(st));
}

static long put_statx(const struct wire_attr *attr, uint64_t user)
{
	struct statx stx = {
		.stx_mask = STATX_BASIC_STATS,
		.stx_blksize = CLOUD_BLOCK_BYTES,
		.stx_nlink = attr->nlink,
		.stx_uid = attr->uid == WIRE_CALLER ? ids_user() : attr->uid,
		.stx_gid = attr->gid == WIRE_CALLER ? ids_group() : attr->gid,
		.stx_mode = (uint16_t)attr->mode,
		.stx_ino = attr->ino,
		.stx_size = attr->size,
		.stx_blocks = (attr->size + 511) / 512,
		.stx_dev_minor = CLOUD_DEV_MINOR,
	};
	int64_t sec;

	split_time(attr->mtime_ns, &sec, &stx.stx_mtime.tv_nsec);
	stx.stx_mtime.tv_sec = sec;
	stx.stx_atime = stx.stx_ctime = stx.stx_mtime;
	return user_write((void *)user, &stx, sizeof(stx));
}

/* Attributes of the cloud file behind fd: 1, 0 (the kernel's) or -EIO. */
static int fd_attr(int fd, struct wire_attr *out)
{
	struct vfile *vf;
	int ret = cloudfd_get(fd, &vf);

	if (ret == 1) {
		vfile_attr(vf, fd, out);
		vfile_put(vf);
	}
	return ret;
}

/* The attributes that a call by name means: 1 with *out, 0 when the kernel answers, or an errno. */
static int name_attr(struct sys_args *a, int dirfd_arg, int path_arg, unsigned at_flags,
		     struct wire_attr *out)
{
	struct thread *t = a->thread;
	bool nofollow = at_flags & AT_SYMLINK_NOFOLLOW;
	int ret, fd;

	t->name[0] = '\0';
	ret = path_is_cloud(a, dirfd_arg, path_arg, 0, nofollow ? PATH_NOFOLLOW : 0);
	if (ret == 1) {
		ret = path_stat(&t->path[0], out);
		return ret ? ret : 1;
	}
	if (ret)
		return ret;
	fd = nofollow ? -1 : path_named_fd(t->name);
	if (fd >= 0)
		return fd_attr(fd, out);
	if (at_flags & AT_EMPTY_PATH && !t->name[0] && (int)a->arg[dirfd_arg] != AT_FDCWD)
		return fd_attr((int)a->arg[dirfd_arg], out);
	return 0;
}

static long stat_by_name(struct sys_args *a, unsigned at_flags)
{
	struct wire_attr attr;
	int ret = name_attr(a, PATH_NO_DIRFD, 0, at_flags, &attr);

	if (ret == 1)
		return put_stat(&attr, a->arg[1]);
	return ret ? ret : SYS_PASS_PATH;
}

long sys_stat(struct sys_args *a)
{
	return stat_by_name(a, 0);
}

long sys_lstat(struct sys_args *a)
{
	return stat_by_name(a, AT_SYMLINK_NOFOLLOW);
}

long sys_fstat(struct sys_args *a)
{
	struct wire_attr attr;
	int ret = fd_attr((int)a->arg[0], &attr);

	if (ret == 1)
		return put_stat(&attr, a->arg[1]);
	return ret ? ret : SYS_PASS;
}

long sys_newfstatat(struct sys_args *a)
{
	struct wire_attr attr;
	int ret;

	if (a->arg[3] & ~(uint64_t)STAT_FLAGS)
		return SYS_PASS; /* EINVAL */
	ret = name_attr(a, 0, 1, (unsigned)a->arg[3], &attr);
	if (ret == 1)
		return put_stat(&attr, a->arg[2]);
	return ret ? ret : SYS_PASS_PATH;
}

long sys_statx(struct sys_args *a)
{
	struct wire_attr attr;
	int ret;

	if (a->arg[2] & ~(uint64_t)(STAT_FLAGS | AT_STATX_SYNC_TYPE) ||
	    (a->arg[2] & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE || a->arg[3] & STATX__RESERVED)
		return SYS_PASS; /* EINVAL */
	if (!a->arg[1]) {	 /* allowed since Linux 6.11 with AT_EMPTY_PATH */
		ret = a->arg[2] & AT_EMPTY_PATH ? fd_attr((int)a->arg[0], &attr) : 0;
	} else {
		ret = name_attr(a, 0, 1, (unsigned)a->arg[2], &attr);
	}
	if (ret == 1)
		return put_statx(&attr, a->arg[4]);
	return ret ? ret : SYS_PASS_PATH;
}

/* The root and the schemes: nothing can be made there. */
static bool is_fixed(const struct vpath *path)
{
	return !strchr(path->text, '/');
}

/* path: NULL when it was a descriptor. */
static long access_attr(const struct wire_attr *attr, const struct vpath *path, unsigned mode,
			unsigned at_flags)
{
	if (mode & ~7u)
		return -EINVAL;
	if (mode & K_W_OK && path && is_fixed(path))
		return -EROFS;
	if (path && enforce_at(path->text))
		return enforce_attr(path, attr, mode, !(at_flags & AT_EACCESS));
	if (mode & K_W_OK && !(attr->mode & 0200) && ids_user() != 0)
		return -EACCES;
	if (mode & K_X_OK && !(attr->mode & 0111))
		return -EACCES;
	return 0;
}

static long access_by_name(struct sys_args *a, int dirfd_arg, int path_arg, unsigned at_flags)
{
	struct thread *t = a->thread;
	struct wire_attr attr;
	int ret = name_attr(a, dirfd_arg, path_arg, at_flags, &attr);
	bool named = t->name[0] && path_named_fd(t->name) < 0;

	if (ret == 1)
		return access_attr(&attr, named ? &t->path[0] : NULL,
				   (unsigned)a->arg[path_arg + 1], at_flags);
	return ret ? ret : SYS_PASS_PATH;
}

long sys_access(struct sys_args *a)
{
	return access_by_name(a, PATH_NO_DIRFD, 0, 0);
}

long sys_faccessat(struct sys_args *a)
{
	return access_by_name(a, 0, 1, 0);
}

long sys_faccessat2(struct sys_args *a)
{
	if (a->arg[3] & ~(uint64_t)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return SYS_PASS; /* EINVAL */
	return access_by_name(a, 0, 1, (unsigned)a->arg[3]);
}

static long put_statfs(uint64_t user)
{
	struct statfs sf = {
		.f_type = CLOUD_FS_MAGIC,
		.f_bsize = CLOUD_BLOCK_BYTES,
		.f_blocks = (long)CLOUD_FS_BLOCKS,
		.f_bfree = (long)CLOUD_FS_BLOCKS,
		.f_bavail = (long)CLOUD_FS_BLOCKS,
		.f_files = (long)CLOUD_FS_FILES,
		.f_ffree = (long)CLOUD_FS_FILES,
		.f_namelen = 255,
		.f_frsize = CLOUD_BLOCK_BYTES,
		.f_flags = K_ST_VALID | K_ST_NOSUID,
	};

	return user_write((void *)user, &sf, sizeof(sf));
}

long sys_statfs(struct sys_args *a)
{
	struct wire_attr attr;
	int ret = name_attr(a, PATH_NO_DIRFD, 0, 0, &attr);

	if (ret == 1)
		return put_statfs(a->arg[1]);
	return ret ? ret : SYS_PASS_PATH;
}

long sys_fstatfs(struct sys_args *a)
{
	struct wire_attr attr;
	int ret = fd_attr((int)a->arg[0], &attr);

	if (ret == 1)
		return put_statfs(a->arg[1]);
	return ret ? ret : SYS_PASS;
}
