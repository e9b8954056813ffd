/* SPDX-License-Identifier: Apache-2.0 */
/* One instruction, as far as control flow is concerned. */
#ifndef INTERCEPT_REWRITE_DECODE_H
#define INTERCEPT_REWRITE_DECODE_H

#include <Zydis/Zydis.h>

#include "intercept/rewrite/image.h"

enum insn_kind {
	INSN_PLAIN,
	INSN_CALL,   /* control may not come back */
	INSN_TRAP,   /* syscall, sysenter, int: the same */
	INSN_BRANCH, /* conditional */
	INSN_JUMP,   /* direct, unconditional */
	INSN_SWITCH, /* jmp through a register or memory */
	INSN_STOP,   /* ret, and what faults on purpose */
};

struct insn {
	uint64_t ref;	 /* the address that a lea (or a 32-bit constant) names, or 0 */
	uint32_t pos;	 /* of its first byte */
	uint32_t target; /* position that a direct branch or call goes to, or POS_NONE */
	enum insn_kind kind;
	uint8_t bytes;
	bool plausible; /* what compilers write (only when asked for) */
};

struct decoder {
	ZydisDecoder quick, full;
};

void decode_init(struct decoder *d);

/* False when there is no valid instruction at pos. */
bool decode_at(const struct decoder *d, const struct image *image, uint32_t pos, bool judge,
	       struct insn *out);

/* With operands. False like above. */
bool decode_full(const struct decoder *d, const struct image *image, uint32_t pos,
		 ZydisDecodedInstruction *insn, ZydisDecodedOperand *operands);

/* The bytes of padding at pos: int3, or a nop of any length. 0: none. */
uint32_t decode_padding(const struct decoder *d, const struct image *image, uint32_t pos);

#endif
