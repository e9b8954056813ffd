// SPDX-License-Identifier: Apache-2.0
/* An object's resource, as the JSON API has it: numbers are strings. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/http/date.h"
#include "core/http/range.h"
#include "core/pairs.h"
#include "core/scope.h"
#include "gcs/gcs.h"

static const struct {
	const char *member, *field;
} kept[] = {
	{"cacheControl", "Cache-Control"},	 {"contentDisposition", "Content-Disposition"},
	{"contentEncoding", "Content-Encoding"}, {"contentLanguage", "Content-Language"},
	{"contentType", "Content-Type"},
};

json_t *gcs_resource_load(const struct store_answer *answer)
{
	json_t *json = json_loadb(answer->body, answer->body_bytes, JSON_REJECT_DUPLICATES, NULL);

	if (json_is_object(json))
		return json;
	json_decref(json);
	return NULL;
}

const char *gcs_resource_text(const json_t *json, const char *name)
{
	const char *text = json_string_value(json_object_get(json, name));

	return text ? text : "";
}

int gcs_resource_object(const json_t *resource, struct store_object *out)
{
	struct store_object object = {0};
	int64_t ns;

	if (range_parse_number(gcs_resource_text(resource, "size"), &object.size) < 0)
		return -EBADMSG;
	/* to the second, as the other dialect has it: a time must not depend on who said it */
	if (!date_parse_iso(gcs_resource_text(resource, "updated"), &ns))
		object.mtime_ns = ns - ns % DATE_NS_PER_S;
	if (gcs_version_write(gcs_resource_text(resource, "generation"),
			      gcs_resource_text(resource, "metageneration"), object.etag) < 0)
		return -EBADMSG;
	*out = object;
	return 0;
}

static int add_user(const char *name, const char *value, struct store_pairs *user)
{
	SCOPE_FREE char *lower = strdup(name);

	if (!lower)
		return -ENOMEM;
	for (char *c = lower; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return pairs_add(user, lower, value);
}

int gcs_resource_pairs(const json_t *resource, struct store_call *call)
{
	json_t *metadata = json_object_get(resource, "metadata");
	const char *name;
	json_t *value;
	int ret = 0;

	json_object_foreach(metadata, name, value)
	{
		if (!ret && json_is_string(value))
			ret = add_user(name, json_string_value(value), &call->user);
	}
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]) && !ret; i++) {
		const char *text = gcs_resource_text(resource, kept[i].member);

		if (text[0])
			ret = pairs_add(&call->fields, kept[i].field, text);
	}
	return ret;
}

void gcs_resource_check(const json_t *resource, struct store_check *check)
{
	const char *crc32c = gcs_resource_text(resource, "crc32c");

	if (!crc32c[0] || strlen(crc32c) >= sizeof(check->text))
		return;
	check->kind = DIGEST_CRC32C;
	check->hex = false;
	strcpy(check->text, crc32c);
}

void gcs_resource_sum(const struct store_answer *answer, struct store_check *check)
{
	json_t *resource = gcs_resource_load(answer);

	gcs_resource_check(resource, check);
	json_decref(resource);
}

int gcs_resource_parse(struct store_call *call, const struct store_answer *answer,
		       struct store_check *check)
{
	json_t *resource = gcs_resource_load(answer);
	int ret = resource ? gcs_resource_object(resource, &call->object) : -EBADMSG;

	if (!ret)
		gcs_resource_check(resource, check);
	json_decref(resource);
	return ret;
}
