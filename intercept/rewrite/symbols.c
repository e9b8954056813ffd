/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions, data objects and code pointers from the symbol tables and the dynamic section. A
 * stripped file keeps the dynamic ones, a file without section headers is read by its segments.
 */
#include <string.h>

#include "intercept/rewrite/extents.h"

#define STT_GNU_IFUNC	  10
#define R_X86_64_RELATIVE 8
#define R_X86_64_IRELATIV 37
#define DT_INIT_ARRAY	  25
#define DT_FINI_ARRAY	  26
#define DT_INIT_ARRAYSZ	  27
#define DT_FINI_ARRAYSZ	  28
#define DT_FLAGS	  30
#define DT_RELRSZ	  35
#define DT_GNU_HASH	  0x6ffffef5
#define DF_TEXTREL	  4
#define DYNAMIC_MAX	  64 /* entries of the dynamic section that are kept: by tag */

/* The array of count elements of bytes each at the file's offset, or NULL. */
static const uint8_t *array_at(const struct image *image, uint64_t offset, uint64_t count,
			       size_t bytes)
{
	if (offset > image->size || count > (image->size - offset) / bytes)
		return NULL;
	return image->file + offset;
}

static void mark_data(struct extents_source *s, uint64_t vaddr, uint64_t bytes)
{
	struct image *image = s->image;
	uint32_t pos = image_pos(image, vaddr);
	const struct span *span;
	uint32_t end;

	if (pos == POS_NONE)
		return;
	span = image_span(image, pos);
	end = span->pos + span->bytes;
	if (bytes < end - pos)
		end = pos + (uint32_t)bytes;
	if (!extents_spend(s, end - pos))
		return;
	for (; pos < end; pos++)
		image->mark[pos] |= MARK_DATA;
}

static void use_symbols(struct extents_source *s, const uint8_t *table, uint64_t count)
{
	for (uint64_t i = 0; i < count && extents_spend(s, 1); i++) {
		Elf64_Sym sym;
		unsigned type;

		memcpy(&sym, table + i * sizeof(sym), sizeof(sym));
		type = ELF64_ST_TYPE(sym.st_info);
		if (!sym.st_shndx || sym.st_shndx >= SHN_LORESERVE || !sym.st_value)
			continue;
		if (type == STT_FUNC || type == STT_GNU_IFUNC)
			extents_function(s, sym.st_value, sym.st_size);
		else if (type == STT_OBJECT && sym.st_size)
			mark_data(s, sym.st_value, sym.st_size);
	}
}

void extents_from_symbols(struct extents_source *s)
{
	const Elf64_Ehdr *e = &s->image->elf.ehdr;
	const uint8_t *sections, *table;

	if (e->e_shentsize != sizeof(Elf64_Shdr) || !e->e_shoff)
		return;
	sections = array_at(s->image, e->e_shoff, e->e_shnum, sizeof(Elf64_Shdr));
	for (unsigned i = 0; sections && i < e->e_shnum; i++) {
		Elf64_Shdr sh;

		memcpy(&sh, sections + i * sizeof(sh), sizeof(sh));
		if (sh.sh_type != SHT_SYMTAB && sh.sh_type != SHT_DYNSYM)
			continue;
		table = array_at(s->image, sh.sh_offset, sh.sh_size / sizeof(Elf64_Sym),
				 sizeof(Elf64_Sym));
		if (table)
			use_symbols(s, table, sh.sh_size / sizeof(Elf64_Sym));
	}
}

static uint32_t word_at(const uint8_t *table, uint64_t index)
{
	uint32_t word;

	memcpy(&word, table + index * sizeof(word), sizeof(word));
	return word;
}

/* The number of symbols, from DT_GNU_HASH: one more than the last that a chain holds. */
static uint64_t gnu_hash_count(const struct image *image, uint64_t vaddr)
{
	uint64_t left = 0, words, buckets, first, bloom, at, last = 0;
	const uint8_t *table = image_at(image, vaddr, &left);

	words = left / 4;
	if (!table || words < 4)
		return 0;
	buckets = word_at(table, 0);
	first = word_at(table, 1);
	bloom = word_at(table, 2);
	at = 4 + bloom * 2;
	if (at + buckets > words)
		return 0;
	for (uint64_t i = 0; i < buckets; i++)
		if (word_at(table, at + i) > last)
			last = word_at(table, at + i);
	if (last < first)
		return first;
	for (at += buckets + last - first; at < words && !(word_at(table, at) & 1); at++)
		last++;
	return last + 1;
}

static void use_dynamic_symbols(struct extents_source *s, const uint64_t *dynamic,
				uint64_t gnu_hash)
{
	uint64_t left = 0, count = 0;
	const uint8_t *table;

	table = dynamic[DT_HASH] ? image_at(s->image, dynamic[DT_HASH], &left) : NULL;
	if (table && left >= 8)
		count = word_at(table, 1);
	else if (gnu_hash)
		count = gnu_hash_count(s->image, gnu_hash);
	table = dynamic[DT_SYMTAB] ? image_at(s->image, dynamic[DT_SYMTAB], &left) : NULL;
	if (!table)
		return;
	if (count > left / sizeof(Elf64_Sym))
		count = left / sizeof(Elf64_Sym);
	use_symbols(s, table, count);
}

/* Addresses that the dynamic linker writes: functions, and targets of computed jumps. */
static void use_relocations(struct extents_source *s, const uint64_t *dynamic)
{
	uint64_t left = 0, bytes = dynamic[DT_RELASZ];
	const uint8_t *table = image_at(s->image, dynamic[DT_RELA], &left);

	if (!dynamic[DT_RELA] || !table)
		return;
	if (bytes > left)
		bytes = left;
	for (uint64_t i = 0; i < bytes / sizeof(Elf64_Rela) && extents_spend(s, 1); i++) {
		Elf64_Rela r;

		memcpy(&r, table + i * sizeof(r), sizeof(r));
		if (ELF64_R_TYPE(r.r_info) == R_X86_64_RELATIVE)
			extents_pointer(s, (uint64_t)r.r_addend);
		else if (ELF64_R_TYPE(r.r_info) == R_X86_64_IRELATIV)
			extents_seed(s, (uint64_t)r.r_addend);
	}
}

/* Every aligned word of the data that is an address in code: what a program without relocations
 * (or with packed ones) has instead of them. */
static void use_words(struct extents_source *s)
{
	const struct image *image = s->image;

	for (unsigned i = 0; i < image->elf.phdr_count; i++) {
		const Elf64_Phdr *p = &image->elf.phdr[i];
		uint64_t skip = -p->p_vaddr & 7;

		if (p->p_type != PT_LOAD || p->p_flags & PF_X ||
		    !image_has(image, p->p_offset, p->p_filesz))
			continue;
		for (; skip + 8 <= p->p_filesz && extents_spend(s, 1); skip += 8) {
			uint64_t word;

			memcpy(&word, image->file + p->p_offset + skip, sizeof(word));
			if (word - image->elf.low < image->elf.high - image->elf.low)
				extents_pointer(s, word);
		}
	}
}

static void use_array(struct extents_source *s, uint64_t vaddr, uint64_t bytes)
{
	uint64_t left = 0, word;
	const uint8_t *table = image_at(s->image, vaddr, &left);

	if (!vaddr || !table)
		return;
	for (uint64_t at = 0; at + 8 <= left && at + 8 <= bytes && extents_spend(s, 1); at += 8) {
		memcpy(&word, table + at, sizeof(word));
		extents_seed(s, word);
	}
}

/* Fills dynamic[] by tag. Returns DT_GNU_HASH's value. */
static uint64_t read_dynamic(const struct image *image, uint64_t *dynamic)
{
	uint64_t gnu_hash = 0;

	for (unsigned i = 0; i < image->elf.phdr_count; i++) {
		const Elf64_Phdr *p = &image->elf.phdr[i];

		if (p->p_type != PT_DYNAMIC || !image_has(image, p->p_offset, p->p_filesz))
			continue;
		for (uint64_t at = 0; at + sizeof(Elf64_Dyn) <= p->p_filesz;
		     at += sizeof(Elf64_Dyn)) {
			Elf64_Dyn d;

			memcpy(&d, image->file + p->p_offset + at, sizeof(d));
			if (d.d_tag == DT_NULL)
				break;
			if (d.d_tag > 0 && d.d_tag < DYNAMIC_MAX)
				dynamic[d.d_tag] = d.d_un.d_val;
			if (d.d_tag == DT_TEXTREL)
				dynamic[DT_TEXTREL] = 1;
			if (d.d_tag == DT_GNU_HASH)
				gnu_hash = d.d_un.d_val;
		}
	}
	return gnu_hash;
}

void extents_from_dynamic(struct extents_source *s)
{
	uint64_t dynamic[DYNAMIC_MAX] = {0};
	uint64_t gnu_hash = read_dynamic(s->image, dynamic);

	s->out->text_relocs = dynamic[DT_TEXTREL] || dynamic[DT_FLAGS] & DF_TEXTREL;
	extents_seed(s, dynamic[DT_INIT]);
	extents_seed(s, dynamic[DT_FINI]);
	use_dynamic_symbols(s, dynamic, gnu_hash);
	use_relocations(s, dynamic);
	if (s->image->elf.ehdr.e_type == ET_EXEC || dynamic[DT_RELRSZ])
		use_words(s);
	use_array(s, dynamic[DT_INIT_ARRAY], dynamic[DT_INIT_ARRAYSZ]);
	use_array(s, dynamic[DT_FINI_ARRAY], dynamic[DT_FINI_ARRAYSZ]);
}
