/* SPDX-License-Identifier: Apache-2.0 */
/* See durability.h. */
#include "core/base/durability.h"

#include <stddef.h>
#include <string.h>

static size_t field_len(const char *at)
{
	const char *tab = strchr(at, '\t');

	return tab ? (size_t)(tab - at) : strlen(at);
}

/* Behind the field and its tab. */
static const char *next_field(const char *at)
{
	at += field_len(at);
	return *at ? at + 1 : at;
}

static bool is_mode(const char *name, const char *mode)
{
	size_t len = strlen(mode);

	return field_len(name) == len && !memcmp(name, mode, len);
}

enum durability durability_named(const char *name)
{
	if (is_mode(name, "close"))
		return DURABILITY_CLOSE;
	if (is_mode(name, "exit"))
		return DURABILITY_EXIT;
	return is_mode(name, "fsync") ? DURABILITY_FSYNC : DURABILITY_NONE;
}

/* Is path what the first len bytes of rule say, or below it? */
static bool fits(const char *rule, size_t len, const char *path)
{
	return strlen(path) >= len && !memcmp(rule, path, len) &&
	       (!len || path[len] == '/' || !path[len]);
}

enum durability durability_of(const char *text, const char *path)
{
	enum durability mode = DURABILITY_CLOSE;
	size_t longest = 0;

	if (!text)
		return mode;
	if (durability_named(text))
		mode = durability_named(text);
	for (text = next_field(text); *text; text = next_field(text)) {
		const char *rule = text;
		size_t len = field_len(rule);

		text = next_field(rule);
		if (len >= longest && fits(rule, len, path) && durability_named(text)) {
			mode = durability_named(text);
			longest = len;
		}
	}
	return mode;
}
