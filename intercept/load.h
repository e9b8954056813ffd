/* SPDX-License-Identifier: Apache-2.0 */
/* Mapping a program and its interpreter, as the kernel's binfmt_elf does. */
#ifndef INTERCEPT_LOAD_H
#define INTERCEPT_LOAD_H

#include "intercept/elf.h"

struct image {
	uint64_t bias, entry; /* entry: biased */
	uint64_t low;	      /* of the first segment, before the bias */
	int stack_exec;	      /* it asks for an executable stack */
	uint64_t phdr;	      /* biased, or 0 */
	uint64_t end;	      /* biased end of the last segment */
	unsigned phdr_count;
};

/* Reads and checks the headers of fd. 0, -ENOEXEC, -EIO. */
int load_headers(int fd, struct elf_info *info);

/* The path of the interpreter, NUL-terminated, into out (4096 bytes). 0, -EIO (it lies beyond
 * the file's end), -ENOEXEC. */
int load_interp_path(int fd, const struct elf_info *info, char *out);

/* Maps fd. hint: where a position-independent image should go, 0: anywhere. 0 or a negative errno.
 */
int load_image(int fd, const struct elf_info *info, uint64_t hint, struct image *out);

#endif
