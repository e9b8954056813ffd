/* SPDX-License-Identifier: Apache-2.0 */
/* See show.h. */
#include "fs/show.h"

#include <stdio.h>
#include <string.h>

#include "cache/draft.h"
#include "cache/links.h"
#include "core/context.h"
#include "fs/gone.h"

/* Only the caller's own ids can be told: the table has no room for others. */
static bool is_callers(const struct wire_attr *attr)
{
	return attr->uid == WIRE_CALLER && attr->gid == WIRE_CALLER;
}

void show_answer(const struct lookup *q, const char *object, bool by_dir,
		 const struct meta_fact *fact, const struct wire_attr *attr)
{
	const struct attrs_ask ask = {
		.ctx = context_id(q->ctx),
		.path = q->path,
		.len = strlen(q->path),
		.must_be_dir = q->must_be_dir,
	};
	char prefix[NAME_OBJECT_MAX], name[META_NAME_MAX];

	if (!is_callers(attr))
		return;
	if (!by_dir) {
		if (!draft_may_change(ask.ctx, object))
			meta_show(ask.ctx, object, fact, &ask, attr);
	} else if (q->name.kind == NAME_ROOT || q->name.kind == NAME_SCHEME) {
		meta_show_fixed(&ask, attr);
	} else if (fact->kind == META_DIR) {
		/* a missing directory may still be a file's name, which is another fact */
		name_prefix(&q->name, prefix);
		meta_dir_name(prefix, name);
		meta_show(ask.ctx, name, fact, &ask, attr);
	}
}

void show_known(const uint8_t *ctx, const char *object, const char *path)
{
	const struct attrs_ask ask = {.ctx = ctx, .path = path, .len = strlen(path)};
	char prefix[NAME_OBJECT_MAX];
	struct meta_fact fact;
	struct wire_attr attr;

	/* what is being removed is waited for, and names that share a file are told apart by the
	 * drafts */
	if (!meta_peek(ctx, object, &fact) || gone_active() || draft_links_count() ||
	    draft_may_change(ctx, object))
		return;
	if (fact.kind == META_FILE) {
		lookup_file_attr(object, &fact, &attr);
	} else if (fact.kind == META_DIR) {
		if (snprintf(prefix, sizeof(prefix), "%s/", object) >= (int)sizeof(prefix))
			return;
		lookup_dir_attr(ctx, prefix, fact.object.mtime_ns, &attr);
	} else {
		return;
	}
	if (is_callers(&attr))
		meta_show(ctx, object, &fact, &ask, &attr);
}
