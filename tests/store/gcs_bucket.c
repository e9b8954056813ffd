/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets: list, insert, get, delete. */
#include "tests/store/gcs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/bucket.h"
#include "tests/store/settings.h"

static json_t *resource(const struct gcs_call *c, const struct bucket_info *info)
{
	char created[GCS_TIME_BYTES];
	struct buf link = {0};
	json_t *json;

	gcs_time(info->created_s * 1000000, created);
	gcs_base_url(c, &link);
	buf_printf(&link, "/storage/v1/b/%s", info->name);
	json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "kind",
			 "storage#bucket", "selfLink", link.data ? link.data : "", "id", info->name,
			 "name", info->name, "projectNumber", "123456789012", "metageneration", "1",
			 "location", "US", "locationType", "multi-region", "storageClass",
			 "STANDARD", "etag", "CAE=", "timeCreated", created, "updated", created);
	buf_free(&link);
	if (json && settings_names(&settings.requester_pays, info->name))
		json_object_set_new(json, "billing", json_pack("{s:b}", "requesterPays", 1));
	return json;
}

/* "Required parameter: project", as lists and new buckets have it. */
static bool has_project(struct gcs_call *c)
{
	const char *project = gcs_param(c, "project");

	if (project && *project)
		return true;
	gcs_fail(c, 400, "required", "Required parameter: project");
	return false;
}

void gcs_buckets_list(struct gcs_call *c)
{
	const char *prefix = gcs_param(c, "prefix");
	const char *after = gcs_param(c, "pageToken");
	struct bucket_info *list;
	uint64_t max = GCS_LIST_MAX;
	json_t *json, *items = json_array();
	long count;

	if (!has_project(c) || !gcs_param_number(c, "maxResults", &max)) {
		json_decref(items);
		return;
	}
	if (!max || max > GCS_LIST_MAX)
		max = GCS_LIST_MAX;
	count = bucket_list(&list);
	json = json_pack("{s:s}", "kind", "storage#buckets");
	for (long i = 0; i < count; i++) {
		if ((prefix && strncmp(list[i].name, prefix, strlen(prefix)) != 0) ||
		    (after && strcmp(list[i].name, after) <= 0))
			continue;
		if (json_array_size(items) == max) { /* the token is the last name, bare */
			json_object_set(
				json, "nextPageToken",
				json_object_get(json_array_get(items, (size_t)max - 1), "name"));
			break;
		}
		json_array_append_new(items, resource(c, &list[i]));
	}
	if (count >= 0)
		free(list);
	if (json_array_size(items))
		json_object_set(json, "items", items);
	json_decref(items);
	gcs_answer(c, json);
}

static void answer(struct gcs_call *c, const char *name)
{
	struct bucket_info info;
	int err = bucket_lookup(name, &info);

	if (err)
		gcs_fail_errno(c, err);
	else
		gcs_answer(c, resource(c, &info));
}

void gcs_buckets_insert(struct gcs_call *c)
{
	json_t *json = has_project(c) ? gcs_body(c) : NULL;
	const char *name = json_string_value(json_object_get(json, "name"));
	int err;

	if (!json)
		return;
	err = name ? bucket_create(name, settings.region) : -EINVAL;
	if (err == -EEXIST)
		gcs_fail(c, 409, "conflict",
			 "Your previous request to create the named bucket succeeded and you "
			 "already own it.");
	else if (err == -EINVAL)
		gcs_fail(c, 400, "invalid", "Invalid bucket name: '%s'", name ? name : "");
	else if (err)
		gcs_fail_errno(c, err);
	else
		answer(c, name);
	json_decref(json);
}

void gcs_buckets_get(struct gcs_call *c)
{
	answer(c, c->bucket);
}

void gcs_buckets_delete(struct gcs_call *c)
{
	int err = bucket_delete(c->bucket);

	if (err == -ENOTEMPTY)
		gcs_fail(c, 409, "conflict", "The bucket you tried to delete is not empty.");
	else if (err)
		gcs_fail_errno(c, err);
	else
		c->reply->status = 204;
}
