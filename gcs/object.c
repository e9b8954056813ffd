// SPDX-License-Identifier: Apache-2.0
/*
 * Objects: get, and reading by the XML API ("GET Object"). That is asked for the bytes as they are
 * kept: objects that were stored compressed would come decompressed otherwise, of another length
 * than is said ("Transcoding of gzip-compressed files").
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "core/http/date.h"
#include "core/http/range.h"
#include "core/pairs.h"
#include "core/scope.h"
#include "gcs/gcs.h"

#define META "x-goog-meta-"

int gcs_object_build_head(const struct store_call *call, const struct store_site *site,
			  struct store_request *out)
{
	bool is_object = call->key && call->key[0];
	int ret = gcs_site_start(site, "GET", GCS_JSON, call->bucket, is_object ? call->key : "",
				 out);

	/* whether there is a bucket is told to everybody who may list it; its resource is not */
	if (!ret && !is_object)
		ret = uri_add_query(&out->target, "maxResults", "1");
	if (!ret && is_object && call->if_match)
		ret = gcs_version_match(call->if_match, "ifGenerationMatch",
					"ifMetagenerationMatch", &out->target);
	return ret ? ret : gcs_site_finish(site, is_object ? GCS_FIELDS : "kind", out);
}

int gcs_object_parse_head(struct store_call *call, const struct store_answer *answer,
			  struct store_check *check)
{
	json_t *resource = gcs_resource_load(answer);
	int ret = resource ? 0 : -EBADMSG;

	(void)check;
	if (!ret && call->key && call->key[0]) {
		ret = gcs_resource_object(resource, &call->object);
		if (!ret)
			ret = gcs_resource_pairs(resource, call);
		if (!ret && call->verb == STORE_HEAD && call->if_none_match &&
		    !strcmp(call->if_none_match, call->object.etag))
			ret = -EALREADY;
	}
	json_decref(resource);
	return ret == -EMSGSIZE ? -EBADMSG : ret;
}

static int add_version(const char *etag, struct header_list *fields)
{
	struct gcs_version version;
	int ret = gcs_version_read(etag, &version);

	if (!ret)
		ret = header_add(fields, "x-goog-if-generation-match", version.generation);
	if (!ret)
		ret = header_add(fields, "x-goog-if-metageneration-match", version.metageneration);
	return ret;
}

int gcs_object_build_get(const struct store_call *call, const struct store_site *site,
			 struct store_request *out)
{
	char range[RANGE_TEXT_BYTES];
	int ret;

	if (!call->key || !call->key[0] || call->if_none_match)
		return -EINVAL;
	out->method = "GET";
	ret = gcs_site_check(call->bucket, call->key);
	if (!ret)
		ret = buffer_addf(&out->target, "%s/%s/", site->base, call->bucket);
	if (!ret)
		ret = uri_encode(&out->target, call->key, strlen(call->key), false);
	if (!ret)
		ret = header_add(&out->fields, "Accept-Encoding", "gzip");
	if (!ret && call->if_match)
		ret = add_version(call->if_match, &out->fields);
	if (!ret && site->payer[0])
		ret = header_add(&out->fields, "x-goog-user-project", site->payer);
	if (ret || (!call->offset && !call->length))
		return ret;
	range_format(call->offset, call->length, range);
	return header_add(&out->fields, "Range", range);
}

/* The service's own, where the object has none. */
static bool is_default(const char *name, const char *value)
{
	return !strcasecmp(name, "Cache-Control") &&
	       (!strcasecmp(value, "private, max-age=0") ||
		!strcasecmp(value, "public, max-age=3600") || !strcasecmp(value, "no-cache"));
}

static int take_user(const struct header *field, struct store_pairs *user)
{
	SCOPE_FREE char *name = strdup(field->name + strlen(META));

	if (!name)
		return -ENOMEM;
	for (char *c = name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return pairs_add(user, name, field->value);
}

static int take_fields(const struct header_list *fields, struct store_call *call)
{
	static const char *const kept[] = {"Cache-Control", "Content-Disposition",
					   "Content-Encoding", "Content-Language", "Content-Type"};
	int ret = 0;

	for (size_t i = 0; i < fields->count && !ret; i++) {
		const struct header *field = &fields->field[i];

		if (!strncasecmp(field->name, META, strlen(META)))
			ret = take_user(field, &call->user);
		for (size_t k = 0; k < sizeof(kept) / sizeof(kept[0]) && !ret; k++) {
			if (!strcasecmp(field->name, kept[k]) && field->value[0] &&
			    !is_default(kept[k], field->value))
				ret = pairs_add(&call->fields, kept[k], field->value);
		}
	}
	return ret;
}

/* "crc32c=n03x6A==,md5=...", in one field or in several. */
static void take_crc32c(const struct header_list *fields, struct store_check *check)
{
	for (size_t i = 0; i < fields->count; i++) {
		const char *at = fields->field[i].value;
		size_t len;

		if (strcasecmp(fields->field[i].name, "x-goog-hash") != 0)
			continue;
		at = strstr(at, "crc32c=");
		if (!at)
			continue;
		at += strlen("crc32c=");
		len = strcspn(at, ", ");
		if (!len || len >= sizeof(check->text))
			continue;
		check->kind = DIGEST_CRC32C;
		check->hex = false;
		memcpy(check->text, at, len);
		check->text[len] = '\0';
	}
}

/* Did it come as it is kept? */
static bool is_as_kept(const struct header_list *fields)
{
	const char *kept = header_get(fields, "x-goog-stored-content-encoding");
	const char *came = header_get(fields, "Content-Encoding");

	return !kept || !strcasecmp(kept, came && came[0] ? came : "identity");
}

int gcs_object_parse_get(struct store_call *call, const struct store_answer *answer,
			 struct store_check *check)
{
	const char *generation = header_get(answer->fields, "x-goog-generation");
	const char *metageneration = header_get(answer->fields, "x-goog-metageneration");
	const char *modified = header_get(answer->fields, "Last-Modified");
	int64_t seconds;

	if (!generation || !metageneration || !is_as_kept(answer->fields) ||
	    gcs_version_write(generation, metageneration, call->object.etag) < 0)
		return -EBADMSG;
	if (modified && !date_parse_http(modified, &seconds))
		call->object.mtime_ns = seconds * DATE_NS_PER_S;
	take_crc32c(answer->fields, check);
	return take_fields(answer->fields, call);
}

bool gcs_object_identity(const struct store_answer *answer, const struct store_object *object,
			 char out[STORE_ETAG_BYTES])
{
	struct store_check check = {0};

	(void)object; /* its version says nothing of the bytes */
	gcs_resource_sum(answer, &check);
	strcpy(out, check.text);
	return out[0];
}
