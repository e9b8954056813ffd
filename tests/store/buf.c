/* SPDX-License-Identifier: Apache-2.0 */
/* Growing text: see buf.h. */
#include "tests/store/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for len more bytes and a NUL. */
static bool reserve(struct buf *b, size_t len)
{
	size_t want = b->len + len + 1;
	size_t cap = b->cap ? b->cap : 256;
	char *data;

	if (b->failed || len > BUF_BYTES_MAX || want > BUF_BYTES_MAX) {
		b->failed = true;
		return false;
	}
	if (want <= b->cap)
		return true;
	while (cap < want)
		cap *= 2;
	data = realloc(b->data, cap);
	if (!data) {
		b->failed = true;
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

void buf_put(struct buf *b, const void *data, size_t len)
{
	if (!reserve(b, len))
		return;
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buf_str(struct buf *b, const char *text)
{
	buf_put(b, text, strlen(text));
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list args, again;
	int len;

	va_start(args, format);
	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, args);
	if (len < 0)
		b->failed = true;
	else if (reserve(b, (size_t)len)) {
		vsnprintf(b->data + b->len, (size_t)len + 1, format, again);
		b->len += (size_t)len;
	}
	va_end(again);
	va_end(args);
}

void buf_xml(struct buf *b, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '&')
			buf_put(b, "&amp;", 5);
		else if (c == '<')
			buf_put(b, "&lt;", 4);
		else if (c == '>')
			buf_put(b, "&gt;", 4);
		else if (c == '"')
			buf_put(b, "&quot;", 6);
		else if (c < 0x20)
			buf_printf(b, "&#x%x;", c);
		else
			buf_put(b, text + i, 1);
	}
}

void buf_xml_element(struct buf *b, const char *name, const char *text)
{
	buf_printf(b, "<%s>", name);
	buf_xml(b, text, strlen(text));
	buf_printf(b, "</%s>", name);
}

void buf_json(struct buf *b, const char *text)
{
	buf_put(b, "\"", 1);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", c);
		else if (c < 0x20)
			buf_printf(b, "\\u%04x", c);
		else
			buf_put(b, text, 1);
	}
	buf_put(b, "\"", 1);
}

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){0};
}
