/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of several parts: see mime.h. */
#include "tests/store/mime.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BOUNDARY_MAX 70

bool mime_begin(struct mime *m, const char *content_type, const char *body, size_t bytes)
{
	const char *at = content_type ? strcasestr(content_type, "boundary=") : NULL;
	size_t len;

	if (!at || strncasecmp(content_type, "multipart/", 10) != 0)
		return false;
	at += strlen("boundary=");
	if (*at == '"' || *at == '\'') /* the apostrophe is a client's mistake that Google takes */
		len = strcspn(at + 1, (char[]){*at, 0}), at++;
	else
		len = strcspn(at, "; \t");
	if (!len || len > BOUNDARY_MAX)
		return false;
	*m = (struct mime){.at = body, .end = body + bytes};
	snprintf(m->boundary, sizeof(m->boundary), "--%.*s", (int)len, at);
	return true;
}

/* The next delimiter that begins a line from at on, or NULL. */
static const char *find_boundary(const struct mime *m, const char *at)
{
	size_t len = strlen(m->boundary);
	const char *start = at;

	while (at && at < m->end) {
		at = memmem(at, (size_t)(m->end - at), m->boundary, len);
		if (!at || at == start || at[-1] == '\n')
			return at;
		at++;
	}
	return NULL;
}

/* The line at *at without its end, which *at moves behind. NULL: there is no end. */
static const char *take_line(const char **at, const char *end, size_t *len_out)
{
	const char *line = *at;
	const char *stop = memchr(line, '\n', (size_t)(end - line));

	if (!stop)
		return NULL;
	*at = stop + 1;
	*len_out = (size_t)(stop - line);
	if (*len_out && line[*len_out - 1] == '\r')
		(*len_out)--;
	return line;
}

static int add_line(const char *line, size_t len, struct headers *out)
{
	const char *colon = memchr(line, ':', len);
	char *name, *value;
	int err = -ENOMEM;

	if (!colon || colon == line)
		return -EINVAL;
	name = strndup(line, (size_t)(colon - line));
	len -= (size_t)(colon + 1 - line);
	line = colon + 1;
	while (len && isblank((unsigned char)*line))
		line++, len--;
	value = strndup(line, len);
	if (name && value)
		err = headers_add(out, name, value);
	free(name);
	free(value);
	return err;
}

int mime_headers(const char **at, const char *end, struct headers *out)
{
	const char *line;
	size_t len;
	int err = 0;

	while (!err) {
		line = take_line(at, end, &len);
		if (!line)
			return -EINVAL;
		if (!len)
			return 0;
		err = add_line(line, len, out);
	}
	return err;
}

bool mime_next(struct mime *m, struct mime_part *out)
{
	const char *at = find_boundary(m, m->at), *next;
	size_t len;

	*out = (struct mime_part){0};
	if (!at)
		return false;
	at += strlen(m->boundary);
	if (m->end - at >= 2 && !memcmp(at, "--", 2))
		return false; /* the last one */
	if (!take_line(&at, m->end, &len) || mime_headers(&at, m->end, &out->headers)) {
		headers_free(&out->headers);
		return false;
	}
	next = find_boundary(m, at);
	if (!next) {
		headers_free(&out->headers);
		return false;
	}
	m->at = next;
	out->data = at;
	if (next > at && next[-1] == '\n') /* the line end before it is the delimiter's */
		next--;
	if (next > at && next[-1] == '\r')
		next--;
	out->bytes = (size_t)(next - at);
	return true;
}
