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

#include "core/http/status.h"
#include "core/scope.h"
#include "gcs/gcs.h"

#define BOUNDARY_FIELD "multipart/mixed; boundary="
#define BOUNDARY_MAX   70 /* RFC 2046 section 5.1.1 */

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

/* "--BOUNDARY" of an answer; "" when it has none. */
static void read_boundary(const struct store_answer *answer, char out[BOUNDARY_MAX + 3])
{
	const char *type = header_get(answer->fields, "Content-Type");
	const char *at = type ? strcasestr(type, "boundary=") : NULL;
	size_t len;

	out[0] = '\0';
	if (!at || strncasecmp(type, "multipart/", strlen("multipart/")) != 0)
		return;
	at += strlen("boundary=");
	at += *at == '"';
	len = strcspn(at, "\"; ");
	if (len && len <= BOUNDARY_MAX)
		snprintf(out, BOUNDARY_MAX + 3, "--%.*s", (int)len, at);
}

/* The status of the answer in the part that begins at text. */
static int read_status(const char *text, const char *end, int *out)
{
	const char *line = strstr(text, "HTTP/1.");
	char *after;
	long status;

	if (!line || line >= end || strlen(line) < strlen("HTTP/1.1 200"))
		return -EBADMSG;
	status = strtol(line + strlen("HTTP/1.1"), &after, 10);
	if (status < 100 || status > 599)
		return -EBADMSG;
	*out = (int)status;
	return 0;
}

int gcs_batch_read(const struct store_answer *answer, int *statuses, size_t count)
{
	char boundary[BOUNDARY_MAX + 3];
	const char *at, *next;
	size_t seen = 0;
	int ret = 0;

	read_boundary(answer, boundary);
	if (!boundary[0])
		return -EBADMSG;
	for (at = strstr(answer->body, boundary); at && !ret; at = next) {
		at += strlen(boundary);
		if (!strncmp(at, "--", 2))
			break;
		next = strstr(at, boundary);
		if (!next || seen == count)
			return -EBADMSG;
		ret = read_status(at, next, &statuses[seen++]);
	}
	return ret ? ret : at && seen == count ? 0 : -EBADMSG;
}

int gcs_batch_error(int status)
{
	struct status_meaning meaning = status_meaning(status);

	if (status == 404 || (status >= 200 && status < 300))
		return 0;
	if (meaning.retry)
		return -EAGAIN;
	return meaning.error == -EACCES ? -EACCES : -EIO;
}
