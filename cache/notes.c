/* SPDX-License-Identifier: Apache-2.0 */
/* Making, opening and removing the notes of a draft. */
#include "cache/notes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/place.h"
#include "core/log.h"
#include "core/scope.h"

_Static_assert(DRAFT_HEAD_BYTES + sizeof(struct notes_journal) <= NOTES_DIRTY_OFF,
	       "the journal has its place");

static void file_name(const char *name, char out[PAIR_NAME_BYTES + 2])
{
	snprintf(out, PAIR_NAME_BYTES + 2, "%s.w", name);
}

/* vnode_bytes: of a vnode that stands before them. */
static int map_notes(int fd, size_t bytes, size_t vnode_bytes, struct notes *out)
{
	char *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return -errno;
	*out = (struct notes){
		.shm = (struct draft_shm *)(map + vnode_bytes),
		.journal = (struct notes_journal *)(map + vnode_bytes + DRAFT_HEAD_BYTES),
		.bytes = bytes - vnode_bytes,
		.vn = vnode_bytes ? (struct vnode_shm *)map : NULL,
		.vnode_bytes = vnode_bytes,
	};
	return 0;
}

/* Makes and maps the file. */
static int make_notes(int files_fd, const char *name, uint64_t words, size_t vnode_bytes,
		      struct notes *out)
{
	size_t bytes = vnode_bytes + NOTES_DIRTY_OFF + words * 8;
	char text[PAIR_NAME_BYTES + 2];
	SCOPE_FD int fd = -1;
	int ret;

	file_name(name, text);
	fd = openat(files_fd, text, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	ret = -posix_fallocate(fd, 0, (off_t)bytes);
	if (!ret)
		ret = map_notes(fd, bytes, vnode_bytes, out);
	if (ret) {
		unlinkat(files_fd, text, 0);
		return ret;
	}
	out->shm->version = DRAFT_VERSION;
	out->shm->dirty_off = NOTES_DIRTY_OFF;
	out->shm->dirty_words = words;
	return 0;
}

int notes_create(int files_fd, const char *name, uint64_t blocks, struct notes *out)
{
	return make_notes(files_fd, name, (blocks + 63) / 64, 0, out);
}

int notes_create_pair(int files_fd, const char *name, const struct pair_about *about,
		      struct pair *pair, struct notes *out)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int ret = pair_begin(files_fd, name, about, pair);

	if (ret)
		return ret;
	ret = make_notes(files_fd, name, 0, (pair_vnode_bytes(about) / page + 1) * page, out);
	if (ret) {
		pair_close(pair);
		pair_remove(files_fd, name);
		return ret;
	}
	pair_fill(pair, about, out->vn);
	out->vn->notes_off = out->vnode_bytes;
	return 0;
}

static bool makes_sense(const struct notes *n)
{
	return n->shm && n->shm->magic == DRAFT_MAGIC && n->shm->version == DRAFT_VERSION &&
	       n->shm->dirty_off == NOTES_DIRTY_OFF &&
	       n->shm->dirty_words == (n->bytes - NOTES_DIRTY_OFF) / 8 &&
	       memchr(n->journal->etag, 0, sizeof(n->journal->etag)) &&
	       memchr(n->journal->object, 0, sizeof(n->journal->object)) &&
	       memchr(n->journal->upload, 0, sizeof(n->journal->upload)) &&
	       memchr(n->journal->upload_object, 0, sizeof(n->journal->upload_object)) &&
	       memchr(n->journal->message, 0, sizeof(n->journal->message));
}

/* Of a file's first bytes, n of them: is it a vnode's, of another version? Its places are not
 * known then. */
static bool is_of_another_version(const struct vnode_shm *vn, ssize_t n)
{
	return n == (ssize_t)sizeof(*vn) && vn->magic == VNODE_MAGIC &&
	       vn->version != VNODE_VERSION;
}

/* Where the notes begin in a file that begins with a vnode; 0 in one that does not. */
static uint64_t read_offset(int fd)
{
	struct vnode_shm vn;

	if (pread(fd, &vn, sizeof(vn), 0) != (ssize_t)sizeof(vn) || vn.magic != VNODE_MAGIC)
		return 0;
	return vn.notes_off;
}

int notes_open(int files_fd, const char *name, struct notes *out)
{
	SCOPE_FD int fd = notes_fd(files_fd, name);
	uint64_t vnode_bytes;
	struct stat st;
	int ret;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st))
		return -errno;
	vnode_bytes = read_offset(fd);
	if (st.st_size < (off_t)NOTES_DIRTY_OFF || vnode_bytes % sizeof(uint64_t) ||
	    vnode_bytes > (uint64_t)st.st_size - NOTES_DIRTY_OFF)
		return -EBADF;
	ret = pair_fill_holes(fd, &st, (uint64_t)st.st_size);
	if (!ret)
		ret = map_notes(fd, (size_t)st.st_size, vnode_bytes, out);
	if (!ret && !makes_sense(out)) {
		notes_close(out);
		ret = -EBADF;
	}
	return ret;
}

bool notes_are_half_made(int files_fd, const char *name)
{
	SCOPE_FD int fd = notes_fd(files_fd, name);
	struct vnode_shm vn;
	uint32_t magic;
	struct stat st;

	/* after a crash of the machine a draft's may be empty as well */
	if (fd < 0 || fstat(fd, &st) || !place_is_of_boot(files_fd, &st))
		return false;
	if (is_of_another_version(&vn, pread(fd, &vn, sizeof(vn), 0)))
		return false;
	return pread(fd, &magic, sizeof(magic), (off_t)read_offset(fd)) != (ssize_t)sizeof(magic) ||
	       magic != DRAFT_MAGIC;
}

int notes_fd(int files_fd, const char *name)
{
	char text[PAIR_NAME_BYTES + 2];
	int fd;

	file_name(name, text);
	fd = openat(files_fd, text, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void notes_object(int files_fd, const char *name, char out[NOTES_OBJECT_MAX])
{
	struct notes n = {0};

	*out = '\0';
	if (!notes_open(files_fd, name, &n) && n.journal)
		memcpy(out, n.journal->object, NOTES_OBJECT_MAX);
	notes_close(&n);
}

int notes_sync(const struct notes *n)
{
	return msync((char *)n->shm - n->vnode_bytes, n->vnode_bytes + n->bytes, MS_SYNC);
}

void notes_close(struct notes *n)
{
	if (n->shm)
		munmap((char *)n->shm - n->vnode_bytes, n->vnode_bytes + n->bytes);
	*n = (struct notes){0};
}

void notes_give_up(struct notes *n)
{
	if (n->vn && madvise(n->shm, n->bytes, MADV_REMOVE))
		log_debug("cache: no holes here: %s", strerror(errno));
	notes_close(n);
}

void notes_remove(int files_fd, const char *name)
{
	char text[PAIR_NAME_BYTES + 2];

	file_name(name, text);
	unlinkat(files_fd, text, 0);
}

static uint64_t *dirty_map(const struct notes *n)
{
	return (uint64_t *)((char *)n->shm + NOTES_DIRTY_OFF);
}

int notes_copy_dirty(const struct notes *n, uint64_t **out)
{
	uint64_t words = n->shm->dirty_words;

	*out = calloc(words + 1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	for (uint64_t i = 0; i < words; i++)
		(*out)[i] = __atomic_load_n(&dirty_map(n)[i], __ATOMIC_SEQ_CST);
	return 0;
}

static void set_flag(struct notes *n, uint32_t flag, bool is_set)
{
	uint32_t flags = n->journal->flags & ~flag;

	__atomic_store_n(&n->journal->flags, is_set ? flags | flag : flags, __ATOMIC_SEQ_CST);
}

void notes_clear_dirty(struct notes *n, const uint64_t *words, uint64_t begun)
{
	set_flag(n, NOTES_CLEARING, true);
	for (uint64_t i = 0; i < n->shm->dirty_words; i++)
		__atomic_and_fetch(&dirty_map(n)[i], ~words[i], __ATOMIC_SEQ_CST);
	/* a program counts before it marks: so its mark is there still, or its count is seen */
	if (__atomic_load_n(&n->shm->begun, __ATOMIC_SEQ_CST) != begun) {
		for (uint64_t i = 0; i < n->shm->dirty_words; i++)
			__atomic_or_fetch(&dirty_map(n)[i], words[i], __ATOMIC_SEQ_CST);
	}
	set_flag(n, NOTES_CLEARING, false);
}

void notes_mend(struct notes *n)
{
	if (!(n->journal->flags & NOTES_CLEARING))
		return;
	for (uint64_t i = 0; i < n->shm->dirty_words; i++)
		__atomic_store_n(&dirty_map(n)[i], UINT64_MAX, __ATOMIC_SEQ_CST);
	set_flag(n, NOTES_CLEARING, false);
}
