/* SPDX-License-Identifier: Apache-2.0 */
/* objects.list. A page token is the last name of the page before in base64: free of state. */
#include "tests/store/gcs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "tests/store/list.h"
#include "tests/store/scope.h"

static const char *text_param(const struct gcs_call *c, const char *name)
{
	const char *text = gcs_param(c, name);

	return text ? text : "";
}

/* A copy of a token's name, the caller's to free. NULL: none of ours. */
static char *read_token(const char *token)
{
	size_t len = strlen(token);
	unsigned char *name = malloc(len + 1);
	int got;

	if (!name)
		return NULL;
	got = EVP_DecodeBlock(name, (const unsigned char *)token, (int)len);
	if (got <= 0 || (size_t)got > len) {
		free(name);
		return NULL;
	}
	name[got] = '\0'; /* padding decodes to NULs */
	return (char *)name;
}

static void set_token(json_t *json, const char *name)
{
	size_t len = strlen(name);
	SCOPE_FREE unsigned char *token = malloc(4 * (len / 3 + 1) + 1);

	if (!token)
		return;
	EVP_EncodeBlock(token, (const unsigned char *)name, (int)len);
	json_object_set_new(json, "nextPageToken", json_string((char *)token));
}

static json_t *page_json(const struct gcs_call *c, const struct list_page *page)
{
	json_t *json = json_pack("{s:s}", "kind", "storage#objects");
	json_t *items = json_array(), *prefixes = json_array();

	if (page->more)
		set_token(json, list_last(page));
	for (size_t i = 0; i < page->count; i++) {
		const struct list_entry *e = &page->entries[i];

		if (e->prefix)
			json_array_append_new(prefixes, json_string(e->prefix));
		if (e->object)
			json_array_append_new(items, gcs_resource(c, c->bucket, e->object));
	}
	if (json_array_size(prefixes))
		json_object_set(json, "prefixes", prefixes);
	if (json_array_size(items))
		json_object_set(json, "items", items);
	json_decref(items);
	json_decref(prefixes);
	return json;
}

void gcs_objects_list(struct gcs_call *c)
{
	struct list_query q = {.prefix = text_param(c, "prefix"),
			       .delimiter = text_param(c, "delimiter"),
			       .after = "",
			       .from = gcs_param(c, "startOffset"),
			       .with_markers =
				       !strcmp(text_param(c, "includeTrailingDelimiter"), "true")};
	const char *token = gcs_param(c, "pageToken");
	SCOPE_FREE char *after = NULL;
	struct list_page page;
	uint64_t max = GCS_LIST_MAX;
	int err;

	if (!gcs_param_number(c, "maxResults", &max))
		return;
	if (*text_param(c, "endOffset"))
		q.until = gcs_param(c, "endOffset");
	q.max = max && max < GCS_LIST_MAX ? (size_t)max : GCS_LIST_MAX;
	if (token && *token) {
		after = read_token(token);
		if (!after) {
			gcs_fail(c, 400, "invalid", "Invalid argument: pageToken");
			return;
		}
		q.after = after;
	}
	err = list_walk(c->bucket, &q, &page);
	if (err) {
		gcs_fail_errno(c, err);
		return;
	}
	gcs_answer(c, page_json(c, &page));
	list_free(&page);
}
