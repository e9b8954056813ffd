// SPDX-License-Identifier: Apache-2.0
/*
 * What Azure keeps with a blob: metadata, as fields "x-ms-meta-NAME", and a few of HTTP's own, as
 * fields "x-ms-blob-...". A name must be an identifier of C#; what else one may hold goes as
 * "_xHHHH_", as .NET itself writes such names where it has to ("-" is "_x002d_").
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "azure/azure.h"
#include "core/pairs.h"
#include "core/scope.h"

#define PREFIX	     "x-ms-meta-"
#define BLOB_PREFIX  "x-ms-blob-"
#define ESCAPE_BYTES 7 /* "_x002d_" */
#define NAME_BYTES   (AZURE_META_BYTES + sizeof(PREFIX))

static const char *const kept[] = {"Cache-Control", "Content-Disposition", "Content-Encoding",
				   "Content-Language", "Content-Type"};

/* Appends name to the field's name in out. -EINVAL: none that may be; -E2BIG. */
static int escape_name(const char *name, char out[NAME_BYTES])
{
	size_t len = strlen(out);
	bool first = true;

	if (!*name)
		return -EINVAL;
	for (; *name; name++, first = false) {
		bool digit = *name >= '0' && *name <= '9';
		bool plain = (*name >= 'a' && *name <= 'z') || *name == '_' || (digit && !first);

		if (!plain && !digit && !strchr("-.", *name))
			return -EINVAL;
		if (len + ESCAPE_BYTES >= NAME_BYTES)
			return -E2BIG;
		if (plain)
			out[len++] = *name;
		else
			len += (size_t)snprintf(out + len, ESCAPE_BYTES + 1, "_x%04x_",
						(unsigned)*name);
		out[len] = '\0';
	}
	return 0;
}

/* In place. */
static void unescape_name(char *name)
{
	char *to = name;
	unsigned c;
	int len;

	while (*name) {
		len = 0;
		if (name[0] == '_' && name[1] == 'x' && strspn(name + 2, "0123456789abcdef") >= 4 &&
		    name[6] == '_' && sscanf(name + 2, "%4x_%n", &c, &len) == 1 && len == 5 &&
		    c > 0x20 && c < 0x7f) {
			*to++ = (char)c;
			name += ESCAPE_BYTES;
		} else {
			*to++ = *name++;
		}
	}
	*to = '\0';
}

/* Anything else would come back in another form. */
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

/* The name as it is written here, or NULL: it is not kept. */
static const char *kept_name(const char *name)
{
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (!strcasecmp(kept[i], name))
			return kept[i];
	}
	return NULL;
}

int azure_meta_each(const struct store_pairs *pairs,
		    int (*each)(void *arg, const char *name, const char *value), void *arg)
{
	size_t bytes = 0;
	int ret = 0;

	for (size_t i = 0; i < pairs->count && !ret; i++) {
		const struct store_pair *pair = &pairs->pair[i];
		char name[NAME_BYTES] = PREFIX;

		bytes += strlen(pair->name) + strlen(pair->value);
		if (bytes > AZURE_META_BYTES)
			return -E2BIG;
		ret = escape_name(pair->name, name);
		if (!ret)
			ret = is_value(pair->value) ? each(arg, name, pair->value) : -EINVAL;
	}
	return ret == -EMSGSIZE ? -E2BIG : ret;
}

static int add_field(void *arg, const char *name, const char *value)
{
	return header_add(arg, name, value);
}

int azure_meta_add(const struct store_call *call, bool only_user, struct header_list *fields)
{
	const struct store_pairs *pairs = only_user ? NULL : call->set_fields;
	int ret = 0;

	for (size_t i = 0; pairs && i < pairs->count && !ret; i++) {
		char name[sizeof(BLOB_PREFIX) + 32] = BLOB_PREFIX;

		if (!strcmp(pairs->pair[i].name, STORE_FIELD_APPENDS))
			continue; /* said by the request alone */
		if (!kept_name(pairs->pair[i].name))
			return -EINVAL;
		strcat(name, pairs->pair[i].name);
		ret = header_add(fields, name, pairs->pair[i].value);
	}
	if (!ret && call->set_user)
		ret = azure_meta_each(call->set_user, add_field, fields);
	return ret == -EMSGSIZE ? -E2BIG : ret;
}

static int take_user(const struct header *field, struct store_pairs *user)
{
	SCOPE_FREE char *name = strdup(field->name + strlen(PREFIX));

	if (!name)
		return -ENOMEM;
	for (char *c = name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	unescape_name(name);
	return pairs_add(user, name, field->value);
}

int azure_meta_parse(const struct header_list *fields, struct store_call *call)
{
	const char *type = header_get(fields, "x-ms-blob-type");
	int ret = 0;

	if (type && !strcasecmp(type, "AppendBlob"))
		ret = pairs_add(&call->fields, STORE_FIELD_APPENDS, "true");
	/* an answer has no more fields than the lists may hold */
	for (size_t i = 0; i < fields->count && !ret; i++) {
		const struct header *field = &fields->field[i];

		if (!strncasecmp(field->name, PREFIX, strlen(PREFIX)))
			ret = take_user(field, &call->user);
		else if (kept_name(field->name) && field->value[0])
			ret = pairs_add(&call->fields, kept_name(field->name), field->value);
	}
	return ret;
}
