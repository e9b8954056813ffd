/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partial responses: "fields=kind,items(name,metadata/mode)". A selection is names with commas in
 * between; behind each may stand a slash and one more step, or a selection in parentheses. A star
 * is any name. On an array it works on every element.
 */
#include "tests/store/gcs.h"

#include <string.h>

#define DEPTH_MAX 8

/* The length of one element of a selection: up to a comma outside parentheses. */
static size_t element_len(const char *text, size_t len)
{
	int depth = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		depth += text[i] == '(';
		depth -= text[i] == ')';
		if (depth < 0 || (!depth && text[i] == ','))
			break;
	}
	return i;
}

static json_t *select_of(const json_t *json, const char *text, size_t len, int depth);

/* Both selected something of the same member: it has both. */
static json_t *merge(json_t *have, json_t *more)
{
	if (json_is_object(have) && json_is_object(more)) {
		json_object_update_recursive(have, more);
	} else if (json_is_array(have) && json_array_size(have) == json_array_size(more)) {
		for (size_t i = 0; i < json_array_size(have); i++)
			json_object_update_recursive(json_array_get(have, i),
						     json_array_get(more, i));
	}
	json_decref(more);
	return json_incref(have);
}

/* One element, into out. False: malformed. */
static bool select_one(const json_t *json, const char *text, size_t len, int depth, json_t *out)
{
	size_t name_len = 0;
	const char *key, *rest;
	size_t rest_len;
	json_t *member;

	while (name_len < len && text[name_len] != '/' && text[name_len] != '(')
		name_len++;
	rest = text + name_len + 1;
	rest_len = name_len < len ? len - name_len - 1 : 0;
	if (!name_len || (name_len < len && !rest_len))
		return false;
	if (name_len < len && text[name_len] == '(' && rest[--rest_len] != ')')
		return false;

	json_object_foreach((json_t *)(uintptr_t)json, key, member)
	{
		json_t *picked, *have;

		if (!(name_len == 1 && *text == '*') &&
		    (strlen(key) != name_len || strncmp(key, text, name_len) != 0))
			continue;
		picked = name_len < len ? select_of(member, rest, rest_len, depth + 1)
					: json_deep_copy(member);
		if (!picked)
			return false;
		have = json_object_get(out, key);
		json_object_set_new(out, key, have ? merge(have, picked) : picked);
	}
	return true;
}

static json_t *select_of(const json_t *json, const char *text, size_t len, int depth)
{
	json_t *out;

	if (depth > DEPTH_MAX || !len)
		return NULL;
	if (json_is_array(json)) {
		out = json_array();
		for (size_t i = 0; out && i < json_array_size(json); i++) {
			json_t *one = select_of(json_array_get(json, i), text, len, depth);

			if (!one || json_array_append_new(out, one)) {
				json_decref(out);
				return NULL;
			}
		}
		return out;
	}
	if (!json_is_object(json))
		return json_deep_copy(json);
	out = json_object();
	while (out && len) {
		size_t element = element_len(text, len);

		if (!select_one(json, text, element, depth, out) ||
		    (element < len && text[element] != ',') || element + 1 == len) {
			json_decref(out);
			return NULL;
		}
		text += element + (element < len);
		len -= element + (element < len);
	}
	return out;
}

json_t *gcs_fields_select(const json_t *json, const char *expression)
{
	return select_of(json, expression, strlen(expression), 0);
}
