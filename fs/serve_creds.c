// SPDX-License-Identifier: Apache-2.0
/* Which credential a name is asked for with, and what one request says of it. Never a secret. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/explain.h"
#include "core/identify.h"
#include "core/quirk.h"
#include "core/realm.h"
#include "core/scope.h"
#include "fs/names.h"
#include "fs/serve.h"

#define SCHEME_DEFAULT "s3"
#define SKEW_TOLD_S    60

static void set(json_t *object, const char *name, const char *value)
{
	json_t *text = value[0] ? json_string(value) : json_null();

	/* what is no UTF-8 cannot be told */
	json_object_set_new(object, name, text ? text : json_string("?"));
}

static json_t *tried(const char *text)
{
	json_t *all = json_array();

	while (*text) {
		size_t line = strcspn(text, "\n");
		size_t name = strcspn(text, "\t");

		if (name < line)
			json_array_append_new(all, json_pack("{s:s%, s:s%}", "source", text, name,
							     "result", text + name + 1,
							     line - name - 1));
		text += line;
		text += *text == '\n';
	}
	return all;
}

/* What the configuration says of it. */
static json_t *settings(struct context *ctx, const char *scheme, const char *bucket)
{
	json_t *all = json_array();
	char message[STORE_MESSAGE_BYTES];
	char from[REALM_FROM_BYTES];
	struct realm realm;

	if (realm_find(ctx, scheme, bucket, &realm, message, sizeof(message)))
		return all; /* the error is told anyway */
	for (int i = 0; i < REALM_SETTINGS; i++) {
		json_t *one;

		if (!realm_get(&realm, (enum realm_setting)i))
			continue;
		one = json_object();
		set(one, "name", realm_name((enum realm_setting)i));
		set(one, "value", realm.value[i]);
		set(one, "from", realm_from(&realm, (enum realm_setting)i, from));
		json_array_append_new(all, one);
	}
	return all;
}

static void tell_identity(json_t *root, const struct store_identity *id)
{
	const struct creds *creds = &id->creds;
	char quirks[QUIRK_TEXT_BYTES];

	set(root, "endpoint", id->site.origin);
	set(root, "endpoint_from", id->site.setting);
	set(root, "region", id->site.region);
	set(root, "bucket_region", id->bucket_region);
	quirk_text(id->site.quirks, quirks);
	set(root, "quirks", quirks);
	json_object_set_new(root, "clock_ahead_s", json_integer(id->skew_s));
	set(root, "credentials", id->error ? "" : creds->source);
	json_object_set_new(root, "anonymous", json_boolean(creds->anonymous));
	json_object_set_new(root, "expires",
			    creds->expires_s && !id->error ? json_integer(creds->expires_s)
							   : json_null());
	json_object_set_new(root, "expires_in_s",
			    creds->expires_s && !id->error
				    ? json_integer(creds->expires_s - clock_wall_s())
				    : json_null());
	json_object_set_new(root, "tried", tried(creds->tried));
	set(root, "error", id->message);
}

static int drop_begin(void *arg, const struct store_object *object)
{
	(void)arg, (void)object;
	return 0;
}

static int drop_data(void *arg, uint64_t offset, const void *data, size_t bytes)
{
	(void)arg, (void)offset, (void)data, (void)bytes;
	return 0;
}

/* One request that reads as little as can be. */
static json_t *test(struct context *ctx, const struct name *name, const char *scheme,
		    bool anonymous)
{
	struct store_call call = {
		.verb = name->key[0]	  ? STORE_GET
			: name->bucket[0] ? STORE_LIST
					  : STORE_BUCKETS,
		.ctx = ctx,
		.scheme = scheme,
		.bucket = name->bucket[0] ? name->bucket : NULL,
		.key = name->key,
		.length = 1,
		.max_entries = 1,
		.sink = {.begin = drop_begin, .data = drop_data},
	};
	struct explain e = {.anonymous = anonymous, .has_key = name->key[0] != '\0'};
	json_t *object;

	if (!name->bucket[0])
		call.key = NULL;
	store_run(&call);
	e.error = call.error;
	e.status = call.status;
	e.code = call.code;
	object = json_pack("{s:s, s:b, s:i}", "request",
			   call.verb == STORE_GET    ? "read a byte of the object"
			   : call.verb == STORE_LIST ? "list one name of the bucket"
						     : "list the buckets",
			   "good", !call.error, "status", call.status);
	set(object, "code", call.code);
	set(object, "request_id", call.request_id);
	set(object, "says", call.message);
	set(object, "means", explain(&e));
	store_call_reset(&call);
	return object;
}

/* What the answer taught that the settings should say. */
static void advise(json_t *root, const struct store_identity *id)
{
	char text[STORE_MESSAGE_BYTES] = "";

	if (id->bucket_region[0] && strcmp(id->bucket_region, id->site.region) != 0)
		snprintf(text, sizeof(text),
			 "the bucket is in region %s, not %s; that is found out each time the "
			 "daemon starts: set AWS_REGION=%s to spare a request",
			 id->bucket_region, id->site.region, id->bucket_region);
	else if (llabs(id->skew_s) > SKEW_TOLD_S)
		snprintf(text, sizeof(text),
			 "the service's clock is %lld s %s this machine's; requests are signed "
			 "with its time: set this machine's clock",
			 llabs(id->skew_s), id->skew_s > 0 ? "ahead of" : "behind");
	set(root, "advice", text);
}

int serve_creds(struct session *s)
{
	SCOPE_FREE struct name *name = calloc(1, sizeof(*name));
	SCOPE_FREE struct store_identity *id = calloc(1, sizeof(*id));
	SCOPE_FREE char *path = strndup(s->text, s->req->text_len);
	const char *scheme;
	const char *bucket;
	json_t *root;
	int ret;

	if (!name || !id || !path)
		return -ENOMEM;
	ret = name_parse(path, strlen(path), name);
	if (ret)
		return ret;
	scheme = name->scheme[0] ? name->scheme : SCHEME_DEFAULT;
	bucket = name->bucket[0] ? name->bucket : NULL;
	ret = store_identify(s->ctx, scheme, bucket, id);
	if (ret)
		return ret;
	root = json_object();
	set(root, "scheme", scheme);
	set(root, "bucket", name->bucket);
	set(root, "key", name->key);
	if (s->req->flags & WIRE_CREDS_TEST) {
		json_t *result = test(s->ctx, name, scheme, id->creds.anonymous);

		/* it may have been renewed, and something learned */
		ret = store_identify(s->ctx, scheme, bucket, id);
		json_object_set_new(root, "test", result);
		advise(root, id);
	}
	tell_identity(root, id);
	json_object_set_new(root, "settings", settings(s->ctx, scheme, bucket));
	s->out->text = ret ? NULL : json_dumps(root, JSON_COMPACT);
	json_decref(root);
	return ret ? ret : s->out->text ? 0 : -ENOMEM;
}
