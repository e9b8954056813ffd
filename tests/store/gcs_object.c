/* SPDX-License-Identifier: Apache-2.0 */
/* Objects without their bytes: get, patch, update, delete, and storing. */
#include "tests/store/gcs.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#define PATCH_TRIES 100 /* while others change the same object */

int gcs_store_keep(const char *bucket, struct object *o, const struct object_condition *condition)
{
	atomic_fetch_add(&o->refs, 1); /* objects_store() takes one */
	return objects_store(bucket, o, condition);
}

void gcs_store(struct gcs_call *c, struct object *o, const struct object_condition *condition)
{
	int err = gcs_store_keep(c->bucket, o, condition);

	if (err)
		gcs_fail_errno_of(c, err, c->bucket, o->key);
	else
		gcs_answer(c, gcs_resource(c, c->bucket, o));
	object_put(o);
}

/* The object that the call is about, under the call's conditions. NULL: refused. */
static struct object *find(struct gcs_call *c, struct object_condition *condition)
{
	struct object *o;
	int err;

	if (!gcs_conditions(c, "", condition) || !gcs_there(c, "generation", condition))
		return NULL;
	err = objects_get(c->bucket, c->object, strlen(c->object), &o);
	if (err) {
		gcs_fail_errno(c, err);
		return NULL;
	}
	err = object_check(o, condition);
	if (!err)
		return o;
	object_put(o);
	gcs_fail_errno(c, err);
	return NULL;
}

void gcs_objects_get(struct gcs_call *c)
{
	struct object_condition condition;
	struct object *o = find(c, &condition);

	if (o)
		gcs_answer(c, gcs_resource(c, c->bucket, o));
	object_put(o);
}

/* A version of o with other things beside its bytes. */
static struct object *next_version(const struct object *o)
{
	struct object *next = object_new(o->key, o->key_len, content_get(o->content));

	if (!next)
		return NULL;
	memcpy(next->etag, o->etag, sizeof(next->etag));
	next->created_us = o->created_us;
	next->generation = o->generation;
	next->metageneration = o->metageneration + 1;
	next->components = o->components;
	next->crc32c = atomic_load(&((struct object *)(uintptr_t)o)->crc32c);
	return next;
}

/* One try. Returns 0 (the reply is filled, whatever came of it) or -EAGAIN: another was faster. */
static int change(struct gcs_call *c, const json_t *json, bool replaces)
{
	struct object_condition condition;
	struct object *o = find(c, &condition);
	struct object *next;
	int err = 0;

	if (!o)
		return 0;
	next = next_version(o);
	if (!next)
		gcs_fail(c, 500, "internalError", "no memory");
	else if (!(replaces ? gcs_resource_take(c, json, next)
			    : gcs_resource_patch(c, json, o, next)))
		object_put(next);
	else {
		condition = (struct object_condition){.if_there = true};
		condition.versioned[OBJECT_GENERATION_MATCH] = true;
		condition.version[OBJECT_GENERATION_MATCH] = o->generation;
		condition.versioned[OBJECT_METAGENERATION_MATCH] = true;
		condition.version[OBJECT_METAGENERATION_MATCH] = o->metageneration;
		err = gcs_store_keep(c->bucket, next, &condition);
		if (!err)
			gcs_answer(c, gcs_resource(c, c->bucket, next));
		object_put(next);
	}
	object_put(o);
	return err ? -EAGAIN : 0;
}

static void change_until(struct gcs_call *c, bool replaces)
{
	json_t *json = gcs_body(c);

	if (!json)
		return;
	for (int tries = 0; change(c, json, replaces); tries++) {
		if (tries == PATCH_TRIES) {
			gcs_fail(c, 503, "backendError", "Backend Error");
			break;
		}
	}
	json_decref(json);
}

void gcs_objects_patch(struct gcs_call *c)
{
	change_until(c, false);
}

void gcs_objects_update(struct gcs_call *c)
{
	change_until(c, true);
}

void gcs_objects_delete(struct gcs_call *c)
{
	struct object_condition condition;
	int err;

	if (!gcs_conditions(c, "", &condition) || !gcs_there(c, "generation", &condition))
		return;
	if (gcs_param(c, "generation") && !condition.versioned[OBJECT_GENERATION_MATCH]) {
		gcs_param_number(c, "generation", &condition.version[OBJECT_GENERATION_MATCH]);
		condition.versioned[OBJECT_GENERATION_MATCH] = true;
	}
	err = objects_delete(c->bucket, c->object, strlen(c->object), &condition);
	if (err)
		gcs_fail_errno(c, err);
	else
		c->reply->status = 204;
}
