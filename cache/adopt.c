/* SPDX-License-Identifier: Apache-2.0 */
/*
 * At the start: the files an earlier daemon left. Only their names and sizes are read; whether the
 * two files of a pair hold together is seen when one is used.
 *
 * What has notes (cache/notes.h) may be nowhere else: nothing of it is removed, whatever it looks
 * like. It is gone on with, or is kept aside, or is listed as it is (cache/strays.h).
 */
#include "cache/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/clock.h"
#include "cache/linkset.h"
#include "cache/place.h"
#include "cache/strays.h"
#include "core/log.h"
#include "core/scope.h"

#define NAME_LEN (2 * CACHE_ID_BYTES + sizeof("-0123456789abcdef.d") - 1)

struct found {
	struct cache_file *file;
	struct timespec written;
};

struct found_list {
	struct found *items;
	size_t count, cap;
};

/* "HEX32-HEX16.d" */
static bool parse_name(const char *name, struct cache_file *file)
{
	unsigned long long etag;
	char pair_name[PAIR_NAME_BYTES];

	if (strlen(name) != NAME_LEN)
		return false;
	for (int i = 0; i < CACHE_ID_BYTES; i++) {
		if (sscanf(name + 2 * i, "%2hhx", &file->name.id[i]) != 1)
			return false;
	}
	if (sscanf(name + 2 * CACHE_ID_BYTES, "-%16llx.d", &etag) != 1)
		return false;
	file->name.etag_hash = file->name_hash = etag;
	memcpy(file->name_id, file->name.id, CACHE_ID_BYTES);
	file_pair_name(file, pair_name);
	return !strncmp(pair_name, name, NAME_LEN - 2);
}

/* What was not in the bucket when the machine stopped may have lost bytes, and what was copied may
 * be one of two, or older than what is in the bucket by now: it is the user's to look at. */
static void judge(struct cache_draft *d, bool is_moved)
{
	struct notes_journal *j = d->notes.journal;
	char boot[PLACE_BOOT_BYTES];
	bool is_old;

	place_boot(boot);
	is_old = strcmp(boot, j->boot) != 0;
	if ((!is_old && !is_moved) || j->flags & (NOTES_PARKED | NOTES_UNLINKED))
		return;
	j->error = -EIO;
	snprintf(j->message, sizeof(j->message), "%s: what was written last may be missing",
		 is_old ? "the machine stopped before it was in the bucket"
			: "the cache was moved or restored before it was in the bucket");
	j->flags |= draft_is_dirty(d->notes.shm) ? NOTES_PARKED : NOTES_UNLINKED;
}

/* Opens the notes, which may tell of the data file under another device or inode number: they are
 * of it from now on, and so is the vnode. The words of judge() are there before. */
static int open_notes(struct cache_draft *d, const char *name, const struct stat *st)
{
	int ret = notes_open(cache.files_fd, name, &d->notes);
	struct draft_shm *shm = d->notes.shm;
	bool is_moved;

	if (ret)
		return ret;
	is_moved = shm->data_dev != st->st_dev || shm->data_ino != st->st_ino;
	judge(d, is_moved || place_is_restored());
	if (is_moved)
		ret = pair_move(cache.files_fd, name, d->notes.vn, d->notes.vnode_bytes, st);
	if (!ret) {
		shm->data_dev = st->st_dev;
		shm->data_ino = st->st_ino;
	}
	return ret;
}

/* Has anybody written to the data file? Notes that were just being made tell nothing, and neither
 * do those that somebody has cut. A new file is empty until then; another has its version's time
 * before it has notes. */
static bool was_written(const char *name)
{
	SCOPE_FD int vnode_fd = pair_vnode_fd(cache.files_fd, name);
	SCOPE_FD int data_fd = pair_data_fd(cache.files_fd, name, O_RDONLY);
	struct vnode_shm vn;
	struct stat st;

	if (data_fd < 0 || fstat(data_fd, &st))
		return data_fd != -ENOENT;
	if (vnode_fd == -ENOENT)
		return st.st_size;
	return vnode_fd < 0 || pread(vnode_fd, &vn, sizeof(vn), 0) != (ssize_t)sizeof(vn) ||
	       vn.attr.mtime_ns != st.st_mtim.tv_sec * CLOCK_NS_PER_S + st.st_mtim.tv_nsec;
}

/* One that makes no sense is not removed, unless it was just being made: nobody has written to
 * that. */
static void give_up(const char *name, int error)
{
	if (!notes_are_half_made(cache.files_fd, name) || was_written(name)) {
		strays_add(name, error);
		return;
	}
	log_info("cache: %s.d was about to be written to when a daemon died", name);
	pair_remove(cache.files_fd, name);
	notes_remove(cache.files_fd, name);
}

/* Nothing can be a file of the cache without this, and a copy need not have it. */
static int mend_mode(const char *name, const struct stat *st)
{
	if ((st->st_mode & 07777) == VNODE_DATA_MODE)
		return 0;
	log_warn("cache: %s had the mode %04o", name, st->st_mode & 07777);
	return fchmodat(cache.files_fd, name, VNODE_DATA_MODE, 0) ? -errno : 0;
}

static int go_on_with(struct cache_file **file, const char *name, const struct stat *st)
{
	struct cache_file *f = *file;
	struct cache_draft *d = calloc(1, sizeof(*d));
	struct pair pair = {.data_fd = -1};
	int ret;

	if (!d)
		return -ENOMEM;
	f->dev = st->st_dev;
	f->ino = st->st_ino;
	d->is_left = true;
	ret = open_notes(d, name, st);
	f->draft = d;
	if (!ret)
		ret = file_open_pair(f, &pair);
	if (!ret)
		ret = links_open(f);
	if (!ret)
		ret = file_make_id(pair.vn->ctx, d->notes.journal->object, f->name.id);
	if (!ret)
		ret = links_adopt(f, pair.vn);
	pair_close(&pair);
	if (ret) {
		links_close(f, true);
		notes_close(&d->notes);
		free(d);
		f->draft = NULL;
		return ret;
	}
	notes_mend(&d->notes);
	f->name.etag_hash = file_hash_etag(d->notes.journal->etag);
	f->disk_bytes = CACHE_VNODE_COST + (uint64_t)st->st_blocks * 512;
	d->next = cache.drafts;
	cache.drafts = f;
	file_insert(f);
	*file = NULL;
	return 0;
}

/* NAME.d, that was written to: it stays, whatever is wrong with it, unless all is in the bucket. */
static void adopt_draft(const char *data_name)
{
	SCOPE_FREE struct cache_file *file = calloc(1, sizeof(*file));
	char name[NAME_MAX + 1];
	struct stat st;
	int ret = 0;

	snprintf(name, sizeof(name), "%.*s", (int)strlen(data_name) - 2, data_name);
	if (!file)
		ret = -ENOMEM;
	else if (fstatat(cache.files_fd, data_name, &st, AT_SYMLINK_NOFOLLOW))
		ret = -errno;
	else if (!S_ISREG(st.st_mode) || !parse_name(data_name, file))
		ret = -EBADF;
	if (ret) {
		strays_add(name, ret);
		return;
	}
	ret = mend_mode(data_name, &st);
	if (!ret)
		ret = go_on_with(&file, name, &st);
	if (ret)
		give_up(name, ret);
}

/* An error: it is to go. */
static int adopt_one(const char *name, struct found_list *list)
{
	SCOPE_FREE struct cache_file *file = calloc(1, sizeof(*file));
	char vnode_name[NAME_LEN + 1];
	struct stat st;

	if (!file || list->count >= file_max())
		return -ENOMEM;
	if (!parse_name(name, file) || fstatat(cache.files_fd, name, &st, AT_SYMLINK_NOFOLLOW) ||
	    !S_ISREG(st.st_mode) || (st.st_mode & 07777) != VNODE_DATA_MODE)
		return -EBADF;
	memcpy(vnode_name, name, sizeof(vnode_name));
	vnode_name[NAME_LEN - 1] = 'v';
	if (faccessat(cache.files_fd, vnode_name, R_OK | W_OK, AT_SYMLINK_NOFOLLOW))
		return -EBADF;

	if (list->count == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 256;
		struct found *grown = reallocarray(list->items, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		list->items = grown;
		list->cap = cap;
	}
	file->dev = st.st_dev;
	file->ino = st.st_ino;
	file->disk_bytes = CACHE_VNODE_COST + (uint64_t)st.st_blocks * 512;
	list->items[list->count++] = (struct found){take_ptr(&file), st.st_mtim};
	return 0;
}

static int older_first(const void *a, const void *b)
{
	const struct timespec *x = &((const struct found *)a)->written;
	const struct timespec *y = &((const struct found *)b)->written;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return x->tv_nsec < y->tv_nsec ? -1 : x->tv_nsec > y->tv_nsec;
}

/* A vnode file, notes, or names, whose data file is there stays with it; everything else that was
 * not adopted goes. */
static bool is_partner(const char *name)
{
	char data_name[NAME_MAX + 1];
	size_t len = strlen(name);

	if (len < 2 || len > NAME_MAX || name[len - 2] != '.' || !strchr("vwl", name[len - 1]))
		return false;
	memcpy(data_name, name, len + 1);
	data_name[len - 1] = 'd';
	return !faccessat(cache.files_fd, data_name, F_OK, AT_SYMLINK_NOFOLLOW) || errno != ENOENT;
}

/* NAME.d of a draft. */
static bool is_draft(const char *name)
{
	size_t len = strlen(name);

	return len > 2 && !strcmp(name + len - 2, ".d") && place_has_notes(cache.files_fd, name);
}

int file_adopt(void)
{
	int fd = openat(cache.files_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct found_list list = {0};

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return -EIO;
	}
	for (struct dirent *d = readdir(dir); d; d = readdir(dir)) {
		if (d->d_name[0] == '.' || is_partner(d->d_name))
			continue;
		if (is_draft(d->d_name))
			adopt_draft(d->d_name);
		else if (adopt_one(d->d_name, &list))
			unlinkat(cache.files_fd, d->d_name, 0);
	}
	closedir(dir);

	if (list.count)
		qsort(list.items, list.count, sizeof(*list.items), older_first);
	for (size_t i = 0; i < list.count; i++)
		file_insert(list.items[i].file);
	if (list.count)
		log_info("cache: %zu files of an earlier daemon", list.count);
	free(list.items);
	return 0;
}
