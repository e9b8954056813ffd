/* SPDX-License-Identifier: Apache-2.0 */
/* Resources of objects ("Objects", JSON API reference): from an object, and into one. */
#include "tests/store/gcs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <openssl/evp.h>

#include "tests/store/crc32c.h"

#define MD5_HEX 32

/* Members that are strings, and where they lie in object.headers. */
static const struct {
	const char *member;
	const char *header;
} settable[] = {
	{"cacheControl", "Cache-Control"},	  {"contentDisposition", "Content-Disposition"},
	{"contentEncoding", "Content-Encoding"},  {"contentLanguage", "Content-Language"},
	{"contentType", "Content-Type"},	  {"customTime", "x-goog-custom-time"},
	{"storageClass", "x-goog-storage-class"},
};

#define SETTABLE (sizeof(settable) / sizeof(settable[0]))

void gcs_time(int64_t time_us, char out[GCS_TIME_BYTES])
{
	time_t t = (time_t)(time_us / 1000000);
	struct tm tm;
	size_t len;

	gmtime_r(&t, &tm);
	len = strftime(out, GCS_TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + len, GCS_TIME_BYTES - len, ".%03dZ", (int)(time_us / 1000 % 1000));
}

static size_t put_varint(unsigned char *out, uint64_t number)
{
	size_t len = 0;

	for (; number >= 0x80; number >>= 7)
		out[len++] = (unsigned char)(number | 0x80);
	out[len++] = (unsigned char)number;
	return len;
}

/* As Google's look: field 1 the generation, field 2 the metageneration, in base64. */
void gcs_etag(const struct object *o, char out[OBJECT_ETAG_BYTES])
{
	unsigned char raw[2 * (1 + 10)];
	size_t len = 0;

	raw[len++] = 1 << 3;
	len += put_varint(raw + len, o->generation);
	raw[len++] = 2 << 3;
	len += put_varint(raw + len, o->metageneration);
	EVP_EncodeBlock((unsigned char *)out, raw, (int)len);
}

bool gcs_has_md5(const struct object *o)
{
	return !o->components && strspn(o->etag, "0123456789abcdef") == MD5_HEX &&
	       !o->etag[MD5_HEX];
}

void gcs_md5_base64(const struct object *o, char out[32])
{
	unsigned char raw[MD5_HEX / 2];

	for (size_t i = 0; i < sizeof(raw); i++) {
		unsigned byte = 0;

		sscanf(o->etag + 2 * i, "%2x", &byte);
		raw[i] = (unsigned char)byte;
	}
	EVP_EncodeBlock((unsigned char *)out, raw, sizeof(raw));
}

static void set_text(json_t *json, const char *member, const char *text)
{
	json_t *value = json_string(text);

	/* S3 puts what is no UTF-8 into headers; JSON cannot say it */
	json_object_set_new(json, member, value ? value : json_string("?"));
}

static void set_number(json_t *json, const char *member, uint64_t number)
{
	char text[GCS_NUMBER_BYTES];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	set_text(json, member, text);
}

static void set_links(const struct gcs_call *c, const char *bucket, const struct object *o,
		      json_t *json)
{
	struct buf link = {0}, id = {0};
	size_t base;

	buf_printf(&id, "%s/%s/%llu", bucket, o->key, (unsigned long long)o->generation);
	gcs_base_url(c, &link);
	base = link.len;
	buf_printf(&link, "/storage/v1/b/%s/o/", bucket);
	uri_encode(&link, o->key, o->key_len, false);
	if (!link.failed && !id.failed) {
		set_text(json, "id", id.data);
		set_text(json, "selfLink", link.data);
	}
	link.len = base;
	buf_printf(&link, "/download/storage/v1/b/%s/o/", bucket);
	uri_encode(&link, o->key, o->key_len, false);
	buf_printf(&link, "?generation=%llu&alt=media", (unsigned long long)o->generation);
	if (!link.failed)
		set_text(json, "mediaLink", link.data);
	buf_free(&link);
	buf_free(&id);
}

static void set_sums(const struct gcs_call *c, const struct object *o, json_t *json)
{
	const char *fields = gcs_param(c, "fields");
	char crc[CRC32C_BASE64_BYTES], md5[32];

	/* of generated objects it is not cheap: only for those who ask */
	if (!fields || !*fields || strstr(fields, "crc32c") || strchr(fields, '*') ||
	    !strchr(fields, '(')) {
		crc32c_base64(object_crc32c(o), crc);
		set_text(json, "crc32c", crc);
	}
	if (gcs_has_md5(o)) {
		gcs_md5_base64(o, md5);
		set_text(json, "md5Hash", md5);
	}
}

static void set_own(const struct object *o, json_t *json)
{
	json_t *metadata = json_object();

	set_text(json, "storageClass", "STANDARD");
	for (size_t i = 0; i < o->headers.count; i++) {
		const struct header *h = &o->headers.items[i];

		for (size_t j = 0; j < SETTABLE; j++) {
			if (!strcasecmp(h->name, settable[j].header))
				set_text(json, settable[j].member, h->value);
		}
		if (!strncasecmp(h->name, GCS_META_PREFIX, strlen(GCS_META_PREFIX)))
			set_text(metadata, h->name + strlen(GCS_META_PREFIX), h->value);
	}
	if (json_object_size(metadata))
		json_object_set_new(json, "metadata", metadata);
	else
		json_decref(metadata);
}

json_t *gcs_resource(const struct gcs_call *c, const char *bucket, const struct object *o)
{
	char etag[OBJECT_ETAG_BYTES], created[GCS_TIME_BYTES], updated[GCS_TIME_BYTES];
	json_t *json = json_object();

	if (!json)
		return NULL;
	gcs_etag(o, etag);
	gcs_time(o->created_us, created);
	gcs_time(o->updated_us, updated);
	set_text(json, "kind", "storage#object");
	set_links(c, bucket, o, json);
	set_text(json, "name", o->key);
	set_text(json, "bucket", bucket);
	set_number(json, "generation", o->generation);
	set_number(json, "metageneration", o->metageneration);
	set_number(json, "size", content_bytes(o->content));
	set_text(json, "etag", etag);
	set_text(json, "timeCreated", created);
	set_text(json, "updated", updated);
	set_text(json, "timeStorageClassUpdated", created);
	set_text(json, "timeFinalized", created);
	if (o->components)
		json_object_set_new(json, "componentCount", json_integer(o->components));
	set_sums(c, o, json);
	set_own(o, json);
	return json;
}

static bool take_metadata(struct gcs_call *c, const json_t *metadata, struct object *o)
{
	const char *name;
	json_t *value;
	size_t bytes = 0;

	json_object_foreach((json_t *)(uintptr_t)metadata, name, value)
	{
		struct buf header = {0};
		int err;

		if (json_is_null(value))
			continue;
		if (!json_is_string(value)) {
			gcs_fail(c, 400, "invalid", "Invalid value for metadata: %s", name);
			return false;
		}
		bytes += strlen(name) + json_string_length(value);
		buf_printf(&header, GCS_META_PREFIX "%s", name);
		err = header.failed
			      ? -1
			      : headers_add(&o->headers, header.data, json_string_value(value));
		buf_free(&header);
		if (err || bytes > GCS_METADATA_MAX) {
			gcs_fail(c, 400, "invalid",
				 "The metadata for your object exceeds the maximum allowed size.");
			return false;
		}
	}
	return true;
}

bool gcs_resource_take(struct gcs_call *c, const json_t *json, struct object *o)
{
	for (size_t i = 0; i < SETTABLE; i++) {
		const json_t *value = json_object_get(json, settable[i].member);

		if (!value || json_is_null(value))
			continue;
		if (!json_is_string(value)) {
			gcs_fail(c, 400, "invalid", "Invalid value for: %s", settable[i].member);
			return false;
		}
		if (headers_add(&o->headers, settable[i].header, json_string_value(value))) {
			gcs_fail(c, 500, "internalError", "no memory");
			return false;
		}
	}
	return take_metadata(c, json_object_get(json, "metadata"), o);
}

bool gcs_resource_says(const json_t *json)
{
	bool says = json_object_get(json, "metadata") != NULL;

	for (size_t i = 0; i < SETTABLE; i++)
		says |= json_object_get(json, settable[i].member) != NULL;
	return says;
}

/* What the object has of its own, as a resource says it. */
static json_t *own(const struct object *o)
{
	json_t *json = json_object();

	if (json)
		set_own(o, json);
	/* an object that never said one has none */
	if (json && !headers_get(&o->headers, "x-goog-storage-class"))
		json_object_del(json, "storageClass");
	return json;
}

/* RFC 7396. */
static void merge_patch(json_t *to, const json_t *patch)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)patch, name, value)
	{
		json_t *there = json_object_get(to, name);

		if (json_is_null(value)) {
			json_object_del(to, name);
		} else if (json_is_object(value)) {
			if (!json_is_object(there)) {
				there = json_object();
				json_object_set_new(to, name, there);
			}
			merge_patch(there, value);
		} else {
			json_object_set(to, name, value);
		}
	}
}

bool gcs_resource_patch(struct gcs_call *c, const json_t *json, const struct object *o,
			struct object *to)
{
	json_t *all = own(o);
	bool ok;

	if (!all) {
		gcs_fail(c, 500, "internalError", "no memory");
		return false;
	}
	merge_patch(all, json);
	ok = gcs_resource_take(c, all, to);
	json_decref(all);
	return ok;
}

/* "Object naming guidelines": UTF-8, no line ends, at most 1024 bytes. */
bool gcs_name_valid(const char *object)
{
	json_t *utf8 = json_string(object);
	size_t len = strlen(object);

	json_decref(utf8);
	return utf8 && len && len <= OBJECT_KEY_MAX && !strpbrk(object, "\r\n") &&
	       strcmp(object, ".") != 0 && strcmp(object, "..") != 0 &&
	       strncmp(object, ".well-known/acme-challenge/", 27) != 0;
}
