/* SPDX-License-Identifier: Apache-2.0 */
/* Mapping a program and its interpreter, as the kernel's binfmt_elf does. */
#ifndef INTERCEPT_LOAD_H
#define INTERCEPT_LOAD_H

#include <stddef.h>

#include "intercept/elf.h"

struct image {
	uint64_t bias, entry; /* entry: biased */
	uint64_t low;	      /* of the first segment, before the bias */
	int stack_exec;	      /* it asks for an executable stack */
	uint64_t phdr;	      /* biased, or 0 */
	uint64_t end;	      /* biased end of the last segment */
	unsigned phdr_count;
};

/* The first bytes of a file, in which nearly every one has all that its loader asks for. */
struct load_front {
	int fd;
	size_t used;
	char bytes[1024];
};

/* Reads them. 0 or a negative errno. */
int load_front(int fd, struct load_front *f);
/* bytes of f's file at offset to out, from f or from the file. 0, -ENOEXEC (the file is shorter),
 * or a negative errno. */
int load_read(const struct load_front *f, void *out, size_t bytes, uint64_t offset);

/* Reads and checks the headers. 0, -ENOEXEC, -EIO. */
int load_headers(const struct load_front *f, struct elf_info *info);

/* The path of the interpreter, NUL-terminated, into out (4096 bytes). 0, -EIO (it lies beyond
 * the file's end), -ENOEXEC. */
int load_interp_path(const struct load_front *f, const struct elf_info *info, char *out);

/* Maps the file. hint: where a position-independent image should go, 0: anywhere. 0 or a negative
 * errno. */
int load_image(const struct load_front *f, const struct elf_info *info, uint64_t hint,
	       struct image *out);

#endif
