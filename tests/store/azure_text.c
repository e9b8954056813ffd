/* SPDX-License-Identifier: Apache-2.0 */
/* What Azure's verbs share in reading parameters, fields and bodies and in answering. */
#include "tests/store/azure.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "tests/store/precondition.h"
#include "tests/store/settings.h"

#define MD5_BYTES 16

const char *azure_param(const struct azure_call *c, const char *name)
{
	return uri_params_get(&c->req->params, name);
}

const char *azure_header(const struct azure_call *c, const char *name)
{
	return headers_get(&c->req->headers, name);
}

bool azure_number(const char *text, uint64_t *out)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return !*end && !errno;
}

/* Another one with every change, and nothing more: so the service's own look. */
void azure_etag(const struct object *o, char out[OBJECT_ETAG_BYTES])
{
	snprintf(out, OBJECT_ETAG_BYTES, "\"0x8%015llX\"",
		 (unsigned long long)(o->generation & 0xFFFFFFFFFFFFFFFull));
}

void azure_version(struct azure_call *c, const struct object *o)
{
	char etag[OBJECT_ETAG_BYTES], date[30];

	azure_etag(o, etag);
	reply_header(c->reply, "ETag", etag);
	precondition_date(o->updated_us / 1000000, date);
	reply_header(c->reply, "Last-Modified", date);
}

void azure_xml_begin(struct azure_call *c)
{
	c->reply->status = 200;
	reply_header(c->reply, "Content-Type", "application/xml");
	buf_str(&c->reply->text, "\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"utf-8\"?>");
}

/* The generation that an ETag stands for; 0 for what is none of ours, which nothing has. */
static uint64_t generation_of(const char *etag)
{
	char *end;
	uint64_t number;

	etag += *etag == '"';
	if (strncasecmp(etag, "0x8", 3) != 0 || strlen(etag) < 18)
		return 0;
	number = strtoull(etag + 3, &end, 16);
	return !*end || (*end == '"' && !end[1]) ? number : 0;
}

bool azure_condition(struct azure_call *c, struct object_condition *out)
{
	const char *match = azure_header(c, "If-Match");
	const char *none = azure_header(c, "If-None-Match");

	*out = (struct object_condition){0};
	if (match && !strcmp(match, "*")) {
		out->if_there = true;
	} else if (match) {
		out->versioned[OBJECT_GENERATION_MATCH] = true;
		out->version[OBJECT_GENERATION_MATCH] = generation_of(match);
		if (!out->version[OBJECT_GENERATION_MATCH])
			out->version[OBJECT_GENERATION_MATCH] = 1; /* that of nothing is 0 */
	}
	if (none && !strcmp(none, "*")) {
		out->if_absent = true;
	} else if (none) {
		out->versioned[OBJECT_GENERATION_NOT_MATCH] = true;
		out->version[OBJECT_GENERATION_NOT_MATCH] = generation_of(none);
	}
	return true;
}

bool azure_source_fits(struct azure_call *c, const struct object *o)
{
	struct precondition p = {
		.if_match = azure_header(c, "x-ms-source-if-match"),
		.if_none_match = azure_header(c, "x-ms-source-if-none-match"),
		.if_modified_since = azure_header(c, "x-ms-source-if-modified-since"),
		.if_unmodified_since = azure_header(c, "x-ms-source-if-unmodified-since"),
	};
	char etag[OBJECT_ETAG_BYTES];

	azure_etag(o, etag);
	etag[strlen(etag) - 1] = '\0';
	if (precondition_check(&p, etag + 1, o->updated_us / 1000000) == 200)
		return true;
	azure_fail(c, "SourceConditionNotMet");
	return false;
}

const char *azure_range(const struct azure_call *c)
{
	const char *own = azure_header(c, "x-ms-range");

	return own ? own : azure_header(c, "Range");
}

bool azure_body_md5(struct azure_call *c)
{
	const char *given = azure_header(c, "Content-MD5");
	char have[4 * (MD5_BYTES / 3 + 1) + 1];

	if (!given)
		return true;
	EVP_EncodeBlock((unsigned char *)have, c->req->md5, MD5_BYTES);
	if (!strcmp(given, have))
		return true;
	azure_fail(c, "Md5Mismatch");
	return false;
}

struct content *azure_take_body(struct azure_call *c)
{
	struct request *req = c->req;
	void *body = req->body;

	req->body = NULL; /* the content owns it, or it is freed */
	if (!settings.discards)
		return content_memory(body, req->body_bytes);
	free(body);
	return content_generated(GENERATE_BINARY, 0, req->body_bytes);
}

const char *azure_own(const struct object *o, const char *name, const char *fallback)
{
	const char *value = headers_get(&o->headers, name);

	return value ? value : fallback;
}

bool azure_is_type(const struct object *o, const char *type)
{
	return !strcasecmp(azure_own(o, AZURE_TYPE, "BlockBlob"), type);
}
