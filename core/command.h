/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands that print a credential: run by sh, in the environment of the job whose credentials are
 * wanted as far as that is part of its context, without what is secret there; what one may print,
 * and how long it may take, is bounded.
 */
#ifndef CORE_COMMAND_H
#define CORE_COMMAND_H

#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"
#include "core/context.h"

#define COMMAND_TIMEOUT_MS   60000 /* where nobody says otherwise */
#define COMMAND_OUTPUT_BYTES 65536
#define COMMAND_WORDS_BYTES  160

struct command {
	char out[COMMAND_OUTPUT_BYTES]; /* its stdout, with NUL, cut when it is more. To wipe */
	size_t out_len;
	char err[COMMAND_WORDS_BYTES]; /* the beginning of its stderr, with NUL */
	size_t err_len;
	int status; /* as of waitpid(2) */
};

/* Runs `sh -c line` until it has closed its stdout. For a thread of the keeper's. Returns 0,
 * whatever its status; -ETIMEDOUT or -ECANCELED (keeper_is_stopping()), after which it and what it
 * started are killed; or why it cannot be started. */
int command_run(const struct context *ctx, const char *line, int64_t timeout_ms,
		struct command *out);

/* Appends text as one word of sh's, whatever is in it. Returns as buffer_add(). */
int command_add_word(struct buffer *line, const char *text);

#endif
