// SPDX-License-Identifier: Apache-2.0
/* Percent-encoding and origins. */
#include "core/http/uri.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_unreserved(char c)
{
	return is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

int uri_encode(struct buffer *out, const char *text, size_t bytes, bool keep_slash)
{
	static const char hex[] = "0123456789ABCDEF";
	int ret = 0;

	for (size_t i = 0; i < bytes && !ret; i++) {
		unsigned char c = (unsigned char)text[i];
		char escaped[3] = {'%', hex[c >> 4], hex[c & 15]};

		if (is_unreserved(text[i]) || (keep_slash && c == '/'))
			ret = buffer_add_char(out, text[i]);
		else
			ret = buffer_add(out, escaped, sizeof(escaped));
	}
	return ret;
}

int uri_add_query(struct buffer *out, const char *name, const char *value)
{
	char separator = strchr(buffer_text(out), '?') ? '&' : '?';
	int ret = buffer_add_char(out, separator);

	if (!ret)
		ret = uri_encode(out, name, strlen(name), false);
	if (!ret)
		ret = buffer_add_char(out, '=');
	if (!ret)
		ret = uri_encode(out, value, strlen(value), false);
	return ret;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int decode(char *text, char plus)
{
	char *out = text;

	for (const char *in = text; *in; in++) {
		int high;
		int low;

		if (*in != '%') {
			*out++ = *in == '+' ? plus : *in;
			continue;
		}
		high = hex_digit(in[1]);
		low = high < 0 ? -1 : hex_digit(in[2]);
		if (low < 0)
			return -EINVAL;
		if (!high && !low)
			return -EILSEQ;
		*out++ = (char)(high << 4 | low);
		in += 2;
	}
	*out = '\0';
	return (int)(out - text);
}

int uri_decode(char *text)
{
	return decode(text, ' ');
}

int uri_decode_path(char *text)
{
	return decode(text, '+');
}

static int parse_port(const char *text, size_t len, uint16_t *out)
{
	unsigned port = 0;

	if (!len || len > 5)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		port = port * 10 + (unsigned)(text[i] - '0');
	}
	if (!port || port > UINT16_MAX)
		return -EINVAL;
	*out = (uint16_t)port;
	return 0;
}

/* The bytes of text that are a host. */
static size_t host_span(const char *text)
{
	size_t len = 0;

	if (*text == '[') {
		len = 1 + strspn(text + 1, "0123456789abcdefABCDEF:.");
		return text[len] == ']' ? len + 1 : 0;
	}
	while (is_alnum(text[len]) || text[len] == '-' || text[len] == '.' || text[len] == '_')
		len++;
	return len;
}

static int parse_path(const char *text, char out[URI_PATH_BYTES])
{
	size_t len = strlen(text);

	while (len && text[len - 1] == '/')
		len--;
	if (len >= URI_PATH_BYTES)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (!is_unreserved(text[i]) && text[i] != '/' && text[i] != '%')
			return -EINVAL;
	}
	memcpy(out, text, len);
	out[len] = '\0';
	return 0;
}

int uri_parse_origin(const char *text, struct uri_origin *out)
{
	struct uri_origin origin = {.tls = !strncasecmp(text, "https://", 8)};
	size_t len;

	if (!origin.tls && strncasecmp(text, "http://", 7) != 0)
		return -EINVAL;
	text += origin.tls ? 8 : 7;
	len = host_span(text);
	if (!len || len >= sizeof(origin.host))
		return -EINVAL;
	memcpy(origin.host, text, len);
	text += len;
	if (*text == ':') {
		len = strcspn(text + 1, "/");
		if (parse_port(text + 1, len, &origin.port) < 0)
			return -EINVAL;
		text += 1 + len;
	}
	if ((*text && *text != '/') || parse_path(text, origin.path) < 0)
		return -EINVAL;

	*out = origin;
	return 0;
}
