/* SPDX-License-Identifier: Apache-2.0 */
/* Which stores there are. fs/backends.c is the one file that names the back ends. */
#ifndef FS_BACKENDS_H
#define FS_BACKENDS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/store.h"

/* Registers all with the driver; before store_start(). */
int backends_register(void);

/* The scheme with this number, NULL after the last. */
const char *backends_scheme(size_t i);

bool backends_has(const char *scheme);

/* Is a bucket of this scheme ACCOUNT/CONTAINER? Its directory then holds the accounts, theirs the
 * containers. */
bool backends_has_accounts(const char *scheme);

/* Does one STORE_COPY do for any size? */
bool backends_copies_whole(const char *scheme);

/* Can an upload begin with all that is there, as one part, of which no range could be one? */
bool backends_keeps_whole(const char *scheme);

/* Bytes that may be appended at once to an object of a kind for that; 0: there is none. */
size_t backends_append_max(const char *scheme);

/* Bytes of user metadata that the store keeps with an object, names and values. */
size_t backends_meta_bytes(const char *scheme);

/* May one of its stores have STORE_RENAME? */
bool backends_renames(const char *scheme);

/* Does an upload in parts stay there that was begun and never heard of again? */
bool backends_keeps_uploads(const char *scheme);

/* store_ops.begins, as far as one knows before it is asked. */
bool backends_begins(const char *scheme, const char *bucket);

/* Can that store have an object of this name, as far as its bytes go? */
bool backends_holds(const char *scheme, const char *key);

/* store_ops.accounts of the scheme. entries_free() what is in *out. */
int backends_accounts(const char *scheme, const struct context *ctx, struct store_list *out,
		      char message[STORE_MESSAGE_BYTES]);

#endif
