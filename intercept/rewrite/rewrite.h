/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rewriter: from an ELF file to its twin (core/base/twin.h).
 *
 * It reads files that it does not trust. Every offset, count and size is checked before it is
 * used, nothing recurses on what a file says, and all work is bounded: REWRITE_FILE_MAX bytes of
 * file, and a number of decoded instructions in proportion to the code. Only proven code is
 * changed; what is not proven is counted, so that the runtime lets it trap.
 *
 * Read in this order: image.h (a file's code), extents.h (what the file says about functions),
 * flow.h (what is proven), sites.h (what becomes of a site), emit.h (trampolines).
 */
#ifndef INTERCEPT_REWRITE_REWRITE_H
#define INTERCEPT_REWRITE_REWRITE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/twin.h"

#define REWRITE_FILE_MAX (UINT64_C(512) << 20) /* bytes */
#define REWRITE_LISTED	 64u

struct rewrite_options {
	/* File offsets of instructions that trapped as real system calls before: proven. */
	const uint64_t *seen;
	size_t seen_count;
};

struct rewrite_report {
	struct twin_header head; /* as written */
	uint32_t sites;		 /* replaced, and left */
	uint32_t candidates;	 /* byte pairs 0f 05, 0f 34, cd 80 in the executable segments */
	uint32_t inside;	 /* of them, within other proven instructions */
	uint32_t tables;	 /* of them, in tables that code refers to: data, not unproven */
	uint32_t numbered;	 /* sites whose number is known */
	uint32_t soft;		 /* sites that only a code pointer or a gap of a function led to */
	uint32_t extents;	 /* functions whose bounds the file states */
	uint64_t decoded;	 /* instructions */
	/* File offsets of the first that are unproven, and of the first that are left. */
	uint64_t unproven_at[REWRITE_LISTED], left_at[REWRITE_LISTED];
};

/* Reads the ELF file fd (pread only) and writes its twin to out_fd, an empty regular file, from
 * offset 0. Returns 0; -ENOEXEC (not an ELF64 x86-64 file with an executable segment that can
 * have a twin), -ESTALE (it changed while it was read), -E2BIG (over a limit), -EIO, -ENOSPC or
 * another error of write(2), -ENOMEM. options and report may be NULL. */
int rewrite_file(int fd, int out_fd, const struct rewrite_options *options,
		 struct rewrite_report *report);

#endif
