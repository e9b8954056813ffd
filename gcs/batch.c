// SPDX-License-Identifier: Apache-2.0
/*
 * "Sending batch requests" of the Cloud Storage guides: deletions by the hundred, and what is to be
 * seen of two objects at once. Requests in a document, answered by a document of answers in the
 * same order.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gcs/gcs.h"

#define BOUNDARY_FIELD "multipart/mixed; boundary="

int gcs_batch_begin(const struct store_site *site, struct store_request *out)
{
	char boundary[GCS_BOUNDARY_SIZE];
	char type[GCS_BOUNDARY_SIZE + sizeof(BOUNDARY_FIELD)];
	int ret = gcs_site_start(site, "POST", GCS_BATCH, NULL, NULL, out);

	gcs_put_boundary(boundary);
	snprintf(type, sizeof(type), BOUNDARY_FIELD "%s", boundary);
	return ret ? ret : header_add(&out->fields, "Content-Type", type);
}

static const char *boundary_of(const struct store_request *out)
{
	return header_get(&out->fields, "Content-Type") + strlen(BOUNDARY_FIELD);
}

static int add(const struct store_request *one, struct store_request *out)
{
	return buffer_addf(&out->body,
			   "--%s\r\nContent-Type: application/http\r\n"
			   "Content-Transfer-Encoding: binary\r\n\r\n"
			   "%s %s HTTP/1.1\r\n\r\n\r\n",
			   boundary_of(out), one->method, buffer_text(&one->target));
}

int gcs_batch_delete(const struct store_site *site, const char *bucket, const char *key,
		     const char *etag, struct store_request *out)
{
	struct store_request one = {.target = BUFFER_INIT(STORE_TARGET_BYTES)};
	int ret = gcs_site_start(site, "DELETE", GCS_JSON, bucket, key, &one);

	if (!ret && etag)
		ret = gcs_version_match(etag, "ifGenerationMatch", "ifMetagenerationMatch",
					&one.target);
	if (!ret)
		ret = gcs_site_finish(site, NULL, &one);
	if (!ret)
		ret = add(&one, out);
	buffer_free(&one.target);
	return ret;
}

int gcs_batch_head(const struct store_call *head, const struct store_site *site,
		   struct store_request *out)
{
	struct store_request one = {.target = BUFFER_INIT(STORE_TARGET_BYTES)};
	int ret = gcs_object_build_head(head, site, &one);

	if (!ret)
		ret = add(&one, out);
	buffer_free(&one.target);
	return ret;
}

/* Behind the fields of the part stands an answer, with fields of its own. */
json_t *gcs_batch_json(const struct batch_part *part)
{
	const char *at = memmem(part->text, part->bytes, "HTTP/1.", strlen("HTTP/1."));
	const char *end = part->text + part->bytes;

	at = at ? memmem(at, (size_t)(end - at), "\r\n\r\n", 4) : NULL;
	return at ? json_loadb(at, (size_t)(end - at), JSON_DISABLE_EOF_CHECK, NULL) : NULL;
}

int gcs_batch_end(struct store_request *out)
{
	return buffer_addf(&out->body, "--%s--\r\n", boundary_of(out));
}
