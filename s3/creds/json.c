// SPDX-License-Identifier: Apache-2.0
/* Credentials in JSON, as most sources give them. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "core/http/date.h"
#include "s3/creds/creds.h"

#define DATE_BYTES 48

/* "+05:30" in seconds. */
static int read_offset(const char *text, int64_t *out_s)
{
	unsigned hours;
	unsigned minutes;
	int len = 0;

	if (sscanf(text + 1, "%2u:%2u%n", &hours, &minutes, &len) != 2 || text[1 + len])
		return -EINVAL;
	*out_s = (int64_t)(hours * 3600 + minutes * 60) * (*text == '-' ? -1 : 1);
	return 0;
}

int aws_read_date(const char *text, int64_t *out_s)
{
	size_t len = strcspn(text, "T");
	size_t whole;
	int64_t offset_s = 0;
	int64_t ns;
	char utc[DATE_BYTES];

	if (!text[len])
		return -EINVAL;
	whole = len + strcspn(text + len, "Z+-U"); /* date and time, without the zone */
	if (whole >= sizeof(utc) - 1)
		return -EINVAL;
	if ((text[whole] == '+' || text[whole] == '-') && read_offset(text + whole, &offset_s) < 0)
		return -EINVAL;
	if (text[whole] == 'U' && strcmp(text + whole, "UTC") != 0)
		return -EINVAL;
	if (text[whole] == 'Z' && text[whole + 1])
		return -EINVAL;
	snprintf(utc, sizeof(utc), "%.*sZ", (int)whole, text);
	if (!text[whole] || date_parse_iso(utc, &ns) < 0)
		return -EINVAL;
	*out_s = ns / DATE_NS_PER_S - offset_s;
	return 0;
}

static const char *read_expiry(const json_t *value, struct creds *out)
{
	if (!value || json_is_null(value))
		return NULL;
	if (json_is_integer(value))
		out->expires_s = json_integer_value(value) / 1000;
	else if (!json_is_string(value) ||
		 aws_read_date(json_string_value(value), &out->expires_s) < 0)
		return "its expiry is no date";
	return NULL;
}

static const char *read_object(const json_t *object, const struct aws_names *names,
			       struct creds *out)
{
	const char *id = json_string_value(json_object_get(object, names->id));
	const char *secret = json_string_value(json_object_get(object, names->secret));
	const char *token = json_string_value(json_object_get(object, names->token));

	if (!id || !*id)
		return "it holds no access key id";
	if (!secret || !*secret)
		return "it holds no secret access key";
	if (creds_fill(out, id, secret, token ? token : "") < 0)
		return "a key is too long";
	return read_expiry(json_object_get(object, names->expires), out);
}

const char *aws_read_json(const char *text, size_t bytes, const char *inner,
			  const struct aws_names *names, struct creds *out)
{
	json_t *root = text ? json_loadb(text, bytes, JSON_REJECT_DUPLICATES, NULL) : NULL;
	const json_t *object = root && inner ? json_object_get(root, inner) : root;
	const char *wrong = "it is not the JSON that was to be expected";

	if (json_is_object(object))
		wrong = read_object(object, names, out);
	json_decref(root);
	return wrong;
}
