// SPDX-License-Identifier: Apache-2.0
/*
 * Uploads in one request: a document of two parts (uploadType=multipart), what is to be known of
 * the object and then its bytes. With the former goes the CRC32C of the latter, which the service
 * compares before there is an object.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/scope.h"
#include "gcs/gcs.h"

/* Nobody can know it, so nobody's file can hold it. */
void gcs_put_boundary(char out[GCS_BOUNDARY_SIZE])
{
	uint64_t a = (uint64_t)arc4random() << 32 | arc4random();
	uint64_t b = (uint64_t)arc4random() << 32 | arc4random();

	snprintf(out, GCS_BOUNDARY_SIZE, "skyshim-%016" PRIx64 "%016" PRIx64, a, b);
}

int gcs_put_json(json_t *json, struct store_request *out)
{
	SCOPE_FREE char *text = json ? json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	int ret = text ? buffer_add_text(&out->body, text) : -EINVAL;

	json_decref(json);
	return ret ? ret : header_add(&out->fields, "Content-Type", "application/json");
}

static int frame(json_t *resource, struct store_request *out)
{
	SCOPE_FREE char *text = json_dumps(resource, JSON_COMPACT | JSON_SORT_KEYS);
	char boundary[GCS_BOUNDARY_SIZE];
	char type[GCS_BOUNDARY_SIZE + 32];
	int ret;

	if (!text)
		return -EINVAL;
	gcs_put_boundary(boundary);
	snprintf(type, sizeof(type), "multipart/related; boundary=%s", boundary);
	ret = header_add(&out->fields, "Content-Type", type);
	if (!ret)
		ret = buffer_addf(&out->body,
				  "--%s\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n%s"
				  "\r\n--%s\r\nContent-Type: application/octet-stream\r\n\r\n",
				  boundary, text, boundary);
	return ret ? ret : buffer_addf(&out->tail, "\r\n--%s--\r\n", boundary);
}

int gcs_put_upload(const struct store_call *call, const struct store_site *site, const char *key,
		   json_t *resource, struct store_request *out)
{
	char crc32c[DIGEST_BASE64_BYTES];
	int ret = gcs_site_check(call->bucket, key);

	digest_base64(out->sums->crc32c, DIGEST_CRC_BYTES, crc32c);
	if (!ret && (!resource || json_object_set_new(resource, "name", json_string(key)) ||
		     json_object_set_new(resource, "crc32c", json_string(crc32c))))
		ret = -ENOMEM;
	if (!ret)
		ret = gcs_site_start(site, "POST", GCS_UPLOAD, call->bucket, "", out);
	if (!ret)
		ret = uri_add_query(&out->target, "uploadType", "multipart");
	if (!ret)
		ret = gcs_version_conditions(call, &out->target);
	if (!ret)
		ret = gcs_site_finish(site, GCS_FIELDS, out);
	if (!ret)
		ret = frame(resource, out);
	json_decref(resource);
	return ret;
}

int gcs_put_build(const struct store_call *call, const struct store_site *site,
		  struct store_request *out)
{
	json_t *resource;
	int ret;

	if (!call->key || !call->key[0])
		return -EINVAL;
	if (call->source.bytes > GCS_OBJECT_MAX)
		return -EFBIG;
	resource = json_object();
	ret = resource ? gcs_meta_set(call, false, resource) : -ENOMEM;
	if (ret) {
		json_decref(resource);
		return ret;
	}
	return gcs_put_upload(call, site, call->key, resource, out);
}

int gcs_put_parse(struct store_call *call, const struct store_answer *answer,
		  struct store_check *check)
{
	int ret = gcs_resource_parse(call, answer, check);

	/* it has fewer bytes than were sent, and says so */
	return !ret && call->object.size != call->source.bytes ? -EBADMSG : ret;
}

int gcs_put_expect(const struct store_call *call, const struct store_sums *sums,
		   char identity[STORE_ETAG_BYTES])
{
	(void)call;
	if (!sums->has_crc32c)
		return -ENOENT;
	digest_base64(sums->crc32c, DIGEST_CRC_BYTES, identity);
	return 0;
}

int gcs_put_unknown(const struct store_call *call, const struct store_sums *sums,
		    char identity[STORE_ETAG_BYTES])
{
	(void)call, (void)sums, (void)identity;
	return -ENOENT;
}
