/* SPDX-License-Identifier: Apache-2.0 */
/* How blobs change: new ones, new versions, under conditions and leases. */
#include "tests/store/azure.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/store/azure_beside.h"
#include "tests/store/azure_tree.h"
#include "tests/store/precondition.h"

#define META "x-ms-meta-"

static const char *const kept[] = {"Cache-Control", "Content-Disposition", "Content-Encoding",
				   "Content-Language", "Content-Type"};

static bool is_identifier(const char *name)
{
	if (!isalpha((unsigned char)*name) && *name != '_')
		return false;
	for (; *name; name++) {
		if (!isalnum((unsigned char)*name) && *name != '_')
			return false;
	}
	return true;
}

bool azure_take_metadata(struct azure_call *c, struct headers *out)
{
	const struct headers *all = &c->req->headers;
	size_t bytes = 0;

	for (size_t i = 0; i < all->count; i++) {
		const char *name = all->items[i].name + strlen(META);
		char own[OBJECT_KEY_MAX];

		if (strncasecmp(all->items[i].name, META, strlen(META)) != 0)
			continue;
		bytes += strlen(name) + strlen(all->items[i].value);
		if (!is_identifier(name)) {
			azure_fail(c, "InvalidMetadata");
			return false;
		}
		snprintf(own, sizeof(own), AZURE_META_PREFIX "%s", name);
		if (bytes > AZURE_METADATA_MAX || headers_add(out, own, all->items[i].value)) {
			azure_fail(c, "MetadataTooLarge");
			return false;
		}
	}
	return true;
}

void azure_take_fields(struct azure_call *c, bool by_body, struct headers *out)
{
	const char *md5 = azure_header(c, AZURE_MD5);

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		char own[64];
		const char *value;

		snprintf(own, sizeof(own), "x-ms-blob-%s", kept[i]);
		value = azure_header(c, own);
		if (!value && by_body)
			value = azure_header(c, kept[i]);
		if (value && *value)
			headers_add(out, kept[i], value);
	}
	if (md5)
		headers_add(out, AZURE_MD5, md5);
}

struct object *azure_new(struct azure_call *c, struct content *content, bool by_body)
{
	struct object *o = content ? object_new(c->blob, strlen(c->blob), content) : NULL;
	const char *key = azure_header(c, AZURE_KEY_SHA256);
	const char *tier = azure_header(c, AZURE_TIER);

	if (!o) {
		azure_fail(c, "InternalError");
		return NULL;
	}
	/* what S3's dialect shows: not of the bytes, and so none of its own kind */
	snprintf(o->etag, sizeof(o->etag), "%08x%08x%08x%08x-1", arc4random(), arc4random(),
		 arc4random(), arc4random());
	azure_take_fields(c, by_body, &o->headers);
	if (key)
		headers_add(&o->headers, AZURE_KEY_SHA256, key);
	if (tier)
		headers_add(&o->headers, AZURE_TIER, tier);
	if (azure_take_metadata(c, &o->headers))
		return o;
	object_put(o);
	return NULL;
}

/* What stands against writing the blob that is there (NULL: none). The lock is held. */
static const char *refusal(struct azure_call *c, const struct object *there)
{
	const struct azure_beside *b = azure_beside(c->container, c->blob, false);
	const char *code = azure_lease_refuses(b, azure_header(c, "x-ms-lease-id"));

	if (!code && there && !strcmp(azure_own(there, AZURE_TIER, ""), "Archive"))
		code = "BlobArchived";
	return code;
}

static const char *condition_code(int err, const struct object_condition *condition,
				  const char *on_condition)
{
	if (err == -ENXIO)
		return "ContainerNotFound";
	if (err == -ENOMEM)
		return "InternalError";
	return err == -EEXIST && condition->if_absent ? "BlobAlreadyExists" : on_condition;
}

/* With the lock held. */
static bool put(struct azure_call *c, struct object *o, const struct object_condition *condition,
		const char *on_condition)
{
	struct azure_beside *b = azure_beside(c->container, c->blob, false);
	const char *code = azure_tree_admit(c, o->key, condition->if_absent);
	int err;

	if (code) {
		azure_fail(c, code);
		return false;
	}
	atomic_fetch_add(&o->refs, 1); /* objects_store() takes one */
	err = objects_store(c->container, o, condition);
	if (err) {
		azure_fail(c, condition_code(err, condition, on_condition));
		return false;
	}
	if (b && !strcmp(azure_lease_state(b), "expired"))
		b->lease = (struct azure_lease_of){0};
	azure_version(c, o);
	return true;
}

bool azure_store(struct azure_call *c, struct object *o, const char *on_condition)
{
	struct object_condition condition;
	struct object *there = NULL;
	const char *code;
	bool stored = false;

	if (!azure_condition(c, &condition)) {
		object_put(o);
		return false;
	}
	azure_lock();
	objects_get(c->container, c->blob, strlen(c->blob), &there);
	code = refusal(c, there);
	if (code)
		azure_fail(c, code);
	else
		stored = put(c, o, &condition, on_condition);
	if (stored)
		azure_stage_drop(azure_beside(c->container, c->blob, false));
	azure_unlock();
	object_put(there);
	object_put(o);
	return stored;
}

struct object *azure_next(const struct object *o, bool bare)
{
	struct object *next = object_new(o->key, o->key_len, content_get(o->content));

	if (!next)
		return NULL;
	memcpy(next->etag, o->etag, sizeof(next->etag));
	next->created_us = o->created_us;
	next->blocks = blocks_get(o->blocks);
	if (!bare && headers_copy(&next->headers, &o->headers)) {
		object_put(next);
		return NULL;
	}
	return next;
}

bool azure_change(struct azure_call *c,
		  struct object *(*change)(struct azure_call *c, const struct object *o))
{
	static const struct object_condition always;
	struct object_condition condition;
	struct object *there, *next = NULL;
	const char *code = NULL;
	bool stored = false;
	int err;

	if (!azure_condition(c, &condition))
		return false;
	azure_lock();
	err = objects_get(c->container, c->blob, strlen(c->blob), &there);
	if (err == -ENOENT && c->route->run == azure_set_metadata) {
		there = azure_tree_dir(c->container, c->blob);
		err = there ? 0 : -ENOENT;
	}
	if (err) {
		azure_fail_errno(c, err);
		azure_unlock();
		return false;
	}
	code = c->route->run == azure_set_tier ? NULL : refusal(c, there);
	if (!code && object_check(there, &condition))
		code = "ConditionNotMet";
	if (code)
		azure_fail(c, code);
	else if (azure_has_key(c, there))
		next = change(c, there);
	if (next)
		stored = put(c, next, &always, "ConditionNotMet");
	azure_unlock();
	object_put(there);
	object_put(next);
	return stored;
}

bool azure_has_key(struct azure_call *c, const struct object *o)
{
	const char *needed = azure_own(o, AZURE_KEY_SHA256, NULL);
	const char *shown = azure_header(c, AZURE_KEY_SHA256);

	if (!needed || (shown && !strcmp(needed, shown)))
		return true;
	azure_fail(c, "BlobUsesCustomerSpecifiedEncryption");
	return false;
}

/* The blob or the snapshot, without conditions. Returns as objects_get(). */
static int get(struct azure_call *c, struct object **out)
{
	const char *time = azure_param(c, "snapshot");
	const struct azure_beside *b;
	struct object *o = NULL;

	if (!time) {
		int err = objects_get(c->container, c->blob, strlen(c->blob), out);
		struct object *dir = err == -ENOENT ? azure_tree_dir(c->container, c->blob) : NULL;

		if (dir)
			*out = dir;
		return dir ? 0 : err;
	}
	azure_lock();
	b = azure_beside(c->container, c->blob, false);
	for (size_t i = 0; b && i < b->snapshot_count; i++) {
		if (!strcmp(b->snapshots[i].time, time))
			o = b->snapshots[i].object;
	}
	if (o)
		atomic_fetch_add(&o->refs, 1);
	azure_unlock();
	*out = o;
	return o ? 0 : -ENOENT;
}

struct object *azure_find(struct azure_call *c)
{
	struct precondition p = {.if_match = azure_header(c, "If-Match"),
				 .if_none_match = azure_header(c, "If-None-Match"),
				 .if_modified_since = azure_header(c, "If-Modified-Since"),
				 .if_unmodified_since = azure_header(c, "If-Unmodified-Since")};
	char etag[OBJECT_ETAG_BYTES];
	struct object *o;
	int err = get(c, &o);
	int status;

	if (err) {
		azure_fail_errno(c, err);
		return NULL;
	}
	azure_etag(o, etag);
	etag[strlen(etag) - 1] = '\0';
	status = precondition_check(&p, etag + 1, o->updated_us / 1000000);
	if (status == 200 && azure_has_key(c, o))
		return o;
	if (status != 200)
		azure_fail(c, status == 304 ? "NotModified" : "ConditionNotMet");
	object_put(o);
	return NULL;
}
