// SPDX-License-Identifier: Apache-2.0
/* What S3 keeps with an object: user metadata, as fields "x-amz-meta-NAME", and a few of HTTP's own
 * (Amazon S3 User Guide, "Working with object metadata"). */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "core/pairs.h"
#include "core/scope.h"
#include "s3/s3.h"

#define PREFIX "x-amz-meta-"

static const char *const kept[] = {"Cache-Control",    "Content-Disposition", "Content-Encoding",
				   "Content-Language", "Content-Type",	      "Expires"};

static bool is_name(const char *name)
{
	if (!*name)
		return false;
	for (; *name; name++) {
		if ((*name < 'a' || *name > 'z') && (*name < '0' || *name > '9') &&
		    !strchr("-_.", *name))
			return false;
	}
	return true;
}

/* S3 would give anything else back in a form of its own, and drop blanks at the ends. */
static bool is_value(const char *value)
{
	size_t len = strlen(value);

	if (len && (value[0] == ' ' || value[len - 1] == ' '))
		return false;
	for (; *value; value++) {
		if (*value < 0x20 || *value > 0x7e)
			return false;
	}
	return true;
}

static bool is_kept(const char *name)
{
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (!strcasecmp(kept[i], name))
			return true;
	}
	return false;
}

static int add_user(const struct store_pairs *pairs, struct header_list *fields)
{
	size_t bytes = 0;
	int ret = 0;

	for (size_t i = 0; i < pairs->count && !ret; i++) {
		const struct store_pair *pair = &pairs->pair[i];
		char name[sizeof(PREFIX) + S3_META_BYTES] = PREFIX;

		bytes += strlen(pair->name) + strlen(pair->value);
		if (bytes > S3_META_BYTES)
			return -E2BIG;
		if (!is_name(pair->name) || !is_value(pair->value))
			return -EINVAL;
		strcat(name, pair->name);
		ret = header_add(fields, name, pair->value);
	}
	return ret == -EMSGSIZE ? -E2BIG : ret;
}

int s3_meta_add(const struct store_call *call, struct header_list *fields)
{
	const struct store_pairs *pairs = call->set_fields;
	int ret = 0;

	for (size_t i = 0; pairs && i < pairs->count && !ret; i++) {
		if (!is_kept(pairs->pair[i].name))
			return -EINVAL;
		ret = header_add(fields, pairs->pair[i].name, pairs->pair[i].value);
	}
	if (!ret && call->set_user)
		ret = add_user(call->set_user, fields);
	return ret == -EMSGSIZE ? -E2BIG : ret;
}

static int take_user(const struct header *field, struct store_pairs *user)
{
	SCOPE_FREE char *name = strdup(field->name + strlen(PREFIX));

	if (!name)
		return -ENOMEM;
	for (char *c = name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return pairs_add(user, name, field->value);
}

int s3_meta_parse(const struct header_list *fields, struct store_call *call)
{
	int ret = 0;

	/* an answer has no more fields than the lists may hold */
	for (size_t i = 0; i < fields->count && !ret; i++) {
		const struct header *field = &fields->field[i];

		if (!strncasecmp(field->name, PREFIX, strlen(PREFIX)))
			ret = take_user(field, &call->user);
		else if (is_kept(field->name))
			ret = pairs_add(&call->fields, field->name, field->value);
	}
	return ret;
}
