/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers to text and back. */
#include "fs/metadata.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/xattrs.h"

#define NS_PER_S INT64_C(1000000000)

static void add(struct metadata_pairs *out, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void add(struct metadata_pairs *out, const char *name, const char *format, ...)
{
	char *text = out->text[out->pairs.count];
	va_list args;

	va_start(args, format);
	vsnprintf(text, METADATA_TEXT, format, args);
	va_end(args);
	out->pair[out->pairs.count++] = (struct store_pair){(char *)name, text};
}

bool metadata_is_ours(const char *name)
{
	return !strcmp(name, "mode") || !strcmp(name, "uid") || !strcmp(name, "gid") ||
	       !strcmp(name, "mtime") || !strcmp(name, METADATA_MARK);
}

uint64_t metadata_draw_mark(void)
{
	uint64_t mark = 0;

	while (!mark)
		arc4random_buf(&mark, sizeof(mark));
	return mark;
}

void metadata_write(const struct metadata *in, struct metadata_pairs *out)
{
	int64_t s = in->mtime_ns / NS_PER_S, ns = in->mtime_ns % NS_PER_S;

	if (ns < 0) {
		ns += NS_PER_S;
		s--;
	}
	out->pairs = (struct store_pairs){.pair = out->pair};
	if (in->has_mode)
		add(out, "mode", "%" PRIu32, in->mode);
	if (in->has_mtime)
		add(out, "mtime", "%" PRId64 ".%09" PRId64, s, ns);
	if (in->has_uid)
		add(out, "uid", "%" PRIu32, in->uid);
	if (in->has_gid)
		add(out, "gid", "%" PRIu32, in->gid);
	if (in->mark)
		add(out, METADATA_MARK, "%016" PRIx64, in->mark);
	if (in->xattr && *in->xattr)
		out->pair[out->pairs.count++] =
			(struct store_pair){(char *)XATTRS_KEY, (char *)in->xattr};
}

/* Up to ten digits. */
static bool read_u32(const char *text, uint32_t *out)
{
	uint64_t n = 0;
	size_t len = strspn(text, "0123456789");

	if (!len || len > 10 || text[len])
		return false;
	for (size_t i = 0; i < len; i++)
		n = n * 10 + (uint64_t)(text[i] - '0');
	*out = (uint32_t)n;
	return n <= UINT32_MAX;
}

/* As it was written; 0 when it is no mark of ours. */
static uint64_t read_mark(const char *text)
{
	size_t len = strspn(text, "0123456789abcdef");

	return len == 16 && !text[len] ? strtoull(text, NULL, 16) : 0;
}

/* "-12.5", at most 11 digits before the point. A fraction always counts forwards. */
static bool read_time(const char *text, int64_t *out)
{
	bool minus = *text == '-';
	const char *at = text + minus;
	size_t len = strspn(at, "0123456789");
	int64_t s = 0, ns = 0, unit = NS_PER_S / 10;

	if (!len || len > 10 || (at[len] && at[len] != '.'))
		return false;
	for (size_t i = 0; i < len; i++)
		s = s * 10 + (at[i] - '0');
	if (s > INT64_MAX / NS_PER_S - 1)
		return false;
	if (at[len] == '.') {
		at += len + 1;
		if (at[strspn(at, "0123456789")])
			return false;
		for (; *at; at++, unit /= 10)
			ns += (*at - '0') * unit;
	}
	*out = (minus ? -s : s) * NS_PER_S + ns;
	return true;
}

void metadata_read(const struct store_pairs *pairs, struct metadata *out)
{
	*out = (struct metadata){0};
	for (size_t i = 0; i < pairs->count; i++) {
		const char *name = pairs->pair[i].name, *value = pairs->pair[i].value;

		if (!strcmp(name, "mode"))
			out->has_mode = read_u32(value, &out->mode);
		else if (!strcmp(name, "mtime"))
			out->has_mtime = read_time(value, &out->mtime_ns);
		else if (!strcmp(name, "uid"))
			out->has_uid = read_u32(value, &out->uid);
		else if (!strcmp(name, "gid"))
			out->has_gid = read_u32(value, &out->gid);
		else if (!strcmp(name, XATTRS_KEY))
			out->has_xattr = *value;
		else if (!strcmp(name, METADATA_MARK))
			out->mark = read_mark(value);
	}
}
