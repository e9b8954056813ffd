/* SPDX-License-Identifier: Apache-2.0 */
/* The answer under construction: see exchange.h. */
#include "tests/store/exchange.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define VALUE_BYTES 4096

void reply_header(struct reply *reply, const char *name, const char *value)
{
	headers_add(&reply->headers, name, value);
}

void reply_header_printf(struct reply *reply, const char *name, const char *format, ...)
{
	char value[VALUE_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	reply_header(reply, name, value);
}

static void other_digit(char *digits)
{
	char *digit = strpbrk(digits, "0123456789abcdef");

	if (digit)
		*digit = *digit == '0' ? '1' : '0';
}

void reply_belie_etag(struct reply *reply)
{
	char *text = reply->text.data ? strstr(reply->text.data, "<ETag>") : NULL;

	for (size_t i = 0; i < reply->headers.count; i++) {
		if (!strcasecmp(reply->headers.items[i].name, "ETag"))
			other_digit(reply->headers.items[i].value);
	}
	if (!text)
		return;
	text += strlen("<ETag>");
	other_digit(strncmp(text, "&quot;", 6) ? text : text + 6);
}

void reply_reset(struct reply *reply)
{
	headers_free(&reply->headers);
	buf_free(&reply->text);
	content_put(reply->content);
	*reply = (struct reply){0};
}

uint64_t reply_bytes(const struct reply *reply)
{
	return reply->content ? reply->bytes : reply->text.len;
}

void reply_read(const struct reply *reply, uint64_t offset, void *out, size_t bytes)
{
	if (reply->content)
		content_read(reply->content, reply->offset + offset, out, bytes);
	else
		memcpy(out, reply->text.data + offset, bytes);
}
