/* SPDX-License-Identifier: Apache-2.0 */
/* intercept/elf.c: hostile and odd headers are refused, sound ones understood. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "intercept/elf.h"

static struct elf_info sound(void)
{
	struct elf_info info = {.phdr_count = 2};

	memcpy(info.ehdr.e_ident, "\177ELF\2\1\1", 7);
	info.ehdr.e_type = ET_DYN;
	info.ehdr.e_machine = 62;
	info.ehdr.e_phentsize = sizeof(Elf64_Phdr);
	info.ehdr.e_phnum = 2;
	info.ehdr.e_phoff = 64;
	info.phdr[0] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_filesz = 0x800, .p_memsz = 0x1800, .p_align = 0x10000};
	info.phdr[1] = (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = 0x200, .p_filesz = 28};
	return info;
}

Test(elf, sound_headers)
{
	struct elf_info info = sound();

	cr_assert_eq(elf_check_header(&info.ehdr), 0);
	cr_assert_eq(elf_check_segments(&info), 0);
	cr_assert_eq(info.low, 0);
	cr_assert_eq(info.high, 0x2000);
	cr_assert_eq(info.align, 0x10000);
	cr_assert_eq(info.phdr_addr, 64);
	cr_assert_eq(info.interp_bytes, 28);
}

Test(elf, refused_headers)
{
	struct elf_info info = sound();

	info.ehdr.e_machine = 3;
	cr_assert_eq(elf_check_header(&info.ehdr), -ENOEXEC);
	info = sound();
	info.ehdr.e_phnum = ELF_TABLE_MAX + 1;
	cr_assert_eq(elf_check_header(&info.ehdr), -ENOEXEC);
	info = sound();
	info.ehdr.e_type = ET_CORE;
	cr_assert_eq(elf_check_header(&info.ehdr), -ENOEXEC);
}

Test(elf, large_tables)
{
	static Elf64_Phdr table[ELF_TABLE_MAX];
	struct elf_info info = sound();

	info.ehdr.e_phnum = ELF_TABLE_MAX;
	cr_assert_eq(elf_check_header(&info.ehdr), 0);
	table[100] = info.phdr[0];
	table[ELF_TABLE_MAX - 1] = info.phdr[1];
	info.phdr_count = 0;
	cr_assert_eq(elf_add(&info, table, ELF_TABLE_MAX), 0);
	cr_assert_eq(info.phdr_count, 2);
	cr_assert_eq(elf_check_segments(&info), 0);
	cr_assert_eq(info.interp_bytes, 28);
	for (unsigned i = 0; i < ELF_PHDRS_MAX; i++)
		table[i].p_type = PT_NOTE;
	info.phdr_count = 0;
	cr_assert_eq(elf_add(&info, table, ELF_TABLE_MAX), -ENOEXEC, "more than fit");
	cr_assert_eq(info.phdr_count, ELF_PHDRS_MAX);
}

Test(elf, refused_segments)
{
	struct elf_info info = sound();

	info.phdr[0].p_memsz = UINT64_MAX;
	cr_assert_eq(elf_check_segments(&info), -ENOEXEC);
	info = sound();
	info.phdr[0].p_memsz = 1;
	cr_assert_eq(elf_check_segments(&info), -ENOEXEC, "file bytes beyond memory bytes");
	info = sound();
	info.phdr[0].p_offset = 1;
	cr_assert_eq(elf_check_segments(&info), -ENOEXEC,
		     "offset and address disagree in the page");
	info = sound();
	info.phdr[0].p_type = PT_NOTE;
	cr_assert_eq(elf_check_segments(&info), -ENOEXEC, "nothing to load");
	info = sound();
	info.phdr[1].p_filesz = 1 << 20;
	cr_assert_eq(elf_check_segments(&info), -ENOEXEC, "interpreter path too long");
}
