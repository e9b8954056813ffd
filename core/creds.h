/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The AWS credentials of a context, where the vendor's own tools would find them: the environment,
 * then the profile in the shared files. AWS_NO_SIGN_REQUEST=true means none at all: requests go
 * unsigned.
 */
#ifndef CORE_CREDS_H
#define CORE_CREDS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/config.h"
#include "core/context.h"

#define CREDS_SOURCE_BYTES 384

struct creds {
	bool anonymous;
	char id[CONFIG_VALUE_BYTES];
	char secret[CONFIG_VALUE_BYTES];
	char token[CONFIG_TOKEN_BYTES]; /* "" for none */
	/* For messages, never a secret: "environment (key AKIA...MPLE)", "profile dev in FILE (key
	 * ...)", "none (AWS_NO_SIGN_REQUEST)". */
	char source[CREDS_SOURCE_BYTES];
};

/* config: config_read()'s of the same context, or NULL when it failed and only the environment
 * counts. Returns 0, or -EACCES with one line in message that says where it looked and what to set.
 */
int creds_find(const struct context *ctx, const struct config *config, struct creds *out,
	       char *message, size_t message_bytes);

/* Overwrites the secrets. */
void creds_wipe(struct creds *creds);

#endif
