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
 * While a program writes, the daemon sends what it has finished: the parts (parts.h) that lie
 * wholly before written, which is how far the file was written from its start without a gap. Who
 * changes bytes says so, when it has, before it counts ended up: draft_wrote() where it knows the
 * place, which marks the parts as late: what was sent of them is sent again. A file without a base
 * is mostly written by one open file description from start to end, and then nobody need know the
 * place: draft_wrote_on(). That ends for good (DRAFT_PLACED) before anybody does anything else: a
 * second open, another offset, a cut. From then on each writer says where it writes. What can be
 * followed by neither is DRAFT_UNSURE: nothing that was sent ahead is used.
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
#define DRAFT_VERSION 3u

/* pattern */
#define DRAFT_PLACED 1u
#define DRAFT_UNSURE 2u

#define DRAFT_LATE_WORDS 158 /* one bit for each part, and a whole number of cache lines */

struct draft_shm {
	uint32_t magic, version;
	uint64_t data_dev, data_ino; /* identity of the data file */
	uint64_t begun, ended;	     /* atomic: changes by runtimes */
	uint64_t flushed;	     /* atomic, the daemon's */
	uint32_t mapped;	     /* atomic: there is or was a writable shared mapping */
	uint32_t dirty_off;   /* from the start of this struct: 64-bit words, bit i = block i */
	uint64_t dirty_words; /* blocks of the base only: what lies beyond is dirty anyway */
	uint64_t written;     /* atomic: bytes from the start on that were written without a gap */
	uint32_t pattern, unused;	 /* atomic: DRAFT_* */
	uint64_t late[DRAFT_LATE_WORDS]; /* atomic: bit i = part i */
};

/* Bytes of the head; what stands behind it up to dirty_off is the daemon's own. */
#define DRAFT_HEAD_BYTES 1344u

/* length bytes at offset are about to change. length 0: not its bytes (a mode, a time). */
void draft_begin(struct draft_shm *notes, uint64_t offset, uint64_t length);

/* length bytes at offset change as well, in what has begun already. */
void draft_mark(struct draft_shm *notes, uint64_t offset, uint64_t length);

/* They have changed, but for bytes that nobody may have sent ahead: none, or those of an append. */
void draft_end(struct draft_shm *notes);

/* Instead of draft_end(): length bytes at offset have changed. 0: a write that failed. The result:
 * a part was finished that the daemon may send. */
bool draft_wrote(struct draft_shm *notes, uint64_t offset, uint64_t length);

/* The same where only the kernel knows the place, and draft_is_placed() said no after
 * draft_begin(). */
bool draft_wrote_on(struct draft_shm *notes, uint64_t length);

/* length bytes at offset have changed, in what has begun and not ended; they count as late. */
void draft_late(struct draft_shm *notes, uint64_t offset, uint64_t length);

/* Must each change say where it is? */
bool draft_is_placed(const struct draft_shm *notes);

/* From now on it must. Before anything but writing on. */
void draft_place(struct draft_shm *notes);

/* Something has or will have changed that nobody can follow. Within draft_begin() and draft_end().
 */
void draft_unsure(struct draft_shm *notes);

/* The file ends here now at most. Within draft_begin() and draft_end(), after draft_place(). */
void draft_cut(struct draft_shm *notes, uint64_t size);

/* Is there a change that is not in the bucket yet, or may be? */
bool draft_is_dirty(const struct draft_shm *notes);

/* Was any byte of these blocks of the base changed? Blocks beyond the bitmap are. */
bool draft_block_dirty(const struct draft_shm *notes, uint64_t block);

#endif
