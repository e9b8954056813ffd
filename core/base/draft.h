/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runtimes tell the daemon about a cloud file that is written to.
 *
 * The data file of an open cloud file (core/base/vnode.h) is the file that programs write to, so
 * that readers and writers of one machine always agree. From the first open for writing on it is a
 * *draft*: VNODE_DRAFT is set in its vnode, size and mtime are those of the data file as the kernel
 * has them, nothing of it is evicted, and it has notes (this struct and a bitmap), mapped
 * read-write by everybody who has it open for writing: a third file, or, where the file was made
 * here, the end of its vnode file (vnode.notes_off). vnode.attr.size stays what it was: the size of
 * the *base*, the version that is fetched from; blocks of the base that were cut off or replaced
 * count as present.
 *
 * A write, by a runtime, in this order:
 *	1. the blocks of the base that it touches are made present (WIRE_ENSURE), whole ones too;
 *	2. draft_begin(): begun is counted up, the touched blocks of the base are marked dirty;
 *	3. the kernel writes into the data file;
 *	4. draft_end(): ended is counted up.
 * So begun tells of every change there may be, also of one whose writer was killed in between. A
 * change by way of a shared mapping has no end: mapped is set before the mapping is made, and
 * msync, munmap, fsync and close count once more.
 *
 * The daemon publishes what begun counts when it is told to (WIRE_FLUSH), and when no process has
 * the file open any more: flushed is the value of begun up to which everything is in the bucket. A
 * close whose begun is flushed already needs no request.
 *
 * Wherever a file ends, an append changes no block of the base but its last one, and that only if
 * it is a part of one: so a runtime, which cannot know where the kernel appends, marks that block
 * with every write. The daemon makes it present before the first descriptor for writing is handed
 * out, and a WIRE_TRUNCATE makes present the block it cuts and marks it and all behind it.
 *
 * Both programs trust the notes no further than that a wrong one costs its own file.
 */
#ifndef CORE_BASE_DRAFT_H
#define CORE_BASE_DRAFT_H

#include <stdbool.h>
#include <stdint.h>

#define DRAFT_MAGIC   0x46444b53u /* "SKDF" */
#define DRAFT_VERSION 1u

struct draft_shm {
	uint32_t magic, version;
	uint64_t data_dev, data_ino; /* identity of the data file */
	uint64_t begun, ended;	     /* atomic: changes by runtimes */
	uint64_t flushed;	     /* atomic, the daemon's */
	uint32_t mapped;	     /* atomic: there is or was a writable shared mapping */
	uint32_t dirty_off;   /* from the start of this struct: 64-bit words, bit i = block i */
	uint64_t dirty_words; /* blocks of the base only: what lies beyond is dirty anyway */
};

/* Bytes of the head; what stands behind it up to dirty_off is the daemon's own. */
#define DRAFT_HEAD_BYTES 64u

/* length bytes at offset are about to change. length 0: not its bytes (a mode, a time). */
void draft_begin(struct draft_shm *notes, uint64_t offset, uint64_t length);

/* length bytes at offset change as well, in what has begun already. */
void draft_mark(struct draft_shm *notes, uint64_t offset, uint64_t length);

/* They have changed. */
void draft_end(struct draft_shm *notes);

/* Is there a change that is not in the bucket yet, or may be? */
bool draft_is_dirty(const struct draft_shm *notes);

/* Was any byte of these blocks of the base changed? Blocks beyond the bitmap are. */
bool draft_block_dirty(const struct draft_shm *notes, uint64_t block);

#endif
