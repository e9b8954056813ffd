/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a shared object of an assembler file, and its twin; for the tests of the rewriter. */
#ifndef TESTS_UNIT_REWRITE_CASE_H
#define TESTS_UNIT_REWRITE_CASE_H

#include <criterion/criterion.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "intercept/rewrite/rewrite.h"

#define CASE_ADDRESS UINT64_C(0x123400000000) /* where nothing else is */

struct rewrite_case {
	int original, twin; /* descriptors */
	struct rewrite_report report;
	struct twin_site *sites;
};

static inline int case_assemble(const char *source, const char *flags)
{
	char object[] = "/tmp/rewrite-XXXXXX", command[1024];
	int fd = mkstemp(object);

	cr_assert_geq(fd, 0);
	close(fd);
	snprintf(command, sizeof(command), "%s -nostdlib -Wl,--build-id=sha1 %s -o %s %s",
		 getenv("CC") ? getenv("CC") : "gcc", flags, object, source);
	cr_assert_eq(system(command), 0, "%s", command);
	fd = open(object, O_RDWR | O_CLOEXEC);
	cr_assert_geq(fd, 0);
	unlink(object);
	return fd;
}

static inline struct rewrite_case case_rewrite(int original, const struct rewrite_options *options)
{
	struct rewrite_case c = {.original = original};
	size_t bytes;
	struct stat st;
	int rc;

	c.twin = memfd_create("twin", MFD_CLOEXEC);
	cr_assert_geq(c.twin, 0);
	rc = rewrite_file(original, c.twin, options, &c.report);
	cr_assert_eq(rc, 0, "%s", strerror(-rc));
	cr_assert_eq(fstat(c.twin, &st), 0);
	cr_assert(twin_valid(&c.report.head, &c.report.head.key, (uint64_t)st.st_size));
	bytes = c.report.head.site_count * sizeof(*c.sites);
	c.sites = calloc(1, bytes + 1);
	cr_assert_eq(pread(c.twin, c.sites, bytes, (off_t)c.report.head.sites_offset),
		     (ssize_t)bytes);
	return c;
}

static inline void case_free(struct rewrite_case *c)
{
	free(c->sites);
	close(c->original);
	close(c->twin);
}

/* The address of a dynamic symbol, 0 when there is none. */
static inline uint64_t case_symbol(int fd, const char *name)
{
	static uint8_t file[1 << 20];
	ssize_t bytes = pread(fd, file, sizeof(file), 0);
	const Elf64_Ehdr *e = (const Elf64_Ehdr *)file;
	const Elf64_Shdr *sh = (const Elf64_Shdr *)(file + e->e_shoff);

	cr_assert_gt(bytes, 0);
	for (unsigned i = 0; i < e->e_shnum; i++) {
		if (sh[i].sh_type != SHT_DYNSYM)
			continue;
		for (uint64_t at = 0; at < sh[i].sh_size; at += sizeof(Elf64_Sym)) {
			const Elf64_Sym *s = (const Elf64_Sym *)(file + sh[i].sh_offset + at);

			if (!strcmp((const char *)file + sh[sh[i].sh_link].sh_offset + s->st_name,
				    name))
				return s->st_value;
		}
	}
	return 0;
}

/* Maps the file, or its twin where that stands in for it, with the trampolines, afresh and always
 * at the same address, so that registers can be compared. Returns the bias. */
static inline uint8_t *case_map(const struct rewrite_case *c, bool twin)
{
	const struct twin_header *h = &c->report.head;
	uint8_t *base = mmap((void *)CASE_ADDRESS, h->high - h->low + h->code_bytes, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	Elf64_Ehdr e;
	Elf64_Phdr p;

	cr_assert_neq((void *)base, MAP_FAILED);
	base -= h->low;
	cr_assert_eq(pread(c->original, &e, sizeof(e), 0), (ssize_t)sizeof(e));
	for (unsigned i = 0; i < e.e_phnum; i++) {
		uint64_t slack;
		int prot;

		cr_assert_eq(pread(c->original, &p, sizeof(p), (off_t)(e.e_phoff + i * sizeof(p))),
			     (ssize_t)sizeof(p));
		if (p.p_type != PT_LOAD || !p.p_filesz)
			continue;
		prot = (p.p_flags & PF_R ? PROT_READ : 0) | (p.p_flags & PF_W ? PROT_WRITE : 0) |
		       (p.p_flags & PF_X ? PROT_EXEC : 0);
		slack = p.p_vaddr % TWIN_PAGE;
		cr_assert_neq(
			mmap(base + p.p_vaddr - slack, p.p_filesz + slack, prot,
			     MAP_PRIVATE | MAP_FIXED,
			     twin && h->site_count && prot & PROT_EXEC ? c->twin : c->original,
			     (off_t)(p.p_offset - slack)),
			MAP_FAILED);
	}
	if (twin && h->code_bytes)
		cr_assert_neq(mmap(base + h->code_vaddr, h->code_bytes, PROT_READ | PROT_EXEC,
				   MAP_PRIVATE | MAP_FIXED, c->twin, (off_t)h->code_offset),
			      MAP_FAILED);
	return base;
}

#endif
