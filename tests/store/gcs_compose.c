/* SPDX-License-Identifier: Apache-2.0 */
/* objects.compose: up to 32 objects of a bucket become one. */
#include "tests/store/gcs.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOURCES_MAX 32

struct sources {
	struct object *items[SOURCES_MAX];
	size_t count;
};

/* A generation in JSON: a string, as all int64, though numbers are taken too. False: neither. */
static bool number_of(const json_t *json, uint64_t *out)
{
	char *end;

	if (json_is_integer(json)) {
		*out = (uint64_t)json_integer_value(json);
		return true;
	}
	if (!json_is_string(json) || !isdigit((unsigned char)*json_string_value(json)))
		return false;
	errno = 0;
	*out = strtoull(json_string_value(json), &end, 10);
	return !*end && !errno;
}

/* One source with its own conditions. False: refused. */
static bool open_source(struct gcs_call *c, const json_t *source, struct object **out)
{
	const char *name = json_string_value(json_object_get(source, "name"));
	const json_t *generation = json_object_get(source, "generation");
	const json_t *wanted = json_object_get(json_object_get(source, "objectPreconditions"),
					       "ifGenerationMatch");
	struct object_condition condition = {.if_there = true};
	struct object *o;
	uint64_t number = 0;
	int err;

	if (!name || (generation && !number_of(generation, &number)) ||
	    (wanted && !number_of(wanted, &condition.version[OBJECT_GENERATION_MATCH]))) {
		gcs_fail(c, 400, "invalid", "Invalid source object");
		return false;
	}
	condition.versioned[OBJECT_GENERATION_MATCH] = wanted != NULL;
	err = objects_get(c->bucket, name, strlen(name), &o);
	if (err) {
		gcs_fail_errno_of(c, err, c->bucket, name);
		return false;
	}
	if (generation && o->generation != number)
		err = -ENOENT;
	if (!err)
		err = object_check(o, &condition);
	if (!err) {
		*out = o;
		return true;
	}
	object_put(o);
	gcs_fail_errno_of(c, err, c->bucket, name);
	return false;
}

static bool open_sources(struct gcs_call *c, const json_t *list, struct sources *out)
{
	size_t count = json_array_size(list);

	if (!count || count > SOURCES_MAX) {
		gcs_fail(c, 400, "invalid",
			 "The number of source components provided (%zu) exceeds the maximum (%d)",
			 count, SOURCES_MAX);
		return false;
	}
	for (; out->count < count; out->count++) {
		if (!open_source(c, json_array_get(list, out->count), &out->items[out->count]))
			return false;
	}
	return true;
}

/* NULL: no memory. */
static struct object *join(const struct gcs_call *c, const struct sources *sources)
{
	struct content *contents[SOURCES_MAX];
	struct content *all;
	struct object *o;
	unsigned components = 0;

	for (size_t i = 0; i < sources->count; i++) {
		unsigned of = sources->items[i]->components;

		contents[i] = sources->items[i]->content;
		components += of ? of : 1;
	}
	all = content_join(contents, sources->count);
	o = all ? object_new(c->object, strlen(c->object), all) : NULL;
	if (!o)
		return NULL;
	o->components = components;
	/* no MD5, and so that S3's clients see it: of the form that multipart uploads have */
	snprintf(o->etag, sizeof(o->etag), "%08x%016llx%08x-%u", object_crc32c(o),
		 (unsigned long long)content_bytes(o->content), components, components);
	return o;
}

static void compose(struct gcs_call *c, const json_t *json)
{
	struct object_condition condition;
	struct sources sources = {0};
	struct object *o = NULL;

	if (gcs_conditions(c, "", &condition) &&
	    open_sources(c, json_object_get(json, "sourceObjects"), &sources)) {
		o = join(c, &sources);
		if (!o)
			gcs_fail(c, 500, "internalError", "no memory");
	}
	if (o && gcs_resource_take(c, json_object_get(json, "destination"), o))
		gcs_store(c, o, &condition);
	else
		object_put(o);
	for (size_t i = 0; i < sources.count; i++)
		object_put(sources.items[i]);
}

void gcs_objects_compose(struct gcs_call *c)
{
	json_t *json = gcs_body(c);

	if (!json)
		return;
	if (gcs_name_valid(c->object))
		compose(c, json);
	else
		gcs_fail(c, 400, "invalid", "Invalid object name: '%.100s'", c->object);
	json_decref(json);
}
