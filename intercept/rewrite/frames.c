/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions from .eh_frame (Linux Standard Base, "Exception Frames"; encodings: DWARF's DW_EH_PE).
 * The section is found through PT_GNU_EH_FRAME and walked from its beginning: a terminator or
 * anything odd ends the walk.
 */
#include <string.h>

#include "intercept/rewrite/extents.h"

#define PE_ABSPTR   0x00
#define PE_UDATA4   0x03
#define PE_UDATA8   0x04
#define PE_SDATA4   0x0b
#define PE_SDATA8   0x0c
#define PE_FORMAT   0x0f
#define PE_PCREL    0x10
#define PE_DATAREL  0x30
#define PE_RELATION 0x70
#define PE_INDIRECT 0x80
#define PE_OMIT	    0xff

#define PT_EH_FRAME	0x6474e550
#define LENGTH_IS_64BIT 0xffffffffu

/* A stretch of the file that is read from its beginning. Reading past the end gives zeroes and
 * sets bad. */
struct reader {
	const uint8_t *at, *end;
	uint64_t vaddr; /* of at */
	bool bad;
};

struct cie {
	uint64_t vaddr;
	uint8_t encoding; /* of the addresses in its descriptions */
	bool signal;
};

static uint64_t take(struct reader *r, size_t bytes)
{
	uint64_t value = 0;

	if ((size_t)(r->end - r->at) < bytes) {
		r->bad = true;
		return 0;
	}
	memcpy(&value, r->at, bytes);
	r->at += bytes;
	r->vaddr += bytes;
	return value;
}

static uint64_t take_leb(struct reader *r)
{
	uint64_t value = 0, byte;
	unsigned shift = 0;

	do {
		byte = take(r, 1);
		if (shift < 64)
			value |= (byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80 && !r->bad);
	return value;
}

static uint64_t take_encoded(struct reader *r, uint8_t encoding, bool is_length)
{
	uint64_t here = r->vaddr, value;

	switch (encoding & PE_FORMAT) {
	case PE_SDATA4:
		value = (uint64_t)(int64_t)(int32_t)take(r, 4);
		break;
	case PE_UDATA4:
		value = take(r, 4);
		break;
	case PE_ABSPTR:
	case PE_UDATA8:
	case PE_SDATA8:
		value = take(r, 8);
		break;
	default:
		r->bad = true;
		return 0;
	}
	if (is_length)
		return value;
	if ((encoding & PE_RELATION) == PE_PCREL)
		return here + value;
	if (encoding & (PE_RELATION | PE_INDIRECT))
		r->bad = true;
	return value;
}

static void skip_personality(struct reader *r)
{
	uint8_t encoding = (uint8_t)take(r, 1);

	if ((encoding & PE_FORMAT) == PE_UDATA4 || (encoding & PE_FORMAT) == PE_SDATA4)
		take(r, 4);
	else
		take(r, 8);
}

/* r stands behind the CIE's identifier. */
static bool read_cie(struct reader *r, struct cie *cie)
{
	char augmentation[8];
	size_t n = 0;
	uint8_t version = (uint8_t)take(r, 1);

	cie->encoding = PE_ABSPTR;
	cie->signal = false;
	do {
		if (n == sizeof(augmentation))
			return false;
		augmentation[n] = (char)take(r, 1);
	} while (augmentation[n++]);
	take_leb(r); /* code alignment */
	take_leb(r); /* data alignment */
	if (version == 1)
		take(r, 1);
	else
		take_leb(r); /* return address register */
	if (augmentation[0] != 'z')
		return !r->bad && !augmentation[0];
	take_leb(r);
	for (const char *c = augmentation + 1; *c; c++) {
		if (*c == 'R')
			cie->encoding = (uint8_t)take(r, 1);
		else if (*c == 'L')
			take(r, 1);
		else if (*c == 'P')
			skip_personality(r);
		else if (*c == 'S')
			cie->signal = true;
		else if (*c != 'B')
			return false;
	}
	return !r->bad;
}

/* r stands behind the pointer to the CIE. */
static void read_fde(struct extents_source *s, struct reader *r, const struct cie *cie)
{
	uint64_t start = take_encoded(r, cie->encoding, false);
	uint64_t bytes = take_encoded(r, cie->encoding, true);

	if (r->bad || !bytes)
		return;
	/* A signal's return code is described from one byte before it, since unwinders look up
	 * the address before the one that a call returns to. */
	if (cie->signal && start % 16 == 15) {
		start++;
		bytes--;
	}
	extents_function(s, start, bytes);
}

/* The entry at r; its CIE is kept in *cie for the entries that follow it. */
static bool read_entry(struct extents_source *s, struct reader *r, struct cie *cie)
{
	struct reader body = *r;
	uint64_t start, back, bytes = take(&body, 4);

	if (bytes == LENGTH_IS_64BIT)
		bytes = take(&body, 8);
	if (body.bad || bytes < 4 || bytes > (uint64_t)(body.end - body.at))
		return false;
	start = r->vaddr;
	body.end = body.at + bytes;
	r->at = body.end;
	r->vaddr = body.vaddr + bytes;
	back = body.vaddr;
	bytes = take(&body, 4);
	if (!bytes) {
		cie->vaddr = start;
		if (!read_cie(&body, cie))
			cie->vaddr = 0;
		return true;
	}
	if (cie->vaddr != back - bytes) {
		struct reader other = {.vaddr = back - bytes};
		uint64_t left = 0;

		other.at = image_at(s->image, other.vaddr, &left);
		if (!other.at)
			return true;
		other.end = other.at + left;
		cie->vaddr = other.vaddr;
		take(&other, 8);
		if (!read_cie(&other, cie))
			cie->vaddr = 0;
	}
	if (cie->vaddr)
		read_fde(s, &body, cie);
	return true;
}

/* Puts r at the frames, as the header of PT_GNU_EH_FRAME says. */
static bool find_by_header(const struct image *image, struct reader *r)
{
	const struct elf_info *elf = &image->elf;
	uint64_t left = 0, frames;
	uint8_t encoding;

	for (unsigned i = 0; i < elf->phdr_count; i++)
		if (elf->phdr[i].p_type == PT_EH_FRAME)
			r->vaddr = elf->phdr[i].p_vaddr;
	r->at = image_at(image, r->vaddr, &left);
	if (!r->vaddr || !r->at)
		return false;
	r->end = r->at + left;
	if (take(r, 1) != 1)
		return false;
	encoding = (uint8_t)take(r, 1);
	take(r, 2);
	frames = take_encoded(r, encoding, false);
	r->at = r->bad ? NULL : image_at(image, frames, &left);
	if (!r->at)
		return false;
	r->vaddr = frames;
	r->end = r->at + left;
	return true;
}

/* A static program that cannot unwind has no such header, but often the section. */
static bool find_by_section(const struct image *image, struct reader *r)
{
	Elf64_Shdr sh;

	if (!image_section(image, ".eh_frame", &sh))
		return false;
	r->at = image->file + sh.sh_offset;
	r->end = r->at + sh.sh_size;
	r->vaddr = sh.sh_addr;
	r->bad = false;
	return true;
}

void extents_from_frames(struct extents_source *s)
{
	struct reader r = {0};
	struct cie cie = {0};

	if (!find_by_header(s->image, &r) && !find_by_section(s->image, &r))
		return;
	while (extents_spend(s, 1) && read_entry(s, &r, &cie))
		;
}
