/* SPDX-License-Identifier: Apache-2.0 */
/* What an ELF file's headers say, checked before anything is mapped. Pure. */
#ifndef INTERCEPT_ELF_H
#define INTERCEPT_ELF_H

#include <linux/elf.h>
#include <stdint.h>

#define ELF_TABLE_MAX (65536u / sizeof(Elf64_Phdr)) /* program headers of a file: the kernel's */
#define ELF_PHDRS_MAX (4096u / sizeof(Elf64_Phdr))  /* of them, that say something: no linker's */

struct elf_info {
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdr[ELF_PHDRS_MAX]; /* all, or, of a larger table, those that matter */
	unsigned phdr_count;
	uint64_t low, high;		      /* extent of the PT_LOAD segments: page boundaries */
	uint64_t align;			      /* the largest p_align, at least a page */
	uint64_t interp_offset, interp_bytes; /* PT_INTERP in the file; bytes 0: none */
	uint64_t phdr_addr; /* where the headers lie in memory, before the bias; 0: nowhere */
	int stack_exec;	    /* PT_GNU_STACK asks for an executable stack */
};

/* Is this header one of a 64-bit x86 program? 0 or -ENOEXEC. */
int elf_check_header(const Elf64_Ehdr *ehdr);

/* Adds those of n headers to info->phdr that matter to whoever loads or rewrites the file.
 * -ENOEXEC: there are more than fit. */
int elf_add(struct elf_info *info, const Elf64_Phdr *from, unsigned n);

/* Fills the rest of info from its ehdr and phdr[]. 0 or -ENOEXEC. */
int elf_check_segments(struct elf_info *info);

#endif
