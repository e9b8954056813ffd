/* SPDX-License-Identifier: Apache-2.0 */
/* See elf.h. A hostile file is refused here; what the kernel would map, we map. */
#include "intercept/elf.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define PAGE	       4096ul
#define ADDRESS_MAX    (UINT64_C(1) << 47) /* of user space */
#define INTERP_MAX     4096u		   /* PATH_MAX */
#define MACHINE_X86_64 62

int elf_check_header(const Elf64_Ehdr *e)
{
	if (memcmp(e->e_ident, ELFMAG, SELFMAG) != 0 || e->e_ident[EI_CLASS] != ELFCLASS64)
		return -ENOEXEC;
	if (e->e_type != ET_EXEC && e->e_type != ET_DYN)
		return -ENOEXEC;
	if (e->e_machine != MACHINE_X86_64 || e->e_phentsize != sizeof(Elf64_Phdr))
		return -ENOEXEC;
	if (!e->e_phnum || e->e_phnum > ELF_TABLE_MAX)
		return -ENOEXEC;
	return 0;
}

static bool matters(const Elf64_Phdr *p)
{
	switch (p->p_type) {
	case PT_LOAD:
	case PT_INTERP:
	case PT_DYNAMIC:
	case PT_NOTE:
	case PT_GNU_EH_FRAME:
	case PT_GNU_STACK:
		return true;
	default:
		return false;
	}
}

int elf_add(struct elf_info *info, const Elf64_Phdr *from, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (!matters(&from[i]))
			continue;
		if (info->phdr_count >= ELF_PHDRS_MAX)
			return -ENOEXEC;
		info->phdr[info->phdr_count++] = from[i];
	}
	return 0;
}

static int check_load(struct elf_info *info, const Elf64_Phdr *p)
{
	uint64_t end;

	if (p->p_filesz > p->p_memsz || p->p_memsz > ADDRESS_MAX || p->p_vaddr > ADDRESS_MAX ||
	    p->p_offset > INT64_MAX - ADDRESS_MAX)
		return -ENOEXEC;
	if ((p->p_vaddr ^ p->p_offset) & (PAGE - 1))
		return -ENOEXEC;
	end = (p->p_vaddr + p->p_memsz + PAGE - 1) & ~(PAGE - 1);
	if ((p->p_vaddr & ~(PAGE - 1)) < info->low)
		info->low = p->p_vaddr & ~(PAGE - 1);
	if (end > info->high)
		info->high = end;
	if (p->p_align > info->align && !(p->p_align & (p->p_align - 1)))
		info->align = p->p_align;
	if (info->ehdr.e_phoff >= p->p_offset && info->ehdr.e_phoff < p->p_offset + p->p_filesz)
		info->phdr_addr = info->ehdr.e_phoff - p->p_offset + p->p_vaddr;
	return 0;
}

int elf_check_segments(struct elf_info *info)
{
	info->low = UINT64_MAX;
	info->high = 0;
	info->align = PAGE;
	info->interp_bytes = 0;
	info->phdr_addr = 0;
	info->stack_exec = 0;

	for (unsigned i = 0; i < info->phdr_count; i++) {
		const Elf64_Phdr *p = &info->phdr[i];

		if (p->p_type == PT_LOAD && check_load(info, p))
			return -ENOEXEC;
		if (p->p_type == PT_GNU_STACK)
			info->stack_exec = (p->p_flags & PF_X) != 0;
		if (p->p_type == PT_INTERP && !info->interp_bytes) {
			if (p->p_filesz < 2 || p->p_filesz > INTERP_MAX)
				return -ENOEXEC;
			info->interp_offset = p->p_offset;
			info->interp_bytes = p->p_filesz;
		}
	}
	if (info->low >= info->high || info->align > ADDRESS_MAX / 4)
		return -ENOEXEC;
	return 0;
}
