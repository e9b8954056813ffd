/* SPDX-License-Identifier: Apache-2.0 */
/* See emit.h. */
#include "intercept/rewrite/emit.h"

#include <string.h>

#include "core/base/sysclass.h"

#define BYTE_INT3      0xcc
#define OP_JMP_REL32   0xe9
#define OP_JMP_REL8    0xeb
#define OP_JCC_REL8    0x70
#define OP_TWO_BYTES   0x0f
#define OP_JCC_REL32   0x80
#define SELECTOR_BYTES 9u
#define GS_JUMP_BYTES  8u
#define GS_LOAD_BYTES  9u
#define SHORT_MAX      127

struct emitter {
	const struct image *image;
	const struct decoder *decoder;
	struct trampoline *out;
	uint64_t vaddr; /* of the trampoline */
	unsigned used;
	bool failed;
};

static void put(struct emitter *e, const void *bytes, size_t count)
{
	if (count > TRAMPOLINE_MAX - e->used) {
		e->failed = true;
		return;
	}
	memcpy(e->out->bytes + e->used, bytes, count);
	e->used += (unsigned)count;
}

#define PUT(e, ...)                                   \
	do {                                          \
		const uint8_t put_[] = {__VA_ARGS__}; \
		put(e, put_, sizeof(put_));           \
	} while (0)

static void put_word(struct emitter *e, uint32_t word)
{
	put(e, &word, sizeof(word));
}

/* From here on the program stands at pos. Several steps of one address are one. */
static void step(struct emitter *e, const struct plan *plan, uint32_t pos)
{
	struct twin_site *site = &e->out->site;
	struct twin_step s = {(uint8_t)e->used, (uint8_t)(pos - plan->start)};

	if (site->step_count && site->step[site->step_count - 1].orig == s.orig)
		return;
	if (site->step_count == TWIN_STEPS_MAX)
		e->failed = true;
	else
		site->step[site->step_count++] = s;
}

/* The 32-bit distance from behind `bytes` more bytes to target. */
static uint32_t distance(struct emitter *e, uint64_t target, unsigned bytes)
{
	int64_t d = (int64_t)(target - (e->vaddr + e->used + bytes));

	if (d != (int32_t)d)
		e->failed = true;
	return (uint32_t)d;
}

static void put_jump(struct emitter *e, uint64_t target)
{
	uint32_t d = distance(e, target, JUMP_BYTES);

	PUT(e, OP_JMP_REL32);
	put_word(e, d);
}

/* A copy of the program's instruction at pos that does what it does there. */
static void put_displaced(struct emitter *e, uint32_t pos)
{
	ZydisDecodedInstruction in;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	uint64_t next;
	uint32_t d;

	if (!decode_full(e->decoder, e->image, pos, &in, operands)) {
		e->failed = true;
		return;
	}
	next = image_vaddr(e->image, pos) + in.length;
	if (in.raw.imm[0].is_relative) {
		next += (uint64_t)in.raw.imm[0].value.s;
		if (in.meta.category != ZYDIS_CATEGORY_COND_BR) {
			put_jump(e, next);
			return;
		}
		d = distance(e, next, JUMP_BYTES + 1);
		PUT(e, OP_TWO_BYTES, OP_JCC_REL32 | (in.opcode & 0x0f));
		put_word(e, d);
		return;
	}
	if (in.raw.modrm.offset && in.raw.modrm.mod == 0 && in.raw.modrm.rm == 5) {
		uint8_t copy[MARK_LENGTH];

		memcpy(copy, e->image->code + pos, in.length);
		d = distance(e, next + (uint64_t)in.raw.disp.value, in.length);
		memcpy(copy + in.raw.disp.offset, &d, sizeof(d));
		put(e, copy, in.length);
		return;
	}
	put(e, e->image->code + pos, in.length);
}

static void put_selector(struct emitter *e, uint8_t value)
{
	PUT(e, 0x65, 0xc6, 0x04, 0x25, TWIN_GS_SELECTOR, 0, 0, 0, value); /* movb $, %gs:() */
}

static void put_gs_load(struct emitter *e, uint8_t offset)
{
	PUT(e, 0x65, 0x4c, 0x8b, 0x1c, 0x25, offset, 0, 0, 0); /* mov %gs:(), %r11 */
}

static void put_table_byte(struct emitter *e)
{
	PUT(e, 0x41, 0x0f, 0xb6, 0x0c, 0x0b); /* movzbl (%r11, %rcx), %ecx */
}

/* Decides between pass, which follows, and slow. Returns where the 8-bit distance to slow stands,
 * or 0 when slow is not needed. */
static unsigned put_check(struct emitter *e, uint16_t nr)
{
	if (nr == NUMBER_UNKNOWN) {
		put_gs_load(e, TWIN_GS_CLASSES);
		PUT(e, 0x0f, 0xb7, 0xc8); /* movzwl %ax, %ecx */
		put_table_byte(e);
		PUT(e, 0xe3, SHORT_JUMP_BYTES); /* jrcxz pass */
		PUT(e, OP_JMP_REL8, 0);
		return e->used - 1;
	}
	switch (sysclass_of(nr)) {
	case SYSCLASS_FD:
		put_gs_load(e, TWIN_GS_FDS);
		PUT(e, 0x0f, 0xb7, 0xcf); /* movzwl %di, %ecx */
		put_table_byte(e);
		PUT(e, 0xe3, 0); /* jrcxz slow */
		return e->used - 1;
	case SYSCLASS_ENTER:
		PUT(e, OP_JMP_REL8, 0);
		return e->used - 1;
	default:
		return 0;
	}
}

static void put_slow(struct emitter *e, unsigned pass, unsigned distance_at)
{
	int back = (int)pass - (int)(e->used + 7);
	int ahead = (int)e->used - (int)(distance_at + 1);

	if (e->failed || ahead > SHORT_MAX) {
		e->failed = true;
		return;
	}
	e->out->bytes[distance_at] = (uint8_t)ahead;
	PUT(e, 0x48, 0x8d, 0x0d); /* lea pass(%rip), %rcx */
	put_word(e, (uint32_t)back);
	PUT(e, 0x65, 0xff, 0x24, 0x25, TWIN_GS_ENTRY, 0, 0, 0); /* jmp *%gs:() */
}

/* Does the last displaced instruction fall through? */
static bool comes_back(const struct emitter *e, const struct plan *plan)
{
	struct insn insn = {0};

	if (!plan->after || !decode_at(e->decoder, e->image,
				       plan->insn[plan->before + plan->after - 1], false, &insn))
		return true;
	return insn.kind == INSN_PLAIN || insn.kind == INSN_BRANCH;
}

static void put_before(struct emitter *e, const struct plan *plan)
{
	for (unsigned i = 0; i < plan->before; i++) {
		step(e, plan, plan->insn[i]);
		put_displaced(e, plan->insn[i]);
	}
}

static void put_after(struct emitter *e, const struct plan *plan)
{
	for (unsigned i = 0; i < plan->after; i++) {
		step(e, plan, plan->insn[plan->before + i]);
		put_displaced(e, plan->insn[plan->before + i]);
	}
	if (comes_back(e, plan)) {
		step(e, plan, plan->end);
		put_jump(e, image_vaddr(e->image, plan->end - 1) + 1);
	}
}

bool emit_trampoline(const struct image *image, const struct decoder *d, const struct plan *plan,
		     uint64_t code_vaddr, uint32_t tramp, struct trampoline *out)
{
	struct emitter e = {image, d, out, code_vaddr + tramp, 0, false};
	struct twin_site *site = &out->site;
	unsigned slow_at;

	memset(out, 0, sizeof(*out));
	site->start = (uint32_t)(image_vaddr(image, plan->start) - image->elf.low);
	site->tramp = tramp;
	site->nr = plan->nr;
	site->bytes = (uint8_t)(plan->end - plan->start);
	site->syscall = (uint8_t)(plan->syscall - plan->start);
	site->method = (uint8_t)plan->method;

	put_before(&e, plan);
	step(&e, plan, plan->syscall);
	site->check = (uint8_t)e.used;
	slow_at = put_check(&e, plan->nr);
	site->pass = (uint8_t)e.used;
	put_selector(&e, 0);
	put(&e, image->code + plan->syscall, SYSCALL_BYTES);
	step(&e, plan, plan->syscall + SYSCALL_BYTES);
	put_selector(&e, 1);
	put_after(&e, plan);
	site->slow = (uint8_t)e.used;
	if (slow_at)
		put_slow(&e, site->pass, slow_at);
	site->tramp_bytes = (uint16_t)e.used;
	return !e.failed;
}

static void put_long(uint8_t *at, int32_t distance)
{
	at[0] = OP_JMP_REL32;
	memcpy(at + 1, &distance, sizeof(distance));
}

bool emit_jump(struct image *image, const struct plan *plan, uint64_t target)
{
	uint32_t from = plan->hop == POS_NONE ? plan->start : plan->hop;
	int64_t d = (int64_t)(target - (image_vaddr(image, from) + JUMP_BYTES));
	uint8_t *file = image->file + image_offset(image, from);

	if (d != (int32_t)d)
		return false;
	put_long(file, (int32_t)d);
	if (plan->hop != POS_NONE) {
		file = image->file + image_offset(image, plan->start);
		file[0] = OP_JMP_REL8;
		file[1] = (uint8_t)(plan->hop - (plan->start + SHORT_JUMP_BYTES));
		return true;
	}
	/* Whole instructions stay: should something jump there after all, it finds them. */
	for (uint32_t i = JUMP_BYTES;
	     i < plan->end - from && !(image->mark[from + i] & MARK_LENGTH); i++)
		file[i] = BYTE_INT3;
	return true;
}
