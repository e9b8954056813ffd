// SPDX-License-Identifier: Apache-2.0
/* HeadObject (of an empty key: HeadBucket) and GetObject. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "core/http/date.h"
#include "core/http/range.h"
#include "s3/s3.h"

#define MD5_HEX_BYTES 32

static int add_conditions(const struct store_call *call, struct header_list *fields)
{
	int ret = 0;

	if (call->if_match)
		ret = header_add(fields, "If-Match", call->if_match);
	if (!ret && call->if_none_match)
		ret = header_add(fields, "If-None-Match", call->if_none_match);
	return ret;
}

int s3_object_build_head(const struct store_call *call, const struct store_site *site,
			 struct store_request *out)
{
	int ret;

	if (!call->bucket)
		return -EINVAL;
	out->method = "HEAD";
	ret = s3_site_path(site, call->bucket, call->key, &out->target);
	if (!ret && call->key && call->key[0])
		ret = s3_encrypt_access(site, &out->fields);
	return ret ? ret : add_conditions(call, &out->fields);
}

int s3_object_build_get(const struct store_call *call, const struct store_site *site,
			struct store_request *out)
{
	char range[RANGE_TEXT_BYTES];
	int ret;

	if (!call->bucket || !call->key || !call->key[0])
		return -EINVAL;
	out->method = "GET";
	ret = s3_site_path(site, call->bucket, call->key, &out->target);
	if (!ret)
		ret = add_conditions(call, &out->fields);
	if (!ret)
		ret = s3_encrypt_access(site, &out->fields);
	if (ret)
		return ret;
	if (call->offset || call->length) {
		range_format(call->offset, call->length, range);
		return header_add(&out->fields, "Range", range);
	}
	/* for a part of an object the service would have no checksum to send */
	return header_add(&out->fields, "X-Amz-Checksum-Mode", "ENABLED");
}

static int parse_attributes(const struct header_list *fields, struct store_object *out)
{
	const char *modified = header_get(fields, "Last-Modified");
	int64_t seconds;

	if (header_copy(fields, "ETag", out->etag, sizeof(out->etag)) < 0)
		return -EBADMSG;
	out->mtime_ns = 0;
	if (modified && !date_parse_http(modified, &seconds))
		out->mtime_ns = seconds * DATE_NS_PER_S;
	return 0;
}

int s3_object_parse_head(struct store_call *call, const struct store_answer *answer,
			 struct store_check *check)
{
	const char *length = header_get(answer->fields, "Content-Length");
	struct store_object object = {0};

	(void)check;
	if (parse_attributes(answer->fields, &object) < 0)
		return -EBADMSG;
	if (call->key && call->key[0] && (!length || range_parse_number(length, &object.size) < 0))
		return -EBADMSG;
	call->object = object;
	return s3_meta_parse(answer->fields, call);
}

bool s3_object_is_md5(const char *etag)
{
	return strlen(etag) == MD5_HEX_BYTES + 2 && etag[0] == '"' &&
	       etag[MD5_HEX_BYTES + 1] == '"' &&
	       strspn(etag + 1, "0123456789abcdefABCDEF") == MD5_HEX_BYTES;
}

/* Not that of one encrypted with a key of KMS or the customer's (Amazon S3 API Reference, "Object":
 * ETag). */
static bool etag_tells(const struct header_list *fields)
{
	const char *sse = header_get(fields, "x-amz-server-side-encryption");

	return !(sse && !strncmp(sse, "aws:kms", 7)) &&
	       !header_get(fields, "x-amz-server-side-encryption-customer-algorithm");
}

bool s3_object_identity(const struct store_answer *answer, const struct store_object *object,
			char out[STORE_ETAG_BYTES])
{
	strcpy(out, object->etag);
	return etag_tells(answer->fields);
}

/* Nor is that of an object that came in parts ("...-3") one. */
bool s3_object_etag_is_md5(const struct header_list *fields, const char *etag)
{
	return etag_tells(fields) && s3_object_is_md5(etag);
}

static void choose_check(const struct header_list *fields, const char *etag,
			 struct store_check *check)
{
	static const struct {
		const char *name;
		enum digest_kind kind;
	} sums[] = {
		{"x-amz-checksum-crc32c", DIGEST_CRC32C},
		{"x-amz-checksum-crc32", DIGEST_CRC32},
		{"x-amz-checksum-sha256", DIGEST_SHA256},
	};
	const char *type = header_get(fields, "x-amz-checksum-type");
	bool composite = type && !strcasecmp(type, "COMPOSITE");

	for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]) && !composite; i++) {
		const char *value = header_get(fields, sums[i].name);

		/* "...-3" is a checksum of checksums, of an object that came in parts */
		if (!value || strchr(value, '-') || strlen(value) >= sizeof(check->text))
			continue;
		check->kind = sums[i].kind;
		check->hex = false;
		strcpy(check->text, value);
		return;
	}
	if (!s3_object_etag_is_md5(fields, etag))
		return;
	check->kind = DIGEST_MD5;
	check->hex = true;
	memcpy(check->text, etag + 1, MD5_HEX_BYTES);
	check->text[MD5_HEX_BYTES] = '\0';
}

int s3_object_parse_get(struct store_call *call, const struct store_answer *answer,
			struct store_check *check)
{
	struct store_object object = {0};

	if (parse_attributes(answer->fields, &object) < 0)
		return -EBADMSG;
	choose_check(answer->fields, object.etag, check);
	call->object = object;
	return s3_meta_parse(answer->fields, call);
}
