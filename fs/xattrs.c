/* SPDX-License-Identifier: Apache-2.0 */
/* A walk over the pairs of a text, and texts from pairs. */
#include "fs/xattrs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "core/scope.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* One pair: the name decoded, the value as it stands. */
struct pair {
	char name[XATTRS_NAME];
	const char *value; /* base64 */
	size_t len;
};

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decoded, to free; NULL: no memory. */
static char *decode(const char *text)
{
	char *json = malloc(strlen(text) + 1), *at = json;

	for (; json && *text; text++) {
		int high = *text == '%' ? hex(text[1]) : -1;
		int low = high < 0 ? -1 : hex(text[2]);

		*at++ = low < 0 ? *text : (char)(high << 4 | low);
		text += low < 0 ? 0 : 2;
	}
	if (json)
		*at = '\0';
	return json;
}

/* A character of a name. The bytes it takes in the text; 0: it is malformed. */
static size_t name_char(const char *at, char *out)
{
	int value = 0;

	if (*at != '\\') {
		*out = *at;
		return 1;
	}
	if (at[1] != 'u') {
		*out = at[1];
		return at[1] ? 2 : 0;
	}
	for (int i = 2; i < 6; i++) {
		int digit = hex(at[i]);

		if (digit < 0)
			return 0;
		value = value << 4 | digit;
	}
	*out = (char)value;
	return value && value < 256 ? 6 : 0;
}

static const char *skip(const char *at)
{
	return at + strspn(at, " \t\r\n");
}

/* The pair at *at, which is then behind it. False: there is none, or nothing that is one. */
static bool next_pair(const char **at, struct pair *out)
{
	const char *p = skip(*at);
	size_t n = 0, step = 1;

	p = skip(p + (*p == '{' || *p == ','));
	if (*p++ != '"')
		return false;
	for (; *p && *p != '"' && step; p += step) {
		if (n == sizeof(out->name) - 1)
			return false;
		step = name_char(p, &out->name[n++]);
	}
	out->name[n] = '\0';
	if (!n || !step || *p != '"')
		return false;
	p = skip(p + 1);
	if (*p != ':')
		return false;
	p = skip(p + 1);
	if (*p++ != '"')
		return false;
	out->value = p;
	out->len = strcspn(p, "\"");
	if (p[out->len] != '"')
		return false;
	*at = p + out->len + 1;
	return true;
}

/* Returns the length. out: NULL: that only. */
static size_t from_base64(const char *text, size_t len, uint8_t *out)
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		const char *digit = text[i] ? strchr(digits, text[i]) : NULL;

		if (!digit)
			continue; /* padding, or a line's end */
		bits = bits << 6 | (uint32_t)(digit - digits);
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		if (out)
			out[n] = (uint8_t)(bits >> have);
		n++;
	}
	return n;
}

int xattrs_get(const char *text, const char *name, void *out, size_t room)
{
	SCOPE_FREE char *json = decode(text);
	const char *at = json;
	struct pair pair;
	size_t len;

	if (!json)
		return -ENOMEM;
	while (next_pair(&at, &pair)) {
		if (strcmp(pair.name, name) != 0)
			continue;
		len = from_base64(pair.value, pair.len, NULL);
		if (len <= room)
			from_base64(pair.value, pair.len, out);
		return (int)len;
	}
	return -ENODATA;
}

int xattrs_list(const char *text, char *out, size_t room)
{
	SCOPE_FREE char *json = decode(text);
	const char *at = json;
	struct pair pair;
	size_t n = 0;

	if (!json)
		return -ENOMEM;
	while (next_pair(&at, &pair)) {
		size_t len = strlen(pair.name) + 1;

		if (n + len <= room)
			memcpy(out + n, pair.name, len);
		n += len;
	}
	return (int)n;
}

/* --- writing --- */

struct writer {
	char *out;
	size_t len; /* may grow beyond the room: then it is too long */
};

static void put_char(struct writer *w, char c)
{
	static const char plain[] = "-_.~";
	bool is_plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
			(c && strchr(plain, c));
	size_t bytes = is_plain ? 1 : 3;

	if (w->len + bytes < XATTRS_MAX) {
		if (is_plain)
			w->out[w->len] = c;
		else
			snprintf(w->out + w->len, 4, "%%%02X", (unsigned char)c);
	}
	w->len += bytes;
}

static void put_text(struct writer *w, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		put_char(w, text[i]);
}

static void put_name(struct writer *w, const char *name)
{
	char escaped[8];

	for (; *name; name++) {
		if ((unsigned char)*name >= ' ' && !strchr("\"\\,:", *name)) {
			put_char(w, *name);
			continue;
		}
		snprintf(escaped, sizeof(escaped), "\\u%04x", (unsigned char)*name);
		put_text(w, escaped, strlen(escaped));
	}
}

static void put_base64(struct writer *w, const uint8_t *value, size_t len)
{
	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t bits = (uint32_t)value[i] << 16 | (n > 1 ? value[i + 1] << 8 : 0) |
				(n > 2 ? value[i + 2] : 0);

		for (size_t j = 0; j < 4; j++)
			put_char(w, j <= n ? digits[bits >> (18 - 6 * j) & 63] : '=');
	}
}

/* The start of a pair, up to its value. */
static void put_pair(struct writer *w, const char *name)
{
	put_char(w, w->len ? ',' : '{');
	put_char(w, '"');
	put_name(w, name);
	put_text(w, "\":\"", 3);
}

int xattrs_set(const char *text, const char *name, const void *value, size_t len, int flags,
	       char out[XATTRS_MAX])
{
	SCOPE_FREE char *json = decode(text);
	struct writer w = {.out = out};
	const char *at = json;
	bool found = false;
	struct pair pair;

	if (!json)
		return -ENOMEM;
	while (next_pair(&at, &pair)) {
		if (!strcmp(pair.name, name)) {
			found = true;
			continue;
		}
		put_pair(&w, pair.name);
		put_text(&w, pair.value, pair.len);
		put_char(&w, '"');
	}
	if (found && flags & XATTR_CREATE)
		return -EEXIST;
	if (!found && (flags & XATTR_REPLACE || !value))
		return -ENODATA;
	if (value) {
		put_pair(&w, name);
		put_base64(&w, value, len);
		put_char(&w, '"');
	}
	if (w.len)
		put_char(&w, '}');
	if (w.len >= XATTRS_MAX)
		return -ENOSPC;
	out[w.len] = '\0';
	return 0;
}
