/* SPDX-License-Identifier: Apache-2.0 */
/* See metaetag.h. Whatever would not come back byte by byte as it was is text. */
#include "fs/metaetag.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MD5_BYTES    16
#define SHA256_BYTES 32

enum form { FORM_NONE, FORM_TEXT, FORM_MD5, FORM_PARTS, FORM_SHA256 };

static const struct {
	size_t digest, parts; /* bytes */
} forms[] = {
	[FORM_MD5] = {MD5_BYTES, 0},
	[FORM_PARTS] = {MD5_BYTES, sizeof(uint16_t)},
	[FORM_SHA256] = {SHA256_BYTES, 0},
};

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* How many digits there are, in lower case. */
static size_t digits(const char *text)
{
	size_t n = 0;

	while (digit_of(text[n]) >= 0)
		n++;
	return n;
}

static void write_hex(const char *text, size_t bytes, unsigned char *out)
{
	for (size_t i = 0; i < bytes; i++)
		out[i] = (unsigned char)(digit_of(text[2 * i]) * 16 + digit_of(text[2 * i + 1]));
}

/* The number in -N", as it would be written again; or 0. */
static uint16_t parts_of(const char *text)
{
	unsigned long n = strtoul(text + 1, NULL, 10);
	char again[16];

	snprintf(again, sizeof(again), "-%lu\"", n);
	return n <= UINT16_MAX && !strcmp(text, again) ? (uint16_t)n : 0;
}

static enum form form_of(const char *etag)
{
	size_t n = *etag == '"' ? digits(etag + 1) : 0;
	const char *behind = etag + 1 + n;

	if (!*etag)
		return FORM_NONE;
	if (n == (size_t)2 * MD5_BYTES && !strcmp(behind, "\""))
		return FORM_MD5;
	if (n == (size_t)2 * SHA256_BYTES && !strcmp(behind, "\""))
		return FORM_SHA256;
	if (n == (size_t)2 * MD5_BYTES && *behind == '-' && parts_of(behind))
		return FORM_PARTS;
	return FORM_TEXT;
}

size_t metaetag_write(const char *etag, unsigned char *out, unsigned *form_out)
{
	enum form form = form_of(etag);
	uint16_t parts;
	size_t len;

	*form_out = form;
	if (form == FORM_NONE)
		return 0;
	if (form == FORM_TEXT) {
		len = strlen(etag);
		out[0] = (unsigned char)len;
		memcpy(out + 1, etag, len);
		return len + 1;
	}
	write_hex(etag + 1, forms[form].digest, out);
	if (form == FORM_PARTS) {
		parts = parts_of(etag + 1 + 2 * forms[form].digest);
		memcpy(out + forms[form].digest, &parts, sizeof(parts));
	}
	return forms[form].digest + forms[form].parts;
}

void metaetag_read(const unsigned char *at, unsigned form, char etag[STORE_ETAG_BYTES])
{
	static const char hex[] = "0123456789abcdef";
	uint16_t parts;
	char *to = etag;

	*to = '\0';
	if (form == FORM_NONE)
		return;
	if (form == FORM_TEXT) {
		memcpy(etag, at + 1, at[0]);
		etag[at[0]] = '\0';
		return;
	}
	*to++ = '"';
	for (size_t i = 0; i < forms[form].digest; i++) {
		*to++ = hex[at[i] >> 4];
		*to++ = hex[at[i] & 15];
	}
	if (form == FORM_PARTS) {
		memcpy(&parts, at + forms[form].digest, sizeof(parts));
		to += sprintf(to, "-%u", parts);
	}
	memcpy(to, "\"", 2);
}

size_t metaetag_bytes(const unsigned char *at, unsigned form)
{
	if (form == FORM_NONE)
		return 0;
	return form == FORM_TEXT ? at[0] + 1u : forms[form].digest + forms[form].parts;
}
