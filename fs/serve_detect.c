// SPDX-License-Identifier: Apache-2.0
/* What the service of a bucket can do: fs/detect.h, asked for by `skyshim detect`. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/identify.h"
#include "core/quirk.h"
#include "core/scope.h"
#include "fs/detect.h"
#include "fs/names.h"
#include "fs/serve.h"

static void set(json_t *object, const char *name, const char *value)
{
	json_t *text = json_string(value);

	/* what is no UTF-8 cannot be told */
	json_object_set_new(object, name, text ? text : json_string("?"));
}

/* The lines for the configuration. */
static json_t *settings(unsigned quirks)
{
	json_t *all = json_array();

	for (size_t i = 0; i < QUIRKS; i++) {
		const struct quirk *q = &quirk_table[i];

		if (quirks & q->bit)
			json_array_append_new(
				all, json_sprintf("%s = %s", realm_name(q->setting), q->value));
	}
	return all;
}

static json_t *answer(const struct detect *d, const struct store_identity *id, int error)
{
	json_t *root = json_object();
	char section[320];

	snprintf(section, sizeof(section), "[%s://%s]", d->scheme, d->bucket);
	set(root, "scheme", d->scheme);
	set(root, "bucket", d->bucket);
	set(root, "endpoint", id->site.origin);
	set(root, "scratch", d->prefix);
	set(root, "section", section);
	json_object_set(root, "capabilities", d->out);
	json_object_set_new(root, "settings", settings(d->quirks));
	json_object_set_new(root, "left", json_integer(d->left));
	set(root, "error", !error ? "" : d->message[0] ? d->message : strerror(-error));
	return root;
}

int serve_detect(struct session *s)
{
	SCOPE_FREE struct name *name = calloc(1, sizeof(*name));
	SCOPE_FREE struct store_identity *id = calloc(1, sizeof(*id));
	SCOPE_FREE struct detect *d = calloc(1, sizeof(*d));
	SCOPE_FREE char *path = strndup(s->text, s->req->text_len);
	char within[NAME_KEY_MAX + 2];
	json_t *root;
	int ret;

	if (!name || !id || !d || !path)
		return -ENOMEM;
	ret = name_parse(path, strlen(path), name);
	if (ret)
		return ret;
	if (name->kind != NAME_BUCKET && name->kind != NAME_KEY)
		return -EISDIR;
	/* room for the scratch prefix and what is below it */
	if (strlen(name->key) > NAME_KEY_MAX - 128)
		return -ENAMETOOLONG;
	snprintf(within, sizeof(within), "%s%s", name->key, name->key[0] ? "/" : "");
	ret = store_identify(s->ctx, name->scheme, name->bucket, id);
	if (ret)
		return ret;
	*d = (struct detect){
		.ctx = s->ctx,
		.scheme = name->scheme,
		.bucket = name->bucket,
		.within = within,
		.is_s3 = !strcmp(name->scheme, "s3"),
		.out = json_array(),
	};
	ret = detect_run(d);
	root = answer(d, id, ret);
	s->out->text = json_dumps(root, JSON_COMPACT);
	json_decref(root);
	json_decref(d->out);
	return s->out->text ? 0 : -ENOMEM;
}
