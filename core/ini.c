// SPDX-License-Identifier: Apache-2.0
/*
 * INI text in AWS's dialect. inih reads lines of at most 199 bytes and section names of 49, which a
 * session token or a profile of an identity centre passes easily. So our reader keeps each whole
 * line itself and gives inih a short stand-in for a long one; the callback then takes section and
 * value from the whole line. inih still decides what a line is.
 */
#include "core/ini.h"

#include <errno.h>
#include <ini.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 128

struct reader {
	const char *rest;	   /* what was not read yet */
	char line[INI_LINE_BYTES]; /* the line inih is looking at, whole */
	bool stand_in;		   /* inih was given something shorter */
	char section[INI_LINE_BYTES];
	char outer[NAME_BYTES]; /* the last setting that was not indented */
	bool outer_empty;	/* it had no value of its own */
	int number;
	int error_line;
	int (*visit)(void *arg, const struct ini_line *line);
	void *arg;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static char *trim(char *text)
{
	size_t len;

	while (is_blank(*text))
		text++;
	len = strlen(text);
	while (len && is_blank(text[len - 1]))
		text[--len] = '\0';
	return text;
}

static void fail(struct reader *r)
{
	if (!r->error_line)
		r->error_line = r->number;
}

/* "[name] ; comment": keeps the name; the line is left to inih, cut if need be. */
static void note_section(struct reader *r)
{
	const char *start = r->line + strspn(r->line, " \t");
	const char *end = strchr(start, ']');

	if (*start != '[' || !end)
		return;
	memcpy(r->section, start + 1, (size_t)(end - start - 1));
	r->section[end - start - 1] = '\0';
	r->outer[0] = '\0';
}

/* What inih sees of a line too long for it. */
static void put_stand_in(const struct reader *r, char *out, int out_bytes)
{
	const char *start = r->line + strspn(r->line, " \t");
	int keep = out_bytes - 4;

	if (*start == '[' && strchr(start, ']'))
		snprintf(out, (size_t)out_bytes, "[x]\n");
	else
		snprintf(out, (size_t)out_bytes, "%.*s\n", keep, r->line);
}

/* The reader that inih calls in place of fgets(3). */
static char *next_line(char *out, int out_bytes, void *arg)
{
	struct reader *r = arg;
	size_t len = strcspn(r->rest, "\n");

	if (!*r->rest || r->error_line)
		return NULL;
	r->number++;
	if (len >= sizeof(r->line)) {
		fail(r);
		return NULL;
	}
	memcpy(r->line, r->rest, len);
	r->line[len] = '\0';
	r->rest += len + (r->rest[len] == '\n');

	note_section(r);
	r->stand_in = len + 2 > (size_t)out_bytes;
	if (r->stand_in)
		put_stand_in(r, out, out_bytes);
	else
		snprintf(out, (size_t)out_bytes, "%s\n", r->line);
	return out;
}

/* An indented "inner = value" below an empty "outer =". */
static int visit_nested(struct reader *r, char *text)
{
	char name[2 * NAME_BYTES];
	char *equals = strchr(text, '=');
	struct ini_line line = {.section = r->section, .name = name, .number = r->number};

	if (!r->outer_empty)
		return 0; /* a second line of a value; no setting that is read here has one */
	if (!equals || equals == text)
		return -EINVAL;
	*equals = '\0';
	line.value = trim(equals + 1);
	if (snprintf(name, sizeof(name), "%s.%s", r->outer, trim(text)) >= (int)sizeof(name))
		return 0;
	return r->visit(r->arg, &line);
}

static int visit_plain(struct reader *r, const char *name, const char *value)
{
	struct ini_line line = {.section = r->section, .name = name, .number = r->number};

	snprintf(r->outer, sizeof(r->outer), "%s", name);
	r->outer_empty = !*value;
	line.value = value;
	return r->visit(r->arg, &line);
}

static int on_setting(void *arg, const char *section, const char *name, const char *value)
{
	struct reader *r = arg;
	bool nested = is_blank(r->line[0]) && r->outer[0];
	char *text = NULL;
	int ret;

	(void)section; /* cut at 49 bytes; ours is whole */
	if (nested)
		text = r->stand_in ? trim(r->line) : NULL;
	else if (r->stand_in)
		text = trim(r->line + strcspn(r->line, "=:") + 1);

	if (nested && text) {
		ret = visit_nested(r, text);
	} else if (nested) {
		char copy[256];

		snprintf(copy, sizeof(copy), "%s", value);
		ret = visit_nested(r, copy);
	} else {
		ret = visit_plain(r, name, text ? text : value);
	}
	if (ret < 0)
		fail(r);
	return 1;
}

int ini_read(const char *text, int (*visit)(void *arg, const struct ini_line *line), void *arg)
{
	struct reader *r = calloc(1, sizeof(*r));
	int line;

	if (!r)
		return 1;
	r->rest = text;
	r->visit = visit;
	r->arg = arg;
	line = ini_parse_stream(next_line, r, on_setting, r);
	if (r->error_line && (line <= 0 || r->error_line < line))
		line = r->error_line;
	explicit_bzero(r, sizeof(*r));
	free(r);
	return line;
}
