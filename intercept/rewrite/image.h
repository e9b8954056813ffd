/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ELF file in memory, and its code: the executable segments side by side in one array, with a
 * byte of marks for each byte of code. A position is an index into both.
 */
#ifndef INTERCEPT_REWRITE_IMAGE_H
#define INTERCEPT_REWRITE_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/twin.h"
#include "intercept/elf.h"
#include "intercept/rewrite/vec.h"

#define POS_NONE   UINT32_MAX
#define CODE_GUARD 16u /* invalid bytes behind each span: no instruction reaches over them */

/* Marks */
#define MARK_LENGTH 0x0fu /* a proven instruction starts here, of that many bytes */
#define MARK_INSIDE 0x10u /* a proven instruction covers this byte and starts before it */
#define MARK_TARGET 0x20u /* something may go here: a branch, a pointer, a symbol */
#define MARK_SOFT   0x40u /* at a start: proven by plausibility, not by flow alone */
#define MARK_QUEUED 0x80u /* was looked at as a possible start */
#define MARK_DATA   (MARK_INSIDE | MARK_SOFT) /* a data object, says the symbol table */
#define MARK_TABLE  MARK_SOFT		      /* at a candidate that is neither: in a table */
#define MARK_KNOWN  (MARK_LENGTH | MARK_INSIDE)

/* An executable PT_LOAD that is not writable, in whole pages. */
struct span {
	uint64_t vaddr, offset;
	uint32_t pos, bytes; /* bytes that the file has: less than pages at its very end */
};

struct image {
	uint8_t *file; /* owned; size bytes. The twin's changes are made here, at the end */
	uint64_t size;
	struct twin_key key;
	struct elf_info elf;
	struct span span[TWIN_SEGMENTS_MAX];
	unsigned span_count;
	uint8_t *code, *mark; /* owned; code is the file's, unchanged */
	uint32_t code_bytes;
	struct vec candidates;	   /* positions of the byte pairs of a system call; ascending */
	uint32_t other_candidates; /* in executable segments that are no spans */
};

/* Fills *image from fd. Errors as of rewrite_file(). image_free() in any case. */
int image_read(struct image *image, int fd);
void image_free(struct image *image);

/* [offset, offset + bytes) lies in the file */
static inline bool image_has(const struct image *image, uint64_t offset, uint64_t bytes)
{
	return offset <= image->size && bytes <= image->size - offset;
}

/* The bytes at vaddr up to the end of its PT_LOAD's part of the file (*left_out of them), or NULL.
 */
const uint8_t *image_at(const struct image *image, uint64_t vaddr, uint64_t *left_out);

/* POS_NONE when vaddr, or the file's offset, is not in code. */
uint32_t image_pos(const struct image *image, uint64_t vaddr);
uint32_t image_pos_of_offset(const struct image *image, uint64_t offset);

const struct span *image_span(const struct image *image, uint32_t pos);
uint64_t image_vaddr(const struct image *image, uint32_t pos);
uint64_t image_offset(const struct image *image, uint32_t pos);

/* The section of that name: false when there is none, or it is not in the file. */
bool image_section(const struct image *image, const char *name, Elf64_Shdr *out);

#endif
