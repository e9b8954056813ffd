/* SPDX-License-Identifier: Apache-2.0 */
/* The number of a system call, where the instructions before it tell whatever happened earlier. */
#include "intercept/rewrite/sites.h"

#define LOOK_BACK 24u /* instructions */

uint32_t site_previous(const struct image *image, uint32_t pos)
{
	const uint8_t *mark = image->mark;

	for (uint32_t bytes = 1; bytes <= MARK_LENGTH && bytes <= pos; bytes++)
		if (mark[pos - bytes] & MARK_LENGTH)
			return (mark[pos - bytes] & MARK_LENGTH) == bytes ? pos - bytes : POS_NONE;
	return POS_NONE;
}

static bool is_rax(const ZydisDecodedOperand *o)
{
	return o->type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, o->reg.value) ==
		       ZYDIS_REGISTER_RAX;
}

static bool writes_rax(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *operands)
{
	for (unsigned i = 0; i < in->operand_count; i++)
		if (is_rax(&operands[i]) && operands[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
			return true;
	return false;
}

static bool falls_through(const ZydisDecodedInstruction *in)
{
	switch (in->meta.category) {
	case ZYDIS_CATEGORY_CALL:
	case ZYDIS_CATEGORY_RET:
	case ZYDIS_CATEGORY_UNCOND_BR:
	case ZYDIS_CATEGORY_SYSCALL:
	case ZYDIS_CATEGORY_SYSRET:
	case ZYDIS_CATEGORY_INTERRUPT:
		return false;
	default:
		return true;
	}
}

static uint16_t checked(uint64_t value)
{
	return value < NUMBER_UNKNOWN ? (uint16_t)value : NUMBER_UNKNOWN;
}

/* What `pop %rax` at pos pops, if the instruction before it pushes a constant. */
static uint16_t pushed(const struct image *image, const struct decoder *d, uint32_t pos)
{
	ZydisDecodedInstruction in;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];

	if (image->mark[pos] & MARK_TARGET)
		return NUMBER_UNKNOWN;
	pos = site_previous(image, pos);
	if (pos == POS_NONE || !decode_full(d, image, pos, &in, operands) ||
	    in.mnemonic != ZYDIS_MNEMONIC_PUSH || operands[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
		return NUMBER_UNKNOWN;
	return checked(operands[0].imm.value.u);
}

/* What the instruction, which writes rax, leaves there. */
static uint16_t written(const struct image *image, const struct decoder *d, uint32_t pos,
			const ZydisDecodedInstruction *in, const ZydisDecodedOperand *operands)
{
	bool whole = is_rax(&operands[0]) && operands[0].size >= 32;

	if (!whole)
		return NUMBER_UNKNOWN;
	if (in->mnemonic == ZYDIS_MNEMONIC_MOV && operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
		return checked(operands[1].imm.value.u);
	if ((in->mnemonic == ZYDIS_MNEMONIC_XOR || in->mnemonic == ZYDIS_MNEMONIC_SUB) &&
	    is_rax(&operands[1]) && operands[1].size == operands[0].size)
		return 0;
	if (in->mnemonic == ZYDIS_MNEMONIC_POP)
		return pushed(image, d, pos);
	return NUMBER_UNKNOWN;
}

static uint16_t with_low(uint16_t number, int low)
{
	if (number == NUMBER_UNKNOWN || low < 0)
		return number;
	return (uint16_t)((number & 0xff00) | low);
}

uint16_t site_number(const struct image *image, const struct decoder *d, uint32_t pos)
{
	ZydisDecodedInstruction in;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	int low = -1; /* the low byte, once `mov $imm8, %al` was passed */

	for (unsigned i = 0; i < LOOK_BACK; i++) {
		if (image->mark[pos] & MARK_TARGET)
			return NUMBER_UNKNOWN;
		pos = site_previous(image, pos);
		if (pos == POS_NONE || !decode_full(d, image, pos, &in, operands) ||
		    !falls_through(&in))
			return NUMBER_UNKNOWN;
		if (!writes_rax(&in, operands))
			continue;
		if (low < 0 && in.mnemonic == ZYDIS_MNEMONIC_MOV &&
		    operands[0].reg.value == ZYDIS_REGISTER_AL &&
		    operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
			low = (int)(operands[1].imm.value.u & 0xff);
		else
			return with_low(written(image, d, pos, &in, operands), low);
	}
	return NUMBER_UNKNOWN;
}
