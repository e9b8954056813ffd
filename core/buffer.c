// SPDX-License-Identifier: Apache-2.0
/* A growing byte buffer with a ceiling: doubles, so that adding is amortised constant. */
#include "core/buffer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_FIRST_BYTES 128

static int reserve(struct buffer *b, size_t bytes)
{
	size_t need;
	size_t cap;
	char *data;

	if (bytes > b->max || b->len > b->max - bytes)
		return -EMSGSIZE;
	need = b->len + bytes + 1;
	if (need <= b->cap)
		return 0;

	cap = b->cap ? b->cap : BUFFER_FIRST_BYTES;
	while (cap < need)
		cap *= 2;
	data = realloc(b->data, cap);
	if (!data)
		return -ENOMEM;
	b->data = data;
	b->cap = cap;
	return 0;
}

int buffer_add(struct buffer *b, const void *data, size_t bytes)
{
	int ret = reserve(b, bytes);

	if (ret < 0)
		return ret;
	if (bytes)
		memcpy(b->data + b->len, data, bytes);
	b->len += bytes;
	b->data[b->len] = '\0';
	return 0;
}

int buffer_add_text(struct buffer *b, const char *text)
{
	return buffer_add(b, text, strlen(text));
}

int buffer_add_char(struct buffer *b, char c)
{
	return buffer_add(b, &c, 1);
}

int buffer_addf(struct buffer *b, const char *format, ...)
{
	va_list args;
	int len;
	int ret;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		return -EINVAL;
	ret = reserve(b, (size_t)len);
	if (ret < 0)
		return ret;

	va_start(args, format);
	vsnprintf(b->data + b->len, (size_t)len + 1, format, args);
	va_end(args);
	b->len += (size_t)len;
	return 0;
}

const char *buffer_text(const struct buffer *b)
{
	return b->data ? b->data : "";
}

void buffer_clear(struct buffer *b)
{
	b->len = 0;
	if (b->data)
		b->data[0] = '\0';
}

char *buffer_take(struct buffer *b)
{
	char *data = b->data;

	b->data = NULL;
	b->len = 0;
	b->cap = 0;
	return data;
}

void buffer_free(struct buffer *b)
{
	free(buffer_take(b));
}
