// SPDX-License-Identifier: Apache-2.0
/* What goes with an object, as members of its resource. A patch merges metadata name by name, so
 * that what is to go has to be named: of ours that is known. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "core/pairs.h"
#include "gcs/gcs.h"

static const struct {
	const char *field, *member;
} kept[] = {
	{"Cache-Control", "cacheControl"},	 {"Content-Disposition", "contentDisposition"},
	{"Content-Encoding", "contentEncoding"}, {"Content-Language", "contentLanguage"},
	{"Content-Type", "contentType"},
};

/* Written by this program (docs/writing.md). */
static const char *const ours[] = {"gid", "mode", "mtime", "skyshimupload", "uid", "xattr"};

static bool is_plain(const char *value)
{
	for (; *value; value++) {
		if (*value < 0x20 || *value > 0x7e)
			return false;
	}
	return true;
}

/* What others keep may be any text; jansson takes no other than UTF-8. */
static json_t *text_of(const char *value)
{
	for (const char *c = value; *c; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return NULL;
	}
	return json_string(value);
}

/* As a field's name may be, since the other dialect has it as one. */
static bool is_name(const char *name)
{
	return *name && !name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.")];
}

static int set_user(const struct store_pairs *pairs, bool clears, json_t *resource)
{
	json_t *metadata = json_object();
	size_t bytes = 0;
	int ret = metadata ? 0 : -ENOMEM;

	for (size_t i = 0; clears && i < sizeof(ours) / sizeof(ours[0]) && !ret; i++) {
		if (!pairs_get(pairs, ours[i]) &&
		    json_object_set_new(metadata, ours[i], json_null()))
			ret = -ENOMEM;
	}
	for (size_t i = 0; i < pairs->count && !ret; i++) {
		const struct store_pair *pair = &pairs->pair[i];

		bytes += strlen(pair->name) + strlen(pair->value);
		if (bytes > GCS_META_BYTES)
			ret = -E2BIG;
		else if (!is_name(pair->name) ||
			 json_object_set_new(metadata, pair->name, text_of(pair->value)))
			ret = -EINVAL;
	}
	if (!ret && json_object_set(resource, "metadata", metadata))
		ret = -ENOMEM;
	json_decref(metadata);
	return ret;
}

static bool is_kept(const char *name)
{
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (!strcasecmp(kept[i].field, name))
			return true;
	}
	return false;
}

static int set_fields(const struct store_pairs *pairs, bool clears, json_t *resource)
{
	for (size_t i = 0; i < pairs->count; i++) {
		if (!is_kept(pairs->pair[i].name) || !is_plain(pairs->pair[i].value))
			return -EINVAL;
	}
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		const char *value = pairs_get(pairs, kept[i].field);

		if ((value || clears) &&
		    json_object_set_new(resource, kept[i].member,
					value ? json_string(value) : json_null()))
			return -ENOMEM;
	}
	return 0;
}

int gcs_meta_set(const struct store_call *call, bool clears, json_t *resource)
{
	int ret = 0;

	if (call->set_fields)
		ret = set_fields(call->set_fields, clears, resource);
	if (!ret && call->set_user)
		ret = set_user(call->set_user, clears, resource);
	return ret;
}
