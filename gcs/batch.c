// SPDX-License-Identifier: Apache-2.0
/*
 * Deletions by the hundred: "Sending batch requests" of the Cloud Storage guides. Requests in a
 * document, answered by a document of answers in the same order.
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

int gcs_batch_delete(const struct store_site *site, const char *bucket, const char *key,
		     struct store_request *out)
{
	struct store_request one = {.target = BUFFER_INIT(STORE_TARGET_BYTES)};
	int ret = gcs_site_start(site, "DELETE", GCS_JSON, bucket, key, &one);

	if (!ret)
		ret = gcs_site_finish(site, NULL, &one);
	if (!ret)
		ret = buffer_addf(&out->body,
				  "--%s\r\nContent-Type: application/http\r\n"
				  "Content-Transfer-Encoding: binary\r\n\r\n"
				  "DELETE %s HTTP/1.1\r\n\r\n\r\n",
				  boundary_of(out), buffer_text(&one.target));
	buffer_free(&one.target);
	return ret;
}

int gcs_batch_end(struct store_request *out)
{
	return buffer_addf(&out->body, "--%s--\r\n", boundary_of(out));
}
