/* SPDX-License-Identifier: Apache-2.0 */
/* Percent coding and query parameters: see uri.h. */
#include "tests/store/uri.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

long uri_decode(char *text, size_t len, bool plus_is_space)
{
	size_t to = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '%') {
			int high = len - i > 2 ? hex_digit(text[i + 1]) : -1;
			int low = high >= 0 ? hex_digit(text[i + 2]) : -1;

			if (high < 0 || low < 0 || (high == 0 && low == 0))
				return -EINVAL;
			text[to++] = (char)(high << 4 | low);
			i += 2;
		} else if (text[i] == '+' && plus_is_space) {
			text[to++] = ' ';
		} else {
			text[to++] = text[i];
		}
	}
	text[to] = '\0';
	return (long)to;
}

static bool unreserved(unsigned char c)
{
	return isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

void uri_encode(struct buf *out, const char *text, size_t len, bool keep_slash)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		char escape[3] = {'%', digits[c >> 4], digits[c & 15]};

		if (unreserved(c) || (c == '/' && keep_slash))
			buf_put(out, text + i, 1);
		else
			buf_put(out, escape, 3);
	}
}

/* Decodes one "name=value" that was cut out of the query. */
static int parse_one(char *text, struct uri_param *out)
{
	char *equals = strchr(text, '=');

	out->name = text;
	out->value = text + strlen(text);
	if (equals) {
		*equals = '\0';
		out->value = equals + 1;
		if (uri_decode(out->value, strlen(out->value), true) < 0)
			return -EINVAL;
	}
	return uri_decode(out->name, strlen(out->name), true) < 0 ? -EINVAL : 0;
}

int uri_params_parse(const char *query, struct uri_params *out)
{
	struct uri_params params = {.text = strdup(query)};
	char *rest = params.text;
	char *item;
	int err = params.text ? 0 : -ENOMEM;

	while (!err && (item = strsep(&rest, "&"))) {
		if (!*item)
			continue;
		if (params.count == URI_PARAMS_MAX)
			err = -E2BIG;
		else
			err = parse_one(item, &params.items[params.count++]);
	}
	if (err) {
		free(params.text);
		return err;
	}
	*out = params;
	return 0;
}

void uri_params_free(struct uri_params *params)
{
	free(params->text);
	params->text = NULL;
	params->count = 0;
}

const char *uri_params_get(const struct uri_params *params, const char *name)
{
	for (size_t i = 0; i < params->count; i++) {
		if (!strcmp(params->items[i].name, name))
			return params->items[i].value;
	}
	return NULL;
}
