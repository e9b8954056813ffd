/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions of a Go program, from its .gopclntab, which its own run-time system reads, so that even
 * a stripped one has it (layout: Go's src/runtime/symtab.go, pcHeader and functab; 1.18 and later).
 */
#include <string.h>

#include "intercept/rewrite/extents.h"

#define MAGIC_1_18     0xfffffff0u
#define MAGIC_1_20     0xfffffff1u
#define HEADER_COUNT   8 /* offsets in pcHeader */
#define HEADER_TEXT    24
#define HEADER_TABLE   64
#define HEADER_BYTES   72
#define FUNCTION_BYTES 8u /* of functab: where it starts, from the text's begin; and what of it */

static uint64_t word_at(const uint8_t *table, uint64_t at)
{
	uint64_t word;

	memcpy(&word, table + at, sizeof(word));
	return word;
}

static uint32_t entry_at(const uint8_t *table, uint64_t index)
{
	uint32_t entry;

	memcpy(&entry, table + index * FUNCTION_BYTES, sizeof(entry));
	return entry;
}

static bool text_start(const struct image *image, uint64_t said, uint64_t *out)
{
	Elf64_Shdr text;

	*out = said;
	if (image_pos(image, said) != POS_NONE)
		return true;
	if (!image_section(image, ".text", &text))
		return false;
	*out = text.sh_addr;
	return true;
}

void extents_from_go(struct extents_source *s)
{
	const uint8_t *table;
	uint64_t count, at, text;
	uint32_t magic;
	Elf64_Shdr sh;

	if (!image_section(s->image, ".gopclntab", &sh) &&
	    !image_section(s->image, ".data.rel.ro.gopclntab", &sh))
		return;
	table = s->image->file + sh.sh_offset;
	if (sh.sh_size < HEADER_BYTES)
		return;
	memcpy(&magic, table, sizeof(magic));
	if ((magic != MAGIC_1_18 && magic != MAGIC_1_20) ||
	    !text_start(s->image, word_at(table, HEADER_TEXT), &text))
		return;
	count = word_at(table, HEADER_COUNT);
	at = word_at(table, HEADER_TABLE);
	/* an entry more than functions: the end of the last */
	if (at >= sh.sh_size || count >= (sh.sh_size - at) / FUNCTION_BYTES)
		return;
	for (uint64_t i = 0; i < count && extents_spend(s, 1); i++) {
		uint32_t start = entry_at(table + at, i), end = entry_at(table + at, i + 1);

		if (end > start)
			extents_function(s, text + start, end - start);
	}
}
