/* SPDX-License-Identifier: Apache-2.0 */
/* See load.h. */
#include "intercept/load.h"

#include <errno.h>
#include <linux/mman.h>
#include <stdbool.h>
#include <string.h>

#include "intercept/image.h"
#include "intercept/trapped.h"

#define TABLE_STEP   64u
#define PAGE_DOWN(x) ((x) & ~(PAGE_BYTES - 1))
#define PAGE_UP(x)   PAGE_DOWN((x) + PAGE_BYTES - 1)

static int read_phdrs(int fd, const struct elf_info *info, Elf64_Phdr *to, unsigned first,
		      unsigned count)
{
	size_t bytes = count * sizeof(*to);

	return sys4(__NR_pread64, fd, to, bytes, info->ehdr.e_phoff + first * sizeof(*to)) ==
			       (long)bytes
		       ? 0
		       : -ENOEXEC;
}

static int read_large_table(int fd, struct elf_info *info)
{
	Elf64_Phdr some[TABLE_STEP];
	int ret = 0;

	info->phdr_count = 0;
	for (unsigned at = 0; !ret && at < info->ehdr.e_phnum; at += TABLE_STEP) {
		unsigned n = info->ehdr.e_phnum - at;

		n = n < TABLE_STEP ? n : TABLE_STEP;
		ret = read_phdrs(fd, info, some, at, n);
		if (!ret)
			ret = elf_add(info, some, n);
	}
	return ret;
}

int load_headers(int fd, struct elf_info *info)
{
	long n = sys4(__NR_pread64, fd, &info->ehdr, sizeof(info->ehdr), 0);
	int ret;

	if (n != sizeof(info->ehdr))
		return n < 0 ? (int)n : -ENOEXEC;
	ret = elf_check_header(&info->ehdr);
	if (ret)
		return ret;
	if (info->ehdr.e_phnum <= ELF_PHDRS_MAX) {
		info->phdr_count = info->ehdr.e_phnum;
		ret = read_phdrs(fd, info, info->phdr, 0, info->phdr_count);
	} else {
		ret = read_large_table(fd, info);
	}
	return ret ? ret : elf_check_segments(info);
}

int load_interp_path(int fd, const struct elf_info *info, char *out)
{
	long n = sys4(__NR_pread64, fd, out, info->interp_bytes, info->interp_offset);

	if (n != (long)info->interp_bytes)
		return n < 0 ? (int)n : -EIO;
	if (out[n - 1] != '\0')
		return -ENOEXEC;
	return 0;
}

/* A program file, and its twin if there is one. */
struct source {
	int fd, twin_fd;
	struct twin_header head;
};

/* Address space for the whole image and its trampolines, so that all keep their distances. */
static long reserve(const struct elf_info *info, uint64_t hint, uint64_t room)
{
	uint64_t span = info->high - info->low + room;
	uint64_t want = span + (info->align > PAGE_BYTES ? info->align : 0);
	uint64_t base;
	long at;

	if (info->ehdr.e_type == ET_EXEC)
		return sys6(__NR_mmap, (long)info->low, (long)span, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1,
			    0);
	at = sys6(__NR_mmap, (long)hint, (long)want, PROT_NONE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (sys_failed(at) || want == span)
		return at;
	base = ((uint64_t)at + info->align - 1) & ~(info->align - 1);
	if (base > (uint64_t)at)
		sys2(__NR_munmap, at, base - (uint64_t)at);
	if ((uint64_t)at + want > base + span)
		sys2(__NR_munmap, base + span, (uint64_t)at + want - base - span);
	return (long)base;
}

static int protection(const Elf64_Phdr *p)
{
	return (p->p_flags & PF_R ? PROT_READ : 0) | (p->p_flags & PF_W ? PROT_WRITE : 0) |
	       (p->p_flags & PF_X ? PROT_EXEC : 0);
}

static int map_segment(int fd, const Elf64_Phdr *p, uint64_t bias)
{
	uint64_t start = PAGE_DOWN(bias + p->p_vaddr);
	uint64_t file_end = bias + p->p_vaddr + p->p_filesz;
	uint64_t mem_end = PAGE_UP(bias + p->p_vaddr + p->p_memsz);
	uint64_t mapped_end = p->p_filesz ? PAGE_UP(file_end) : start;
	int prot = protection(p);
	long at;

	if (p->p_filesz) {
		at = sys6(__NR_mmap, (long)start, (long)(mapped_end - start), prot,
			  MAP_PRIVATE | MAP_FIXED, fd, (long)PAGE_DOWN(p->p_offset));
		if (sys_failed(at))
			return (int)at;
	}
	if (p->p_memsz > p->p_filesz && p->p_filesz && prot & PROT_WRITE)
		memset((void *)file_end, 0, mapped_end - file_end);
	if (mem_end > mapped_end) {
		at = sys6(__NR_mmap, (long)mapped_end, (long)(mem_end - mapped_end), prot,
			  MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0);
		if (sys_failed(at))
			return (int)at;
	}
	return 0;
}

/* Looks for the twin, and for address space. An address or a negative errno. */
static long begin(struct source *from, const struct elf_info *info, uint64_t hint)
{
	const struct twin_header *h = &from->head;
	long base;

	from->twin_fd = image_twin_open(from->fd, &from->head);
	if (from->twin_fd >= 0 && h->low == info->low && h->high == info->high) {
		base = reserve(info, hint, h->code_vaddr - h->high + h->code_bytes);
		if (!sys_failed(base) && image_add(from->twin_fd, h, (uint64_t)base)) {
			if (h->unproven || h->left)
				trapped_expect("a file with code that is not proven");
			return base;
		}
		if (!sys_failed(base))
			sys2(__NR_munmap, base, h->code_vaddr - h->low + h->code_bytes);
	}
	if (from->twin_fd >= 0)
		sys1(__NR_close, from->twin_fd);
	from->twin_fd = -1;
	trapped_expect("a program without a twin");
	return reserve(info, hint, 0);
}

static int map_segments(const struct source *from, const struct elf_info *info, uint64_t bias)
{
	uint64_t covered = bias + info->low;

	for (unsigned i = 0; i < info->phdr_count; i++) {
		const Elf64_Phdr *p = &info->phdr[i];
		uint64_t start = PAGE_DOWN(bias + p->p_vaddr);
		bool twins = p->p_flags & PF_X && !(p->p_flags & PF_W) && from->twin_fd >= 0 &&
			     from->head.site_count;
		int ret;

		if (p->p_type != PT_LOAD)
			continue;
		if (p->p_flags & PF_X && p->p_flags & PF_W)
			trapped_expect("a segment that is writable and executable");
		ret = map_segment(twins ? from->twin_fd : from->fd, p, bias);
		if (ret)
			return ret;
		if (start > covered) /* the kernel leaves gaps unmapped */
			sys2(__NR_munmap, covered, start - covered);
		if (PAGE_UP(bias + p->p_vaddr + p->p_memsz) > covered)
			covered = PAGE_UP(bias + p->p_vaddr + p->p_memsz);
	}
	return 0;
}

int load_image(int fd, const struct elf_info *info, uint64_t hint, struct image *out)
{
	struct source from = {.fd = fd};
	long base = begin(&from, info, hint);
	uint64_t bias;
	int ret;

	if (sys_failed(base))
		return (int)base;
	bias = (uint64_t)base - info->low;
	ret = map_segments(&from, info, bias);
	if (from.twin_fd >= 0)
		sys1(__NR_close, from.twin_fd);
	if (ret)
		return ret;
	out->bias = bias;
	out->low = info->low;
	out->stack_exec = info->stack_exec;
	out->entry = bias + info->ehdr.e_entry;
	out->phdr = info->phdr_addr ? bias + info->phdr_addr : 0;
	out->end = bias + info->high;
	out->phdr_count = info->ehdr.e_phnum;
	return 0;
}
