/* SPDX-License-Identifier: Apache-2.0 */
/* See rules.h. */
#include "core/base/rules.h"

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

bool rules_is(const char *text, const char *word)
{
	size_t len = strlen(word);

	return field_len(text) == len && !memcmp(text, word, len);
}

/* Is path what the first len bytes of rule say, or below it? */
static bool fits(const char *rule, size_t len, const char *path)
{
	return strlen(path) >= len && !memcmp(rule, path, len) &&
	       (!len || path[len] == '/' || !path[len]);
}

const char *rules_find(const char *text, const char *path, bool (*known)(const char *value))
{
	const char *found = NULL;
	size_t longest = 0;

	if (!text)
		return NULL;
	if (known(text))
		found = text;
	for (text = next_field(text); *text; text = next_field(text)) {
		const char *rule = text;
		size_t len = field_len(rule);

		text = next_field(rule);
		if (len >= longest && fits(rule, len, path) && known(text)) {
			found = text;
			longest = len;
		}
	}
	return found;
}
