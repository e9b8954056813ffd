/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are cut short, lie, or are merely odd: refused, or rewritten as far as they go. */
#include <errno.h>

#include "tests/unit/rewrite_case.h"

#define SHAPE	"tests/golden/rewrite/switch.S"
#define MAX	65536
#define FLIPS	4000
#define LINKAGE "-shared"

static uint8_t file[MAX];
static size_t file_bytes;

static void load(const char *flags)
{
	int fd = case_assemble(SHAPE, flags);

	file_bytes = (size_t)pread(fd, file, sizeof(file), 0);
	cr_assert_gt(file_bytes, sizeof(Elf64_Ehdr));
	close(fd);
}

static int in_memory(const void *data, size_t bytes)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	cr_assert_eq(write(fd, data, bytes), (ssize_t)bytes);
	return fd;
}

/* rewrite_file() on bytes of file. What it accepts must make a valid twin. */
static int rewrite(size_t bytes, struct rewrite_report *report)
{
	int fd = in_memory(file, bytes), out = memfd_create("twin", MFD_CLOEXEC);
	int rc = rewrite_file(fd, out, NULL, report);
	struct stat st;

	if (!rc) {
		fstat(out, &st);
		cr_expect(twin_valid(&report->head, &report->head.key, (uint64_t)st.st_size));
	}
	close(fd);
	close(out);
	return rc;
}

static Elf64_Ehdr *ehdr(void)
{
	return (Elf64_Ehdr *)file;
}

static Elf64_Phdr *phdr(unsigned type, unsigned flag)
{
	Elf64_Phdr *p = (Elf64_Phdr *)(file + ehdr()->e_phoff);

	for (unsigned i = 0; i < ehdr()->e_phnum; i++)
		if (p[i].p_type == type && (p[i].p_flags & flag) == flag)
			return &p[i];
	cr_assert_fail("no such program header");
	return NULL;
}

Test(rewrite_hostile, every_length)
{
	struct rewrite_report r;

	load(LINKAGE);
	for (size_t bytes = 0; bytes < file_bytes; bytes += 61) {
		int rc = rewrite(bytes, &r);

		cr_expect(rc == 0 || rc == -ENOEXEC, "%zu bytes: %d", bytes, rc);
	}
	cr_expect_eq(rewrite(file_bytes, &r), 0);
	cr_expect_eq(r.sites, 1);
}

Test(rewrite_hostile, flipped_bytes)
{
	static uint8_t sound[MAX];
	unsigned random = 1, good = 0;
	struct rewrite_report r;

	load(LINKAGE);
	memcpy(sound, file, sizeof(sound));
	for (int i = 0; i < FLIPS; i++) {
		int rc;

		memcpy(file, sound, sizeof(sound));
		for (int n = 0; n < 1 + i % 4; n++) {
			random = random * 1103515245 + 12345;
			file[(random >> 8) % file_bytes] = (uint8_t)(random >> 3);
		}
		rc = rewrite(file_bytes, &r);
		cr_expect(rc == 0 || rc == -ENOEXEC || rc == -E2BIG, "%d", rc);
		good += rc == 0;
	}
	cr_expect_gt(good, FLIPS / 4);
}

Test(rewrite_hostile, counts_and_offsets)
{
	struct rewrite_report r;

	load(LINKAGE);
	ehdr()->e_phnum = 0xffff;
	cr_expect_eq(rewrite(file_bytes, &r), -ENOEXEC);
	load(LINKAGE);
	ehdr()->e_phoff = file_bytes - 8;
	cr_expect_eq(rewrite(file_bytes, &r), -ENOEXEC);
	load(LINKAGE);
	ehdr()->e_shnum = 0xffff;
	ehdr()->e_shstrndx = 0xfffe;
	cr_expect_eq(rewrite(file_bytes, &r), 0);
	load(LINKAGE);
	ehdr()->e_shoff = UINT64_MAX - 16;
	cr_expect_eq(rewrite(file_bytes, &r), 0);
	load(LINKAGE);
	phdr(PT_LOAD, PF_X)->p_offset += UINT64_C(1) << 40;
	cr_expect_eq(rewrite(file_bytes, &r), -ENOEXEC);
	load(LINKAGE);
	phdr(PT_LOAD, PF_X)->p_filesz = phdr(PT_LOAD, PF_X)->p_memsz = UINT64_C(1) << 46;
	cr_expect_eq(rewrite(file_bytes, &r), -ENOEXEC);
	load(LINKAGE);
	phdr(PT_DYNAMIC, 0)->p_offset = file_bytes - 1;
	cr_expect_eq(rewrite(file_bytes, &r), 0);
}

/* A segment that the twin cannot stand in for is left out; here no other is left. */
Test(rewrite_hostile, segments_without_a_twin)
{
	struct rewrite_report r;
	Elf64_Phdr *code;

	load(LINKAGE);
	phdr(PT_LOAD, PF_X)->p_flags |= PF_W;
	cr_expect_eq(rewrite(file_bytes, &r), -ENOEXEC);
	load(LINKAGE);
	phdr(PT_LOAD, PF_X)->p_memsz += 4096;
	cr_expect_eq(rewrite(file_bytes, &r), -ENOEXEC);
	load(LINKAGE);
	code = phdr(PT_LOAD, PF_X);
	phdr(PT_LOAD, 0)->p_memsz = code->p_vaddr + 1; /* reaches into its page */
	cr_expect_eq(rewrite(file_bytes, &r), -ENOEXEC);
}

/* Without section headers the dynamic section is enough; and it, too, may go. */
Test(rewrite_hostile, stripped_of_everything)
{
	struct rewrite_report r;

	load(LINKAGE);
	ehdr()->e_shoff = 0;
	ehdr()->e_shnum = ehdr()->e_shstrndx = 0;
	cr_expect_eq(rewrite(file_bytes, &r), 0);
	cr_expect_eq(r.sites, 1);
	cr_expect_eq(r.head.unproven, 0);
	phdr(PT_DYNAMIC, 0)->p_type = PT_NULL;
	ehdr()->e_entry = 0;
	cr_expect_eq(rewrite(file_bytes, &r), 0);
	cr_expect_eq(r.sites + r.head.unproven, 1);
}

Test(rewrite_hostile, not_programs)
{
	struct rewrite_report r;
	int ends[2], out = memfd_create("twin", MFD_CLOEXEC), fd;

	memcpy(file, "#!/bin/sh\n", 10);
	cr_expect_eq(rewrite(10, &r), -ENOEXEC);
	cr_expect_eq(rewrite(0, &r), -ENOEXEC);
	cr_assert_eq(pipe(ends), 0);
	cr_expect_eq(rewrite_file(ends[0], out, NULL, &r), -ENOEXEC);
	fd = open("/", O_RDONLY | O_DIRECTORY);
	cr_expect_eq(rewrite_file(fd, out, NULL, &r), -ENOEXEC);
	load(LINKAGE);
	ehdr()->e_ident[EI_CLASS] = ELFCLASS32;
	cr_expect_eq(rewrite(file_bytes, &r), -ENOEXEC);
}

Test(rewrite_hostile, no_room_for_the_twin)
{
	int fd = case_assemble(SHAPE, LINKAGE), full = open("/dev/full", O_RDWR | O_CLOEXEC);

	cr_expect_eq(rewrite_file(fd, full, NULL, NULL), -ENOSPC);
	close(fd);
	close(full);
}

/* Not one byte of the header may be another. */
Test(rewrite_hostile, a_corrupt_twin_is_refused)
{
	struct rewrite_case c = case_rewrite(case_assemble(SHAPE, LINKAGE), NULL);
	struct twin_header head;
	struct twin_key key = c.report.head.key;

	for (size_t i = 0; i < sizeof(head); i++) {
		head = c.report.head;
		((uint8_t *)&head)[i] ^= 0x40;
		cr_expect(!twin_valid(&head, &key, head.twin_bytes), "byte %zu", i);
	}
	head = c.report.head;
	cr_expect(twin_valid(&head, &key, head.twin_bytes));
	cr_expect(!twin_valid(&head, &key, head.twin_bytes - 1));
	key.mtime_ns++;
	cr_expect(!twin_valid(&head, &key, head.twin_bytes));
	case_free(&c);
}

/* Code that nothing proves, and then a trap did. */
Test(rewrite_hostile, seen_to_trap)
{
	struct rewrite_case c =
		case_rewrite(case_assemble("tests/golden/rewrite/hidden.S", LINKAGE), NULL);
	uint64_t at = c.report.unproven_at[0];
	struct rewrite_options options = {.seen = &at, .seen_count = 1};

	cr_expect_eq(c.report.head.unproven, 1);
	cr_expect_eq(c.report.sites, 0);
	cr_expect_eq(rewrite_file(c.original, c.twin, &options, &c.report), 0);
	cr_expect_eq(c.report.head.unproven, 0);
	cr_expect_eq(c.report.sites, 1);
	at++; /* no syscall */
	cr_expect_eq(rewrite_file(c.original, c.twin, &options, &c.report), 0);
	cr_expect_eq(c.report.head.unproven, 1);
	at = UINT64_MAX;
	cr_expect_eq(rewrite_file(c.original, c.twin, &options, &c.report), 0);
	case_free(&c);
}

Test(rewrite_hostile, the_same_file_gives_the_same_twin)
{
	static uint8_t first[MAX], second[MAX];
	struct rewrite_case c = case_rewrite(case_assemble(SHAPE, LINKAGE), NULL);
	ssize_t bytes = pread(c.twin, first, sizeof(first), 0);

	cr_expect_eq(rewrite_file(c.original, c.twin, NULL, NULL), 0);
	cr_expect_eq(pread(c.twin, second, sizeof(second), 0), bytes);
	cr_expect(!memcmp(first, second, sizeof(first)));
	cr_expect_eq(c.report.head.build_id_bytes, 20);
	case_free(&c);
}
