/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of an object or a part: immutable, counted, and made of segments, each a range of a
 * shared blob. So copying an object, copying a range into a part and joining 10,000 parts move no
 * bytes. Everything here may be called from any thread.
 */
#ifndef STORE_CONTENT_H
#define STORE_CONTENT_H

#include <stddef.h>
#include <stdint.h>

#include "tests/store/generate.h"

struct content;

#define CONTENT_MD5_HEX 33 /* with NUL */

/* Takes data (malloc'ed; may be NULL when bytes is 0), also on failure. NULL: no memory. */
struct content *content_memory(void *data, size_t bytes);
struct content *content_generated(enum generate_kind kind, uint64_t seed, uint64_t bytes);

/* [offset, offset + bytes) of c, which must lie inside it. NULL: no memory. */
struct content *content_slice(const struct content *c, uint64_t offset, uint64_t bytes);

/* All of them in order. NULL: no memory. */
struct content *content_join(struct content *const *items, size_t count);

struct content *content_get(struct content *c);
void content_put(struct content *c); /* NULL is ignored */

uint64_t content_bytes(const struct content *c);

/* Copies bytes at offset, which must lie inside. */
void content_read(const struct content *c, uint64_t offset, void *out, size_t bytes);

/* Where [offset, offset + bytes) lies in memory as one piece, or NULL. Valid as long as c. */
const void *content_direct(const struct content *c, uint64_t offset, uint64_t bytes);

/* CRC32C of all bytes. */
uint32_t content_crc32c(const struct content *c);

/* Lower-case hexadecimal digest of all bytes by an OpenSSL digest's name ("MD5", "SHA256").
 * Returns 0, -ENOMEM, -EIO. */
int content_digest(const struct content *c, const char *name, char *hex_out, size_t hex_bytes);

#endif
