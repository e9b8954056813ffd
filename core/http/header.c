// SPDX-License-Identifier: Apache-2.0
/* A bounded list of HTTP header fields. */
#include "core/http/header.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/scope.h"

/* RFC 9110 section 5.6.2: tchar. */
static bool is_name(const char *name, size_t len)
{
	static const char other[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < len; i++) {
		char c = name[i];
		bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9');

		if (!alnum && (!c || !strchr(other, c)))
			return false;
	}
	return len > 0;
}

static bool is_value(const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)value[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static int add(struct header_list *list, const char *name, size_t name_len, const char *value,
	       size_t value_len)
{
	SCOPE_FREE char *name_copy = NULL;
	SCOPE_FREE char *value_copy = NULL;

	while (value_len && is_blank(value[0])) {
		value++;
		value_len--;
	}
	while (value_len && is_blank(value[value_len - 1]))
		value_len--;
	if (!is_name(name, name_len) || !is_value(value, value_len))
		return -EINVAL;
	if (list->count == HEADER_COUNT_MAX || name_len > HEADER_BYTES_MAX ||
	    value_len > HEADER_BYTES_MAX || list->bytes + name_len + value_len > HEADER_BYTES_MAX)
		return -EMSGSIZE;

	name_copy = strndup(name, name_len);
	value_copy = strndup(value, value_len);
	if (!name_copy || !value_copy)
		return -ENOMEM;
	list->field[list->count].name = take_ptr(&name_copy);
	list->field[list->count].value = take_ptr(&value_copy);
	list->count++;
	list->bytes += name_len + value_len;
	return 0;
}

int header_add(struct header_list *list, const char *name, const char *value)
{
	return add(list, name, strlen(name), value, strlen(value));
}

int header_add_line(struct header_list *list, const char *line, size_t bytes)
{
	const char *colon = memchr(line, ':', bytes);
	size_t value_len;

	if (!colon)
		return -EINVAL;
	value_len = bytes - (size_t)(colon + 1 - line);
	if (value_len && colon[value_len] == '\n')
		value_len--;
	if (value_len && colon[value_len] == '\r')
		value_len--;
	return add(list, line, (size_t)(colon - line), colon + 1, value_len);
}

const char *header_get(const struct header_list *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++) {
		if (!strcasecmp(list->field[i].name, name))
			return list->field[i].value;
	}
	return NULL;
}

int header_copy(const struct header_list *list, const char *name, char *out, size_t out_bytes)
{
	const char *value = header_get(list, name);
	size_t len;

	if (!value)
		value = "";
	len = strlen(value);
	if (len >= out_bytes)
		return -EMSGSIZE;
	memcpy(out, value, len + 1);
	return 0;
}

void header_clear(struct header_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->field[i].name);
		/* a session token may stand in it */
		OPENSSL_cleanse(list->field[i].value, strlen(list->field[i].value));
		free(list->field[i].value);
	}
	list->count = 0;
	list->bytes = 0;
}
