// SPDX-License-Identifier: Apache-2.0
/* Objects: list, and Buckets: list. Of each entry only what is used is asked for. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/entries.h"
#include "gcs/gcs.h"

static int add_page(const struct store_call *call, struct buffer *target)
{
	char max[16];
	int ret;

	if (call->max_entries > STORE_LIST_MAX)
		return -EINVAL;
	snprintf(max, sizeof(max), "%u", call->max_entries ? call->max_entries : STORE_LIST_MAX);
	ret = uri_add_query(target, "maxResults", max);
	if (!ret && call->token)
		ret = uri_add_query(target, "pageToken", call->token);
	return ret == -EMSGSIZE ? -ENAMETOOLONG : ret;
}

int gcs_list_build(const struct store_call *call, const struct store_site *site,
		   struct store_request *out)
{
	char delimiter[2] = {call->delimiter, '\0'};
	int ret = gcs_site_check(call->bucket, call->key);

	if (!ret)
		ret = gcs_site_start(site, "GET", GCS_JSON, call->bucket, "", out);
	if (!ret && call->delimiter)
		ret = uri_add_query(&out->target, "delimiter", delimiter);
	if (!ret && call->key && call->key[0])
		ret = uri_add_query(&out->target, "prefix", call->key);
	if (!ret && call->after)
		ret = uri_add_query(&out->target, "startOffset", call->after);
	if (!ret)
		ret = add_page(call, &out->target);
	if (!ret)
		ret = gcs_site_finish(site,
				      "items(name,size,updated,generation,metageneration),"
				      "prefixes,nextPageToken",
				      out);
	return ret == -EMSGSIZE ? -ENAMETOOLONG : ret;
}

int gcs_list_build_buckets(const struct store_call *call, const struct store_site *site,
			   struct store_request *out)
{
	int ret = gcs_site_start(site, "GET", GCS_JSON "/b", NULL, NULL, out);

	if (!ret)
		ret = uri_add_query(&out->target, "project", site->project);
	if (!ret)
		ret = add_page(call, &out->target);
	return ret ? ret : gcs_site_finish(site, "items(name),nextPageToken", out);
}

/* Parts that wait are nobody's files. */
static bool is_hidden(const char *name)
{
	return !strncmp(name, GCS_PARTS, strlen(GCS_PARTS));
}

static int add(struct store_list *list, const char *name, bool is_prefix,
	       const struct store_object *object)
{
	struct store_entry *entry = &list->entries[list->count];

	if (!name[0])
		return -EBADMSG;
	if (is_hidden(name))
		return 0;
	*entry = (struct store_entry){.name = strdup(name), .is_prefix = is_prefix};
	if (!entry->name)
		return -ENOMEM;
	if (object)
		entry->object = *object;
	list->count++;
	return 0;
}

static int add_items(const json_t *items, bool are_objects, struct store_list *list)
{
	struct store_object object = {0};
	int ret = 0;

	for (size_t i = 0; i < json_array_size(items) && !ret; i++) {
		const json_t *item = json_array_get(items, i);

		if (are_objects)
			ret = gcs_resource_object(item, &object);
		if (!ret)
			ret = add(list, gcs_resource_text(item, "name"), false,
				  are_objects ? &object : NULL);
	}
	return ret;
}

static int read_page(const json_t *page, bool are_objects, struct store_list *list)
{
	const json_t *items = json_object_get(page, "items");
	const json_t *prefixes = json_object_get(page, "prefixes");
	size_t count = json_array_size(items) + json_array_size(prefixes);
	const char *token = gcs_resource_text(page, "nextPageToken");
	int ret;

	if (count > STORE_LIST_MAX)
		return -EBADMSG;
	list->entries = calloc(count + 1, sizeof(*list->entries));
	if (!list->entries)
		return -ENOMEM;
	ret = add_items(items, are_objects, list);
	for (size_t i = 0; i < json_array_size(prefixes) && !ret; i++) {
		const char *name = json_string_value(json_array_get(prefixes, i));

		ret = add(list, name ? name : "", true, NULL);
	}
	if (!ret && token[0]) {
		list->next_token = strdup(token);
		ret = list->next_token ? 0 : -ENOMEM;
	}
	return ret;
}

static int parse(struct store_call *call, const struct store_answer *answer, bool are_objects)
{
	json_t *page = gcs_resource_load(answer);
	struct store_list list = {0};
	int ret = page ? read_page(page, are_objects, &list) : -EBADMSG;

	if (ret)
		entries_free(&list);
	else
		call->list = list;
	json_decref(page);
	return ret;
}

bool gcs_list_begins(const char *bucket)
{
	(void)bucket;
	return true;
}

/* startOffset is the first name that may come, not the last that may not. */
static void leave_out(struct store_list *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(list->entries[i].name, name) != 0)
			continue;
		free(list->entries[i].name);
		memmove(&list->entries[i], &list->entries[i + 1],
			(--list->count - i) * sizeof(*list->entries));
		return;
	}
}

int gcs_list_parse(struct store_call *call, const struct store_answer *answer,
		   struct store_check *check)
{
	int ret = parse(call, answer, true);

	(void)check;
	if (!ret && call->after)
		leave_out(&call->list, call->after);
	return ret;
}

int gcs_list_parse_buckets(struct store_call *call, const struct store_answer *answer,
			   struct store_check *check)
{
	(void)check;
	return parse(call, answer, false);
}
