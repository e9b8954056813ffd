/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing byte buffer with a ceiling. data is NULL while nothing was added; afterwards the byte
 * at data[len] is always NUL, so text can be read as a string. Not thread-safe.
 */
#ifndef CORE_BUFFER_H
#define CORE_BUFFER_H

#include <stdarg.h>
#include <stddef.h>

struct buffer {
	char *data; /* owned */
	size_t len; /* bytes, without the NUL */
	size_t cap; /* bytes allocated */
	size_t max; /* len never exceeds this */
};

#define BUFFER_INIT(max_bytes) ((struct buffer){.max = (max_bytes)})

/* Local that frees itself: SCOPE_BUFFER struct buffer b = BUFFER_INIT(4096); */
#define SCOPE_BUFFER __attribute__((cleanup(buffer_free)))

/* All return 0, -ENOMEM, or -EMSGSIZE when the ceiling would be passed; the buffer is unchanged
 * then. */
int buffer_add(struct buffer *b, const void *data, size_t bytes);
int buffer_add_text(struct buffer *b, const char *text);
int buffer_add_char(struct buffer *b, char c);
int buffer_addf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The text, "" when nothing was added. */
const char *buffer_text(const struct buffer *b);

/* Empties it and keeps the memory. */
void buffer_clear(struct buffer *b);

/* Gives the memory away (free() it; NULL when nothing was added) and leaves it empty. */
char *buffer_take(struct buffer *b);

/* Frees the memory; the buffer may be used again. */
void buffer_free(struct buffer *b);

#endif
