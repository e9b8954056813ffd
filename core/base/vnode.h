/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a runtime and the daemon share about one open cloud file or directory.
 *
 * Each has two files in the cache directory:
 *
 *   data file   what the program's descriptor refers to. Of a cloud file: a sparse file of the
 *               object's size, whose blocks appear as they are fetched. Of a directory: the records
 *               of its listing (struct vnode_dirent), appended page by page; the descriptor's own
 *               offset is the directory position. Mode VNODE_DATA_MODE, which no ordinary file has:
 *               it tells a runtime which unknown descriptors are worth a question to the daemon.
 *   vnode file  struct vnode_shm, the virtual path and the block bitmap: mapped read-only by
 *               runtimes, read-write by the daemon.
 *
 * A data file holds one version (ETag) of one object; a version that others made is another file.
 * What is written here makes it a draft (core/base/draft.h), and then the version that was
 * uploaded.
 *
 * A reader of cached bytes: sees the bits set (acquire), reads, then checks that evict_seq has not
 * moved since before it looked at the bits; if it has, it asks for the range and reads again.
 * The daemon that evicts: clears bits (release), bumps evict_seq, then punches the blocks.
 * (Bumping first would leave a gap: a reader could take the new number and still see the old bits.)
 */
#ifndef CORE_BASE_VNODE_H
#define CORE_BASE_VNODE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/wire.h"

#define VNODE_MAGIC	  0x44564b53u /* "SKVD" */
#define VNODE_VERSION	  4u
#define VNODE_BLOCK_SHIFT 16u /* one bit for each 64 KiB */
#define VNODE_BLOCK_BYTES (1u << VNODE_BLOCK_SHIFT)
#define VNODE_DATA_MODE	  01600u /* sticky bit on a regular file, owner only */

enum vnode_kind { VNODE_FILE = 1, VNODE_DIR = 2 };

/* flags; all are only ever set by the daemon, with release order */
#define VNODE_COMPLETE 1u /* file: every block is present; directory: the listing is finished */
#define VNODE_PINNED   2u /* nothing is evicted while any process has the data file open */
#define VNODE_DRAFT    4u /* file: it is or was written to; see core/base/draft.h */
#define VNODE_PLAIN    8u /* file: nobody else keeps metadata with its object; the daemon's own */

/* File: who reads something of [from, to) sends one WIRE_ENSURE_NOWAIT for each value of from that
 * it meets, so that read-ahead goes on without anybody waiting. Empty: none. Both are atomic, but
 * not together: a hint that is wrong does no harm. */
struct vnode_hint {
	uint64_t from, to; /* bytes */
};
#define VNODE_HINTS 16u

struct vnode_shm {
	uint32_t magic, version;
	uint32_t kind;
	uint32_t flags; /* atomic */
	struct wire_attr attr;
	uint64_t data_dev, data_ino; /* identity of the data file, as fstat(2) gives it */
	uint32_t evict_seq;	     /* atomic */
	uint32_t path_len;	     /* bytes, without NUL */
	uint64_t list_bytes;	     /* atomic; directory: bytes of complete records so far */
	struct vnode_hint hint[VNODE_HINTS];
	uint32_t hints;	     /* atomic; how many of them may be in use */
	uint32_t path_off;   /* from the start of this struct: the virtual path, NUL-terminated */
	uint32_t bitmap_off; /* from the start of this struct: 64-bit words, bit i = block i */
	uint64_t bitmap_words;
	uint8_t ctx[WIRE_CTX_BYTES]; /* whose credentials fetched it */
	uint64_t notes_off; /* of a draft that was made here: where in this same file its notes
			     * begin (core/base/draft.h), at a page; 0: they have their own */
};

/* One name in a directory's data file; the next record stands at its offset + reclen. The first two
 * are "." and "..". */
struct vnode_dirent {
	uint64_t ino;
	uint64_t size;
	int64_t mtime_ns;
	uint32_t mode;
	uint16_t reclen;   /* a multiple of 8 */
	uint16_t name_len; /* bytes, 1..255, without the NUL that follows it */
	char name[];
};

/* Whether every block that [offset, offset + length) touches is present. Both programs. Reads
 * beyond the end of the file need nothing. */
bool vnode_present(const struct vnode_shm *vn, uint64_t offset, uint64_t length);

static inline const char *vnode_path(const struct vnode_shm *vn)
{
	return (const char *)vn + vn->path_off;
}

static inline uint64_t *vnode_bitmap(struct vnode_shm *vn)
{
	return (uint64_t *)((char *)vn + vn->bitmap_off);
}

/* Bytes a vnode file needs for an object of size bytes under a path of path_len bytes. */
uint64_t vnode_file_bytes(uint64_t size, uint32_t path_len);

#endif
