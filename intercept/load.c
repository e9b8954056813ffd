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

int load_front(int fd, struct load_front *f)
{
	long n = sys4(__NR_pread64, fd, f->bytes, sizeof(f->bytes), 0);

	if (n < 0)
		return (int)n;
	f->fd = fd;
	f->used = (size_t)n;
	return 0;
}

int load_read(const struct load_front *f, void *out, size_t bytes, uint64_t offset)
{
	long n;

	if (offset <= f->used && bytes <= f->used - offset) {
		memcpy(out, f->bytes + offset, bytes);
		return 0;
	}
	n = sys4(__NR_pread64, f->fd, out, bytes, offset);
	if (n < 0)
		return (int)n;
	return n == (long)bytes ? 0 : -ENOEXEC;
}

static int read_phdrs(const struct load_front *f, const struct elf_info *info, Elf64_Phdr *to,
		      unsigned first, unsigned count)
{
	return load_read(f, to, count * sizeof(*to), info->ehdr.e_phoff + first * sizeof(*to))
		       ? -ENOEXEC
		       : 0;
}

static int read_large_table(const struct load_front *f, struct elf_info *info)
{
	Elf64_Phdr some[TABLE_STEP];
	int ret = 0;

	info->phdr_count = 0;
	for (unsigned at = 0; !ret && at < info->ehdr.e_phnum; at += TABLE_STEP) {
		unsigned n = info->ehdr.e_phnum - at;

		n = n < TABLE_STEP ? n : TABLE_STEP;
		ret = read_phdrs(f, info, some, at, n);
		if (!ret)
			ret = elf_add(info, some, n);
	}
	return ret;
}

int load_headers(const struct load_front *f, struct elf_info *info)
{
	int ret = load_read(f, &info->ehdr, sizeof(info->ehdr), 0);

	if (!ret)
		ret = elf_check_header(&info->ehdr);
	if (ret)
		return ret;
	if (info->ehdr.e_phnum <= ELF_PHDRS_MAX) {
		info->phdr_count = info->ehdr.e_phnum;
		ret = read_phdrs(f, info, info->phdr, 0, info->phdr_count);
	} else {
		ret = read_large_table(f, info);
	}
	return ret ? ret : elf_check_segments(info);
}

int load_interp_path(const struct load_front *f, const struct elf_info *info, char *out)
{
	int ret = load_read(f, out, info->interp_bytes, info->interp_offset);

	if (ret)
		return ret == -ENOEXEC ? -EIO : ret;
	return out[info->interp_bytes - 1] == '\0' ? 0 : -ENOEXEC;
}

/* A program file, and its twin if there is one. */
struct source {
	int fd, twin_fd;
	struct twin_header head;
};

static int protection(const Elf64_Phdr *p)
{
	return (p->p_flags & PF_R ? PROT_READ : 0) | (p->p_flags & PF_W ? PROT_WRITE : 0) |
	       (p->p_flags & PF_X ? PROT_EXEC : 0);
}

/* Of the twin, where it has what is executed. */
static int segment_fd(const struct source *from, const Elf64_Phdr *p)
{
	bool twins = p->p_flags & PF_X && !(p->p_flags & PF_W) && from->twin_fd >= 0 &&
		     from->head.site_count;

	return twins ? from->twin_fd : from->fd;
}

/* The segment that can be mapped by a mapping of the whole span, for the others to be mapped over;
 * NULL: the first is not of that kind. */
static const Elf64_Phdr *spanning(const struct elf_info *info)
{
	const Elf64_Phdr *p = info->phdr;

	while (p->p_type != PT_LOAD)
		p++;
	return PAGE_DOWN(p->p_vaddr) == info->low && p->p_filesz && p->p_filesz == p->p_memsz &&
			       !(p->p_flags & PF_W) && info->align == PAGE_BYTES
		       ? p
		       : NULL;
}

/* Address space for the whole image and its trampolines, so that all keep their distances; with the
 * spanning segment in it. */
static long reserve(const struct source *from, const struct elf_info *info, uint64_t hint,
		    uint64_t room)
{
	const Elf64_Phdr *first = spanning(info);
	uint64_t span = info->high - info->low + room;
	uint64_t want = span + (info->align > PAGE_BYTES ? info->align : 0);
	int flags = first ? MAP_PRIVATE : MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	int prot = first ? protection(first) : PROT_NONE;
	int fd = first ? segment_fd(from, first) : -1;
	long offset = first ? (long)PAGE_DOWN(first->p_offset) : 0;
	uint64_t base;
	long at;

	if (info->ehdr.e_type == ET_EXEC)
		return sys6(__NR_mmap, (long)info->low, (long)span, prot,
			    flags | MAP_FIXED_NOREPLACE, fd, offset);
	at = sys6(__NR_mmap, (long)hint, (long)want, prot, flags, fd, offset);
	if (sys_failed(at) || want == span)
		return at;
	base = ((uint64_t)at + info->align - 1) & ~(info->align - 1);
	if (base > (uint64_t)at)
		sys2(__NR_munmap, at, base - (uint64_t)at);
	if ((uint64_t)at + want > base + span)
		sys2(__NR_munmap, base + span, (uint64_t)at + want - base - span);
	return (long)base;
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
static long begin(struct source *from, const struct load_front *f, const struct elf_info *info,
		  uint64_t hint)
{
	const struct twin_header *h = &from->head;
	long base;

	from->twin_fd = image_twin_open(from->fd, f, &from->head);
	if (from->twin_fd >= 0 && h->low == info->low && h->high == info->high) {
		base = reserve(from, info, hint, h->code_vaddr - h->high + h->code_bytes);
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
	return reserve(from, info, hint, 0);
}

static int map_segments(const struct source *from, const struct elf_info *info, uint64_t bias)
{
	uint64_t covered = bias + info->low;

	for (unsigned i = 0; i < info->phdr_count; i++) {
		const Elf64_Phdr *p = &info->phdr[i];
		uint64_t start = PAGE_DOWN(bias + p->p_vaddr);
		int ret = 0;

		if (p->p_type != PT_LOAD)
			continue;
		if (p->p_flags & PF_X && p->p_flags & PF_W)
			trapped_expect("a segment that is writable and executable");
		if (p != spanning(info))
			ret = map_segment(segment_fd(from, p), p, bias);
		if (ret)
			return ret;
		if (start > covered) /* the kernel leaves gaps unmapped */
			sys2(__NR_munmap, covered, start - covered);
		if (PAGE_UP(bias + p->p_vaddr + p->p_memsz) > covered)
			covered = PAGE_UP(bias + p->p_vaddr + p->p_memsz);
	}
	return 0;
}

int load_image(const struct load_front *f, const struct elf_info *info, uint64_t hint,
	       struct image *out)
{
	struct source from = {.fd = f->fd};
	long base = begin(&from, f, info, hint);
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
