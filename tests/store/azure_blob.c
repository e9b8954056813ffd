/* SPDX-License-Identifier: Apache-2.0 */
/* Get Blob, Get Blob Properties, Put Blob, Set Blob Metadata, Properties and Tier, Delete Blob,
 * Snapshot Blob. */
#include "tests/store/azure.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "tests/store/azure_beside.h"
#include "tests/store/azure_tree.h"
#include "tests/store/precondition.h"

static void own_headers(struct azure_call *c, const struct object *o)
{
	for (size_t i = 0; i < o->headers.count; i++) {
		const struct header *h = &o->headers.items[i];
		char name[OBJECT_KEY_MAX];

		if (!strncasecmp(h->name, AZURE_META_PREFIX, strlen(AZURE_META_PREFIX))) {
			snprintf(name, sizeof(name), "x-ms-meta-%s",
				 h->name + strlen(AZURE_META_PREFIX));
			reply_header(c->reply, name, h->value);
		} else if (strcasecmp(h->name, AZURE_MD5) != 0 &&
			   strcasecmp(h->name, AZURE_TYPE) != 0) {
			reply_header(c->reply, h->name, h->value);
		}
	}
	if (!headers_get(&o->headers, "Content-Type"))
		reply_header(c->reply, "Content-Type", "application/octet-stream");
	if (!headers_get(&o->headers, AZURE_TIER) && azure_is_type(o, "BlockBlob")) {
		reply_header(c->reply, AZURE_TIER, "Hot");
		reply_header(c->reply, "x-ms-access-tier-inferred", "true");
	}
	reply_header(c->reply, AZURE_TYPE, azure_own(o, AZURE_TYPE, "BlockBlob"));
}

static void lease_headers(struct azure_call *c)
{
	const struct azure_beside *b;
	const char *state;

	azure_lock();
	b = azure_beside(c->container, c->blob, false);
	state = azure_lease_state(b);
	reply_header(c->reply, "x-ms-lease-state", state);
	reply_header(c->reply, "x-ms-lease-status",
		     !strcmp(state, "leased") || !strcmp(state, "breaking") ? "locked"
									    : "unlocked");
	if (!strcmp(state, "leased"))
		reply_header(c->reply, "x-ms-lease-duration",
			     b->lease.duration_s < 0 ? "infinite" : "fixed");
	azure_unlock();
}

/* The MD5 of the whole stands under another name beside a part of it. */
static void describe(struct azure_call *c, const struct object *o)
{
	const char *md5 = azure_own(o, AZURE_MD5, NULL);
	char date[30];

	azure_version(c, o);
	own_headers(c, o);
	azure_tree_tell(c, o);
	lease_headers(c);
	if (md5)
		reply_header(c->reply, c->reply->status == 206 ? AZURE_MD5 : "Content-MD5", md5);
	precondition_date(o->created_us / 1000000, date);
	reply_header(c->reply, "x-ms-creation-time", date);
	reply_header(c->reply, "x-ms-server-encrypted", "true");
	reply_header(c->reply, "Accept-Ranges", "bytes");
}

static void send(struct azure_call *c, const struct object *o)
{
	struct reply *r = c->reply;
	uint64_t size = content_bytes(o->content);
	bool is_get = !strcmp(c->req->method, "GET");

	if (is_get && !strcmp(azure_own(o, AZURE_TIER, ""), "Archive")) {
		azure_fail(c, "BlobArchived");
		return;
	}
	r->status = 200;
	r->offset = 0;
	r->bytes = size;
	switch (is_get ? precondition_range(azure_range(c), size, &r->offset, &r->bytes)
		       : RANGE_NONE) {
	case RANGE_OUTSIDE:
		azure_fail(c, "InvalidRange");
		reply_header_printf(r, "Content-Range", "bytes */%llu", (unsigned long long)size);
		return;
	case RANGE_GIVEN:
		r->status = 206;
		reply_header_printf(
			r, "Content-Range", "bytes %llu-%llu/%llu", (unsigned long long)r->offset,
			(unsigned long long)(r->offset + r->bytes - 1), (unsigned long long)size);
		break;
	case RANGE_NONE:
		break;
	}
	r->content = content_get(o->content);
	describe(c, o);
}

void azure_get_blob(struct azure_call *c)
{
	struct object *o = azure_find(c);

	if (o)
		send(c, o);
	object_put(o);
}

void azure_put_blob(struct azure_call *c)
{
	char md5[32];
	struct object *o;

	if (c->req->body_bytes > AZURE_PUT_MAX) {
		azure_fail(c, "RequestBodyTooLarge");
		return;
	}
	if (!azure_body_md5(c))
		return;
	EVP_EncodeBlock((unsigned char *)md5, c->req->md5, sizeof(c->req->md5));
	o = azure_new(c, azure_take_body(c), true);
	if (!o)
		return;
	if (!headers_get(&o->headers, AZURE_MD5))
		headers_add(&o->headers, AZURE_MD5, md5);
	for (size_t i = 0; i < sizeof(c->req->md5); i++) /* as S3 has it */
		snprintf(o->etag + 2 * i, 3, "%02x", c->req->md5[i]);
	if (!azure_store(c, o, "ConditionNotMet"))
		return;
	c->reply->status = 201;
	reply_header(c->reply, "Content-MD5", md5);
	reply_header(c->reply, "x-ms-request-server-encrypted", "true");
}

static struct object *with_metadata(struct azure_call *c, const struct object *o)
{
	struct object *next = azure_next(o, true);
	int err = next ? 0 : -ENOMEM;

	for (size_t i = 0; i < o->headers.count && !err; i++) {
		const struct header *h = &o->headers.items[i];

		if (strncasecmp(h->name, AZURE_META_PREFIX, strlen(AZURE_META_PREFIX)) != 0)
			err = headers_add(&next->headers, h->name, h->value);
	}
	if (!err && azure_tree_is_dir(o) && !azure_header(c, "x-ms-meta-hdi_isfolder"))
		err = headers_add(&next->headers, AZURE_META_PREFIX "hdi_isfolder", "true");
	if (err)
		azure_fail(c, "InternalError");
	else if (azure_take_metadata(c, &next->headers))
		return next;
	object_put(next);
	return NULL;
}

void azure_set_metadata(struct azure_call *c)
{
	if (azure_change(c, with_metadata))
		c->reply->status = 200;
}

/* All are replaced, those that the request does not name by nothing. */
static struct object *with_properties(struct azure_call *c, const struct object *o)
{
	struct object *next = azure_next(o, true);
	int err = next ? 0 : -ENOMEM;

	for (size_t i = 0; i < o->headers.count && !err; i++) {
		const struct header *h = &o->headers.items[i];

		if (!strncasecmp(h->name, "x-", 2) && strcasecmp(h->name, AZURE_MD5) != 0)
			err = headers_add(&next->headers, h->name, h->value);
	}
	if (!err) {
		azure_take_fields(c, false, &next->headers);
		return next;
	}
	azure_fail(c, "InternalError");
	object_put(next);
	return NULL;
}

void azure_set_properties(struct azure_call *c)
{
	if (azure_change(c, with_properties))
		c->reply->status = 200;
}

/* From the archive it comes back hours later, that is never: it stays, and says so. */
static struct object *with_tier(struct azure_call *c, const struct object *o)
{
	const char *tier = azure_header(c, AZURE_TIER);
	bool archived = !strcmp(azure_own(o, AZURE_TIER, ""), "Archive");
	struct object *next;
	char status[64];
	int err;

	if (!tier || (strcmp(tier, "Hot") != 0 && strcmp(tier, "Cool") != 0 &&
		      strcmp(tier, "Cold") != 0 && strcmp(tier, "Archive") != 0)) {
		azure_fail(c, tier ? "InvalidHeaderValue" : "MissingRequiredHeader");
		return NULL;
	}
	if (archived && azure_own(o, AZURE_ARCHIVE_STATUS, NULL)) {
		azure_fail(c, "BlobBeingRehydrated");
		return NULL;
	}
	next = azure_next(o, true);
	err = next ? 0 : -ENOMEM;
	for (size_t i = 0; i < o->headers.count && !err; i++) {
		const struct header *h = &o->headers.items[i];

		if (strcasecmp(h->name, AZURE_TIER) != 0)
			err = headers_add(&next->headers, h->name, h->value);
	}
	if (!err)
		err = headers_add(&next->headers, AZURE_TIER, archived ? "Archive" : tier);
	snprintf(status, sizeof(status), "rehydrate-pending-to-%s", tier);
	for (char *at = status; *at; at++)
		*at = (char)(*at >= 'A' && *at <= 'Z' ? *at + 'a' - 'A' : *at);
	if (!err && archived && strcmp(tier, "Archive") != 0)
		err = headers_add(&next->headers, AZURE_ARCHIVE_STATUS, status);
	if (err) {
		azure_fail(c, "InternalError");
		object_put(next);
		return NULL;
	}
	next->generation = o->generation; /* its ETag stays */
	next->metageneration = o->metageneration;
	next->updated_us = o->updated_us;
	c->reply->status = archived ? 202 : 200;
	return next;
}

void azure_set_tier(struct azure_call *c)
{
	azure_change(c, with_tier);
}

/* What may stand against it, under the lock. */
static const char *delete_refusal(struct azure_call *c, const struct azure_beside *b)
{
	const char *snapshots = azure_header(c, "x-ms-delete-snapshots");

	if (b && b->snapshot_count && !snapshots)
		return "SnapshotsPresent";
	if (snapshots && strcasecmp(snapshots, "include") != 0 &&
	    strcasecmp(snapshots, "only") != 0)
		return "InvalidHeaderValue";
	return azure_lease_refuses(b, azure_header(c, "x-ms-lease-id"));
}

void azure_delete_blob(struct azure_call *c)
{
	const char *snapshots = azure_header(c, "x-ms-delete-snapshots");
	struct object_condition condition;
	struct azure_beside *b;
	struct object *o;
	const char *code;
	int err;

	if (!azure_condition(c, &condition))
		return;
	azure_lock();
	err = objects_get(c->container, c->blob, strlen(c->blob), &o);
	b = azure_beside(c->container, c->blob, false);
	code = err ? NULL : delete_refusal(c, b);
	if (!err && !code && object_check(o, &condition))
		code = "ConditionNotMet";
	if (err == -ENOENT) {
		azure_tree_delete_blob(c);
	} else if (err) {
		azure_fail_errno(c, err);
	} else if (code) {
		azure_fail(c, code);
	} else if (snapshots && !strcasecmp(snapshots, "only")) {
		if (b)
			azure_snapshots_drop(b);
		c->reply->status = 202;
	} else {
		objects_delete(c->container, c->blob, strlen(c->blob), NULL);
		azure_beside_drop(c->container, c->blob);
		c->reply->status = 202;
	}
	azure_unlock();
	if (!err)
		object_put(o);
	if (c->reply->status == 202)
		reply_header(c->reply, "x-ms-delete-type-permanent", "true");
}

void azure_snapshot(struct azure_call *c)
{
	struct object *o = azure_find(c);
	struct azure_beside *b;
	int err;

	if (!o)
		return;
	azure_lock();
	b = azure_beside(c->container, c->blob, true);
	err = b ? azure_snapshot_add(b, o) : -ENOMEM;
	if (!err) {
		c->reply->status = 201;
		azure_version(c, o);
		reply_header(c->reply, "x-ms-snapshot", b->snapshots[b->snapshot_count - 1].time);
	}
	azure_unlock();
	if (err)
		azure_fail_errno(c, err);
	object_put(o);
}
