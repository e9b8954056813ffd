/* SPDX-License-Identifier: Apache-2.0 */
/* Trampolines, as core/base/twin.h describes them. */
#ifndef INTERCEPT_REWRITE_EMIT_H
#define INTERCEPT_REWRITE_EMIT_H

#include "intercept/rewrite/sites.h"

#define TRAMPOLINE_MAX	 240u /* bytes: offsets within it fit in one */
#define TRAMPOLINE_ALIGN 16u

struct trampoline {
	uint8_t bytes[TRAMPOLINE_MAX];
	struct twin_site site;
};

/* Writes the trampoline of plan for code_vaddr + tramp. False when something is out of reach. */
bool emit_trampoline(const struct image *image, const struct decoder *d, const struct plan *plan,
		     uint64_t code_vaddr, uint32_t tramp, struct trampoline *out);

/* Puts the jump to the trampoline into image->file. False, and nothing done, when it does not
 * reach. */
bool emit_jump(struct image *image, const struct plan *plan, uint64_t target);

#endif
