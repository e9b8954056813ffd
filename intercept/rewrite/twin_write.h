/* SPDX-License-Identifier: Apache-2.0 */
/* The twin as a file: the changed code, the sites, the trampolines, and a header over all. */
#ifndef INTERCEPT_REWRITE_TWIN_WRITE_H
#define INTERCEPT_REWRITE_TWIN_WRITE_H

#include "intercept/rewrite/emit.h"

struct twin_out {
	uint8_t *trampolines; /* owned */
	uint32_t code_bytes;  /* of the trampolines so far: where the next one goes */
	uint32_t room;
	struct twin_site *sites; /* owned */
	uint32_t site_count, site_room;
};

/* *t begins as zeroes. 0 or -ENOMEM. twin_out_free() in any case. */
int twin_out_add(struct twin_out *t, const struct trampoline *tramp);

/* Fills what it knows of head, the rest being filled already, and writes everything. */
int twin_out_end(struct twin_out *t, const struct image *image, struct twin_header *head,
		 int out_fd);
void twin_out_free(struct twin_out *t);

#endif
