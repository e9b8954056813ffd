/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two files of one vnode on disk (core/base/vnode.h), NAME.d and NAME.v in the files directory;
 * of a draft that was made here the second is NAME.w and holds its notes as well (cache/notes.h).
 * Behind the bitmap the vnode file also carries what only the daemon needs: the object's name and
 * ETag, so that a later daemon can go on with the pair.
 */
#ifndef CACHE_PAIR_H
#define CACHE_PAIR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "core/base/vnode.h"
#include "core/store.h"

#define PAIR_NAME_BYTES 64 /* of NAME, with its NUL */

struct pair_tail {
	uint32_t magic;
	uint32_t object_len;	     /* bytes, without NUL */
	char etag[STORE_ETAG_BYTES]; /* NUL-terminated */
	char object[];		     /* NUL-terminated */
};

/* What a pair is about. */
struct pair_about {
	uint32_t kind; /* VNODE_FILE or VNODE_DIR */
	const uint8_t *ctx;
	const struct wire_attr *attr;
	const char *path;   /* virtual */
	const char *object; /* object name */
	const char *etag;   /* "" when unknown */
	bool is_plain;	    /* VNODE_PLAIN */
};

/* A pair in use: data file open for writing, vnode file mapped. */
struct pair {
	int data_fd; /* -1: none */
	struct vnode_shm *vn;
	const struct pair_tail *tail;
	size_t map_bytes; /* 0: the map is not the pair's to end */
};

/* Makes both files; name must be new. The vnode file's space is allocated, so that touching the map
 * never faults on a full disk. Returns 0 or an error (-ENOSPC...), and leaves nothing then. */
int pair_create(int files_fd, const char *name, const struct pair_about *about, struct pair *out);

/* A file that is to be mapped, of which st tells, gets blocks up to bytes, if some are missing: a
 * copy of the cache may have holes where zeros were, and storing to one on a full disk is a SIGBUS.
 * What is in it stays, also what somebody stores meanwhile; a file system that cannot do that
 * leaves the holes. 0 or an error of the disk. */
int pair_fill_holes(int fd, const struct stat *st, uint64_t bytes);

/* Opens an existing pair, which must hold together: -EBADF if it does not. */
int pair_open(int files_fd, const char *name, struct pair *out);

/* Of a vnode that somebody else maps, in bytes of its own: the data file is made; the vnode is
 * filled in and belongs to it; such a pair is opened again. */
int pair_begin(int files_fd, const char *name, const struct pair_about *about, struct pair *out);
size_t pair_vnode_bytes(const struct pair_about *about);
void pair_fill(struct pair *pair, const struct pair_about *about, struct vnode_shm *vn);
int pair_open_with(int files_fd, const char *name, struct vnode_shm *vn, size_t bytes,
		   struct pair *out);

/* The data file is another than the pair was made with, a copy of it or under another device
 * number, as st says: it belongs to that from now on. vn: mapped with so many bytes of its own, or
 * NULL: NAME.v. 0, -EBADF (it makes no sense), or an error of the disk. */
int pair_move(int files_fd, const char *name, struct vnode_shm *vn, size_t bytes,
	      const struct stat *st);

/* Fresh descriptors for a runtime. flags: an access mode, or O_PATH. */
int pair_data_fd(int files_fd, const char *name, int flags);
int pair_vnode_fd(int files_fd, const char *name);

/* Waits until the disk has both files, of which the second may be somebody else's to sync. 0, or -1
 * with errno. */
int pair_sync(const struct pair *p);

void pair_close(struct pair *p);

/* The data file of a pair goes on as that of another, which about says and in which every block is
 * present; from is none any more. After an error all is as it was. */
int pair_take_over(int files_fd, const char *from, const char *to, const struct pair_about *about);

/* The same of a draft that holds its notes in NAME.w, of which vn maps bytes before them: no file
 * is made or removed. -EFBIG: too few bytes, and all is as it was. After another error, and after a
 * death in between, the pair is none any more. */
int pair_turn(int files_fd, const char *from, const char *to, const struct pair_about *about,
	      struct vnode_shm *vn, size_t bytes);

/* Names both files anew. After an error, and after a death in between, the pair is none any more.
 */
int pair_rename(int files_fd, const char *from, const char *to);

void pair_remove(int files_fd, const char *name);

/* Is the data file open in no process? The caller must have closed its own, and keep others from
 * opening it meanwhile. */
bool pair_unused(int files_fd, const char *name);

#endif
