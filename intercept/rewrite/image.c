/* SPDX-License-Identifier: Apache-2.0 */
/* See image.h. The file is read once, by pread: a mapping would fault if somebody cut it short. */
#include "intercept/rewrite/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "intercept/rewrite/rewrite.h"

#define PAGE_MASK     ((uint64_t)TWIN_PAGE - 1)
#define INVALID_BYTE  0x06 /* no instruction in 64-bit mode */
#define NS_PER_SECOND INT64_C(1000000000)

static uint64_t page_up(uint64_t value)
{
	return (value + PAGE_MASK) & ~PAGE_MASK;
}

static struct twin_key key_of(const struct stat *st)
{
	return (struct twin_key){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime_ns = st->st_mtim.tv_sec * NS_PER_SECOND + st->st_mtim.tv_nsec,
		.ctime_ns = st->st_ctim.tv_sec * NS_PER_SECOND + st->st_ctim.tv_nsec,
	};
}

#ifdef __SANITIZE_ADDRESS__ /* which knows the bounds of what malloc() gives */
static uint8_t *map(uint64_t bytes)
{
	return calloc(1, bytes);
}

static void unmap(uint8_t *at, uint64_t bytes)
{
	(void)bytes;
	free(at);
}
#else
/* Zeroed memory, in few page faults: those cost more than the reading. */
static uint8_t *map(uint64_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	madvise(at, bytes, MADV_HUGEPAGE);
	return at;
}

static void unmap(uint8_t *at, uint64_t bytes)
{
	if (at)
		munmap(at, bytes);
}
#endif

static int read_at(int fd, void *out, uint64_t bytes, uint64_t offset)
{
	uint8_t *at = out;

	while (bytes) {
		ssize_t got = pread(fd, at, bytes, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -EIO;
		if (!got)
			return -ESTALE;
		at += got;
		offset += (uint64_t)got;
		bytes -= (uint64_t)got;
	}
	return 0;
}

static int read_headers(struct image *image, int fd)
{
	struct elf_info *elf = &image->elf;
	Elf64_Phdr table[ELF_TABLE_MAX];
	uint64_t bytes;
	int rc;

	if (image->size < sizeof(elf->ehdr))
		return -ENOEXEC;
	rc = read_at(fd, &elf->ehdr, sizeof(elf->ehdr), 0);
	if (rc)
		return rc;
	if (elf_check_header(&elf->ehdr))
		return -ENOEXEC;
	bytes = elf->ehdr.e_phnum * sizeof(Elf64_Phdr);
	if (!image_has(image, elf->ehdr.e_phoff, bytes))
		return -ENOEXEC;
	rc = read_at(fd, table, bytes, elf->ehdr.e_phoff);
	if (rc)
		return rc;
	if (elf_add(elf, table, elf->ehdr.e_phnum))
		return -ENOEXEC;
	if (elf_check_segments(elf) || elf->high - elf->low > UINT32_MAX)
		return -ENOEXEC;
	return 0;
}

static int read_file(struct image *image, int fd)
{
	struct stat st;
	struct twin_key after;
	int rc;

	image->file = map(image->size);
	if (!image->file)
		return -ENOMEM;
	rc = read_at(fd, image->file, image->size, 0);
	if (rc)
		return rc;
	if (fstat(fd, &st))
		return -EIO;
	after = key_of(&st);
	if (memcmp(&after, &image->key, sizeof(after)) != 0 ||
	    memcmp(image->file, &image->elf.ehdr, sizeof(image->elf.ehdr)) != 0)
		return -ESTALE;
	return 0;
}

/* Do two segments share a page of memory, or (with code in both) a page of the file? */
static bool clash(const Elf64_Phdr *a, const Elf64_Phdr *b)
{
	uint64_t low = a->p_vaddr & ~PAGE_MASK, high = page_up(a->p_vaddr + a->p_memsz);

	if ((b->p_vaddr & ~PAGE_MASK) < high && page_up(b->p_vaddr + b->p_memsz) > low)
		return true;
	if (!(b->p_flags & PF_X))
		return false;
	low = a->p_offset & ~PAGE_MASK;
	high = page_up(a->p_offset + a->p_filesz);
	return (b->p_offset & ~PAGE_MASK) < high && page_up(b->p_offset + b->p_filesz) > low;
}

/* Can the twin stand in for this segment? Memory that the file does not fill, or that may be
 * written, or of which another segment has a part, is the program's own affair. */
static bool is_span(const struct image *image, const Elf64_Phdr *p)
{
	if (!(p->p_flags & PF_X) || (p->p_flags & PF_W) || !p->p_filesz ||
	    p->p_memsz != p->p_filesz || !image_has(image, p->p_offset, p->p_filesz))
		return false;
	for (unsigned i = 0; i < image->elf.phdr_count; i++) {
		const Elf64_Phdr *other = &image->elf.phdr[i];

		if (other != p && other->p_type == PT_LOAD && clash(p, other))
			return false;
	}
	if (!image->span_count)
		return true;
	return image->span_count < TWIN_SEGMENTS_MAX &&
	       p->p_vaddr > image->span[image->span_count - 1].vaddr; /* sites are sorted */
}

static bool is_candidate(const uint8_t *at)
{
	return (at[0] == 0x0f && (at[1] == 0x05 || at[1] == 0x34)) ||
	       (at[0] == 0xcd && at[1] == 0x80);
}

/* The next 0f 05, 0f 34 or cd 80 in data at or behind at, or bytes. */
static uint64_t next_candidate(const uint8_t *data, uint64_t at, uint64_t bytes)
{
	for (; at + 1 < bytes; at++)
		if ((data[at] == 0x0f || data[at] == 0xcd) && is_candidate(data + at))
			return at;
	return bytes;
}

static void count_others(struct image *image, const Elf64_Phdr *p)
{
	uint64_t end, at;

	if (p->p_offset >= image->size)
		return;
	end = image->size - p->p_offset;
	if (p->p_filesz < end)
		end = p->p_filesz;
	for (at = 0; (at = next_candidate(image->file + p->p_offset, at, end)) < end; at++)
		image->other_candidates++;
}

static void find_spans(struct image *image)
{
	for (unsigned i = 0; i < image->elf.phdr_count; i++) {
		const Elf64_Phdr *p = &image->elf.phdr[i];
		uint64_t offset = p->p_offset & ~PAGE_MASK, end;

		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
			continue;
		if (!is_span(image, p)) {
			count_others(image, p);
			continue;
		}
		end = page_up(p->p_offset + p->p_filesz);
		if (end > image->size)
			end = image->size;
		image->span[image->span_count++] = (struct span){
			.vaddr = p->p_vaddr & ~PAGE_MASK,
			.offset = offset,
			.pos = image->code_bytes,
			.bytes = (uint32_t)(end - offset),
		};
		image->code_bytes += (uint32_t)(end - offset) + CODE_GUARD;
	}
}

static int copy_code(struct image *image)
{
	image->code = map(image->code_bytes);
	image->mark = map(image->code_bytes);
	if (!image->code || !image->mark)
		return -ENOMEM;
	for (unsigned i = 0; i < image->span_count; i++) {
		const struct span *s = &image->span[i];
		uint64_t at = s->pos, end = at + s->bytes;

		memcpy(image->code + s->pos, image->file + s->offset, s->bytes);
		memset(image->code + s->pos + s->bytes, INVALID_BYTE, CODE_GUARD);
		for (; (at = next_candidate(image->code, at, end)) < end; at++)
			vec_add(&image->candidates, at);
	}
	return image->candidates.failed;
}

int image_read(struct image *image, int fd)
{
	struct stat st;
	int rc;

	memset(image, 0, sizeof(*image));
	if (fstat(fd, &st))
		return -EIO;
	if (!S_ISREG(st.st_mode))
		return -ENOEXEC;
	image->key = key_of(&st);
	image->size = image->key.size;
	rc = read_headers(image, fd);
	if (rc)
		return rc;
	if (image->size > REWRITE_FILE_MAX)
		return -E2BIG;
	rc = read_file(image, fd);
	if (rc)
		return rc;
	find_spans(image);
	if (!image->span_count)
		return -ENOEXEC;
	return copy_code(image);
}

void image_free(struct image *image)
{
	unmap(image->file, image->size);
	unmap(image->code, image->code_bytes);
	unmap(image->mark, image->code_bytes);
	vec_free(&image->candidates);
	image->file = image->code = image->mark = NULL;
}

const uint8_t *image_at(const struct image *image, uint64_t vaddr, uint64_t *left_out)
{
	for (unsigned i = 0; i < image->elf.phdr_count; i++) {
		const Elf64_Phdr *p = &image->elf.phdr[i];

		if (p->p_type == PT_LOAD && vaddr >= p->p_vaddr &&
		    vaddr - p->p_vaddr < p->p_filesz &&
		    image_has(image, p->p_offset, p->p_filesz)) {
			*left_out = p->p_filesz - (vaddr - p->p_vaddr);
			return image->file + p->p_offset + (vaddr - p->p_vaddr);
		}
	}
	return NULL;
}

uint32_t image_pos(const struct image *image, uint64_t vaddr)
{
	for (unsigned i = 0; i < image->span_count; i++) {
		const struct span *s = &image->span[i];

		if (vaddr - s->vaddr < s->bytes)
			return s->pos + (uint32_t)(vaddr - s->vaddr);
	}
	return POS_NONE;
}

uint32_t image_pos_of_offset(const struct image *image, uint64_t offset)
{
	for (unsigned i = 0; i < image->span_count; i++) {
		const struct span *s = &image->span[i];

		if (offset - s->offset < s->bytes)
			return s->pos + (uint32_t)(offset - s->offset);
	}
	return POS_NONE;
}

const struct span *image_span(const struct image *image, uint32_t pos)
{
	unsigned i = image->span_count - 1;

	while (i && pos < image->span[i].pos)
		i--;
	return &image->span[i];
}

uint64_t image_vaddr(const struct image *image, uint32_t pos)
{
	const struct span *s = image_span(image, pos);

	return s->vaddr + (pos - s->pos);
}

uint64_t image_offset(const struct image *image, uint32_t pos)
{
	const struct span *s = image_span(image, pos);

	return s->offset + (pos - s->pos);
}

bool image_section(const struct image *image, const char *name, Elf64_Shdr *out)
{
	const Elf64_Ehdr *e = &image->elf.ehdr;
	const uint8_t *table;
	Elf64_Shdr names, sh;

	if (e->e_shentsize != sizeof(sh) || e->e_shstrndx >= e->e_shnum ||
	    !image_has(image, e->e_shoff, e->e_shnum * sizeof(sh)))
		return false;
	table = image->file + e->e_shoff;
	memcpy(&names, table + e->e_shstrndx * sizeof(sh), sizeof(names));
	if (!image_has(image, names.sh_offset, names.sh_size))
		return false;
	for (unsigned i = 0; i < e->e_shnum; i++) {
		memcpy(&sh, table + i * sizeof(sh), sizeof(sh));
		if (sh.sh_type == SHT_NOBITS || sh.sh_name >= names.sh_size ||
		    names.sh_size - sh.sh_name <= strlen(name) ||
		    !image_has(image, sh.sh_offset, sh.sh_size))
			continue;
		if (!memcmp(image->file + names.sh_offset + sh.sh_name, name, strlen(name) + 1)) {
			*out = sh;
			return true;
		}
	}
	return false;
}
