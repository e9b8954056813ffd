/* SPDX-License-Identifier: Apache-2.0 */
/* See farther.h. */
#include "intercept/farther.h"

#include <linux/mman.h>
#include <string.h>

#include "intercept/filter.h"
#include "intercept/thread.h"

#define SELECTOR_BYTES 9 /* movb $0, %gs:TWIN_GS_SELECTOR, at pass */
#define HUB_BYTES      19
#define HUB_LEA	       7
#define HUB_ADDED      11 /* where rcx is the address of pass */
#define JUMP_BYTES     5

_Static_assert(HUB_BYTES <= TWIN_HUB_BYTES, "twin.h");

/* Where the hub of an image is: behind the last trampoline. */
static uint64_t hub_of(const struct image_twin *i)
{
	const struct twin_site *last = &i->sites[i->head.site_count - 1];

	return i->code + last->tramp + last->tramp_bytes;
}

static void put_word(uint64_t at, uint64_t value)
{
	uint32_t word = (uint32_t)value;

	memcpy((void *)at, &word, sizeof(word));
}

static void make_hub(uint64_t hub, uint64_t first)
{
	static const uint8_t code[HUB_BYTES] = {0x4c,
						0x8d,
						0x1d,
						0,
						0,
						0,
						0, /* lea first(%rip), %r11 */
						0x49,
						0x8d,
						0x0c,
						0x0b, /* lea (%r11, %rcx), %rcx */
						0x65,
						0xff,
						0x24,
						0x25,
						(uint8_t)(THREAD_FAR & 255),
						THREAD_FAR >> 8,
						0,
						0};

	memcpy((void *)hub, code, sizeof(code));
	put_word(hub + 3, first - (hub + HUB_LEA));
}

int farther_protection(void)
{
	return filter_wanted() ? PROT_READ | PROT_WRITE : PROT_READ | PROT_EXEC;
}

void farther_make(const struct image_twin *i)
{
	uint64_t hub;

	if (!filter_wanted()) /* the table of sites need not be looked at */
		return;
	hub = hub_of(i);
	if (hub + HUB_BYTES <= i->code_end) {
		make_hub(hub, i->code);
		for (uint32_t n = 0; n < i->head.site_count; n++) {
			uint64_t pass = i->sites[n].tramp + i->sites[n].pass, at = i->code + pass;

			if (i->sites[n].tramp_bytes < i->sites[n].pass + TWIN_AFTER ||
			    at + TWIN_AFTER > hub ||
			    memcmp((const void *)(at + SELECTOR_BYTES), "\x0f\x05", 2) != 0)
				continue;
			*(uint8_t *)at = 0xb9; /* mov $, %ecx */
			put_word(at + 1, pass);
			*(uint8_t *)(at + JUMP_BYTES) = 0xe9; /* jmp */
			put_word(at + JUMP_BYTES + 1, hub - (at + 2 * JUMP_BYTES));
		}
	}
	sys3(__NR_mprotect, i->code, i->head.code_bytes, PROT_READ | PROT_EXEC);
}

void farther_leave(struct kucontext *uc)
{
	const struct image_twin *i = NULL;
	struct kregs *r = &uc->regs;

	if (!filter_wanted())
		return;
	while ((i = image_next((struct image_twin *)i))) {
		uint64_t hub;

		if (r->ip < i->code || r->ip >= i->code_end)
			continue;
		hub = hub_of(i);
		if (r->ip >= hub && r->ip < hub + HUB_BYTES)
			r->ip = r->ip < hub + HUB_ADDED ? i->code + r->cx : r->cx;
		return;
	}
}
