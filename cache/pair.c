/* SPDX-License-Identifier: Apache-2.0 */
/* Making, opening and dropping the two files of a vnode. */
#include "cache/pair.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/blocks.h"
#include "core/log.h"
#include "core/scope.h"

#define TAIL_MAGIC 0x4c544b53u /* "SKTL" */

static void file_name(const char *name, char kind, char out[PAIR_NAME_BYTES + 2])
{
	snprintf(out, PAIR_NAME_BYTES + 2, "%s.%c", name, kind);
}

static uint64_t tail_offset(uint64_t size, uint32_t path_len)
{
	return vnode_file_bytes(size, path_len); /* a multiple of 8 */
}

/* Size that the bitmap is made for: a directory has none. */
static uint64_t mapped_size(const struct pair_about *about)
{
	return about->kind == VNODE_FILE ? about->attr->size : 0;
}

size_t pair_vnode_bytes(const struct pair_about *about)
{
	return tail_offset(mapped_size(about), (uint32_t)strlen(about->path)) +
	       sizeof(struct pair_tail) + strlen(about->object) + 1;
}

static struct pair_tail *tail_of(struct vnode_shm *vn)
{
	uint64_t size = vn->kind == VNODE_FILE ? vn->attr.size : 0;

	return (struct pair_tail *)((char *)vn + tail_offset(size, vn->path_len));
}

static void fill_tail(struct vnode_shm *vn, const struct pair_about *about)
{
	struct pair_tail *tail = tail_of(vn);

	tail->magic = TAIL_MAGIC;
	tail->object_len = (uint32_t)strlen(about->object);
	snprintf(tail->etag, sizeof(tail->etag), "%s", about->etag);
	memcpy(tail->object, about->object, tail->object_len + 1);
}

static void fill_vnode(struct vnode_shm *vn, const struct pair_about *about, const struct stat *st)
{
	uint64_t size = mapped_size(about);
	uint32_t path_len = (uint32_t)strlen(about->path);

	vn->version = VNODE_VERSION;
	vn->kind = about->kind;
	vn->attr = *about->attr;
	vn->data_dev = st->st_dev;
	vn->data_ino = st->st_ino;
	vn->path_len = path_len;
	vn->path_off = sizeof(*vn);
	vn->bitmap_words = (blocks_of(size) + 63) / 64;
	vn->bitmap_off = (uint32_t)(tail_offset(size, path_len) - vn->bitmap_words * 8);
	vn->hints = 0;
	memcpy(vn->ctx, about->ctx, WIRE_CTX_BYTES);
	memcpy((char *)vn + vn->path_off, about->path, path_len + 1);
	fill_tail(vn, about);
	if (about->kind == VNODE_FILE && !size)
		vn->flags = VNODE_COMPLETE;
	if (about->is_plain)
		vn->flags |= VNODE_PLAIN;
	__atomic_store_n(&vn->magic, VNODE_MAGIC, __ATOMIC_RELEASE);
}

static int make_data(int files_fd, const char *name, const struct pair_about *about,
		     struct stat *st)
{
	uint64_t size = mapped_size(about);
	SCOPE_FD int fd = openat(files_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				 VNODE_DATA_MODE);

	if (fd < 0)
		return -errno;
	/* the umask may take something away, or the file system the sticky bit */
	if ((size && ftruncate(fd, (off_t)size)) || fstat(fd, st) ||
	    ((st->st_mode & 07777) != VNODE_DATA_MODE && fchmod(fd, VNODE_DATA_MODE))) {
		int error = -errno;

		unlinkat(files_fd, name, 0);
		return error;
	}
	return take_fd(&fd);
}

static int make_vnode(int files_fd, const char *name, const struct pair_about *about,
		      const struct stat *st, struct pair *out)
{
	SCOPE_FD int fd =
		openat(files_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	size_t bytes = pair_vnode_bytes(about);
	void *map;
	int ret;

	if (fd < 0)
		return -errno;
	ret = posix_fallocate(fd, 0, (off_t)bytes);
	if (ret)
		return -ret;
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	fill_vnode(map, about, st);
	out->vn = map;
	out->map_bytes = bytes;
	out->tail = tail_of(out->vn);
	return 0;
}

int pair_begin(int files_fd, const char *name, const struct pair_about *about, struct pair *out)
{
	char text[PAIR_NAME_BYTES + 2];
	struct stat st;
	int fd;

	file_name(name, 'd', text);
	fd = make_data(files_fd, text, about, &st);
	if (fd < 0)
		return fd;
	*out = (struct pair){.data_fd = fd};
	return 0;
}

void pair_fill(struct pair *pair, const struct pair_about *about, struct vnode_shm *vn)
{
	struct stat st = {0};

	fstat(pair->data_fd, &st);
	fill_vnode(vn, about, &st);
	pair->vn = vn;
	pair->tail = tail_of(vn);
}

int pair_create(int files_fd, const char *name, const struct pair_about *about, struct pair *out)
{
	char data_name[PAIR_NAME_BYTES + 2], vnode_name[PAIR_NAME_BYTES + 2];
	SCOPE_FD int fd = -1;
	struct stat st = {0};
	int ret;

	file_name(name, 'd', data_name);
	file_name(name, 'v', vnode_name);
	fd = make_data(files_fd, data_name, about, &st);
	if (fd < 0)
		return fd;
	ret = make_vnode(files_fd, vnode_name, about, &st, out);
	if (ret) {
		pair_remove(files_fd, name);
		return ret;
	}
	out->data_fd = take_fd(&fd);
	return 0;
}

/* Not by posix_fallocate(3): where the file system has none, that reads a byte of each block and
 * writes it back, over what a program that has it mapped has stored in between. */
int pair_fill_holes(int fd, const struct stat *st, uint64_t bytes)
{
	int ret;

	if ((uint64_t)st->st_blocks * 512 >= bytes)
		return 0;
	do
		ret = fallocate(fd, 0, 0, (off_t)bytes) ? -errno : 0;
	while (ret == -EINTR);
	return ret == -EOPNOTSUPP || ret == -ENOSYS ? 0 : ret;
}

/* What is stored to in a vnode file: one that was a draft's is given back behind it. */
static int fill_vnode_holes(int fd, const struct stat *st)
{
	struct vnode_shm vn;
	uint64_t end;

	if (pread(fd, &vn, sizeof(vn), 0) != (ssize_t)sizeof(vn) || vn.attr.size >> 60 ||
	    vn.path_len >= WIRE_PATH_MAX)
		return -EBADF;
	end = tail_offset(vn.kind == VNODE_FILE ? vn.attr.size : 0, vn.path_len);
	return end > (uint64_t)st->st_size ? -EBADF : pair_fill_holes(fd, st, end);
}

/* Does the mapped vnode file make sense? */
static bool makes_sense(const struct vnode_shm *vn, size_t bytes)
{
	uint64_t size = vn->kind == VNODE_FILE ? vn->attr.size : 0;
	const struct pair_tail *tail;
	uint64_t at;

	if (vn->magic != VNODE_MAGIC || vn->version != VNODE_VERSION ||
	    vn->path_len >= WIRE_PATH_MAX || size >> 60)
		return false;
	at = tail_offset(size, vn->path_len);
	tail = (const struct pair_tail *)((const char *)vn + at);
	if (bytes < at + sizeof(*tail) + 1 || vn->bitmap_words != (blocks_of(size) + 63) / 64 ||
	    vn->bitmap_off != at - vn->bitmap_words * 8 || vn->path_off != sizeof(*vn))
		return false;
	return memchr(vnode_path(vn), 0, vn->path_len + 1) == vnode_path(vn) + vn->path_len &&
	       tail->magic == TAIL_MAGIC && bytes >= at + sizeof(*tail) + tail->object_len + 1 &&
	       !tail->object[tail->object_len] && memchr(tail->etag, 0, sizeof(tail->etag));
}

/* ... and does it belong to this data file? */
static bool holds_together(const struct vnode_shm *vn, size_t bytes, const struct stat *st)
{
	return makes_sense(vn, bytes) && vn->data_dev == st->st_dev && vn->data_ino == st->st_ino &&
	       (vn->kind != VNODE_FILE || vn->flags & VNODE_DRAFT ||
		(uint64_t)st->st_size == vn->attr.size);
}

static int open_one(int files_fd, const char *name, char kind, int flags)
{
	char text[PAIR_NAME_BYTES + 2];
	int fd;

	file_name(name, kind, text);
	fd = openat(files_fd, text, flags | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int pair_open(int files_fd, const char *name, struct pair *out)
{
	char text[PAIR_NAME_BYTES + 2];
	SCOPE_FD int data_fd = -1;
	SCOPE_FD int fd = -1;
	struct stat st, vst;
	void *map;
	int ret;

	file_name(name, 'd', text);
	data_fd = openat(files_fd, text, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	file_name(name, 'v', text);
	fd = openat(files_fd, text, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (data_fd < 0 || fd < 0 || fstat(data_fd, &st) || fstat(fd, &vst))
		return -errno;
	if (vst.st_size < (off_t)sizeof(struct vnode_shm))
		return -EBADF;
	ret = fill_vnode_holes(fd, &vst);
	if (ret)
		return ret;
	map = mmap(NULL, (size_t)vst.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	if (!holds_together(map, (size_t)vst.st_size, &st)) {
		munmap(map, (size_t)vst.st_size);
		return -EBADF;
	}
	out->vn = map;
	out->map_bytes = (size_t)vst.st_size;
	out->tail = tail_of(out->vn);
	out->data_fd = take_fd(&data_fd);
	return 0;
}

int pair_open_with(int files_fd, const char *name, struct vnode_shm *vn, size_t bytes,
		   struct pair *out)
{
	SCOPE_FD int fd = open_one(files_fd, name, 'd', O_RDWR);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st))
		return -errno;
	if (!holds_together(vn, bytes, &st))
		return -EBADF;
	*out = (struct pair){.data_fd = take_fd(&fd), .vn = vn, .tail = tail_of(vn)};
	return 0;
}

/* With a map of its own. */
static int move_file(int files_fd, const char *name, const struct stat *st)
{
	SCOPE_FD int fd = open_one(files_fd, name, 'v', O_RDWR);
	struct stat vst;
	int ret;

	if (fd < 0)
		return fd;
	if (fstat(fd, &vst))
		return -errno;
	if (vst.st_size < (off_t)sizeof(struct vnode_shm))
		return -EBADF;
	struct vnode_shm *vn =
		mmap(NULL, (size_t)vst.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (vn == MAP_FAILED)
		return -errno;
	ret = pair_move(files_fd, name, vn, (size_t)vst.st_size, st);
	munmap(vn, (size_t)vst.st_size);
	return ret;
}

int pair_move(int files_fd, const char *name, struct vnode_shm *vn, size_t bytes,
	      const struct stat *st)
{
	if (!vn)
		return move_file(files_fd, name, st);
	if (!makes_sense(vn, bytes))
		return -EBADF;
	vn->data_dev = st->st_dev;
	vn->data_ino = st->st_ino;
	return 0;
}

int pair_data_fd(int files_fd, const char *name, int flags)
{
	return open_one(files_fd, name, 'd', flags & O_PATH ? O_PATH : flags & O_ACCMODE);
}

int pair_vnode_fd(int files_fd, const char *name)
{
	return open_one(files_fd, name, 'v', O_RDONLY);
}

int pair_sync(const struct pair *p)
{
	if (fdatasync(p->data_fd))
		return -1;
	return p->map_bytes ? msync(p->vn, p->map_bytes, MS_SYNC) : 0;
}

void pair_close(struct pair *p)
{
	if (p->vn && p->map_bytes)
		munmap(p->vn, p->map_bytes);
	if (p->data_fd >= 0)
		close(p->data_fd);
	*p = (struct pair){.data_fd = -1};
}

int pair_take_over(int files_fd, const char *from, const char *to, const struct pair_about *about)
{
	char old[PAIR_NAME_BYTES + 2], new[PAIR_NAME_BYTES + 2];
	struct pair made = {.data_fd = -1};
	struct stat st;
	int ret;

	file_name(from, 'd', old);
	file_name(to, 'v', new);
	if (fstatat(files_fd, old, &st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	ret = make_vnode(files_fd, new, about, &st, &made);
	if (ret || !made.vn) {
		unlinkat(files_fd, new, 0);
		return ret ? ret : -EIO;
	}
	blocks_set(made.vn, 0, blocks_of(about->attr->size));
	made.vn->flags |= VNODE_COMPLETE;
	pair_close(&made);
	file_name(to, 'd', new);
	if (renameat(files_fd, old, files_fd, new)) {
		ret = -errno;
		pair_remove(files_fd, to);
		return ret;
	}
	file_name(from, 'v', old);
	unlinkat(files_fd, old, 0);
	return 0;
}

/* The head and the path stay where they are. */
static void turn(struct vnode_shm *vn, size_t bytes, const struct pair_about *about)
{
	size_t path_end = sizeof(*vn) + strlen(about->path) + 1;
	uint64_t size = about->attr->size;

	memset((char *)vn + path_end, 0, bytes - path_end);
	vn->attr = *about->attr;
	vn->bitmap_words = (blocks_of(size) + 63) / 64;
	vn->bitmap_off = (uint32_t)(tail_offset(size, vn->path_len) - vn->bitmap_words * 8);
	vn->notes_off = 0;
	vn->hints = 0;
	fill_tail(vn, about);
	blocks_set(vn, 0, blocks_of(size));
	__atomic_store_n(&vn->flags, VNODE_COMPLETE | (about->is_plain ? VNODE_PLAIN : 0),
			 __ATOMIC_SEQ_CST);
}

int pair_turn(int files_fd, const char *from, const char *to, const struct pair_about *about,
	      struct vnode_shm *vn, size_t bytes)
{
	char old[PAIR_NAME_BYTES + 2], new[PAIR_NAME_BYTES + 2];

	if (pair_vnode_bytes(about) > bytes)
		return -EFBIG;
	/* first: of two files without a partner a later daemon believes nothing */
	file_name(from, 'w', old);
	file_name(to, 'v', new);
	if (renameat(files_fd, old, files_fd, new))
		return -errno;
	turn(vn, bytes, about);
	file_name(from, 'd', old);
	file_name(to, 'd', new);
	return renameat(files_fd, old, files_fd, new) ? -errno : 0;
}

int pair_rename(int files_fd, const char *from, const char *to)
{
	char old[PAIR_NAME_BYTES + 2], new[PAIR_NAME_BYTES + 2];

	file_name(from, 'v', old);
	file_name(to, 'v', new);
	if (renameat(files_fd, old, files_fd, new))
		return -errno;
	file_name(from, 'd', old);
	file_name(to, 'd', new);
	return renameat(files_fd, old, files_fd, new) ? -errno : 0;
}

void pair_remove(int files_fd, const char *name)
{
	char text[PAIR_NAME_BYTES + 2];

	file_name(name, 'v', text);
	unlinkat(files_fd, text, 0);
	file_name(name, 'd', text);
	unlinkat(files_fd, text, 0);
}

bool pair_unused(int files_fd, const char *name)
{
	SCOPE_FD int fd = open_one(files_fd, name, 'd', O_RDWR);

	if (fd < 0)
		return fd == -ENOENT;
	/* a write lease is granted only while no other open file description exists: fcntl(2) */
	if (fcntl(fd, F_SETLEASE, F_WRLCK)) {
		if (errno != EAGAIN)
			log_debug("cache: no leases here: %s", strerror(errno));
		return false;
	}
	fcntl(fd, F_SETLEASE, F_UNLCK);
	return true;
}
