/* SPDX-License-Identifier: Apache-2.0 */
/* What an ELF file's headers say, checked before anything is mapped. Pure. */
#ifndef INTERCEPT_ELF_H
#define INTERCEPT_ELF_H

#include <linux/elf.h>
#include <stdint.h>

#define ELF_PHDRS_BYTES_MAX \
	4096u /* of program headers: the kernel takes 64 KiB, no linker writes 4 */
#define ELF_PHDRS_MAX (ELF_PHDRS_BYTES_MAX / sizeof(Elf64_Phdr))

struct elf_info {
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdr[ELF_PHDRS_MAX];
	unsigned phdr_count;
	uint64_t low, high;		      /* extent of the PT_LOAD segments: page boundaries */
	uint64_t align;			      /* the largest p_align, at least a page */
	uint64_t interp_offset, interp_bytes; /* PT_INTERP in the file; bytes 0: none */
	uint64_t phdr_addr; /* where the headers lie in memory, before the bias; 0: nowhere */
	int stack_exec;	    /* PT_GNU_STACK asks for an executable stack */
};

/* Is this header one of a 64-bit x86 program? 0 or -ENOEXEC. */
int elf_check_header(const Elf64_Ehdr *ehdr);

/* Fills the rest of info from its ehdr and phdr[]. 0 or -ENOEXEC. */
int elf_check_segments(struct elf_info *info);

#endif
