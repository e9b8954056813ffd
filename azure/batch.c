// SPDX-License-Identifier: Apache-2.0
/*
 * Blob Batch: up to 256 deletions in one request to their container, answered in any order by a
 * document of answers. Each of them proves by itself who asks, so that the document is only
 * finished when it is signed.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "azure/azure.h"
#include "core/batch.h"
#include "core/scope.h"

#define BOUNDARY_FIELD "multipart/mixed; boundary="
#define BOUNDARY_BYTES 48 /* "skyshim-", 32 hex digits */
#define DELETE	       "DELETE "
#define PROTOCOL       " HTTP/1.1"
#define IF_MATCH       "If-Match: "
#define NUMBER_BYTES   8
#define CODE_BYTES     64

int azure_batch_begin(const struct store_site *site, const char *bucket, struct store_request *out)
{
	char type[BOUNDARY_BYTES + sizeof(BOUNDARY_FIELD)];
	uint64_t a = (uint64_t)arc4random() << 32 | arc4random();
	uint64_t b = (uint64_t)arc4random() << 32 | arc4random();
	int ret = azure_site_start(site, "POST", bucket, NULL, out);

	snprintf(type, sizeof(type), BOUNDARY_FIELD "skyshim-%016" PRIx64 "%016" PRIx64, a, b);
	if (!ret)
		ret = uri_add_query(&out->target, "restype", "container");
	if (!ret)
		ret = uri_add_query(&out->target, "comp", "batch");
	return ret ? ret : header_add(&out->fields, "Content-Type", type);
}

static const char *boundary_of(const struct store_request *request)
{
	return header_get(&request->fields, "Content-Type") + strlen(BOUNDARY_FIELD);
}

bool azure_batch_is(const struct store_request *request)
{
	const char *type = header_get(&request->fields, "Content-Type");

	return type && !strncmp(type, BOUNDARY_FIELD, strlen(BOUNDARY_FIELD));
}

int azure_batch_delete(const struct store_site *site, const struct store_call *call, size_t key,
		       size_t number, struct store_request *out)
{
	SCOPE_BUFFER struct buffer target = BUFFER_INIT(STORE_TARGET_BYTES);
	const char *etag = batch_etag(call, key);
	int ret = -EINVAL;

	if (call->keys[key][0])
		ret = azure_site_path(site, call->bucket, call->keys[key], &target);
	if (!ret)
		ret = buffer_addf(
			&out->body,
			"--%s\r\nContent-Type: application/http\r\n"
			"Content-Transfer-Encoding: binary\r\nContent-ID: %zu\r\n\r\n" DELETE
			"%s" PROTOCOL "\r\n",
			boundary_of(out), number, buffer_text(&target));
	if (!ret && etag)
		ret = buffer_addf(&out->body, IF_MATCH "%s\r\n", etag);
	return ret ? ret : buffer_add_text(&out->body, "Content-Length: 0\r\n\r\n\r\n");
}

int azure_batch_end(struct store_request *out)
{
	return buffer_addf(&out->body, "--%s--\r\n", boundary_of(out));
}

/* A condition is proven as well. next: the line behind that of the method. */
static int take_condition(const char *next, struct header_list *fields)
{
	SCOPE_BUFFER struct buffer etag = BUFFER_INIT(STORE_ETAG_BYTES);
	int ret;

	if (strncmp(next, IF_MATCH, strlen(IF_MATCH)) != 0)
		return 0;
	next += strlen(IF_MATCH);
	ret = buffer_add(&etag, next, strcspn(next, "\r"));
	return ret ? ret : header_add(fields, "If-Match", buffer_text(&etag));
}

/* The line of a request inside, with its proof behind it, and what stood there of that. line:
 * "DELETE TARGET HTTP/1.1". */
static int sign_line(const struct creds *creds, int64_t now_s, const char *line, size_t len,
		     struct buffer *out)
{
	SCOPE_BUFFER struct buffer target = BUFFER_INIT(STORE_TARGET_BYTES);
	struct sharedkey_subject subject = {.method = "DELETE"};
	struct header_list fields = {0};
	size_t around = strlen(DELETE) + strlen(PROTOCOL);
	int ret = len > around ? buffer_add(&target, line + strlen(DELETE), len - around) : -EINVAL;

	if (!ret)
		ret = take_condition(line + len + strlen("\r\n"), &fields);
	if (!ret) {
		subject.target = buffer_text(&target);
		ret = azure_proof_add(creds, &subject, now_s, &target, &fields);
	}
	if (!ret)
		ret = buffer_addf(out, DELETE "%s" PROTOCOL "\r\n", buffer_text(&target));
	for (size_t i = 0; i < fields.count && !ret; i++)
		ret = buffer_addf(out, "%s: %s\r\n", fields.field[i].name, fields.field[i].value);
	header_clear(&fields);
	return ret;
}

int azure_batch_sign(const struct creds *creds, int64_t now_s, struct store_request *request)
{
	struct buffer whole = BUFFER_INIT(STORE_BODY_BYTES);
	const char *at = buffer_text(&request->body);
	int ret = 0;

	while (*at && !ret) {
		size_t len = strcspn(at, "\r");

		if (!strncmp(at, DELETE, strlen(DELETE)))
			ret = sign_line(creds, now_s, at, len, &whole);
		else if (strncmp(at, IF_MATCH, strlen(IF_MATCH)) != 0)
			ret = buffer_addf(&whole, "%.*s\r\n", (int)len, at);
		at += len + strlen("\r\n");
	}
	if (ret) {
		buffer_free(&whole);
		return ret;
	}
	buffer_free(&request->body);
	request->body = whole;
	return 0;
}

/* The codes that a deletion in a batch may be told, where their status does not suffice. */
static int error_of(const struct batch_part *part)
{
	char code[CODE_BYTES];

	batch_field(part, "x-ms-error-code", code, sizeof(code));
	if (!strncmp(code, "Lease", 5) || !strcmp(code, "SnapshotsPresent"))
		return -EBUSY;
	if (!strncmp(code, "BlobImmutable", 13))
		return -EACCES;
	return batch_error(part->status);
}

int azure_batch_read(const struct store_answer *answer, int *errors_out, size_t count)
{
	struct batch_part parts[AZURE_BATCH_MAX];
	bool seen[AZURE_BATCH_MAX] = {false};
	int ret = batch_read(answer, parts, count);

	for (size_t i = 0; i < count && !ret; i++) {
		char text[NUMBER_BYTES], *end;
		unsigned long number;

		batch_field(&parts[i], "Content-ID", text, sizeof(text));
		number = strtoul(text, &end, 10);
		if (end == text || *end || number >= count || seen[number])
			return -EBADMSG;
		seen[number] = true;
		errors_out[number] = error_of(&parts[i]);
	}
	return ret;
}
