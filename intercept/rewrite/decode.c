/* SPDX-License-Identifier: Apache-2.0 */
/* See decode.h. Zydis in its minimal mode: lengths, mnemonics and raw fields, no operands. */
#include "intercept/rewrite/decode.h"

#define INSN_BYTES_MAX	   15u
#define BYTE_INT3	   0xcc
#define BYTE_NOP	   0x90
#define OPCODE_MOV_IMM_LOW 0xb8
#define OPCODE_MOV_IMM_TOP 0xbf
#define FAR_DISPLACEMENT   (16 << 20) /* no structure is that large */

void decode_init(struct decoder *d)
{
	ZydisDecoderInit(&d->quick, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	d->full = d->quick;
	ZydisDecoderEnableMode(&d->quick, ZYDIS_DECODER_MODE_MINIMAL, ZYAN_TRUE);
}

/* Bytes that may be handed to the decoder: the guard ends every span. */
static uint32_t room_at(const struct image *image, uint32_t pos)
{
	uint32_t left = image->code_bytes - pos;

	return left < INSN_BYTES_MAX ? left : INSN_BYTES_MAX;
}

static enum insn_kind kind_of(const ZydisDecodedInstruction *in)
{
	switch (in->mnemonic) {
	case ZYDIS_MNEMONIC_CALL:
		return INSN_CALL;
	case ZYDIS_MNEMONIC_SYSCALL:
	case ZYDIS_MNEMONIC_SYSENTER:
	case ZYDIS_MNEMONIC_INT:
		return INSN_TRAP;
	case ZYDIS_MNEMONIC_JMP:
		return in->attributes & ZYDIS_ATTRIB_IS_RELATIVE && !in->raw.modrm.offset
			       ? INSN_JUMP
			       : INSN_SWITCH;
	case ZYDIS_MNEMONIC_RET:
	case ZYDIS_MNEMONIC_IRET:
	case ZYDIS_MNEMONIC_IRETD:
	case ZYDIS_MNEMONIC_IRETQ:
	case ZYDIS_MNEMONIC_SYSRET:
	case ZYDIS_MNEMONIC_SYSEXIT:
	case ZYDIS_MNEMONIC_UD0:
	case ZYDIS_MNEMONIC_UD1:
	case ZYDIS_MNEMONIC_UD2:
	case ZYDIS_MNEMONIC_HLT:
	case ZYDIS_MNEMONIC_INT3:
	case ZYDIS_MNEMONIC_XABORT:
		return INSN_STOP;
	default:
		return in->attributes & ZYDIS_ATTRIB_IS_RELATIVE && !in->raw.modrm.offset &&
				       in->raw.imm[0].is_relative
			       ? INSN_BRANCH
			       : INSN_PLAIN;
	}
}

static bool is_rare(ZydisMnemonic mnemonic)
{
	switch (mnemonic) {
	case ZYDIS_MNEMONIC_IN:
	case ZYDIS_MNEMONIC_INSB:
	case ZYDIS_MNEMONIC_INSD:
	case ZYDIS_MNEMONIC_INSW:
	case ZYDIS_MNEMONIC_OUT:
	case ZYDIS_MNEMONIC_OUTSB:
	case ZYDIS_MNEMONIC_OUTSD:
	case ZYDIS_MNEMONIC_OUTSW:
	case ZYDIS_MNEMONIC_CLI:
	case ZYDIS_MNEMONIC_STI:
	case ZYDIS_MNEMONIC_CMC:
	case ZYDIS_MNEMONIC_STD:
	case ZYDIS_MNEMONIC_IRET:
	case ZYDIS_MNEMONIC_IRETD:
	case ZYDIS_MNEMONIC_IRETQ:
	case ZYDIS_MNEMONIC_ENTER:
	case ZYDIS_MNEMONIC_XLAT:
	case ZYDIS_MNEMONIC_LOOP:
	case ZYDIS_MNEMONIC_LOOPE:
	case ZYDIS_MNEMONIC_LOOPNE:
	case ZYDIS_MNEMONIC_LAHF:
	case ZYDIS_MNEMONIC_SAHF:
	case ZYDIS_MNEMONIC_PUSHF:
	case ZYDIS_MNEMONIC_POPF:
	case ZYDIS_MNEMONIC_LSS:
	case ZYDIS_MNEMONIC_LFS:
	case ZYDIS_MNEMONIC_LGS:
	case ZYDIS_MNEMONIC_INT1:
	case ZYDIS_MNEMONIC_SYSRET:
	case ZYDIS_MNEMONIC_SYSEXIT:
	case ZYDIS_MNEMONIC_SYSENTER:
	case ZYDIS_MNEMONIC_UD0:
	case ZYDIS_MNEMONIC_UD1:
		return true;
	default:
		return false;
	}
}

static bool is_nop(const ZydisDecodedInstruction *in)
{
	return in->mnemonic == ZYDIS_MNEMONIC_NOP;
}

/* Prefixes that a compiler or assembler would not have written here. */
static bool odd_prefixes(const ZydisDecodedInstruction *in)
{
	unsigned kinds = 0;

	if (is_nop(in))
		return false;
	for (unsigned i = 0; i < in->raw.prefix_count; i++) {
		if (in->raw.prefixes[i].type == ZYDIS_PREFIX_TYPE_IGNORED)
			kinds++;
	}
	/* one is common: `rep ret`, a bare REX, notrack before hardware knew it */
	return kinds > 1;
}

static bool odd_memory(const ZydisDecodedInstruction *in, const struct image *image, uint32_t pos)
{
	int64_t disp = in->raw.disp.value;

	if (in->raw.disp.size != 32 || is_nop(in))
		return false;
	if (in->raw.modrm.mod == 0 && in->raw.modrm.rm == 5) {
		uint64_t vaddr = image_vaddr(image, pos) + in->length + (uint64_t)disp;

		return vaddr - image->elf.low >= image->elf.high - image->elf.low;
	}
	if (in->mnemonic == ZYDIS_MNEMONIC_LEA) /* arithmetic */
		return false;
	if (disp > -FAR_DISPLACEMENT && disp < FAR_DISPLACEMENT)
		return false;
	return (uint64_t)disp - image->elf.low >= image->elf.high - image->elf.low;
}

/* Is this what a compiler would write? Bytes of a table rarely pass for long. */
static bool judge_insn(const ZydisDecodedInstruction *in, const struct image *image, uint32_t pos,
		       const struct insn *insn)
{
	const uint8_t *code = image->code + pos;

	if (is_rare(in->mnemonic) || odd_prefixes(in) || odd_memory(in, image, pos))
		return false;
	if (in->mnemonic == ZYDIS_MNEMONIC_RET && in->opcode != 0xc3 && in->opcode != 0xc2)
		return false; /* far */
	if (in->mnemonic == ZYDIS_MNEMONIC_INT && code[1] != 0x80)
		return false;
	if ((insn->kind == INSN_JUMP || insn->kind == INSN_BRANCH ||
	     (insn->kind == INSN_CALL && in->opcode == 0xe8)) &&
	    insn->target == POS_NONE)
		return false;
	return code[0] || code[1]; /* zeroes: add %al, (%rax) */
}

static uint64_t reference(const ZydisDecodedInstruction *in, const struct image *image,
			  uint32_t pos)
{
	if (in->mnemonic == ZYDIS_MNEMONIC_LEA) {
		if (in->raw.modrm.mod == 0 && in->raw.modrm.rm == 5)
			return image_vaddr(image, pos) + in->length + (uint64_t)in->raw.disp.value;
		return 0;
	}
	if (image->elf.ehdr.e_type != ET_EXEC)
		return 0;
	if (in->opcode >= OPCODE_MOV_IMM_LOW && in->opcode <= OPCODE_MOV_IMM_TOP &&
	    in->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT)
		return in->raw.imm[0].value.u;
	/* a table's address as displacement: jmp *table(, %rax, 8) */
	if (in->raw.disp.size == 32 && in->raw.modrm.rm == 4)
		return (uint64_t)in->raw.disp.value;
	return 0;
}

bool decode_at(const struct decoder *d, const struct image *image, uint32_t pos, bool judge,
	       struct insn *out)
{
	ZydisDecodedInstruction in;

	if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&d->quick, NULL, image->code + pos,
							room_at(image, pos), &in)))
		return false;
	out->pos = pos;
	out->bytes = in.length;
	out->kind = kind_of(&in);
	out->target = POS_NONE;
	if (in.raw.imm[0].is_relative && out->kind != INSN_PLAIN && out->kind != INSN_STOP) {
		if (in.raw.imm[0].size == 16)
			return false; /* makers disagree on what that means */
		out->target = image_pos(image, image_vaddr(image, pos) + in.length +
						       (uint64_t)in.raw.imm[0].value.s);
	}
	out->ref = reference(&in, image, pos);
	out->plausible = judge && judge_insn(&in, image, pos, out);
	return true;
}

bool decode_full(const struct decoder *d, const struct image *image, uint32_t pos,
		 ZydisDecodedInstruction *insn, ZydisDecodedOperand *operands)
{
	return ZYAN_SUCCESS(ZydisDecoderDecodeFull(&d->full, image->code + pos, room_at(image, pos),
						   insn, operands));
}

uint32_t decode_padding(const struct decoder *d, const struct image *image, uint32_t pos)
{
	ZydisDecodedInstruction in;

	if (image->code[pos] == BYTE_INT3 || image->code[pos] == BYTE_NOP)
		return 1;
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&d->quick, NULL, image->code + pos,
							room_at(image, pos), &in)))
		return 0;
	return is_nop(&in) || (in.length == 2 && image->code[pos] == 0x66 &&
			       image->code[pos + 1] == BYTE_NOP)
		       ? in.length
		       : 0;
}
