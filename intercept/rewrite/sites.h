/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a proven syscall: which instructions make room for the jump. */
#ifndef INTERCEPT_REWRITE_SITES_H
#define INTERCEPT_REWRITE_SITES_H

#include "intercept/rewrite/decode.h"

#define JUMP_BYTES	 5u /* jmp rel32 */
#define SHORT_JUMP_BYTES 2u
#define SYSCALL_BYTES	 2u
#define DISPLACED_MAX	 5u /* of each side: four bytes are still needed, or none */
#define NUMBER_UNKNOWN	 0xffffu

struct plan {
	uint32_t start, end; /* displaced: [start, end) */
	uint32_t syscall;
	uint32_t hop;			  /* padding that holds the long jump, or POS_NONE */
	unsigned before, after;		  /* displaced instructions */
	uint32_t insn[2 * DISPLACED_MAX]; /* their positions: those before, then those after */
	enum twin_method method;
	uint16_t nr;
};

struct site_chooser {
	struct image *image;
	const struct decoder *decoder;
	uint32_t taken; /* everything before is displaced already */
};

/* Is the syscall at pos one? (A soft proof wants to see more than the bytes.) */
bool site_is_sound(const struct site_chooser *c, uint32_t pos);

/* False when there is no room; otherwise the caller uses the plan, or takes no other. Sites are
 * asked for in ascending order. */
bool site_choose(struct site_chooser *c, uint32_t pos, struct plan *plan);

/* The number of the syscall at pos, or NUMBER_UNKNOWN. */
uint16_t site_number(const struct image *image, const struct decoder *d, uint32_t pos);

/* The instruction that falls through to pos, or POS_NONE. */
uint32_t site_previous(const struct image *image, uint32_t pos);

#endif
