/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's own algorithm, quirks included: a line without a newline within the buffer counts if
 * the interpreter's name surely ends in it, and a blank before the end of such a file makes an
 * empty argument.
 */
#include "core/base/shebang.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The first non-blank in first..last, both included, or NULL. */
static char *next_word(char *first, char *last)
{
	for (; first <= last; first++) {
		if (!is_blank(*first))
			return first;
	}
	return NULL;
}

/* The first blank or NUL in first..last, both included, or NULL. */
static char *next_break(char *first, char *last)
{
	for (; first <= last; first++) {
		if (is_blank(*first) || !*first)
			return first;
	}
	return NULL;
}

static char *find_newline(char *buf)
{
	for (size_t i = 0; i < SHEBANG_BYTES && buf[i]; i++) {
		if (buf[i] == '\n')
			return buf + i;
	}
	return NULL;
}

int shebang_parse(char buf[SHEBANG_BYTES], char **interp_out, char **arg_out)
{
	char *last = buf + SHEBANG_BYTES - 1;
	char *end, *name, *gap;
	char *arg = NULL;

	if (buf[0] != '#' || buf[1] != '!')
		return 0;

	end = find_newline(buf);
	if (!end) {
		name = next_word(buf + 2, last);
		if (!name || !next_break(name, last))
			return -ENOEXEC; /* nothing but blanks, or a name that may be cut */
		end = last;
	}
	while (is_blank(end[-1]))
		end--;

	name = next_word(buf + 2, end);
	if (!name || name == end)
		return -ENOEXEC;
	gap = next_break(name, end);
	if (gap && *gap)
		arg = next_word(gap, end);

	*end = '\0';
	if (arg)
		*gap = '\0';
	*interp_out = name;
	*arg_out = arg;
	return 1;
}
