/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See sites.h. A jump takes five bytes and a syscall has two, so neighbours must move into the
 * trampoline. Whatever may be jumped to stays where it is: only the first displaced byte may be a
 * target. Nothing that depends on where it stands is moved, but what emit.c can put right.
 */
#include "intercept/rewrite/sites.h"

#include <string.h>

#define CMP_RAX_IMM32  0x3d48 /* cmp $imm32, %rax; as a little-endian word */
#define CMP_RAX_IMM8   0xf88348
#define TEST_RAX_RAX   0xc08548
#define CMP_EAX_IMM32  0x3d
#define CMP_EAX_IMM8   0xf883
#define TEST_EAX_EAX   0xc085
#define SOFT_NR_MAX    1024u
#define NEAR_INSNS     5u
#define PREFIX_ADDRESS 0x67
#define SHORT_REACH    128u /* bytes, from behind the short jump */

static bool looks_at_result(const uint8_t *code)
{
	uint32_t word;

	memcpy(&word, code, sizeof(word));
	return (word & 0xffff) == CMP_RAX_IMM32 || (word & 0xffffff) == CMP_RAX_IMM8 ||
	       (word & 0xffffff) == TEST_RAX_RAX || (word & 0xff) == CMP_EAX_IMM32 ||
	       (word & 0xffff) == CMP_EAX_IMM8 || (word & 0xffff) == TEST_EAX_EAX;
}

/* Is rax written shortly before? With garbage, both that and a syscall are not to be expected. */
static bool gets_number(const struct site_chooser *c, uint32_t pos)
{
	for (unsigned i = 0; i < NEAR_INSNS; i++) {
		ZydisDecodedInstruction in;
		ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];

		pos = site_previous(c->image, pos);
		if (pos == POS_NONE || !decode_full(c->decoder, c->image, pos, &in, operands))
			return false;
		if (in.mnemonic != ZYDIS_MNEMONIC_MOV && in.mnemonic != ZYDIS_MNEMONIC_MOVSXD)
			continue;
		if (operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    (operands[0].reg.value == ZYDIS_REGISTER_RAX ||
		     operands[0].reg.value == ZYDIS_REGISTER_EAX))
			return true;
	}
	return false;
}

bool site_is_sound(const struct site_chooser *c, uint32_t pos)
{
	uint8_t mark = c->image->mark[pos];

	if ((mark & MARK_LENGTH) != SYSCALL_BYTES)
		return false;
	if (!(mark & MARK_SOFT))
		return true;
	if (site_number(c->image, c->decoder, pos) < SOFT_NR_MAX)
		return true;
	if (gets_number(c, pos))
		return true;
	pos += SYSCALL_BYTES;
	return c->image->mark[pos] & MARK_LENGTH && looks_at_result(c->image->code + pos);
}

/* Can emit.c put a copy of this elsewhere? */
static bool is_movable(const ZydisDecodedInstruction *in)
{
	switch (in->mnemonic) {
	case ZYDIS_MNEMONIC_CALL:
	case ZYDIS_MNEMONIC_ENDBR32:
	case ZYDIS_MNEMONIC_ENDBR64:
	case ZYDIS_MNEMONIC_HLT:
	case ZYDIS_MNEMONIC_INT:
	case ZYDIS_MNEMONIC_INT1:
	case ZYDIS_MNEMONIC_INT3:
	case ZYDIS_MNEMONIC_INTO:
	case ZYDIS_MNEMONIC_IRET:
	case ZYDIS_MNEMONIC_IRETD:
	case ZYDIS_MNEMONIC_IRETQ:
	case ZYDIS_MNEMONIC_JCXZ:
	case ZYDIS_MNEMONIC_JECXZ:
	case ZYDIS_MNEMONIC_JRCXZ:
	case ZYDIS_MNEMONIC_LOOP:
	case ZYDIS_MNEMONIC_LOOPE:
	case ZYDIS_MNEMONIC_LOOPNE:
	case ZYDIS_MNEMONIC_SYSCALL:
	case ZYDIS_MNEMONIC_SYSENTER:
	case ZYDIS_MNEMONIC_UD0:
	case ZYDIS_MNEMONIC_UD1:
	case ZYDIS_MNEMONIC_UD2:
	case ZYDIS_MNEMONIC_XABORT:
	case ZYDIS_MNEMONIC_XBEGIN:
		return false;
	default:
		break;
	}
	if (in->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
		return false;
	if (in->raw.modrm.mod == 0 && in->raw.modrm.rm == 5 && in->raw.modrm.offset)
		for (unsigned i = 0; i < in->raw.prefix_count; i++)
			if (in->raw.prefixes[i].value == PREFIX_ADDRESS)
				return false;
	return true;
}

static bool ends_flow(const ZydisDecodedInstruction *in)
{
	return in->meta.category == ZYDIS_CATEGORY_RET ||
	       in->meta.category == ZYDIS_CATEGORY_UNCOND_BR;
}

/* Adds what stands before, up to `most` instructions. False when it is less than that. */
static bool take_before(const struct site_chooser *c, struct plan *plan, unsigned most)
{
	while (plan->before < most) {
		uint32_t pos = site_previous(c->image, plan->start);
		ZydisDecodedInstruction in;
		ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];

		if (pos == POS_NONE || pos < c->taken || c->image->mark[plan->start] & MARK_TARGET)
			return false;
		if (!decode_full(c->decoder, c->image, pos, &in, operands) || !is_movable(&in) ||
		    ends_flow(&in))
			return false;
		memmove(plan->insn + 1, plan->insn, plan->before++ * sizeof(plan->insn[0]));
		plan->insn[0] = plan->start = pos;
	}
	return true;
}

/* Adds what stands behind until there is room. */
static bool take_after(const struct site_chooser *c, struct plan *plan)
{
	const uint8_t *mark = c->image->mark;
	bool more = true;

	while (plan->end - plan->start < JUMP_BYTES) {
		ZydisDecodedInstruction in;
		ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];

		if (!more || plan->after == DISPLACED_MAX || !(mark[plan->end] & MARK_LENGTH) ||
		    mark[plan->end] & MARK_TARGET ||
		    !decode_full(c->decoder, c->image, plan->end, &in, operands) ||
		    !is_movable(&in))
			return false;
		plan->insn[plan->before + plan->after++] = plan->end;
		plan->end += in.length;
		more = !ends_flow(&in);
	}
	return true;
}

/* Does anything lead into the displaced bytes, but to the first? */
static bool is_private(const struct site_chooser *c, const struct plan *plan)
{
	for (uint32_t pos = plan->start + 1; pos < plan->end; pos++)
		if (c->image->mark[pos] & MARK_TARGET)
			return false;
	return true;
}

static bool displace(const struct site_chooser *c, uint32_t pos, struct plan *plan, unsigned before,
		     bool after)
{
	memset(plan, 0, sizeof(*plan));
	plan->start = plan->syscall = pos;
	plan->end = pos + SYSCALL_BYTES;
	plan->hop = POS_NONE;
	if (!take_before(c, plan, before))
		return false;
	if (after && !take_after(c, plan))
		return false;
	plan->method = !plan->after ? TWIN_BEFORE : plan->before ? TWIN_AROUND : TWIN_AFTERWARDS;
	return plan->end - plan->start >= JUMP_BYTES && is_private(c, plan);
}

/* The bytes of padding at pos that nothing leads to. */
static uint32_t padding_at(const struct site_chooser *c, uint32_t pos)
{
	const uint8_t *mark = c->image->mark;
	uint32_t end = pos;

	while (end - pos < JUMP_BYTES) {
		uint32_t bytes = decode_padding(c->decoder, c->image, end);

		if (!bytes)
			return 0;
		for (uint32_t i = end; i < end + bytes; i++)
			if (mark[i] & (MARK_KNOWN | MARK_TARGET))
				return 0;
		end += bytes;
	}
	return end - pos;
}

static bool ends_at(const struct site_chooser *c, uint32_t pos)
{
	uint32_t last = site_previous(c->image, pos);
	ZydisDecodedInstruction in;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];

	return last != POS_NONE && decode_full(c->decoder, c->image, last, &in, operands) &&
	       ends_flow(&in);
}

/* Padding near by, behind an instruction that does not fall through. */
static bool hop(const struct site_chooser *c, uint32_t pos, struct plan *plan)
{
	const struct span *s = image_span(c->image, pos);
	uint32_t next = pos + SYSCALL_BYTES;
	uint32_t low = next - s->pos > SHORT_REACH ? next - SHORT_REACH : s->pos;
	uint32_t high = next + SHORT_REACH;

	if (high > s->pos + s->bytes)
		high = s->pos + s->bytes;
	memset(plan, 0, sizeof(*plan));
	plan->start = plan->syscall = pos;
	plan->end = next;
	plan->method = TWIN_HOP;
	for (plan->hop = low; plan->hop < high; plan->hop++)
		if (!(c->image->mark[plan->hop] & MARK_KNOWN) && ends_at(c, plan->hop) &&
		    padding_at(c, plan->hop) && is_private(c, plan))
			return true;
	return false;
}

static bool choose(const struct site_chooser *c, uint32_t pos, struct plan *plan)
{
	for (unsigned n = 1; n <= DISPLACED_MAX; n++)
		if (displace(c, pos, plan, n, false))
			return true;
	for (unsigned n = 0; n < DISPLACED_MAX; n++)
		if (displace(c, pos, plan, n, true))
			return true;
	return hop(c, pos, plan);
}

bool site_choose(struct site_chooser *c, uint32_t pos, struct plan *plan)
{
	if (pos < c->taken || !choose(c, pos, plan))
		return false;
	plan->nr = site_number(c->image, c->decoder, pos);
	c->taken = plan->end;
	if (plan->hop != POS_NONE) {
		c->image->mark[plan->hop] |= JUMP_BYTES;
		for (uint32_t i = 1; i < JUMP_BYTES; i++)
			c->image->mark[plan->hop + i] |= MARK_INSIDE;
	}
	return true;
}
