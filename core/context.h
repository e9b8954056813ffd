/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A context: one distinct credential environment. Every call to a store is made in one, and no
 * context is answered from data that another fetched. Which variables belong to one:
 * core/base/credenv.h.
 */
#ifndef CORE_CONTEXT_H
#define CORE_CONTEXT_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/wire.h"

/* Distinct credential environments of one daemon. Each is kept until it ends, and takes as many
 * bytes as its variables have. */
#define CONTEXTS_MAX 4096

struct context;

/* The context of text ("NAME=VALUE\0..." of text_bytes bytes), made when it is new. It lives as
 * long as the daemon. *id_out: its id. Returns 0, -EINVAL (not of that shape), -ENOMEM, -EMFILE
 * (too many). */
int context_register(const char *text, size_t text_bytes, struct context **out,
		     uint8_t id_out[WIRE_CTX_BYTES]);

/* The context with this id, or NULL. */
struct context *context_find(const uint8_t id[WIRE_CTX_BYTES]);

/* How many there are, those included that a bucket's settings made of others. */
size_t context_total(void);

/* One after the other: *at starts as 0. NULL: there are no more. */
struct context *context_next(size_t *at);

const uint8_t *context_id(const struct context *ctx);

/* The value of a variable in the context's environment, or NULL. */
const char *context_env(const struct context *ctx, const char *name);

/* All of its environment, "NAME=VALUE\0..." of *bytes bytes; lives as long as ctx. */
const char *context_text(const struct context *ctx, size_t *bytes);

/* Forgets all contexts; nobody may use one any more. */
void context_free_all(void);

#endif
