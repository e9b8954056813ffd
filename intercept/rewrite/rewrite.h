/* SPDX-License-Identifier: Apache-2.0 */
/* A stand-in for the rewriter's header until that is merged: exactly these declarations. */
#ifndef INTERCEPT_REWRITE_REWRITE_H
#define INTERCEPT_REWRITE_REWRITE_H

#include <stddef.h>
#include <stdint.h>

struct rewrite_options {
	const uint64_t *seen;
	size_t seen_count;
};

struct rewrite_report {
	uint32_t sites;
};

int rewrite_file(int fd, int out_fd, const struct rewrite_options *options,
		 struct rewrite_report *report);

#endif
